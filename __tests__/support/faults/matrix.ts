/** What each fault of a peer or of the network looks like to each operation, as a simulated network shows it. */
import timersPromises from "node:timers/promises";
import {
  connect,
  framed,
  jsonLines,
  listen,
  NetError,
  relay,
  requests,
  type Connection,
  type ConnectionOptions,
  type ConnectOptions,
} from "../../../src/index.js";
import { simulate, type Host, type Network } from "../../../src/testing/index.js";

/** Both ends of a connection, and where they are. */
interface Ends {
  readonly network: Network;
  /** The host of the operation, and the one of the fault. */
  readonly near: Host;
  readonly far: Host;
  /** The connection of the operation, and the peer's. */
  readonly connection: Connection;
  readonly peer: Connection;
}

interface Fault {
  readonly name: string;
  /** Whether the time that things take afterwards follows from chance. */
  readonly isRandom?: true;
  readonly strike: (ends: Ends) => unknown;
}

/** A fault that the program of the peer makes, on whatever network. */
interface ProgramFault {
  readonly name: string;
  readonly strike: (ends: { readonly peer: Connection }) => unknown;
}

interface Operation {
  readonly name: string;
  /** Whether the fault comes while the operation is under way, or before it. */
  readonly when: "during" | "before";
  /** What the peer does. */
  readonly peer: (connection: Connection) => Promise<unknown>;
  /** What resolves to a word, or rejects. */
  readonly run: (connection: Connection) => Promise<string>;
  /** Whether it is done before the fault comes where the network is quick. */
  readonly isQuick?: true;
}

const FOREVER = { readTimeout: Infinity, writeTimeout: Infinity } as const;

/** Longer than anything takes that ever ends. */
const DAY_MS = 86_400_000;

/** How long after the operation the fault comes, or before it. */
const PAUSE_MS = 100;

const SERVER = "10.1.0.1";

const MEBIBYTE = 1024 * 1024;

const PROGRAM_FAULTS: readonly ProgramFault[] = [
  { name: "the peer ends its side", strike: ({ peer }) => peer.closeWrite() },
  { name: "the peer's process ends", strike: ({ peer }) => peer.close({ timeout: 0 }) },
  { name: "the peer resets", strike: ({ peer }) => peer.reset() },
];

const FAULTS: readonly Fault[] = [
  ...PROGRAM_FAULTS,
  { name: "the peer's host is switched off", strike: ({ far }) => far.crash() },
  {
    name: "it is switched off, and up again 5 s later",
    strike: ({ far }) => {
      far.crash();
      setTimeout(() => far.restart(), 5_000);
    },
  },
  { name: "the network is cut", strike: ({ network, near, far }) => network.partition(near, far) },
  {
    name: "it is cut for 5 s",
    strike: ({ network, near, far }) => {
      network.partition(near, far);
      setTimeout(() => network.heal(near, far), 5_000);
    },
  },
  {
    name: "it loses every fifth packet",
    isRandom: true,
    strike: ({ network, near, far }) => network.link(near, far, { loss: 0.2 }),
  },
  { name: "the peer's process stops (`SIGSTOP`)", strike: ({ far }) => far.stall(2 * DAY_MS) },
  { name: "it stops for 5 s", strike: ({ far }) => far.stall(5_000) },
];

async function ticks(peer: Connection): Promise<void> {
  void discards(peer).catch(ignore);
  await timersPromises.setTimeout(1_000);
  await peer.writeLine("tick");
}

async function discards(peer: Connection): Promise<void> {
  let chunk: unknown = await peer.read();
  while (chunk !== null) chunk = await peer.read();
  await peer.closeWrite();
}

async function echoes(peer: Connection): Promise<void> {
  for await (const chunk of peer) await peer.write(chunk);
}

/** Answers each request after a second. */
async function answers(peer: Connection): Promise<void> {
  const messages = framed(peer, jsonLines<number>());
  for await (const message of messages) {
    await timersPromises.setTimeout(1_000);
    await messages.send(message);
  }
}

async function firstLine(connection: Connection): Promise<string> {
  for await (const line of connection.lines()) return line === "tick" ? "a line" : "another line";
  return "the loop ends";
}

