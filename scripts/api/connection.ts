/**
 * Reading, writing and ending a connection; a connection as a Duplex and as web streams; relays between two of them.
 *
 * The guides: [endings](../endings.md), [timeouts and cancellation](../timeouts-and-cancellation.md),
 * [streams](../streams.md).
 *
 * @module connection
 */
export {
  Connection,
  type ConnectionOptions,
  type ConnectionFacts,
  type ConnectionState,
  type TlsFacts,
  type ProxyFacts,
  type OperationOptions,
  type LimitOptions,
  type LineOptions,
  type LineTerminator,
  type BatchOptions,
  type SplitOptions,
  type ChunksOptions,
  type Delimiter,
  type DelimitedRecord,
  type Data,
  type NonSharedBuffer,
  type NonSharedUint8Array,
  type WriteOptions,
  type WriteLineOptions,
  type TextEncoding,
  type StartTlsOptions,
  type SocketDuplex,
  type ByteReadable,
  type ByteWritable,
  relay,
  type RelayOptions,
  type RelayResult,
} from "../../src/index.js";
