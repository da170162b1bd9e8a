/**
 * tcp6: TCP you can await.
 *
 * How to read it, from the top down; imports only go down:
 *
 * - relay.ts, length-prefixed.ts: what is built on connections.
 * - connect.ts, listen.ts: the two ways to a connection. The first races addresses (dial/), the second gives a
 *   listener.ts, whose clients wait in accept-queue.ts.
 * - connection.ts: what users hold. All it does is said there, and done in engine/.
 * - views/: the same connection as a Duplex of Node's and as web streams.
 * - engine/: one connection at work. link.ts is its life, input.ts and output.ts its two halves, socket-transport.ts
 *   where Node's sockets are handed over, stream-transport.ts where any other Duplex is; reads.ts has the kinds of reads,
 *   as pure functions over byte-queue.ts.
 * - address/: endpoints, services, name lookup.
 * - bounded.ts, signals.ts, parameters.ts, errors.ts, arguments.ts, described.ts, nearest.ts: what all of them stand on.
 */
export { connect, connectTo } from "./connect.js";
export type { ConnectEndpoint, ConnectOptions } from "./connect-options.js";
export { listen } from "./listen.js";
export type { ListenEndpoint, ListenOptions } from "./listen-options.js";
export { Listener, type ListenerAddress } from "./listener.js";
export { Connection } from "./connection.js";
export type { ChunksOptions, LimitOptions, LineOptions } from "./read-options.js";
export type { ConnectionOptions } from "./connection-options.js";
export type { Data } from "./engine/payload.js";
export { relay, type RelayOptions, type RelayResult } from "./relay.js";
export { lengthPrefixed, type FrameOptions, type Frames } from "./length-prefixed.js";
export { resolve, type LookupFunction, type ResolveOptions } from "./address/resolve.js";
export type { AddressInfo } from "./address/endpoint.js";
export type { AttemptEvent, DialEvent, LookupEvent } from "./dial/diagnostics.js";
export { getParameters, setParameters, withParameters, type Parameters } from "./parameters.js";
export { NetError, NetTimeoutError, type NetErrorFields, type Operation } from "./errors.js";
export type { OperationOptions } from "./arguments.js";
