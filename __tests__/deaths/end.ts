/** One end of a life: what it does, what is done to it, and what it sees. */
import { getEventListeners } from "node:events";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { getParameters, NetError, NetTimeoutError, type Connection } from "../../src/index.js";
import { pattern } from "../../src/testing/contract/payloads.js";
import { pass } from "../fuzz/turns.js";
import type { Death, Deed, Moment, Plan, Script, Who } from "./plan.js";

const MAX_BYTES = 7 * 1024 * 1024;

/** What each end writes: the place of a byte in the stream is known by what is around it. */
const WRITTEN: Readonly<Record<Who, Buffer>> = {
  client: pattern(MAX_BYTES, 1),
  server: pattern(MAX_BYTES, 2),
};

/** The codes of errors for which a death is reason enough; those of OpenSSL begin with `ERR_SSL_`. */
const CODES = [
  ...["ECONNRESET", "EPIPE", "ECONNABORTED", "ECONNREFUSED", "ETIMEDOUT"],
  ...["ERR_CLOSED", "ERR_TLS_TRUNCATED", "ERR_TLS_PLAINTEXT", "ERR_UNEXPECTED_EOF"],
];

/** Those of certificates that are not trusted. */
const DISTRUST = [
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
];

/** Those of Node's, at an end whose sockets the program has ended or destroyed itself. */
const OWN_DEEDS = ["EBADF", "EINVAL", "ERR_STREAM_WRITE_AFTER_END"];

/** What an end knows of the life that it is part of. */
export interface Shared {
  readonly plan: Plan;
  /** Resolves when all deaths are done that are to be. */
  readonly died: Promise<unknown>;
  /** Whether the server took a handshake for dead, which on a busy machine may only be slow. */
  readonly hasGivenUp: boolean;
  complain(text: string): void;
  /** Counts an outcome. */
  count(what: string): void;
  closeListener(): void;
}

export class End {
  readonly controller = new AbortController();
  peer!: End;
  /** The one that is being made secure, and then the secure one. */
  connection: Connection | undefined;
  /** The stream beneath TLS. */
  raw: Duplex | undefined;
  tls: Duplex | undefined;
  /** How many bytes were given to `write` when the peer was told that no more comes: by `close`, `closeWrite` or Node's `end`. */
  saidEndAfter: number | undefined;
  /** The program has written to the socket itself: its bytes are somewhere among ours. */
  hasMixed = false;
  /** Whether it knows of writes that ran out of time, some of which were not sent. */
  hasDropped = false;
  /** How many bytes were given to `write`. */
  given = 0;
  received = 0;
  sawEnd = false;
  readonly #deaths: Death[];
  readonly #script: Script;
  readonly #deeds: Promise<unknown>[] = [];
  /** When this end was closed; `undefined` before. */
  closedAt: number | undefined;
  #hasClosed = false;
  #hasTouchedSockets = false;
  #isSecure = false;

  constructor(
    readonly who: Who,
    readonly shared: Shared,
  ) {
    this.#script = shared.plan[who];
    this.#deaths = shared.plan.deaths.filter((death) => death.who === who);
  }

  get deathsToCome(): number {
    return this.#deaths.length;
  }

  /** Does what is due a number of turns after. */
  turned(after: "birth" | "secure", turns: number): void {
    this.#due((moment) => moment.after === after && moment.turns === turns);
  }

  happened(after: Moment["after"]): void {
    const due = this.#take((moment) => moment.after === after && "then" in moment);
    for (const { deed, moment } of due) {
      const act = () => this.do(deed);
      const then = "then" in moment ? moment.then : "now";
      if (then === "now") act();
      else if (then === "microtask") void Promise.resolve().then(act);
      else if (then === "tick") process.nextTick(act);
      else setImmediate(act);
    }
  }

