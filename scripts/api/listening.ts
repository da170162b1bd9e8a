/**
 * Listening, and taking connections one by one, or serving each with a handler.
 *
 * The guides: [serving](../serving.md), [TLS](../tls.md), [a fleet](../fleet.md).
 *
 * @module listening
 */
export {
  listen,
  type ListenEndpoint,
  type ListenOptions,
  type ProxyProtocol,
  Listener,
  type ListenerAddress,
  type ListenerFacts,
  type ListenerStats,
  serve,
  type Handler,
  type ServeOptions,
  listenFds,
  type ListenFd,
  type ListenFdsOptions,
} from "../../src/index.js";
