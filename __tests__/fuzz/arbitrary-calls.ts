/** Any call at an end. */
import fc from "../support/fast-check.js";
import type { Bounds, Call } from "./scenario.js";

/** What makes sense where a call is made. */
export interface CallLimits {
  /** Milliseconds. */
  readonly timeouts: readonly number[];
  /** More than fits into the buffers of a connection, and of the kernel below. */
  readonly hugeBytes: number;
  /** Sizes around those of buffers and of what is read at once. */
  readonly large: fc.Arbitrary<number>;
}

const signal = fc.constantFrom(
  ...([
    undefined,
    undefined,
    undefined,
    undefined,
    "soon",
    "now",
    "aborted",
    "late",
    "timer",
    "shared",
    "shared",
  ] as const),
);
const limit = fc.constantFrom(undefined, undefined, 0, 10, 1_000, 100_000);
const bytes = fc.constantFrom(1 as const, 2 as const, 4 as const);
const times = fc.integer({ min: 0, max: 6 });
const turns = fc.integer({ min: 0, max: 6 });
const data = fc.constantFrom("bytes" as const, "text" as const);
const framing = fc.constantFrom(
  "library" as const,
  "library" as const,
  "measured" as const,
  "ended" as const,
);
const delimiters = fc.constantFrom(
  ["\n", "\r\n"],
  ["a", "\n"],
  ["\n\n", "z\n", "a"],
  ["ab", "\n", "b"],
  ["z"],
);

function call<O extends Call["op"]>(
  op: O,
  model: { [K in keyof Omit<Extract<Call, { op: O }>, "op">]: fc.Arbitrary<Extract<Call, { op: O }>[K]> },
): fc.Arbitrary<Call> {
  return fc.record({ op: fc.constant(op), ...model }) as unknown as fc.Arbitrary<Call>;
}

/** Any call where these limits hold. */
export function calls({ timeouts, hugeBytes, large }: CallLimits): fc.Arbitrary<Call> {
  /** Sizes of writes: nothing, a few bytes, or what is large. */
  const size = fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 60 }) },
    { weight: 4, arbitrary: fc.integer({ min: 61, max: 5_000 }) },
    { weight: 3, arbitrary: large },
  );
  const hugeOr = (usual: fc.Arbitrary<number>) =>
    fc.oneof({ weight: 12, arbitrary: usual }, { weight: 1, arbitrary: fc.constant(hugeBytes) });
  const timeout = fc.constantFrom(undefined, undefined, undefined, ...timeouts);
  const bounds = { timeout, signal } satisfies Record<keyof Bounds, unknown>;

  const reads = fc.oneof(
    call("read", bounds),
    call("readInto", { size: fc.constantFrom(1, 0, 10, 5_000, 100_000), ...bounds }),
    call("readExactly", { size: fc.constantFrom(1, 0, 50, 5_000, 100_000), ...bounds }),
    call("readUntil", {
      delimiter: fc.oneof(fc.constantFrom("\n", "a", "\n\n", "z\n"), delimiters),
      limit,
      ...bounds,
    }),
    call("readUntilAny", { delimiters, limit, ...bounds }),
    call("peek", { size: fc.constantFrom(1, 0, 10, 5_000, 100_000), ...bounds }),
    { weight: 2, arbitrary: call("unread", { size: fc.constantFrom(1, 10, 5_000, 100_000) }) },
    call("readLine", { limit, ...bounds }),
    call("readAll", { limit, ...bounds }),
    call("receive", { framing, bytes, ...bounds }),
    {
      weight: 3,
      arbitrary: call("loop", {
        over: fc.constantFrom(
          "chunks",
          "recycled",
          "iterator",
          "lines",
          "frames",
          "records",
          "recordsOfAny",
          "messages",
        ),
        times,
        leave: fc.constantFrom("break", "returnWhileWaiting", "forgotten"),
        ...bounds,
      }),
    },
  );

  const writes = fc.oneof(
    {
      weight: 4,
      arbitrary: call("write", {
        data: fc.constantFrom("bytes", "text", "view", "memory", "list", "latin1"),
        size: hugeOr(size),
        unawaited: fc.constantFrom(false, false, false, true),
        ...bounds,
      }),
    },
    call("chop", { size, pieces: fc.integer({ min: 2, max: 20 }), ...bounds }),
    call("writeLine", { size, ...bounds }),
    call("send", { framing, bytes, size, ...bounds }),
    call("flush", bounds),
  );

  const viewReads = fc.oneof(
    { weight: 3, arbitrary: call("duplexFlow", { turns }) },
    { weight: 2, arbitrary: call("duplexRead", { turns }) },
    { weight: 2, arbitrary: call("duplexLoop", { times, keep: fc.constantFrom(true, true, false) }) },
    { weight: 3, arbitrary: call("webRead", { release: fc.constantFrom("settled", "waiting") }) },
    { weight: 3, arbitrary: call("webReadInto", { size: fc.constantFrom(1, 10, 5_000, 100_000) }) },
    { weight: 2, arbitrary: call("webPipe", { turns }) },
    { weight: 2, arbitrary: call("webFrom", { times }) },
    { weight: 2, arbitrary: call("webLoop", { times, keep: fc.constantFrom(true, true, false) }) },
  );

  const viewWrites = fc.oneof(
    call("duplexWrite", { data, size: hugeOr(size) }),
    call("webWrite", { data, size: hugeOr(size) }),
    call("duplexPipeline", { size, pieces: fc.integer({ min: 1, max: 6 }) }),
  );

  const endings = fc.oneof(
    { weight: 4, arbitrary: call("closeWrite", bounds) },
    call("closeRead", {}),
    { weight: 3, arbitrary: call("close", bounds) },
    call("reset", {}),
    { weight: 3, arbitrary: call("detach", { allowHalfOpen: fc.boolean() }) },
    { weight: 3, arbitrary: call("adopt", {}) },
    call("closeOn", {}),
    call("abandon", { side: fc.constantFrom("output", "input") }),
    call("duplexEnd", {}),
    call("duplexDestroy", { error: fc.boolean() }),
    call("webCancel", {}),
    call("duplexTimeout", { ms: fc.constantFrom(0, 5, 10_000) }),
    call("webClose", {}),
    call("webAbort", {}),
  );

  return fc.oneof(
    { weight: 20, arbitrary: reads },
    { weight: 16, arbitrary: writes },
    { weight: 3, arbitrary: call("abort", {}) },
    { weight: 12, arbitrary: viewReads },
    { weight: 8, arbitrary: viewWrites },
    { weight: 4, arbitrary: endings },
  );
}
