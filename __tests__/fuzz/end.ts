import type { Duplex } from "node:stream";
import type { Connection, ConnectionOptions } from "../../src/index.js";
import type { RunningPair } from "./kinds.js";
import type { Operation } from "./operation.js";
import { Payloads } from "./payload.js";
import type { EndName, Scenario } from "./scenario.js";
import type { Surroundings } from "./surroundings.js";
import type { Traces } from "./traces.js";
import type { Received, Written } from "./transcript.js";

/**
 * What has been done at an end, as far as it explains what its own calls and those of its peer fail with. `destroy` stands
 * for every way to drop a view or a stream in the middle, `over` for a Duplex that has closed the connection since both sides
 * had ended.
 */
export type Deed = "closeWrite" | "closeRead" | "close" | "reset" | "destroy" | "detach" | "abandon" | "over";

/** What leaves the peer with a connection that may be reset, or cut off. */
const DESTRUCTIVE: readonly Deed[] = ["closeRead", "close", "reset", "destroy", "abandon"];

/** Whether a reset that comes with the last bytes may look like an end: before Node 24 it may. */
const RESETS_MAY_LOOK_LIKE_ENDS = Number(process.versions.node.split(".")[0]) < 24;

/** What the ends of one run have in common. */
export interface Shared {
  readonly scenario: Scenario;
  /** What both connections were made with. */
  readonly settings: ConnectionOptions;
  readonly pair: RunningPair;
  readonly surroundings: Surroundings;
  /** Whether the bytes go through connections in between. */
  readonly isRelayed: boolean;
  /** What is on the streams of such ends before a connection has them. */
  readonly bare: Readonly<Record<EndName, Traces>>;
  readonly operations: Operation[];
  /** The next number of an event. */
  tick(): number;
  /** Calls back in a later turn, before the run has ended. */
  later(callback: () => void): void;
  /** Calls back when everything is closed. */
  whenOver(callback: () => void): void;
  /** Reports a fault. */
  complain(text: string): void;
}

/** How bytes were read. */
export interface Taking {
  readonly startedAt: number;
  readonly lane: "connection" | "duplex" | "web" | "from" | "detached";
  readonly by: string;
  /** What the read has stripped. */
  readonly before?: Buffer;
  /** One of these, if it is not told which. */
  readonly after?: Buffer | readonly Buffer[];
  readonly isLine?: boolean;
}

/** One end of the connection, and what the model knows of it. */
export class End {
  readonly name: EndName;
  readonly shared: Shared;
  readonly payloads: Payloads;
  readonly written: Written[] = [];
  readonly #taken: Taken[] = [];
  #peeked: Peeked[] = [];
  readonly #deeds = new Set<Deed>();
  peer!: End;
  connection: Connection;
  /** What `detach()` has given back; it goes on by hand. */
  detached: Duplex | null = null;
  /** A connection of this end was, at some time. */
  wasDetached = false;
  /** Our listeners on it. */
  byHand: Readonly<Record<string, (argument: unknown) => void>> = {};
  /** Aborts the signal that calls share. */
  common = new AbortController();
  /** Aborts the `closeOn` of the connection that this end was made with, where it has one. */
  readonly closing: AbortController;
  /** Every signal that a call was given. */
  readonly signals: Set<AbortSignal>;
  /** Reads that wait, in whatever dialect. */
  reading = 0;
  /** Connections whose Duplex or web streams were used: their failures reset the connection. */
  readonly viewed = new Set<Connection>();
  /** A write with a timeout was not awaited: other calls report its loss. */
  hasUnawaitedWrite = false;
  /** Views that were read from. */
  readonly readViews = new Set<Duplex | Connection["readable"]>();
  /** A reader that was let go may have left bytes in the web stream, which a cancel throws away. */
  mayHaveLeftBytes = false;
  /** What views have failed with: all that is called of them afterwards fails with the same. */
  readonly viewErrors = new Set<unknown>();
  /** The end of the stream was read. */
  sawEnd = false;
  /** Bytes were put back behind which the end comes again. */
  #hadSeenEnd = false;
  /** A call that ends the output has resolved. */
  endedWell = false;

