/**
 * `tcp6/testing`: what programs that use connections are tested with. Nothing of it is loaded by `tcp6` itself.
 *
 * - memory-pair.ts: two connections with no network between them.
 * - simulation/: whole networks in memory, on virtual time. simulation/simulate.ts is the way in.
 * - faulty.ts: a stream on which bytes are late, cut, joined, lost or harmed. faults/ does the work.
 * - contract/: what holds for every kind of connection, as cases that need no test runner: contract/contract.ts has all of
 *   them, contract/run-case.ts runs one. manual-clock.ts moves their time.
 */
/// <reference types="node" preserve="true" />
export type { ContractCase, ContractRunOptions } from "./contract/contract-case.js";
export { connectionContract } from "./contract/contract.js";
export type { ConnectionPair, DescribedPair, MakePair, PairFacts } from "./contract/pair.js";
export { faulty } from "./faulty.js";
export type { ByteCount, Faults } from "./faults/options.js";
export { memoryPair, type MemoryPairOptions } from "./memory-pair.js";
export { simulate } from "./simulation/simulate.js";
export type { Host } from "./simulation/host.js";
export type { NetworkEvent } from "./simulation/log.js";
export type { Network } from "./simulation/network.js";
export type { HostOptions, LinkOptions, SimulationOptions } from "./simulation/options.js";
