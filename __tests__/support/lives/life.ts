import { once } from "node:events";
import { connect as netConnect, createServer, type AddressInfo, type Socket } from "node:net";
import { connect, connectDuplex } from "../../../src/index.js";
import { turn, until } from "../../../src/testing/contract/expectations.js";

/** A socket through whose life a script leads, and what both ends of it see. */
export interface Life {
  /** A `net.Socket`, or the Duplex of a connection, which is used as one. */
  readonly it: Socket;
  /** The other end, a half-open `net.Socket`, which reads all by itself. */
  readonly peer: Socket;
  /** Ends the connection by other means than the stream's own: those of the connection, or their like. */
  readonly connection: { reset: () => void; close: () => void };
  /** Ends a step: what happens is recorded up to here, and the members are as they are now. */
  readonly step: (name: string) => Promise<void>;
  /** Waits until `it` has emitted an event `times` times in this life. */
  readonly emitted: (event: string, times?: number) => Promise<void>;
  /** Waits until the peer has received that many bytes in this life. */
  readonly received: (size: number) => Promise<void>;
  /** Waits until the peer has seen the end, or a failure. */
  readonly peerEnded: () => Promise<void>;
  /** A callback that is recorded, by this name, with what it is called with. */
  readonly told: (name: string) => (error?: Error | null) => void;
  /** Records the outcome of a promise by this name. */
  readonly outcome: (name: string, promise: Promise<unknown>) => Promise<void>;
  /** Records something else. */
  readonly record: (what: string) => void;
}

export interface Script {
  readonly name: string;
  readonly run: (life: Life) => Promise<void>;
}

/** What has happened in a step, and how the members were when it was over. */
export interface Step {
  readonly name: string;
  readonly events: readonly string[];
  /** What the peer has seen. */
  readonly peer: readonly string[];
  readonly members: Readonly<Record<string, unknown>>;
}

/** How a life begins: both ends are connected. */
type Subject = (port: number) => Promise<{ it: Socket; connection: Life["connection"] }>;

/** What is led through the lives. */
export const SUBJECTS = {
  socket: async (port) => {
    const it = netConnect({ port, host: "127.0.0.1", allowHalfOpen: true });
    await once(it, "connect");
    return { it, connection: { reset: () => it.resetAndDestroy(), close: () => it.destroy() } };
  },
  duplex: async (port) => {
    const connection = await connect("127.0.0.1", port, { readTimeout: Infinity });
    const end = { reset: () => connection.reset(), close: () => void connection.close() };
    return { it: connection.duplex as unknown as Socket, connection: end };
  },
  connecting: async (port) => {
    const it = connectDuplex("127.0.0.1", port, { allowHalfOpen: true });
    const connection = await it.connection;
    const end = { reset: () => connection.reset(), close: () => void connection.close() };
    return { it: it as unknown as Socket, connection: end };
  },
} satisfies Record<string, Subject>;

/** The members whose values are compared. */
const VALUES = [
  "allowHalfOpen",
  "bufferSize",
  "bytesRead",
  "bytesWritten",
  "closed",
  "connecting",
  "destroyed",
  "localAddress",
  "localFamily",
  "localPort",
  "pending",
  "readable",
  "readableAborted",
  "readableDidRead",
  "readableEncoding",
  "readableEnded",
  "readableFlowing",
  "readableLength",
  "readableObjectMode",
  "readyState",
  "remoteAddress",
  "remoteFamily",
  "remotePort",
  "timeout",
  "writable",
  "writableAborted",
  "writableCorked",
  "writableEnded",
  "writableFinished",
  "writableHighWaterMark",
  "writableLength",
  "writableNeedDrain",
  "writableObjectMode",
] as const;

/** Leads a subject through a life. */
export async function live(subject: Subject, script: Script): Promise<readonly Step[]> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const [[peer], { it, connection }] = await Promise.all([
    once(server, "connection") as Promise<[Socket]>,
    subject(port),
  ]);
  const recorder = new Recorder(it, peer, port, peer.remotePort ?? 0);
  try {
    await script.run({
      it,
      peer,
      connection,
      step: (name) => recorder.step(name),
      emitted: (event, times = 1) => until(() => (recorder.counts.get(event) ?? 0) >= times),
      received: (size) => until(() => recorder.received >= size),
      peerEnded: () => until(() => recorder.peerHasEnded),
      told: (name) => (error) => recorder.record(`${name} is told ${outcomeOf(error)}`),
      outcome: (name, promise) =>
        promise.then(
          () => recorder.record(`${name} resolves`),
          (error: unknown) => recorder.record(`${name} rejects with ${outcomeOf(error)}`),
        ),
      record: (what) => recorder.record(what),
    });
    return recorder.steps;
  } finally {
    it.destroy();
    peer.destroy();
    server.close();
    await Promise.all([it, peer].map((one) => until(() => one.closed)));
  }
}