const OPERATIONS: readonly Operation[] = [
  {
    name: "`readLine()` that waits",
    when: "during",
    peer: ticks,
    run: async (connection) => ((await connection.readLine()) === null ? "`null`" : "a line"),
  },
  { name: "`for await` that waits", when: "during", peer: ticks, run: firstLine },
  {
    name: "`write()` of 1 MiB",
    when: "during",
    isQuick: true,
    peer: discards,
    run: async (connection) => {
      await connection.write(Buffer.alloc(MEBIBYTE));
      return "done";
    },
  },
  {
    name: "`request()` that waits",
    when: "during",
    peer: answers,
    run: async (connection) => {
      await requests(framed(connection, jsonLines<number>())).request(1);
      return "its reply";
    },
  },
  {
    name: "`relay()` of 1 MiB",
    when: "during",
    isQuick: true,
    peer: discards,
    run: async (connection) => {
      const listener = await listen("127.0.0.1:0", FOREVER);
      const front = await connect("127.0.0.1", listener.port, FOREVER);
      const relaying = relay(await listener.accept(), connection);
      const sending = front.write(Buffer.alloc(MEBIBYTE)).then(() => front.closeWrite());
      sending.catch(ignore);
      return await relaying.then(() => "done", codeOf);
    },
  },
  {
    name: "afterwards: `writeLine()`",
    when: "before",
    peer: echoes,
    run: async (connection) => {
      await connection.writeLine("hello");
      return "done";
    },
  },
  {
    name: "and `readLine()` for its answer",
    when: "before",
    peer: echoes,
    run: async (connection) => {
      await connection.writeLine("hello").catch(ignore);
      return (await connection.readLine()) === null ? "`null`" : "a line";
    },
  },
  {
    name: "afterwards: `closeWrite()`",
    when: "before",
    peer: discards,
    run: async (connection) => {
      await connection.closeWrite();
      return "done";
    },
  },
  {
    name: "afterwards: `close()`",
    when: "before",
    peer: discards,
    run: async (connection) => {
      await connection.close();
      return "done";
    },
  },
];

/** The options of the connection that has the operation. */
const SETTINGS: readonly { readonly name: string; readonly options: ConnectionOptions }[] = [
  { name: "With the default timeouts", options: {} },
  { name: "With `readTimeout` and `writeTimeout` of `Infinity`", options: FOREVER },
  {
    name: "The same with `keepAlive: { delay: 30_000 }`",
    options: { ...FOREVER, keepAlive: { delay: 30_000 } },
  },
];

function ignore(): void {
  // The operation tells.
}

/** Which end the operation belongs to: the one that has connected, or the one that a server has accepted. */
type Side = "connected" | "accepted";

/** A connection between two hosts, whose peer does what it does. */
async function endsOf(
  network: Network,
  { peer: act }: Operation,
  side: Side,
  options: ConnectionOptions,
): Promise<Ends> {
  const [client, server] = [network.host("client"), network.host("server", { addresses: [SERVER] })];
  const [own, other] = [{ ...options }, { ...FOREVER, lingerTimeout: 0 }];
  const isClient = side === "connected";
  const accepting = server.run(async () => await (await listen(80, isClient ? other : own)).accept());
  await timersPromises.setTimeout(1);
  const connecting = client.run(() => connect("server", 80, isClient ? own : other));
  const [connected, accepted] = await Promise.all([connecting, accepting]);
  const ends = isClient
    ? { near: client, far: server, connection: connected, peer: accepted }
    : { near: server, far: client, connection: accepted, peer: connected };
  ends.far.run(() => act(ends.peer)).catch(ignore);
  return { network, ...ends };
}

/** What an operation comes to: a word or a code, and after how long. */
async function outcomeOf(
  fault: Fault,
  operation: Operation,
  options: ConnectionOptions,
  side: Side = "connected",
): Promise<string> {
  return await simulated(async (network) => {
    const ends = await endsOf(network, operation, side, options);
    const { near, connection } = ends;
    const run = (): Promise<string> => near.run(() => operation.run(connection));
    const strike = (): void => void Promise.resolve(fault.strike(ends)).catch(ignore);
    if (operation.when === "before") {
      strike();
      await timersPromises.setTimeout(PAUSE_MS);
      return await timed(network, network.now, run(), fault);
    }
    const running = run();
    running.catch(ignore);
    await timersPromises.setTimeout(PAUSE_MS);
    const start = network.now;
    strike();
    return await timed(network, start, running, fault);
  });
}

