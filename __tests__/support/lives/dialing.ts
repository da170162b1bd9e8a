import { once } from "node:events";
import { connect as netConnect, createServer, type AddressInfo, type Socket } from "node:net";
import { connectDuplex, type ConnectDuplexOptions } from "../../../src/index.js";
import { turn, until } from "../../../src/testing/contract/expectations.js";
import { pattern } from "../../../src/testing/contract/payloads.js";
import { lookupOf } from "../lookups.js";

/** A socket that connects, and what a script does to it. */
export interface Dialing {
  /** A `net.Socket`, or a Duplex of `connectDuplex`, which is used as one. */
  readonly it: Socket;
  /** A callback that is recorded, by this name, with what it is called with. */
  readonly told: (name: string) => (error?: Error | null) => void;
  readonly record: (what: string) => void;
  /** Resolves to the other end, once there is one. It reads all, and ends with `"echo"` when it gets the end. */
  readonly peer: () => Promise<Socket>;
}

/** Where to: a server, by its address or by a name; a port that refuses; a name that is not found; a server that is silent. */
export type Target = "address" | "name" | "refused" | "unknown" | "silent";

export interface DialingScript {
  readonly name: string;
  readonly to: Target;
  readonly allowHalfOpen?: boolean;
  /** What happens to a Duplex, where that is not what happens to a socket, and why. */
  readonly but?: { readonly duplex: readonly string[]; readonly why: string };
  /** Called in the turn in which the socket was made; has to get it closed. */
  readonly run: (dialing: Dialing) => unknown;
}