  do(deed: Deed): void {
    // In an event of the handshake, or its microtasks, that is a fault of memory in Node (nodejs/node #44563).
    if (deed === "resetBoth" || deed === "destroyBoth") setImmediate(() => this.#do(deed));
    else this.#do(deed);
  }

  #do(deed: Deed): void {
    this.shared.count(`deed ${deed}`);
    try {
      this.#perform(deed);
    } catch (error) {
      this.#judge(deed, error);
    }
  }

  /** The life has a secure connection: it does what its script says, until it is over. */
  async live(connection: Connection): Promise<void> {
    this.connection = connection;
    this.#isSecure = true;
    this.tls = connection.socket;
    this.raw = beneath(this.tls) ?? this.raw;
    if (this.shared.plan.route === "adopted") this.shared.count("adopted");
    else if (connection.tls === undefined)
      this.complain("a secure connection does not say what was agreed on");
    else if (connection.tls.protocol !== this.shared.plan.protocol) this.complain("the wrong protocol");
    this.shared.count("secure");
    const turning = this.#countTurns();
    await Promise.all([this.#write(connection), this.#read(connection)]);
    await turning;
    await this.observe("closing at last", this.#close(connection));
    await this.observe("closed", connection.closed);
    this.#checkAfterwards(connection);
  }

  /** Waits for a promise whose failure is judged. */
  async observe(what: string, promise: Promise<unknown>): Promise<void> {
    try {
      await promise;
      this.shared.count(`${what}: resolved`);
    } catch (error) {
      this.#judge(what, error);
    }
  }

  /** All that was begun by deeds. */
  async settled(): Promise<void> {
    await Promise.all(this.#deeds);
  }

  /** Looks at what is left when all is over. */
  checkLeftovers(): void {
    const { signal } = this.controller;
    const count = getEventListeners(signal, "abort").length;
    if (count > 0) this.complain(`${String(count)} listeners are left on its signal`);
    for (const [name, stream] of [
      ["the TLS socket", this.tls],
      ["the stream beneath", this.raw],
    ] as const) {
      if (stream !== undefined && !stream.destroyed) this.complain(`${name} is not destroyed`);
      else if (stream instanceof Socket && "_handle" in stream && stream._handle !== null && stream.closed)
        this.complain(`${name} is closed and has a handle`);
    }
  }

  complain(text: string): void {
    this.shared.complain(`${this.who}: ${text}`);
  }

  async #countTurns(): Promise<void> {
    for (let turns = 0; turns < 9; turns++) {
      this.turned("secure", turns);
      await pass(0);
    }
  }

  async #write(connection: Connection): Promise<void> {
    const { bytes, piece, isAwaited, ending } = this.#script;
    const pending: Promise<unknown>[] = [];
    try {
      while (this.given < bytes) {
        const from = this.given;
        this.given = Math.min(bytes, from + piece);
        const writing = connection.write(WRITTEN[this.who].subarray(from, this.given));
        if (isAwaited) await writing;
        else pending.push(writing);
      }
      // One of them fails: so do all that come after.
      await allSettled(pending);
      if (ending === "closeWrite") {
        this.#sayEnd();
        await connection.closeWrite();
      } else if (ending === "close") await this.#close(connection);
      else connection.reset();
      this.shared.count(`${ending}: done`);
    } catch (error) {
      // What has run out of time before its turn was not sent, and the program knows: it may end behind that.
      this.hasDropped ||= error instanceof NetTimeoutError;
      this.#failed("write", error, connection);
    }
  }

  async #read(connection: Connection): Promise<void> {
    const { reads, readsLate } = this.#script;
    try {
      if (readsLate) await this.shared.died;
      if (reads === "chunks" || reads === "recycled") {
        const chunks = reads === "chunks" ? connection : connection.chunks({ recycle: true });
        for await (const chunk of chunks) this.#take1(chunk);
      } else {
        const target = Buffer.allocUnsafe(30_000);
        for (;;) {
          const read = reads === "read" ? await connection.read() : await connection.readInto(target);
          if (read === null) break;
          this.#take1(typeof read === "number" ? target.subarray(0, read) : read);
        }
      }
      this.#ended();
    } catch (error) {
      this.#failed("read", error, connection);
    }
  }

  #take1(bytes: Buffer): void {
    const from = this.received;
    this.received += bytes.length;
    const { peer } = this;
    if (peer.hasMixed) return;
    if (this.received > peer.given) this.complain("received more than was sent");
    else if (bytes.compare(WRITTEN[peer.who], from, this.received) !== 0)
      this.complain(`received something else than was sent, from byte ${String(from)} on`);
  }

