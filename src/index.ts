/**
 * tcp6: TCP you can await.
 *
 * How to read it, from the top down; imports only go down:
 *
 * - cli/: the program `tcp6`, a user of this entry like any other.
 * - testing/: `tcp6/testing`, for the tests of programs that use connections. This entry does not load it.
 * - relay.ts, messages/: what is built on connections.
 * - requests.ts: requests over messages, which several callers share. requesting/ does the work.
 * - serve.ts: a handler for each client of a listener. serving/ does the work.
 * - connect-duplex.ts: a Duplex at once, for libraries that cannot wait for a connection. It connects as `connect` does.
 * - connect.ts, listen.ts: the two ways to a connection. The first races addresses (dial/), the second gives a
 *   listener.ts, whose clients come through accept/ and wait there.
 * - listen-fds.ts: the descriptors that the service manager has opened for this process.
 * - connection.ts, connected-socket.ts: the object that users hold. It documents and checks each call; core/ does the work.
 * - views/: the same connection as a Duplex of Node's and as web streams.
 * - options/: which options there are, and how they are checked.
 * - tls/: handshakes, over any stream, and what they have agreed on.
 * - proxy-protocol/: the headers by which balancers tell whom they relay, as bytes.
 * - core/: one connection at work.
 *   - core/establish.ts: the one place that makes a connection.
 *   - core/link.ts: its life, whose states are in core/life.ts. core/link-settings.ts is what it captures.
 *   - core/members.ts: a list of what comes and goes, such as the sockets of a server or the calls of a signal.
 *   - core/successors.ts: which connection has taken the place of another one.
 *   - core/announce.ts: events of connections that open and close.
 *   - core/facts.ts: what a connection says of itself to be printed.
 *   - core/forgotten.ts finds connections that the program no longer refers to.
 *   - core/reading/, core/writing/: its two halves. core/half-host.ts is what both need of the whole.
 *   - core/network.ts: where connected sockets, servers and the addresses of names come from.
 *   - core/transport/: a stream of bytes below any policy, over the kernel's sockets, any other Duplex, or in memory.
 *   - core/bytes/: queues of bytes, and the memory they are in.
 *   - core/timing/: deadlines, cancellation, and what one turn of the event loop may do.
 * - diagnostics.ts: the channels on which events of connecting, of connections and of listeners are published.
 * - address/: endpoints, also as text and as URLs, and services. address/resolve.ts looks names up.
 * - parameters.ts, errors.ts, error-codes.ts: used by all of them. tls-words.ts is what errors of TLS say. inspection.ts is
 *   how objects and errors are printed.
 */
/// <reference types="node" preserve="true" />
export { connect, connectTo } from "./connect.js";
export { connectDuplex, type ConnectedDuplex } from "./connect-duplex.js";
export type { ConnectDuplexOptions, ConnectEndpoint, ConnectOptions } from "./options/connect.js";
export { listen } from "./listen.js";
export type { ListenEndpoint, ListenOptions } from "./options/listen.js";
export { listenFds, type ListenFd, type ListenFdsOptions } from "./listen-fds.js";
export { Listener, type ListenerAddress, type ListenerFacts, type ListenerStats } from "./listener.js";
export { serve, type Handler, type ServeOptions } from "./serve.js";
export { Connection } from "./connection.js";
export type { ConnectionFacts, ConnectionState } from "./core/facts.js";
export type { DelimitedRecord } from "./core/reading/reads.js";
export type { Delimiter } from "./options/delimiters.js";
export type { BatchOptions, ChunksOptions, LimitOptions, LineOptions, SplitOptions } from "./options/read.js";
export type { TextEncoding, WriteLineOptions, WriteOptions } from "./options/write.js";
export type { LineTerminator } from "./core/reading/lines.js";
export type { ConnectionOptions } from "./options/connection.js";
export type { ProxyHeader, ProxyProtocol } from "./options/proxy.js";
export type { ProxyFacts } from "./proxy-protocol/header.js";
export type { KeepAliveOptions } from "./options/keep-alive.js";
export type { StartTlsOptions } from "./options/start-tls.js";
export type { TlsFacts } from "./tls/snapshot.js";
export type { Data } from "./core/bytes/payload.js";
export type { NonSharedBuffer, NonSharedUint8Array } from "./core/bytes/non-shared.js";
export type { ByteReadable, ByteWritable } from "./views/web-streams.js";
export type { SocketDuplex } from "./views/socket-duplex.js";
export { relay, type RelayOptions, type RelayResult } from "./relay.js";
export { framed, type FramedOptions } from "./messages/framed.js";
export {
  lengthPrefixed,
  type FrameOptions,
  type Frames,
  type FramesFacts,
} from "./messages/length-prefixed.js";
export type { Codec, Messages } from "./messages/codec.js";
export { delimited } from "./messages/codecs/delimited.js";
export { jsonLines } from "./messages/codecs/json-lines.js";
export { lengthPrefix, type LengthPrefixOptions } from "./messages/codecs/length-prefix.js";
export { varintPrefix } from "./messages/codecs/varint-prefix.js";
export { requests, type RequestOptions, type Requests, type RequestsFacts } from "./requests.js";
export { resolve, type LookupFunction, type LookupOptions, type ResolveOptions } from "./address/resolve.js";
export type { LookupCallback, LookupRequest } from "./core/network.js";
export type { AddressInfo } from "./address/endpoint.js";
export { formatEndpoint, parseEndpoint, type Endpoint } from "./address/notation.js";
export type {
  AttemptEvent,
  ConnectionCloseEvent,
  ConnectionEvent,
  ConnectionOrigin,
  DialEvent,
  LookupEvent,
  RefusedEvent,
  RefusedReason,
} from "./diagnostics.js";
export { getParameters, setParameters, withParameters, type NetParameters } from "./parameters.js";
export {
  NetError,
  NetTimeoutError,
  type NetErrorFacts,
  type NetErrorFields,
  type Operation,
} from "./errors.js";
export type { LibraryCode, NetErrorCode, PlatformCode, TlsCode } from "./error-codes.js";
export type { OperationOptions } from "./options/operation.js";
