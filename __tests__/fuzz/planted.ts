/** Tries random sequences over connections with a fault, one fault after the other, and prints what was found as JSON. */
import { clock } from "../../src/core/timing/clock.js";
import type { Connection, NetError, OperationOptions } from "../../src/index.js";
import { fuzz } from "./fuzz.js";
import { simulatedKind } from "./simulated.js";

/** Most scenarios that are needed to find each of these faults. */
const RUNS = 400;

const FAULTS: Readonly<Record<string, (connection: Connection) => void>> = {
  "does nothing wrong": () => undefined,
  "loses a byte, once": losesByte,
  "gives a chunk twice": repeatsChunk,
  "never settles a read that is reset": hidesReset,
  "leaves a listener on a signal": leavesListener,
  "leaves a timer": leavesTimer,
  "takes longer than its timeout": ignoresTimeout,
  "ends a stream too early": endsEarly,
  "leaves a rejection unhandled": leavesRejection,
};

const found: Record<string, string> = {};
for (const [name, plant] of Object.entries(FAULTS)) {
  const runs = name === "does nothing wrong" ? 20 : RUNS;
  found[name] = (await fuzz({ seed: 1, runs }, [planted(plant)])).text;
}
console.log(JSON.stringify(found));
// What a failed run has left may go on.
process.exit();

/** The simulated network, with a fault in both connections. */
function planted(plant: (connection: Connection) => void): ReturnType<typeof simulatedKind> {
  const kind = simulatedKind();
  return {
    ...kind,
    within: (scenario, run) =>
      kind.within(scenario, (surroundings) => {
        const makePair = surroundings.makePair.bind(surroundings);
        const plantedPair: typeof makePair = async (settings, closeOn) => {
          const pair = await makePair(settings, closeOn);
          plant(pair.a);
          plant(pair.b);
          return pair;
        };
        return run(Object.assign(surroundings, { makePair: plantedPair }));
      }),
  };
}

function losesByte(connection: Connection): void {
  let isLost = false;
  const read = connection.read.bind(connection);
  connection.read = async (options) => {
    const chunk = await read(options);
    if (isLost || chunk === null || chunk.length < 2) return chunk;
    isLost = true;
    return chunk.subarray(1);
  };
}

function repeatsChunk(connection: Connection): void {
  let last: Awaited<ReturnType<Connection["read"]>> = null;
  const read = connection.read.bind(connection);
  connection.read = async (options) => {
    const again = last;
    last = again === null ? await read(options) : null;
    return again ?? (last === null ? null : Buffer.from(last));
  };
}

function hidesReset(connection: Connection): void {
  const read = connection.read.bind(connection);
  connection.read = (options) =>
    read(options).catch((error: unknown) => {
      if ((error as NetError).code === "ECONNRESET") return new Promise(() => undefined);
      throw error;
    });
}

function leavesListener(connection: Connection): void {
  const write = connection.write.bind(connection);
  connection.write = (bytes, options) => {
    options?.signal?.addEventListener("abort", () => undefined);
    return write(bytes, options);
  };
}

function leavesTimer(connection: Connection): void {
  const writeLine = connection.writeLine.bind(connection);
  connection.writeLine = (line, options) => {
    clock.setTimeout(() => undefined, 3_600_000);
    return writeLine(line, options);
  };
}

function ignoresTimeout(connection: Connection): void {
  const later = (options?: OperationOptions) =>
    options?.timeout === undefined ? options : { ...options, timeout: options.timeout + 50 };
  const peek = connection.peek.bind(connection);
  const readExactly = connection.readExactly.bind(connection);
  connection.peek = (size, options) => peek(size, later(options));
  connection.readExactly = (size, options) => readExactly(size, later(options));
}

function endsEarly(connection: Connection): void {
  let chunks = 0;
  const read = connection.read.bind(connection);
  connection.read = async (options) => (++chunks > 1 ? null : await read(options));
}

function leavesRejection(connection: Connection): void {
  const flush = connection.flush.bind(connection);
  connection.flush = (options) => {
    void Promise.reject(new Error("nothing handles this"));
    return flush(options);
  };
}
