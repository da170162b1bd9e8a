/**
 * The module `tcp6/testing`: what programs that use connections are tested with.
 *
 * The guide: [testing](../testing.md).
 *
 * @module testing
 */
export {
  memoryPair,
  type MemoryPairOptions,
  faulty,
  type Faults,
  type ByteCount,
  simulate,
  type SimulationOptions,
  type Network,
  type Host,
  type HostOptions,
  type LinkOptions,
  type NetworkEvent,
  connectionContract,
  type ContractCase,
  type ContractRunOptions,
  type MakePair,
  type ConnectionPair,
  type DescribedPair,
  type PairFacts,
} from "../../src/testing/index.js";
