import { connect as netConnect, type Socket } from "node:net";
import fc from "../support/fast-check.js";
import { listen, serve, type Connection, type Handler } from "../../src/index.js";
import { closeAll } from "../support/peers.js";
import { nothingLeft } from "../support/resources.js";
import { until } from "../support/outcomes.js";

afterEach(closeAll);

/** What one client does, and what its handler does. */
interface Life {
  readonly client: "ends" | "resets" | "stays" | "sends and ends" | "sends much and reads nothing";
  readonly handler:
    | "returns"
    | "throws"
    | "echoes"
    | "hangs"
    | "waits for the signal"
    | "writes much"
    | "detaches"
    | "closes";
  /** The address that the client has, of three. */
  readonly from: number;
}

/** A service, and when it is stopped. */
interface Scenario {
  readonly lives: readonly Life[];
  readonly concurrency: number;
  readonly perAddress: number;
  readonly maxConnections: number;
  readonly backlog: number;
  readonly grace: number;
  readonly stop: "abort" | "abort twice" | "close" | "closeOn";
  /** After how many clients it is stopped. */
  readonly after: number;
  /** How many turns of the event loop pass between two clients. */
  readonly turns: number;
}

const lives = fc.array(
  fc.record<Life>({
    client: fc.constantFrom("ends", "resets", "stays", "sends and ends", "sends much and reads nothing"),
    handler: fc.constantFrom(
      ...([
        "returns",
        "throws",
        "echoes",
        "hangs",
        "waits for the signal",
        "writes much",
        "detaches",
        "closes",
      ] as const),
    ),
    from: fc.integer({ min: 1, max: 3 }),
  }),
  { minLength: 1, maxLength: 16 },
);

const scenarios = fc.record<Scenario>({
  lives,
  concurrency: fc.constantFrom(1, 2, 5, Infinity),
  perAddress: fc.constantFrom(1, 3, Infinity),
  maxConnections: fc.constantFrom(3, 8, Infinity),
  backlog: fc.constantFrom(2, 511),
  grace: fc.constantFrom(0, 1, 10),
  stop: fc.constantFrom("abort", "abort twice", "close", "closeOn"),
  after: fc.integer({ min: 0, max: 16 }),
  turns: fc.integer({ min: 0, max: 2 }),
});

async function pass(turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Lives a scenario, and checks what holds for every one. */
async function live({
  lives,
  concurrency,
  perAddress,
  grace,
  stop,
  after,
  turns,
  ...limits
}: Scenario): Promise<void> {
  const closeOn = new AbortController();
  const stopping = new AbortController();
  const listener = await listen(
    { host: "127.0.0.1", port: 0 },
    { ...limits, closeOn: closeOn.signal, lingerTimeout: 20 },
  );
  const handed: Connection[] = [];
  const detached: Socket[] = [];
  const atWork = new Map<string, number>();
  const faults: string[] = [];
  let working = 0;
  let resolved = false;
  const kinds = [...lives];

  const act = async (
    connection: Connection,
    kind: Life["handler"] | undefined,
    signal: AbortSignal,
  ): Promise<void> => {
    switch (kind) {
      case "throws":
        throw new Error("thrown");
      case "echoes":
        for await (const chunk of connection) await connection.write(chunk);
        return;
      case "hangs":
        await new Promise(() => undefined);
        return;
      case "waits for the signal":
        await new Promise((_, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason as Error)),
        );
        return;
      case "writes much":
        void connection.write("x".repeat(3_000_000)).catch(() => undefined);
        return;
      case "detaches":
        detached.push(connection.detach().on("error", () => undefined));
        return;
      case "closes":
        await connection.close();
        return;
      default:
        return;
    }
  };

  const handler: Handler = async (connection, { signal }) => {
    if (resolved) faults.push("a handler was called after serve had resolved");
    handed.push(connection);
    const address = connection.remoteAddress ?? "";
    const ofAddress = (atWork.get(address) ?? 0) + 1;
    atWork.set(address, ofAddress);
    if (++working > concurrency) faults.push(`${String(working)} at work`);
    if (ofAddress > perAddress) faults.push(`${String(ofAddress)} of ${address}`);
    try {
      await act(connection, kinds[handed.length - 1]?.handler, signal);
    } finally {
      working--;
      atWork.set(address, (atWork.get(address) ?? 0) - 1);
    }
  };

  const errors: unknown[] = [];
  const onError = (error: unknown): void => {
    errors.push(error);
    if (errors.length % 2 === 0) throw new Error("onError fails as well");
  };
  const serving = serve(listener, handler, {
    ...{ concurrency, perAddress, grace, onError },
    signal: stopping.signal,
  });
  const end = (): void => {
    if (stop === "close") void listener.close();
    else if (stop === "closeOn") closeOn.abort();
    else stopping.abort();
    if (stop === "abort twice") stopping.signal.dispatchEvent(new Event("abort"));
  };

  const clients: Socket[] = [];
  for (const [index, { client, from }] of lives.entries()) {
    if (index === after) end();
    const socket = netConnect({
      port: listener.port,
      host: "127.0.0.1",
      localAddress: `127.0.0.${String(from)}`,
    });
    socket.on("error", () => undefined);
    clients.push(socket);
    if (client === "sends and ends") socket.end("hello".repeat(1_000));
    else if (client === "ends") socket.end();
    else if (client === "resets") socket.once("connect", () => socket.resetAndDestroy());
    else if (client === "sends much and reads nothing") socket.write("y".repeat(1_000_000));
    if (client !== "sends much and reads nothing") socket.resume();
    await pass(turns);
  }
  end();
  await serving;
  resolved = true;

  // No connection outlives it, and all clients are counted once.
  for (const connection of handed) {
    const { state } = connection.toJSON();
    if (!["closed", "reset", "failed", "detached"].includes(state)) faults.push(`a connection is ${state}`);
  }
  const { accepted, open, refused } = listener.stats;
  if (accepted < handed.length)
    faults.push(`${String(accepted)} accepted, ${String(handed.length)} handed over`);
  if (open > detached.length) faults.push(`${String(open)} open, ${String(detached.length)} detached`);
  if (perAddress === Infinity && refused.perAddress > 0) faults.push("refused by a limit that there is not");
  const counted = accepted + listener.dropped + refused.perAddress + refused.maxConnections;
  if (counted > lives.length) faults.push(`${String(counted)} clients counted of ${String(lives.length)}`);
  const unforeseen = errors.filter(
    (error) => !/^thrown$|\((?:ECONNRESET|EPIPE|ERR_CLOSED)\)$/.test((error as Error).message),
  );
  for (const error of unforeseen) faults.push(`reported: ${String(error)}`);
  for (const socket of [...detached, ...clients]) socket.destroy();
  await until(() => listener.connections === 0);
  expect(faults).toEqual([]);
}

test("whatever clients and handlers do, and whenever it is stopped, serve ends and its limits hold", async () => {
  const warn = process.emitWarning.bind(process);
  // onError fails in every scenario.
  process.emitWarning = () => undefined;
  const numRuns = Number(process.env["RUNS"] ?? 60);
  try {
    // SEED=… RUNS=… tries others, and more.
    await fc.assert(fc.asyncProperty(scenarios, live), { numRuns, endOnFailure: false });
  } finally {
    process.emitWarning = warn;
  }
  await nothingLeft();
}, 120_000);
