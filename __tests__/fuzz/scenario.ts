/** What a run does, as plain data: it can be printed, kept and run again. */

export type EndName = "a" | "b";

/**
 * The signal of a call: aborted before it, during the call (in the same turn, or some turns later), after it has settled, or
 * by a timer; or one that many calls share, until an `abort` step aborts it.
 */
export type SignalKind = "aborted" | "now" | "soon" | "late" | "timer" | "shared";

export interface Bounds {
  /** Milliseconds. */
  readonly timeout?: number | undefined;
  readonly signal?: SignalKind | undefined;
}

interface Limited extends Bounds {
  readonly limit?: number | undefined;
}

export type DataKind = "text" | "latin1" | "bytes" | "view" | "memory" | "list";

/** How a loop over a connection is left: by `break`, by `return()` while its next element is waited for, or not at all. */
export type Leaving = "break" | "returnWhileWaiting" | "forgotten";

/**
 * What a loop goes over: `records` end with a line feed, the last one perhaps not; `recordsOfAny` end with one of several
 * delimiters; `messages` are those of a codec of the program's own.
 */
export type Loop =
  "lines" | "chunks" | "recycled" | "iterator" | "frames" | "records" | "recordsOfAny" | "messages";

/** How messages begin and end: with their length, by the library or a codec of the program's own, or with a line feed. */
export type Framing = "library" | "measured" | "ended";

export type Call =
  // Reading
  | ({ readonly op: "read" } & Bounds)
  | ({ readonly op: "readInto"; readonly size: number } & Bounds)
  | ({ readonly op: "readExactly"; readonly size: number } & Bounds)
  | ({ readonly op: "readUntil"; readonly delimiter: string | readonly string[] } & Limited)
  | ({ readonly op: "readUntilAny"; readonly delimiters: readonly string[] } & Limited)
  | ({ readonly op: "readLine" } & Limited)
  | ({ readonly op: "readAll" } & Limited)
  | ({ readonly op: "peek"; readonly size: number } & Bounds)
  /** Puts back the last bytes that were read. */
  | { readonly op: "unread"; readonly size: number }
  | ({ readonly op: "receive"; readonly framing: Framing; readonly bytes: 1 | 2 | 4 } & Bounds)
  | ({
      readonly op: "loop";
      readonly over: Loop;
      readonly times: number;
      readonly leave: Leaving;
    } & Bounds)
  // Writing
  | ({
      readonly op: "write";
      readonly data: DataKind;
      readonly size: number;
      readonly unawaited?: boolean;
    } & Bounds)
  | ({ readonly op: "chop"; readonly size: number; readonly pieces: number } & Bounds)
  | ({ readonly op: "writeLine"; readonly size: number } & Bounds)
  | ({
      readonly op: "send";
      readonly framing: Framing;
      readonly bytes: 1 | 2 | 4;
      readonly size: number;
    } & Bounds)
  | ({ readonly op: "flush" } & Bounds)
  // The connection as a Duplex of Node's
  | { readonly op: "duplexFlow"; readonly turns: number }
  | { readonly op: "duplexRead"; readonly turns: number }
  | { readonly op: "duplexLoop"; readonly times: number; readonly keep: boolean }
  | { readonly op: "duplexWrite"; readonly data: "text" | "bytes"; readonly size: number }
  | { readonly op: "duplexPipeline"; readonly size: number; readonly pieces: number }
  | { readonly op: "duplexTimeout"; readonly ms: number }
  | { readonly op: "duplexEnd" }
  | { readonly op: "duplexDestroy"; readonly error: boolean }
  // The connection as web streams
  | { readonly op: "webRead"; readonly release: "settled" | "waiting" }
  | { readonly op: "webReadInto"; readonly size: number }
  | { readonly op: "webLoop"; readonly times: number; readonly keep: boolean }
  | { readonly op: "webPipe"; readonly turns: number }
  | { readonly op: "webFrom"; readonly times: number }
  | { readonly op: "webCancel" }
  | { readonly op: "webWrite"; readonly data: "text" | "bytes"; readonly size: number }
  | { readonly op: "webClose" }
  | { readonly op: "webAbort" }
  // Endings
  | ({ readonly op: "closeWrite" } & Bounds)
  | { readonly op: "closeRead" }
  | ({ readonly op: "close" } & Bounds)
  | { readonly op: "reset" }
  | { readonly op: "abandon"; readonly side: "input" | "output" }
  | { readonly op: "detach"; readonly allowHalfOpen: boolean }
  /** Adopts again what was detached. */
  | { readonly op: "adopt" }
  /** Aborts the signal that calls of this end share. */
  | { readonly op: "abort" }
  /** Aborts the `closeOn` of the connection that this end was made with. */
  | { readonly op: "closeOn" }
  // What happens to a simulated network, and to the host of this end
  | { readonly op: "partition" }
  | { readonly op: "heal" }
  | { readonly op: "crash" }
  | { readonly op: "restart" }
  | { readonly op: "stall"; readonly ms: number }
  | {
      readonly op: "link";
      readonly latency?: number | readonly [least: number, most: number] | undefined;
      readonly jitter?: number | undefined;
      readonly bandwidth?: number | undefined;
      readonly loss?: number | undefined;
    };