function simulated(body: (network: Network) => Promise<string>): Promise<string> {
  return simulate({ seed: 1, latency: 10, timeLimit: Infinity }, body);
}

/** What a promise settles with, and how long after `start`. */
async function timed(
  network: Network,
  start: number,
  running: Promise<string>,
  { isRandom = false }: { readonly isRandom?: boolean } = {},
): Promise<string> {
  const waiting = timersPromises.setTimeout(DAY_MS, "waits");
  const word = await Promise.race([running.catch(wordFor), waiting]);
  return word === "waits" || isRandom ? word : `${word} ${timeText(network.now - start)}`;
}

function codeOf(error: unknown): string {
  if (error instanceof NetError) return `\`${error.code}\``;
  throw error;
}

/** The code, and how much of the data was written. */
function wordFor(error: unknown): string {
  const { written } = error as NetError;
  return written === undefined ? codeOf(error) : `${codeOf(error)} (${written})`;
}

function timeText(ms: number): string {
  if (ms < 500) return "at once";
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `after ${String(seconds)} s`;
  if (seconds < 7_200) return `after ${String(Math.round(seconds / 60))} min`;
  return `after ${(seconds / 3_600).toFixed(1)} h`;
}

/** How a connect can go wrong. */
interface ConnectFault {
  readonly name: string;
  readonly isRandom?: true;
  /** The host to connect to, if it is not the server. */
  readonly to?: string;
  /** What is wrong with the server. */
  readonly strike?: (network: Network, client: Host, server: Host) => void;
  /** Whether a program listens there; by default one does. */
  readonly listens?: false;
}

const CONNECT_FAULTS: readonly ConnectFault[] = [
  { name: "the name is unknown", to: "unknown.example" },
  { name: "no program listens on the port", listens: false },
  { name: "no host has the address", to: "10.9.9.9" },
  { name: "no route: a host without IPv6, an IPv6 address", to: "2001:db8::1" },
  { name: "the host is switched off", strike: (_network, _client, server) => server.crash() },
  {
    name: "it is up again, its program is not",
    strike: (_network, _client, server) => {
      server.crash();
      server.restart();
    },
  },
  { name: "the network is cut", strike: (network, client, server) => network.partition(client, server) },
  {
    name: "it is cut for 5 s",
    strike: (network, client, server) => {
      network.partition(client, server);
      setTimeout(() => network.heal(client, server), 5_000);
    },
  },
  {
    name: "it loses every fifth packet",
    isRandom: true,
    strike: (network, client, server) => network.link(client, server, { loss: 0.2 }),
  },
  { name: "the program stops (`SIGSTOP`)", strike: (_network, _client, server) => server.stall(2 * DAY_MS) },
  {
    name: "it stops, and its queue of clients is full",
    strike: (_network, client, server) => {
      server.stall(2 * DAY_MS);
      fillQueue(client);
    },
  },
];

/** Clients that the program does not accept. The queue has room for one more than its `backlog`. */
function fillQueue(client: Host): void {
  for (let count = 0; count < 2; count++) client.run(() => connect(SERVER, 80, FOREVER)).catch(ignore);
}

async function outcomeOfConnect(fault: ConnectFault, options: ConnectOptions): Promise<string> {
  return await simulated(async (network) => {
    const client = network.host("client", { addresses: ["10.0.0.1"] });
    const server = network.host("server", { addresses: [SERVER] });
    if (fault.listens !== false) await server.run(() => listen(80, { backlog: 1 }));
    fault.strike?.(network, client, server);
    await timersPromises.setTimeout(PAUSE_MS);
    const connecting = client.run(() => connect(fault.to ?? "server", 80, options)).then(() => "connects");
    return await timed(network, network.now, connecting, fault);
  });
}

