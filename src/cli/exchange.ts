import process from "node:process";
import type { Connection } from "../index.js";
import { ToCrlf, ToLf } from "./line-ends.js";
import { LineEditor } from "./line-editor.js";
import { IdleTimer } from "./time.js";

export interface ExchangeOptions {
  /** Most milliseconds in which no byte moves, in either direction. */
  readonly timeout: number;
  /** Whether text is exchanged line by line: lines go out with CR LF. */
  readonly isLines: boolean;
}

/** How long stdin may be silent once the peer has ended its own stream. */
const SILENCE_AFTER_END_MS = 2_000;

/** Nothing has moved for too long. */
export class SilenceError extends Error {
  constructor(ms: number) {
    super(`no byte has moved for ${String(ms)} ms`);
  }
}

/** Stdin has failed, by `cause`: what the peer would answer to half of it is of no use. */
class InputError extends Error {}

/** Whoever was to read our stdout has closed it: no failure, as in `tcp6 … | head`. */
class OutputClosed extends Error {}

/**
 * Passes stdin to the peer, and what the peer sends to stdout, until both have ended; then the connection is closed. The end
 * of stdin ends our side of the connection only. After the end of the peer's stream, what is left of stdin is sent: it ends
 * when stdin is silent, or at once if stdin is a terminal.
 *
 * It rejects with how the connection failed, which is reset then.
 */
export async function exchange(connection: Connection, options: ExchangeOptions): Promise<void> {
  const { timeout, isLines } = options;
  const stop = new AbortController();
  const { signal } = stop;
  const idle = new IdleTimer(timeout, () => stop.abort(new SilenceError(timeout)));
  const isTerminal = process.stdin.isTTY;
  const editor = isLines && isTerminal && process.stdout.isTTY ? new LineEditor() : undefined;
  const source = editor ?? new Input(isLines);
  const touch = (): void => idle.touch();
  const givenUp = rejectedBy(signal);
  try {
    const sent = send(connection, source, signal, touch);
    const received = receive(connection, editor ?? new Output(isLines), signal, touch);
    // What the peer has sent is read to its end even if it takes nothing any more.
    sent.catch((error: unknown) => {
      if (error instanceof InputError) stop.abort(error.cause);
    });
    await Promise.race([received, givenUp]);
    source.peerHasEnded();
    await Promise.race([sent, givenUp]);
    await connection.close();
  } catch (error) {
    connection.reset();
    const reason: unknown = signal.aborted ? signal.reason : error;
    if (!(reason instanceof OutputClosed)) throw reason;
  } finally {
    idle.stop();
    source.close();
  }
}

/** Rejects when the signal is aborted: what waits for stdin or stdout is not told of it. */
function rejectedBy(signal: AbortSignal): Promise<never> {
  const rejected = new Promise<never>((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error));
  });
  rejected.catch(() => undefined);
  return rejected;
}

/** Where bytes for the peer come from. */
export interface Source extends AsyncIterable<Uint8Array> {
  /** Nothing the peer could say in reply is awaited any more. */
  peerHasEnded(): void;
  close(): void;
}

/** Where bytes of the peer go. */
export interface Sink {
  write(chunk: Uint8Array): Promise<void>;
  end(): Promise<void>;
}

async function send(
  connection: Connection,
  source: Source,
  signal: AbortSignal,
  touch: () => void,
): Promise<void> {
  for await (const chunk of source) {
    touch();
    await connection.write(chunk, { signal });
    touch();
  }
  await connection.closeWrite({ signal });
}

async function receive(
  connection: Connection,
  sink: Sink,
  signal: AbortSignal,
  touch: () => void,
): Promise<void> {
  for await (const chunk of connection.chunks({ recycle: true, signal })) {
    touch();
    await sink.write(chunk);
  }
  await sink.end();
}

/** Stdin, which can be left at any time. */
class Input implements Source {
  readonly #ends: ToCrlf | undefined;
  #silence: IdleTimer | undefined;
  #isLeft = false;

  constructor(isLines: boolean) {
    this.#ends = isLines ? new ToCrlf() : undefined;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    try {
      for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
        this.#silence?.touch();
        yield this.#ends?.push(chunk) ?? chunk;
      }
    } catch (error) {
      // A stream that is destroyed ends its loops by an error.
      if (!this.#isLeft) throw new InputError("stdin has failed", { cause: error });
    }
    const rest = this.#ends?.end();
    if (rest !== undefined && rest.length > 0) yield rest;
  }

  peerHasEnded(): void {
    if (process.stdin.isTTY) this.close();
    else this.#silence = new IdleTimer(SILENCE_AFTER_END_MS, () => this.close());
  }

  close(): void {
    this.#silence?.stop();
    this.#isLeft = true;
    process.stdin.destroy();
  }
}

class Output implements Sink {
  readonly #ends: ToLf | undefined;

  constructor(isLines: boolean) {
    this.#ends = isLines ? new ToLf() : undefined;
  }

  write(chunk: Uint8Array): Promise<void> {
    return toStdout(this.#ends?.push(chunk) ?? chunk);
  }

  async end(): Promise<void> {
    await toStdout(this.#ends?.end() ?? "");
  }
}

/** Resolves when stdout has taken all of it. */
async function toStdout(data: Uint8Array | string): Promise<void> {
  if (data.length === 0) return;
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(data, (error) => {
      if (error == null) resolve();
      else reject((error as NodeJS.ErrnoException).code === "EPIPE" ? new OutputClosed() : error);
    });
  });
}