export const DIALING_SCRIPTS: readonly DialingScript[] = [
  { name: "connects to an address, and ends", to: "address", run: ({ it }) => it.resume().end("all") },
  { name: "connects to a name, and ends", to: "name", run: ({ it }) => it.resume().end("all") },
  { name: "is refused", to: "refused", run: ({ it }) => it.resume() },
  {
    name: "is refused while writes are queued",
    to: "refused",
    but: {
      duplex: [
        "made (connecting pending opening)",
        "the first write is told ECONNREFUSED (pending closed)",
        "the second write is told ECONNREFUSED (pending closed)",
        "the end is told ECONNREFUSED (pending closed)",
        "error ECONNREFUSED (pending closed)",
        "close true (pending closed)",
        "0 bytes read, 0 written, the peer has ",
      ],
      why: "All writes are told the failure, and first, as all of Node's streams but sockets do; what was not sent is not counted.",
    },
    run: ({ it, told }) => {
      it.write("first", told("the first write"));
      it.write("second", told("the second write"));
      it.end(told("the end"));
    },
  },
  { name: "is not found", to: "unknown", run: ({ it }) => it.resume() },
  {
    name: "is destroyed at once",
    to: "name",
    but: {
      duplex: [
        "made (connecting pending opening)",
        "the first write is told ERR_STREAM_DESTROYED (pending closed)",
        "the second write is told ERR_STREAM_DESTROYED (pending closed)",
        "the end is told ERR_STREAM_DESTROYED (pending closed)",
        "close false (pending closed)",
        "0 bytes read, 0 written, the peer has ",
      ],
      why: "Writes are told before 'close', as all of Node's streams but sockets do; what was not sent is not counted.",
    },
    run: ({ it, told }) => {
      it.write("first", told("the first write"));
      it.write("second", told("the second write"));
      it.end(told("the end"));
      it.destroy();
    },
  },
  {
    name: "is destroyed at once, with an error",
    to: "name",
    run: ({ it }) => it.destroy(new Error("enough")),
  },
  {
    name: "is destroyed when its name is found",
    to: "name",
    run: ({ it }) => it.once("lookup", () => it.destroy()),
  },
  {
    name: "is destroyed when it has connected",
    to: "name",
    run: ({ it }) => it.once("connect", () => it.destroy()),
  },
  { name: "is destroyed in the race", to: "silent", run: ({ it }) => setTimeout(() => it.destroy(), 20) },
  {
    name: "is destroyed twice",
    to: "silent",
    run: ({ it }) => setImmediate(() => it.destroy(new Error("first")).destroy(new Error("second"))),
  },
  {
    name: "is ended while it connects",
    to: "address",
    run: ({ it, told }) => it.resume().end(told("the end")),
  },
  {
    name: "is ended soon while it connects",
    to: "address",
    but: {
      duplex: [
        "made (connecting pending opening)",
        "connect (readOnly)",
        "ready (readOnly)",
        "the write is told null (readOnly)",
        "finish (readOnly)",
        "close false (pending closed)",
        "0 bytes read, 4 written, the peer has last",
      ],
      why: "'ready' follows 'connect' at once: no write is sent between them.",
    },
    run: ({ it, told }) => {
      it.resume().write("last", told("the write"));
      it.destroySoon();
    },
  },
  {
    name: "is reset while it connects",
    to: "address",
    but: {
      duplex: [
        "made (connecting pending opening)",
        "close false (pending closed)",
        "0 bytes read, 0 written, the peer has ",
      ],
      why: "A socket connects first and is reset then; the Duplex gives up at once, since nothing is there to be reset.",
    },
    run: ({ it }) => it.resume().resetAndDestroy(),
  },
  {
    name: "waits for a silent address, and times out",
    to: "silent",
    run: ({ it }) => it.setTimeout(20, () => it.destroy()),
  },
  {
    name: "writes in its events",
    to: "name",
    but: {
      duplex: [
        "made (connecting pending opening)",
        "lookup null 127.0.0.1 4 name.test (connecting pending opening)",
        "connect (open)",
        "ready (open)",
        "a is told null (readOnly)",
        "b is told null (readOnly)",
        "c is told null (readOnly)",
        "d is told null (readOnly)",
        "finish (readOnly)",
        "end (closed)",
        "close false (pending closed)",
        "4 bytes read, 4 written, the peer has abcd",
      ],
      why: "'ready' follows 'connect' at once: no write is sent between them.",
    },
    run: ({ it, told }) => {
      it.resume().write("a", told("a"));
      it.once("lookup", () => it.write("b", told("b")));
      it.once("connect", () => it.write("c", told("c")));
      it.once("ready", () => it.end("d", told("d")));
    },
  },
  {
    name: "writes 5 MB while it connects",
    to: "name",
    run: ({ it, record }) => {
      it.resume();
      record(
        `full ${String(!it.write(pattern(5 << 20)))} ${String(it.bytesWritten)} ${String(it.writableLength)}`,
      );
      it.end();
    },
  },
  {
    name: "is paused while it connects",
    to: "address",
    run: ({ it }) => {
      it.pause().on("data", () => undefined);
      it.end("some data");
      it.once("finish", () => setTimeout(() => it.resume(), 10));
    },
  },
  {
    name: "is decoded",
    to: "address",
    run: ({ it }) => {
      it.setEncoding("utf8").resume().end("äöü");
    },
  },
  {
    name: "is read before it connects",
    to: "address",
    run: ({ it, record }) => {
      record(`read ${String(it.read())}`);
      it.on("readable", () => {
        for (let chunk; (chunk = it.read() as Buffer | null) !== null;) record(`read ${String(chunk)}`);
      });
      it.end("some data");
    },
  },
  {
    name: "ends by itself when its peer ends",
    to: "address",
    but: {
      duplex: [
        "made (connecting pending opening)",
        "connect (open)",
        "ready (open)",
        "the write is told null (open)",
        "end (writeOnly)",
        "the write in 'end' is told null (writeOnly)",
        "finish (closed)",
        "the write in 'finish' is told EPIPE (pending closed)",
        "error EPIPE (pending closed)",
        "close true (pending closed)",
        "6 bytes read, 19 written, the peer has questiona last word",
      ],
      why: "'ready' follows 'connect' at once: no write is sent between them.",
    },
    run: async ({ it, peer, told }) => {
      it.resume().write("question", told("the write"));
      it.on("end", () => it.write("a last word", told("the write in 'end'")));
      it.on("finish", () => it.write("too late", told("the write in 'finish'")));
      (await peer()).end("answer");
    },
  },
  {
    name: "ends by itself when its peer ends, though nothing reads it",
    to: "address",
    run: async ({ it, peer, told }) => {
      it.once("close", () => it.write("too late", told("the write in 'close'")));
      (await peer()).end();
    },
  },
  {
    name: "is paused when its peer ends",
    to: "address",
    run: async ({ it, peer }) => {
      it.once("connect", () => it.resume().pause());
      (await peer()).end();
    },
  },
  {
    name: "stays half-open",
    to: "address",
    allowHalfOpen: true,
    run: async ({ it, peer, told }) => {
      it.resume().on("end", () => setTimeout(() => it.end("a last word", told("the end")), 10));
      (await peer()).end("answer");
    },
  },
  {
    name: "is reset by its peer",
    to: "address",
    run: async ({ it, peer }) => {
      it.resume();
      (await peer()).resetAndDestroy();
    },
  },
];

