import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { BorrowedMethods } from "./borrowed-methods.js";
import { takenFrom } from "./node-internals.js";
import { EVENTS, received, handOverToStream, SINK, TAKEN, type HandedSocket } from "./stream-socket.js";
import type { Sink } from "./transport.js";

const READING = ["push", "read", "resume", "on", "addListener"] as const;

type Reading = Pick<Duplex, (typeof READING)[number]>;

/** Methods that the connection hears of, also while the program reads the socket as a stream. */
const LIFE = ["destroy", "ref", "unref"] as const;

/** Makes a socket of the program's, or of Node's server, hand over what arrives, as a `StreamSocket` does, until it is given back. */
export class Interception {
  protected readonly socket: HandedSocket;
  readonly #reading: BorrowedMethods<Duplex, keyof Reading>;
  readonly #life: BorrowedMethods<Socket, (typeof LIFE)[number]>;

  constructor(socket: HandedSocket) {
    this.socket = socket;
    this.#reading = new BorrowedMethods<Duplex, keyof Reading>(
      socket,
      (own) => this.#readingOf(own),
      READING,
    );
    this.#life = new BorrowedMethods<Socket, (typeof LIFE)[number]>(
      socket,
      (own) => ({
        destroy: (error) => {
          if (!socket.destroyed) socket[TAKEN] = takenFrom(socket);
          this.destroy(own.destroy, error);
          return socket;
        },
        ref: () => {
          socket[EVENTS]?.refer(true);
          return own.ref.call(socket);
        },
        unref: () => {
          socket[EVENTS]?.refer(false);
          return own.unref.call(socket);
        },
      }),
      LIFE,
    );
  }

  /** Leaves nothing of it on the socket. What was added last goes first, as in {@link BorrowedMethods}. */
  giveBack(): void {
    const { socket } = this;
    /* eslint-disable @typescript-eslint/no-dynamic-delete -- as there */
    delete socket[TAKEN];
    delete socket[EVENTS];
    delete socket[SINK];
    /* eslint-enable @typescript-eslint/no-dynamic-delete */
    this.#life.giveBack();
    this.#reading.giveBack();
  }

  /** Hands over what the socket would put into its Readable; answers whether more may arrive. */
  protected received(sink: Sink, chunk: unknown): boolean {
    return received(this.socket, sink, chunk);
  }

  /** Destroys the socket with its own method. */
  protected destroy(destroy: Socket["destroy"], error: Error | undefined): void {
    destroy.call(this.socket, error);
  }

  #readingOf(own: Reading): Reading {
    const { socket } = this;
    const handOver = (): void => {
      // From now on the methods would only pass their calls on.
      if (handOverToStream(socket)) this.#reading.giveBack();
    };
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as Node's own types have it
    type Listener = (...args: any[]) => void;
    const listening = (method: "on" | "addListener") => (event: string | symbol, listener: Listener) => {
      if (event === "data" || event === "readable") handOver();
      return own[method].call(socket, event as string, listener);
    };
    return {
      push: (chunk, encoding) => {
        const sink = socket[SINK];
        if (sink === undefined) return own.push.call(socket, chunk, encoding);
        return this.received(sink, chunk);
      },
      read: (size) => {
        // Node calls read(0) itself to start reading, also after the end of the stream.
        if (size === 0 && socket[SINK] !== undefined) return null;
        handOver();
        return own.read.call(socket, size) as unknown;
      },
      resume: () => {
        handOver();
        return own.resume.call(socket);
      },
      on: listening("on"),
      addListener: listening("addListener"),
    };
  }
}
