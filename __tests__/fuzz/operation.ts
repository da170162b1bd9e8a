import type { Connection, OperationOptions } from "../../src/index.js";
import type { End } from "./end.js";
import { complaintAbout, type Failing } from "./failures.js";
import { textOfCall, type Bounds, type Call } from "./scenario.js";

/** One call that was made, from its start until it has settled. */
export class Operation {
  readonly end: End;
  readonly call: Call;
  /** The end may adopt another while this call goes on. */
  readonly connection: Connection;
  /** How it is named when something is wrong with it. */
  readonly text: string;
  readonly startedAt: number;
  /** Whether a read was waiting already. */
  readonly foundBusy: boolean;
  readonly options: OperationOptions | undefined;
  /** Ms after which it must have settled, whatever happens. */
  readonly bound: number;
  readonly done: Promise<void>;
  isDone = false;
  /** Ms that it has taken. */
  lasted = 0;
  /** What it failed with, if it did. */
  failure: unknown;
  readonly #begunAt = performance.now();
  #settle!: () => void;
  #controller: AbortController | undefined;

  constructor(end: End, call: Call, number: number) {
    this.end = end;
    this.call = call;
    this.connection = end.connection;
    this.text = `${number === 0 ? "at the end" : `step ${String(number)}`}, ${end.name}.${textOfCall(call)}`;
    this.startedAt = end.shared.tick();
    this.foundBusy = end.reading > 0;
    this.options = this.#bounds(call as Bounds);
    this.bound = end.detached === null ? boundOf(call) : Infinity;
    this.done = new Promise((resolve) => {
      this.#settle = () => {
        this.isDone = true;
        this.lasted = performance.now() - this.#begunAt;
        resolve();
      };
    });
    end.shared.operations.push(this);
  }

  /** The call has been made and may be waiting. */
  started(): void {
    const { signal } = this.call as Bounds;
    if (signal === "now") this.#controller?.abort(reasonOf(signal));
    else if (signal === "soon")
      setImmediate(() => setImmediate(() => this.#controller?.abort(reasonOf(signal))));
  }

  settled(): void {
    if (this.isDone) return;
    if ((this.call as Bounds).signal === "late") this.#controller?.abort(reasonOf("late"));
    this.#settle();
  }

  /** Judges what it failed with. */
  failed(error: unknown, failing: Failing): void {
    this.failure = error;
    if (failing === "duplex" || failing === "web") {
      if (this.end.viewErrors.has(error)) return;
      this.end.viewErrors.add(error);
    }
    const complaint = complaintAbout(error, this, failing);
    if (complaint === undefined) return;
    // An earlier failure may be reported only now: a Duplex that fails resets the connection, and then emits its error.
    this.end.shared.later(() => {
      if (complaintAbout(error, this, failing) !== undefined) this.complain(complaint);
    });
  }

  /** Reports a call that threw: no call may. */
  threw(error: unknown): void {
    this.complain(`threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }

  complain(text: string): void {
    this.end.shared.complain(`${this.text}: ${text}`);
  }

  #bounds({ timeout, signal }: Bounds): OperationOptions | undefined {
    const options: OperationOptions = {};
    if (timeout !== undefined) options.timeout = timeout;
    if (signal !== undefined) {
      if (signal === "timer") options.signal = AbortSignal.timeout(3);
      else if (signal === "aborted") options.signal = AbortSignal.abort(reasonOf(signal));
      else {
        this.#controller = signal === "shared" ? this.end.common : new AbortController();
        options.signal = this.#controller.signal;
      }
      this.end.signals.add(options.signal);
    }
    return timeout === undefined && signal === undefined ? undefined : options;
  }
}

export function reasonOf(kind: string): Error {
  return new Error(`the ${kind} signal was aborted`);
}

function boundOf(call: Call): number {
  // The bounds of a loop are for each turn.
  if (call.op === "loop") return Infinity;
  const { timeout, signal } = call as Bounds;
  if (timeout !== undefined) return timeout;
  return signal === undefined || signal === "shared" || signal === "late" ? Infinity : 5;
}