export type Op = Call["op"];
export type CallOf<O extends Op> = Extract<Call, { op: O }>;

/**
 * What happens between a call and the next: nothing, microtasks, turns of the event loop, or waiting until it has settled. On
 * virtual time also a moment, in which packets arrive, or a while, in which timeouts pass.
 */
export type Pause = "none" | "microtasks" | "turn" | "turns" | "settled" | "moment" | "while";

export interface Step {
  readonly end: EndName;
  readonly call: Call;
  readonly pause: Pause;
}

export interface Scenario {
  readonly kind: string;
  readonly settings: {
    readonly readTimeout?: number | undefined;
    readonly writeTimeout?: number | undefined;
    readonly lingerTimeout?: number | undefined;
    readonly bufferSize?: number | undefined;
    readonly autoCork?: boolean | undefined;
    readonly readAhead?: number | undefined;
    /** Ms of silence after which the kernel asks the peer. */
    readonly keepAlive?: number | undefined;
  };
  /** What a simulated network is like. */
  readonly network?: {
    /** What its packets do. */
    readonly seed: number;
    readonly latency: number | readonly [least: number, most: number];
    readonly bandwidth: number;
    /** Whether the network is whole again, and all hosts are up, when both ends are brought to their end. */
    readonly heals: boolean;
  };
  /** Text has characters of several bytes. */
  readonly wide: boolean;
  /** What ends the lines that are read and written. */
  readonly terminator: "lf" | "crlf" | "cr";
  /** What its owner does to a buffer that was handed out, or taken: it is left as it is, written over, or transferred. */
  readonly buffers: "kept" | "overwritten" | "transferred";
  readonly steps: readonly Step[];
  /** How both ends end: what is unread is read to the end of the stream, both are closed, or one is reset. */
  readonly finish: "drain" | "close" | "reset";
}

/** A scenario as a person reads it. */
export function textOf(scenario: Scenario): string {
  const { kind, settings, network, wide, terminator, buffers, steps, finish } = scenario;
  const options = [settings, network ?? {}]
    .map(optionsOf)
    .filter((text) => text !== "")
    .join(", ");
  const head = `${kind}${options === "" ? "" : `, ${options}`}; ${wide ? "wide text; " : ""}${terminator === "lf" ? "" : `lines end with ${terminator}; `}buffers are ${buffers}`;
  const lines = steps.map(
    ({ end, call, pause }, at) =>
      `  ${String(at + 1).padStart(2)}. ${end}.${textOfCall(call)}${pause === "none" ? "" : `  then ${pause}`}`,
  );
  return [head, ...lines, `      ${finish}`].join("\n");
}

export function textOfCall({ op, ...details }: Call): string {
  return `${op}(${optionsOf(details)})`;
}

function optionsOf(values: object): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  if (given.length === 0) return "";
  return `{ ${given.map(([name, value]) => `${name}: ${typeof value === "number" ? String(value) : JSON.stringify(value)}`).join(", ")} }`;
}
