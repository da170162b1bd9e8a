import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import type { Cut, Who } from "./plan.js";

/** How long after a cut the proxy resets what it has left open, as a router forgets a connection. */
const FORGOTTEN_AFTER_MS = 100;

/** Pieces of this size are passed on one by one, as long as they may be parts of a handshake. */
const PIECE_BYTES = 150;
const MAX_CHOPPED_BYTES = 3_000;

const JUNK = Buffer.from(
  "junk that is no record of TLS at all, and long enough to be more than a header of one.",
);

/** What the proxy is to do in the life that it is used for. */
export interface Orders {
  readonly cut: Cut | undefined;
  readonly chops: boolean;
}

/** A TCP proxy, made of plain `net`, that fails in a planned way. One client uses it at a time. */
export class CuttingProxy {
  orders: Orders = { cut: undefined, chops: false };
  readonly port: number;
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (client) =>
      this.#pass(client, connect({ port: target, host: "127.0.0.1", allowHalfOpen: true })),
    );
  }

  static async open(target: number): Promise<CuttingProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new CuttingProxy(server, target);
  }

  /** How many sockets are open. */
  get open(): number {
    return this.#open.size;
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #pass(client: Socket, server: Socket): void {
    server.setNoDelay(true);
    const both = [client, server];
    const resetBoth = () => both.forEach(reset);
    let forget: NodeJS.Timeout | undefined;
    const forgetLater = () => (forget ??= setTimeout(resetBoth, FORGOTTEN_AFTER_MS));
    for (const [from, to, who] of [
      [client, server, "client"],
      [server, client, "server"],
    ] as const) {
      this.#open.add(from);
      from.on("error", () => reset(to));
      from.on("close", () => {
        this.#open.delete(from);
        if (from.errored !== null) reset(to);
        if (both.every(({ destroyed }) => destroyed)) clearTimeout(forget);
      });
      new Direction(from, to, who, this.orders, resetBoth, forgetLater);
    }
  }
}

/** What goes from one side to the other. */
class Direction {
  #passed = 0;
  #isCut = false;
  #passing: Promise<void> = Promise.resolve();

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    who: Who,
    private readonly orders: Orders,
    private readonly resetBoth: () => void,
    private readonly forgetLater: () => void,
  ) {
    const cut = orders.cut?.from === who ? orders.cut : undefined;
    from.on("data", (chunk: Buffer) => this.#arrive(chunk, cut));
    from.on("end", () => this.#afterwards(() => this.#isCut || to.end()));
    to.on("drain", () => from.resume());
  }

  #arrive(chunk: Buffer, cut: Cut | undefined): void {
    if (this.#isCut) return;
    const rest = cut === undefined ? Infinity : cut.bytes - this.#passed;
    this.#passed += chunk.length;
    if (cut === undefined || rest >= chunk.length) {
      this.#send(chunk);
      return;
    }
    if (cut.how === "flip") {
      chunk[rest] = ~(chunk[rest] ?? 0);
      this.#send(chunk);
      this.forgetLater();
      return;
    }
    this.#send(chunk.subarray(0, rest));
    this.#isCut = true;
    this.#afterwards(() => this.#cut(cut, chunk.subarray(rest)));
  }

  #cut({ how }: Cut, rest: Buffer): void {
    this.forgetLater();
    if (how === "fin") this.to.end();
    else if (how === "finBoth") {
      this.to.end();
      this.from.end();
    } else if (how === "rst") this.resetBoth();
    else if (how === "rstOne") {
      reset(this.to);
      this.from.end();
    } else if (how === "junk") {
      this.#isCut = false;
      this.#send(Buffer.concat([JUNK, rest]));
    }
    // The one that stalls passes on nothing more.
  }

  #send(bytes: Buffer): void {
    if (this.orders.chops && this.#passed < MAX_CHOPPED_BYTES) {
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
        const piece = bytes.subarray(at, at + PIECE_BYTES);
        this.#passing = this.#passing.then(() => turn()).then(() => this.#write(piece));
      }
    } else this.#afterwards(() => this.#write(bytes));
  }

  #write(bytes: Buffer): void {
    if (this.to.writable && !this.to.write(bytes)) this.from.pause();
  }

  /** Calls back when all is sent that comes before: at once if nothing was chopped. */
  #afterwards(callback: () => unknown): void {
    if (this.orders.chops) this.#passing = this.#passing.then(() => void callback());
    else callback();
  }
}

function reset(socket: Socket): void {
  if (socket.destroyed) return;
  const isEnding = socket.writableEnded && !socket.writableFinished;
  if (socket.connecting || isEnding) socket.destroy();
  else socket.resetAndDestroy();
}
