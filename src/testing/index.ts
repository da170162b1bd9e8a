/**
 * `tcp6/testing`: what programs that use connections are tested with. Nothing of it is loaded by `tcp6` itself.
 *
 * - memory-pair.ts: two connections with no network between them.
 */
/// <reference types="node" preserve="true" />
export { memoryPair, type MemoryPairOptions } from "./memory-pair.js";