export interface DialingTargets {
  readonly refused: number;
  readonly silent: number;
}

/** Makes the socket that connects. */
type Subject = (host: string, port: number, options: ConnectDuplexOptions) => Socket;

export const DIALING_SUBJECTS = {
  socket: (host, port, { allowHalfOpen = false, lookup }) =>
    netConnect({ host, port, allowHalfOpen, lookup: lookup as never }),
  duplex: (host, port, options) => connectDuplex(host, port, options) as unknown as Socket,
} satisfies Record<string, Subject>;

/** What happens to a socket that connects, from its birth to its end, and what its peer has received. */
export async function dial(
  subject: Subject,
  script: DialingScript,
  targets: DialingTargets,
): Promise<string[]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const peers: Socket[] = [];
  let received = "";
  server.on("connection", (socket) => {
    peers.push(socket);
    socket
      .on("error", () => undefined)
      .on("data", (data) => (received += data.toString("latin1")))
      .on("end", () => socket.end("echo"));
  });
  const host = script.to === "name" ? "name.test" : script.to === "unknown" ? "unknown.test" : "127.0.0.1";
  const to = script.to === "refused" ? targets.refused : script.to === "silent" ? targets.silent : port;
  const notFound = Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });
  const lookup: ConnectDuplexOptions["lookup"] =
    script.to === "unknown"
      ? (_name, _options, answer) => setImmediate(answer, notFound, [])
      : lookupOf("127.0.0.1");
  const log: string[] = [];
  const it = subject(host, to, { allowHalfOpen: script.allowHalfOpen, lookup });
  const state = () => `${it.connecting ? "connecting " : ""}${it.pending ? "pending " : ""}${it.readyState}`;
  const record = (what: string) => {
    log.push(`${what} (${state()})`);
  };
  let size = 0;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called on the socket
  const { emit } = it;
  it.on("error", () => undefined);
  // The Duplex adds this argument on the way to its listeners.
  it.on("close", (hadError: unknown) => record(`close ${String(hadError)}`));
  it.emit = function (event: string | symbol, ...args: unknown[]): boolean {
    if (event === "data") size += (args[0] as Buffer).length;
    if (SHOWN.has(String(event))) record([String(event), ...args.map(shown)].join(" "));
    return Reflect.apply(emit, it, [event, ...args]) as boolean;
  } as Socket["emit"];
  record("made");
  await script.run({
    it,
    record,
    told: (name) => (error) => record(`${name} is told ${shown(error)}`),
    peer: async () => {
      await until(() => peers.length > 0);
      return peers[0] as Socket;
    },
  });
  await until(() => it.closed);
  for (let i = 0; i < 10; i++) await turn();
  log.push(
    `${String(size)} bytes read, ${String(it.bytesWritten)} written, the peer has ${received.length > 30 ? String(received.length) : received}`,
  );
  for (const peer of peers) peer.destroy();
  server.close();
  return log;
}

const SHOWN = new Set(["lookup", "connect", "ready", "end", "finish", "timeout", "error"]);

function shown(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const { code, message } = value as NodeJS.ErrnoException;
  return code ?? message;
}
