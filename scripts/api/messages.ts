/**
 * Messages over a connection, and requests over messages.
 *
 * The guides: [messages](../messages.md), [requests](../requests.md).
 *
 * @module messages
 */
export {
  framed,
  type FramedOptions,
  type Messages,
  type Codec,
  lengthPrefix,
  type LengthPrefixOptions,
  varintPrefix,
  delimited,
  jsonLines,
  lengthPrefixed,
  type FrameOptions,
  type Frames,
  type FramesFacts,
  requests,
  type Requests,
  type RequestOptions,
  type RequestsFacts,
} from "../../src/index.js";
