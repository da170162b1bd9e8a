/**
 * Connecting to a host by its name, to addresses, to a Unix socket; with or without TLS.
 *
 * The guides: [connecting](../connecting.md), [TLS](../tls.md).
 *
 * @module connecting
 */
export {
  connect,
  connectTo,
  connectDuplex,
  type ConnectEndpoint,
  type ConnectOptions,
  type ConnectDuplexOptions,
  type ConnectedDuplex,
  type KeepAliveOptions,
  type ProxyHeader,
  resolve,
  type ResolveOptions,
  type LookupOptions,
  type LookupFunction,
  type LookupRequest,
  type LookupCallback,
  type AddressInfo,
  parseEndpoint,
  formatEndpoint,
  type Endpoint,
} from "../../src/index.js";