class Recorder {
  readonly steps: Step[] = [];
  readonly counts = new Map<string, number>();
  received = 0;
  peerHasEnded = false;
  #events = new Events();
  #peer = new Events();

  constructor(
    private readonly it: Socket,
    peer: Socket,
    private readonly peerPort: number,
    private readonly ownPort: number,
  ) {
    it.on("error", () => undefined);
    // The Duplex adds this argument on the way to its listeners.
    it.on("close", (hadError: unknown) => this.#events.emitted("close", [hadError]));
    onEmit(it, (event, args) => {
      this.counts.set(event, (this.counts.get(event) ?? 0) + 1);
      const isHeard = event !== "readable" || it.listenerCount(event) > 0;
      if (isHeard && !UNHEARD.has(event)) this.#events.emitted(event, args);
    });
    peer.on("error", () => undefined);
    peer.on("data", ({ length }) => (this.received += length));
    onEmit(peer, (event, args) => {
      if (event === "end" || event === "error" || event === "close") this.peerHasEnded = true;
      if (SEEN_BY_PEER.has(event)) this.#peer.emitted(event, args);
    });
  }

  record(what: string): void {
    this.#events.list.push(what);
  }

  async step(name: string): Promise<void> {
    await this.#calm();
    this.steps.push({ name, events: this.#events.list, peer: this.#peer.list, members: this.#members() });
    this.#events = new Events();
    this.#peer = new Events();
  }

  /** Resolves when nothing more happens by itself. */
  async #calm(): Promise<void> {
    const size = () => [...this.counts.values()].reduce((sum, count) => sum + count, this.received);
    for (let calm = 0, last = size(); calm < CALM_TURNS; calm++) {
      await turn();
      if (size() === last) continue;
      last = size();
      calm = 0;
    }
  }

  #members(): Record<string, unknown> {
    const { it } = this;
    const values = VALUES.map((name) => [name, this.#shown(Reflect.get(it, name))] as const);
    const { address, family, port } = it.address() as Partial<AddressInfo>;
    return {
      ...Object.fromEntries(values),
      errored: it.errored === null ? null : outcomeOf(it.errored),
      "address()": [address, family, this.#shown(port)].join(" "),
    };
  }

  #shown(value: unknown): unknown {
    if (typeof value === "number" && value > EXACT_BYTES && value % ROUND_BYTES > 64) return "a part";
    if (value === this.ownPort) return "own port";
    return value === this.peerPort ? "peer's port" : value;
  }
}

const CALM_TURNS = 6;
const EXACT_BYTES = 65_536;
const ROUND_BYTES = 1024 * 1024;

/** Events that say nothing of the life, and one that is recorded in another way. */
const UNHEARD: ReadonlySet<string> = new Set(["newListener", "removeListener", "close"]);

const SEEN_BY_PEER: ReadonlySet<string> = new Set(["data", "end", "error"]);

/** Calls back for each event that is emitted, whether there is a listener or not. */
function onEmit(socket: Socket, onEvent: (event: string, args: unknown[]) => void): void {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called on the socket
  const { emit } = socket;
  socket.emit = function (event: string | symbol, ...args: unknown[]): boolean {
    onEvent(String(event), args);
    return Reflect.apply(emit, socket, [event, ...args]) as boolean;
  } as Socket["emit"];
}

/** What has happened, as words. How many pieces data comes in is not fixed: data is counted together. */
class Events {
  readonly list: string[] = [];
  #dataAt = -1;
  #size = 0;

  emitted(event: string, [first]: unknown[]): void {
    if (event === "data") this.#data(first as Buffer | string);
    else if (event === "error") this.list.push(`error ${outcomeOf(first)}`);
    else this.list.push(event === "close" ? `close ${String(first)}` : event);
  }

  #data(chunk: Buffer | string): void {
    if (this.#dataAt === -1 || this.#dataAt !== this.list.length - 1) {
      this.#dataAt = this.list.push("") - 1;
      this.#size = 0;
    }
    this.#size += chunk.length;
    const size = this.#size > EXACT_BYTES ? "many" : String(this.#size);
    this.list[this.#dataAt] = `data: ${size} ${typeof chunk === "string" ? "characters" : "bytes"}`;
  }
}

function outcomeOf(error: unknown): string {
  if (error === undefined || error === null) return "of success";
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
