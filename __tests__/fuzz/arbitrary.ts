import fc from "../support/fast-check.js";
import { calls, type CallLimits } from "./arbitrary-calls.js";
import type { Call, EndName, Pause, Scenario, Step } from "./scenario.js";
import { SIMULATED } from "./simulated.js";

/** Time is real, and the kernel takes megabytes. */
const MACHINE: CallLimits = {
  timeouts: [0, 1, 5, 20],
  hugeBytes: 6_000_000,
  large: fc.oneof(
    { weight: 2, arbitrary: fc.integer({ min: 60_000, max: 70_000 }) },
    { weight: 1, arbitrary: fc.constantFrom(65_536, 300_000) },
  ),
};

/** Time costs nothing, bytes do. The two kernels between the ends take 192 KiB. */
const NETWORK: CallLimits = {
  timeouts: [0, 1, 20, 1_000, 60_000],
  hugeBytes: 250_000,
  large: fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: 5_000, max: 20_000 }) },
    { weight: 1, arbitrary: fc.constantFrom(65_536, 66_000) },
  ),
};

const endName: fc.Arbitrary<EndName> = fc.constantFrom("a", "b");

function steps(call: fc.Arbitrary<Call>, pauses: readonly Pause[], maxLength: number): fc.Arbitrary<Step[]> {
  const step: fc.Arbitrary<Step> = fc.record({ end: endName, call, pause: fc.constantFrom(...pauses) });
  return fc.array(step, { maxLength, size: "max" });
}

/** What all scenarios have. */
const common = {
  wide: fc.constantFrom(false, false, true),
  terminator: fc.constantFrom("lf", "lf", "crlf", "cr"),
  buffers: fc.constantFrom("kept", "overwritten", "transferred"),
  finish: fc.constantFrom("drain", "drain", "drain", "close", "reset"),
} as const satisfies { [K in keyof Scenario]?: fc.Arbitrary<Scenario[K]> };

const settings = {
  bufferSize: fc.constantFrom(undefined, undefined, undefined, 1, 100, 100_000),
  autoCork: fc.constantFrom(undefined, undefined, true),
  readAhead: fc.constantFrom(undefined, undefined, undefined, 0, 0, 1, 1_000, Infinity),
};

function onMachine(kinds: readonly string[]): fc.Arbitrary<Scenario> {
  return fc.record({
    kind: fc.constantFrom(...kinds),
    settings: fc.record({
      readTimeout: fc.constantFrom(undefined, undefined, undefined, Infinity, 15),
      writeTimeout: fc.constantFrom(undefined, undefined, undefined, undefined, Infinity, 25),
      ...settings,
    }),
    ...common,
    steps: steps(calls(MACHINE), ["none", "none", "turn", "settled", "microtasks", "turns"], 24),
  });
}

const latency = fc.oneof(
  fc.constantFrom(1, 0, 30),
  fc.constant([1, 5] as const),
  fc.constant([0, 2_000] as const),
);
const bandwidth = fc.constantFrom(Infinity, Infinity, 1_000_000, 50_000);

const faults: fc.Arbitrary<Call> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ op: fc.constant("partition" as const) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("heal" as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("crash" as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("restart" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant("stall" as const), ms: fc.constantFrom(1, 50, 5_000) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant("link" as const),
      latency: fc.option(latency, { nil: undefined }),
      jitter: fc.constantFrom(undefined, 0, 20),
      bandwidth: fc.option(bandwidth, { nil: undefined }),
      loss: fc.constantFrom(undefined, 0, 0.05, 0.2),
    }),
  },
);

/** On a network that fails at any point. */
function onNetwork(): fc.Arbitrary<Scenario> {
  const call = fc.oneof({ weight: 12, arbitrary: calls(NETWORK) }, { weight: 1, arbitrary: faults });
  return fc.record({
    kind: fc.constant(SIMULATED),
    settings: fc.record({
      readTimeout: fc.constantFrom(Infinity, Infinity, Infinity, 60_000, 15, 5_000),
      writeTimeout: fc.constantFrom(Infinity, Infinity, Infinity, Infinity, 60_000, 25, 5_000),
      lingerTimeout: fc.constantFrom(undefined, undefined, undefined, 0, 20, 60_000),
      keepAlive: fc.constantFrom(undefined, undefined, undefined, 1_000),
      ...settings,
    }),
    network: fc.record({
      seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      latency,
      bandwidth,
      heals: fc.constantFrom(true, true, false),
    }),
    ...common,
    steps: steps(call, ["none", "none", "moment", "settled", "microtasks", "turns", "while"], 16),
  });
}

/** Any scenario over one of these kinds of connections; the first is the simplest. */
export function scenarios(kinds: readonly string[]): fc.Arbitrary<Scenario> {
  const others = kinds.filter((kind) => kind !== SIMULATED);
  return fc.oneof(
    ...(others.length === 0 ? [] : [{ weight: others.length, arbitrary: onMachine(others) }]),
    ...(others.length === kinds.length ? [] : [{ weight: 1, arbitrary: onNetwork() }]),
  );
}