  constructor(name: EndName, connection: Connection, closing: AbortController, shared: Shared) {
    this.name = name;
    this.closing = closing;
    this.signals = new Set([closing.signal]);
    this.connection = connection;
    this.shared = shared;
    this.payloads = new Payloads(shared.scenario.wide);
  }

  /** Whether nothing runs here any more. */
  get isGone(): boolean {
    return this.shared.surroundings.isGone(this.name);
  }

  /** Whether something was done here that ends the output. */
  get hasEnded(): boolean {
    return this.has("closeWrite", "close", "over", "destroy", "reset");
  }

  get usesViews(): boolean {
    return this.viewed.has(this.connection);
  }

  do(deed: Deed): void {
    this.#deeds.add(deed);
  }

  undo(deed: Deed): void {
    this.#deeds.delete(deed);
  }

  has(...deeds: readonly Deed[]): boolean {
    return deeds.some((deed) => this.#deeds.has(deed));
  }

  /** Whether something was done here that drops the connection in the middle. */
  get wasCutOff(): boolean {
    return this.has(...DESTRUCTIVE);
  }

  /** Whether the connection may be gone in the middle: by something done here, or by a timeout of a view. */
  get mayBeCutOff(): boolean {
    const { readTimeout, writeTimeout } = this.shared.settings;
    const timesOut = [readTimeout, writeTimeout].some(
      (timeout) => timeout !== undefined && timeout !== Infinity,
    );
    if (this.shared.surroundings.mayBreak()) return true;
    return this.wasCutOff || (this.usesViews && (timesOut || this.hasUnawaitedWrite));
  }

  /** Whether nothing was done here that could keep a stream from ending well. */
  get isGentle(): boolean {
    const { writeTimeout = Infinity } = this.shared.settings;
    return !this.mayBeCutOff && !this.hasUnawaitedWrite && writeTimeout === Infinity;
  }

  /** Whether our own input is closed: an end of stream then says nothing about the peer. */
  get isShut(): boolean {
    return this.has("closeRead", "close", "reset", "destroy", "over");
  }

  /** Whether an end of stream that is read here may be a reset in disguise. */
  get endMayBeReset(): boolean {
    const { pair, isRelayed } = this.shared;
    if (!this.peer.mayBeCutOff && !this.mayBeCutOff) return false;
    return (
      !pair.resets || isRelayed || (RESETS_MAY_LOOK_LIKE_ENDS && this.has("closeWrite", "close", "detach"))
    );
  }

  /** Takes note of an end of stream, behind the last byte. */
  readEnd(by: string): void {
    // A Duplex that was over had read the peer's end: it comes again behind what was put back then.
    const isAgain = this.#hadSeenEnd && !this.has("closeRead", "close", "reset", "destroy");
    if (!this.isShut || isAgain) this.sawEnd = true;
    this.foundEnd(by);
  }

  /** An end of stream was found, perhaps behind bytes that are unread. */
  foundEnd(by: string): void {
    if (this.isShut) return;
    const isExplained = this.peer.has("closeWrite", "close", "destroy", "abandon") || this.endMayBeReset;
    if (!isExplained)
      this.shared.complain(`${by} found an end of stream that ${this.peer.name} has not sent`);
  }

  /** The bytes that a read took out of the stream. They are its caller's from now on, unless they are only `lent`. */
  take(bytes: Buffer, how: Taking, isLent = false): void {
    const { startedAt, lane, by, before = NONE, after = NONE, isLine = false } = how;
    const parts = [before, isLent ? Buffer.from(bytes) : this.#used(bytes)];
    const ends = Array.isArray(after) ? (after as readonly Buffer[]) : [after as Buffer];
    this.#taken.push({ parts, ends, startedAt, settledAt: this.shared.tick(), lane, by, isLine });
  }

  /** Takes note of bytes that stay unread; they belong to the caller, too. */
  peek(bytes: Buffer, startedAt: number, by: string): void {
    this.#peeked.push({ bytes: this.#used(bytes), startedAt, by });
  }

  /** At most the last `size` bytes that were read: none if it is not known what they were, or if others may have read more. */
  lastRead(size: number): Buffer {
    const last = this.#inOrder.at(-1);
    const isKnown = last?.lane === "connection" && last.ends.length === 1 && !last.isLine;
    if (!isKnown || this.reading > 0 || this.readViews.size > 0) return NONE;
    const bytes = bytesOf(last)[0] as Buffer;
    return Buffer.from(bytes.subarray(Math.max(0, bytes.length - size)));
  }

  /** The last `size` bytes were put back. */
  putBack(size: number): void {
    if (size === 0) return;
    const last = this.#inOrder.at(-1) as Taken;
    const bytes = bytesOf(last)[0] as Buffer;
    this.#taken[this.#taken.indexOf(last)] = {
      ...last,
      parts: [bytes.subarray(0, bytes.length - size)],
      ends: [NONE],
    };
    // What was peeked at comes later now, and so does the end.
    this.#peeked = [];
    this.#hadSeenEnd ||= this.sawEnd;
    this.sawEnd = false;
  }

  /** Compares what was peeked at with what was read then, as far as that is known. */
  checkPeeks(): void {
    if (this.readViews.size > 0 || this.wasDetached) return;
    for (const { bytes, startedAt, by } of this.#peeked) {
      const later = this.#inOrder.filter((taken) => taken.startedAt > startedAt);
      const isUnclear = ({ ends, isLine }: Taken) => ends.length > 1 || isLine;
      const end = later.findIndex(isUnclear);
      const known = Buffer.concat(
        later.slice(0, end === -1 ? later.length : end).map((taken) => bytesOf(taken)[0] as Buffer),
      );
      const length = Math.min(bytes.length, known.length);
      if (!bytes.subarray(0, length).equals(known.subarray(0, length)))
        this.shared.complain(`${by} gave other bytes than the reads after it`);
    }
  }

  /**
   * What was read, as it is now: nothing may have changed what its owners have kept. Reads take their bytes in the order in
   * which they were made, since only one may wait; a loop learns later than a call that its read has settled.
   */
  get received(): Received[] {
    return this.#inOrder.map((taken) => {
      const { startedAt, settledAt, lane, by, isLine } = taken;
      const [bytes = NONE, ...others] = bytesOf(taken);
      const read = { startedAt, settledAt, lane, by, isLine, bytes };
      return others.length === 0 ? read : { ...read, others };
    });
  }

  get #inOrder(): readonly Taken[] {
    return this.#taken.toSorted((one, other) => one.startedAt - other.startedAt);
  }

  /** The bytes as they were read: their owner may overwrite or transfer them. */
  #used(bytes: Buffer): Buffer {
    const { buffers } = this.shared.scenario;
    if (buffers === "kept") return bytes;
    const copy = Buffer.from(bytes);
    if (buffers === "overwritten") bytes.fill(0x21);
    else transfer(bytes);
    return copy;
  }
}

/** Bytes that were read, in parts that their owners keep, and what may have ended them. */
interface Taken extends Omit<Received, "bytes" | "others"> {
  readonly parts: readonly Buffer[];
  readonly ends: readonly Buffer[];
}

interface Peeked {
  readonly bytes: Buffer;
  readonly startedAt: number;
  readonly by: string;
}

const NONE = Buffer.alloc(0);

/** All bytes that may have been taken out of the stream. */
function bytesOf({ parts, ends }: Taken): Buffer[] {
  return ends.map((end) => Buffer.concat([...parts, end]));
}

/** Transfers the memory below a buffer, as posting it to a worker does, if that is the buffer's alone. */
export function transfer({ buffer }: Uint8Array): void {
  try {
    structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
  } catch {
    // Node's own pool refuses that.
  }
}