  #ended(): void {
    this.sawEnd = true;
    this.shared.count("the end was read");
    // The input was ended here.
    if (this.#hasClosed || this.shared.plan.allowTruncation) return;
    const { peer } = this;
    const { saidEndAfter } = peer;
    if (saidEndAfter === undefined) this.complain("read an end that was not said");
    else if (this.received < saidEndAfter && !peer.hasMixed && !peer.hasDropped)
      this.complain(`the stream has ended after ${String(this.received)} of ${String(saidEndAfter)} bytes`);
  }

  #sayEnd(): void {
    this.saidEndAfter ??= this.given;
  }

  #failed(what: string, error: unknown, connection: Connection): void {
    this.#judge(what, error);
    // It goes on closing.
    if (this.#hasClosed && (error as { code?: unknown }).code === "ERR_CLOSED") return;
    const { failing } = this.#script;
    if (failing === "close")
      this.#deeds.push(this.observe("close of what has failed", this.#close(connection)));
    else if (failing === "reset") connection.reset();
    else connection.socket.destroy();
  }

  #close(connection: Connection): Promise<void> {
    this.#hasClosed = true;
    this.closedAt ??= performance.now();
    this.#sayEnd();
    return connection.close();
  }

  #judge(what: string, error: unknown): void {
    const { plan } = this.shared;
    const { signal } = this.controller;
    if (signal.aborted && error === signal.reason) {
      this.shared.count(`${what}: aborted`);
      return;
    }
    const { code } = (error ?? {}) as { code?: unknown };
    const text = error instanceof Error ? `${String(code)} ${error.stack ?? ""}` : String(error);
    if (!(error instanceof NetError)) {
      this.complain(`${what} has failed with ${text}`);
      return;
    }
    this.shared.count(`${what}: ${error.operation} ${error.code}`);
    if (!this.#mayFailWith(error.code)) this.complain(`${what} has failed with an unknown code: ${text}`);
    else if (isGentle(plan) && !this.#isExcused(error))
      this.complain(`${what} has failed although nothing was done: ${text}`);
  }

  #isExcused(error: NetError): boolean {
    const wasClosed = this.#hasClosed && error.code === "ERR_CLOSED";
    return wasClosed || this.shared.hasGivenUp || this.#isLateFor(error);
  }

  /** Whether the peer has closed so long ago that it has given up waiting for the end of this side: a busy machine is slow. */
  #isLateFor({ code }: NetError): boolean {
    const { closedAt = Infinity } = this.peer;
    const isGone = code === "EPIPE" || code === "ECONNRESET";
    return isGone && performance.now() - closedAt >= getParameters().lingerTimeout;
  }

  #mayFailWith(code: string): boolean {
    if (CODES.includes(code)) return true;
    const { distrusting, cut, deaths } = this.shared.plan;
    if (DISTRUST.includes(code)) return distrusting !== undefined;
    // The byte that was changed may be one of the name of a protocol.
    if (code === "ERR_TLS_ALPN_CALLBACK_INVALID_RESULT") return cut?.how === "flip";
    if (code.startsWith("ERR_SSL_") || code === "EPROTO")
      return distrusting !== undefined || cut !== undefined || deaths.length > 0;
    return OWN_DEEDS.includes(code) && this.#hasTouchedSockets;
  }

  #checkAfterwards(connection: Connection): void {
    if (connection.writableLength > 0)
      this.complain(`${String(connection.writableLength)} bytes are still to be sent`);
    if (connection.fd !== undefined) this.complain("what is closed has a descriptor");
  }

  #due(isDue: (moment: Moment) => boolean): void {
    for (const { deed } of this.#take(isDue)) this.do(deed);
  }

  #take(isDue: (moment: Moment) => boolean): Death[] {
    const due = this.#deaths.filter(({ moment }) => isDue(moment));
    for (const death of due) this.#deaths.splice(this.#deaths.indexOf(death), 1);
    return due;
  }

  /** Node loses a socket that is reset while a shutdown is pending, also one of TLS above: it never closes. */
  #resetRaw(): void {
    const { raw } = this;
    const isPlain = raw instanceof Socket && !("encrypted" in raw) && raw.remoteAddress !== undefined;
    const mayShutDown =
      raw?.writableEnded === true || this.tls?.writableEnded === true || this.saidEndAfter !== undefined;
    if (isPlain && !raw.destroyed && !mayShutDown) raw.resetAndDestroy();
    else raw?.destroy();
  }

  #perform(deed: Deed): void {
    const { connection, raw, tls = raw } = this;
    this.#hasTouchedSockets ||= /Raw|Tls|Both/.test(deed);
    switch (deed) {
      case "reset":
        connection?.reset();
        break;
      case "close":
        if (connection !== undefined)
          this.#deeds.push(this.observe("close by a deed", this.#close(connection)));
        break;
      case "abort":
        this.controller.abort(new Error("the life was aborted"));
        break;
      case "destroyTls":
        tls?.destroy();
        break;
      case "destroyRaw":
        raw?.destroy();
        break;
      case "resetRaw":
        this.#resetRaw();
        break;
      case "destroyBoth":
        raw?.destroy();
        tls?.destroy();
        break;
      case "resetBoth":
        this.#resetRaw();
        tls?.destroy();
        break;
      case "destroyTlsAndReset":
        tls?.destroy();
        connection?.reset();
        break;
      case "resetAndDestroyTls":
        connection?.reset();
        tls?.destroy();
        break;
      case "endTls":
        this.#sayEnd();
        tls?.end();
        break;
      case "endRaw":
        raw?.end();
        break;
      case "writeTls":
        // Node aborts if the program writes to a TLS socket on which another one is made.
        if (this.tls?.writable !== true || (this.shared.plan.route === "tlsInTls" && !this.#isSecure)) break;
        this.hasMixed = true;
        this.tls.write(Buffer.alloc(1_000, "w"));
        break;
      case "detachAndDestroy":
        // A Duplex of Node's that is destroyed before its end fails with an AbortError.
        connection
          ?.detach()
          .on("error", () => undefined)
          .destroy();
        break;
      case "closeListener":
        this.shared.closeListener();
        break;
    }
  }
}

/** The stream that a TLS socket was made on. */
function beneath(socket: object): Duplex | undefined {
  const { _handle: handle } = socket as { _handle?: { _parentWrap?: Duplex & { stream?: Duplex } } | null };
  return handle?._parentWrap?.stream ?? handle?._parentWrap;
}

/** Whether nothing is done in a life that could keep it from ending well. */
export function isGentle({ deaths, cut, distrusting, timeout, patience, client, server }: Plan): boolean {
  const isPatient = timeout > 1_000 && patience > 1_000;
  const resets = client.ending === "reset" || server.ending === "reset";
  return deaths.length === 0 && cut === undefined && distrusting === undefined && isPatient && !resets;
}

/** Waits for all, and rejects as the first that has rejected. */
async function allSettled(promises: readonly Promise<unknown>[]): Promise<void> {
  const outcomes = await Promise.allSettled(promises);
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}