/** The options of a connect. */
const CONNECT_SETTINGS: readonly { readonly name: string; readonly options: ConnectOptions }[] = [
  { name: "without `timeout`", options: {} },
  { name: "`timeout: 10_000`", options: { timeout: 10_000 } },
];

/** A table of what each fault comes to, in each column. */
async function tableOf<F extends { readonly name: string }, C>(
  faults: readonly F[],
  columns: readonly C[],
  nameOf: (column: C) => string,
  outcome: (fault: F, column: C) => Promise<string>,
): Promise<string[][]> {
  const rows = [["fault", ...columns.map(nameOf)]];
  for (const fault of faults) {
    const cells = [fault.name];
    for (const column of columns) cells.push(await outcome(fault, column));
    rows.push(cells);
  }
  return rows;
}

/** The text between the marks of docs/faults.md. */
export async function faultTables(): Promise<string> {
  const connects = await tableOf(
    CONNECT_FAULTS,
    CONNECT_SETTINGS,
    ({ name }) => name,
    (fault, { options }) => outcomeOfConnect(fault, options),
  );
  const parts = ["### While connecting", markdown(connects)];
  let first: string[][] | undefined;
  for (const { name, options } of SETTINGS) {
    const rows = await tableOf(
      FAULTS,
      OPERATIONS,
      (operation) => operation.name,
      (fault, operation) => outcomeOf(fault, operation, options),
    );
    const shown =
      first === undefined ? rows : rows.filter((row, at) => at === 0 || String(row) !== String(first?.[at]));
    first ??= rows;
    parts.push(`### ${name}`, markdown(shown));
  }
  return parts.join("\n\n");
}

/** Cells as wide as prettier makes them. */
function markdown(rows: readonly string[][]): string {
  const [head = [], ...others] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const padded = (cells: readonly string[]): string =>
    line(cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)));
  return [padded(head), line(widths.map((width) => "-".repeat(width))), ...others.map(padded)].join("\n");
}

/** The cells of connections that have connected and that were accepted, by the default timeouts. */
export async function bothSides(): Promise<Record<Side, string[]>> {
  const cells: Record<Side, string[]> = { connected: [], accepted: [] };
  for (const side of ["connected", "accepted"] as const) {
    for (const fault of FAULTS)
      for (const operation of OPERATIONS) {
        const outcome = await outcomeOf(fault, operation, {}, side);
        cells[side].push(`${fault.name}, ${operation.name}: ${outcome}`);
      }
  }
  return cells;
}

/** Operations that are under way for long enough, or come afterwards. */
const REAL_OPERATIONS = OPERATIONS.filter(({ isQuick }) => isQuick !== true);

/** Cells over real sockets of this machine, and the same over the simulated network. */
export async function realAndSimulated(): Promise<Record<"real" | "simulated", string[]>> {
  const pairs = PROGRAM_FAULTS.flatMap((fault) =>
    REAL_OPERATIONS.map((operation) => [fault, operation] as const),
  );
  const real = await Promise.all(pairs.map(([fault, operation]) => realOutcomeOf(fault, operation)));
  const simulated: string[] = [];
  for (const [fault, operation] of pairs) simulated.push(await outcomeOf(fault, operation, {}));
  const named = (outcomes: readonly string[]): string[] =>
    pairs.map(([fault, operation], at) => `${fault.name}, ${operation.name}: ${String(outcomes[at])}`);
  return { real: named(real), simulated: named(simulated) };
}

/** All of these are over at once, so the time is not looked at. */
async function realOutcomeOf(fault: ProgramFault, operation: Operation): Promise<string> {
  await using listener = await listen("127.0.0.1:0", { ...FOREVER, lingerTimeout: 0 });
  const [connection, peer] = await Promise.all([connect("127.0.0.1", listener.port), listener.accept()]);
  operation.peer(peer).catch(ignore);
  const running = operation.when === "during" ? operation.run(connection).catch(wordFor) : undefined;
  await timersPromises.setTimeout(PAUSE_MS);
  void Promise.resolve(fault.strike({ peer })).catch(ignore);
  await timersPromises.setTimeout(PAUSE_MS);
  const outcome = await (running ?? operation.run(connection).catch(wordFor));
  connection.reset();
  peer.reset();
  return `${outcome} at once`;
}
