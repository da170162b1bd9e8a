import { Buffer } from "node:buffer";
import process from "node:process";
import { createInterface, type Interface } from "node:readline";
import { StringDecoder } from "node:string_decoder";
import { ToLf } from "./line-ends.js";
import { terminalOf, visible, type Terminal } from "./terminal.js";

const PROMPT = "> ";
/** Lines of the user's that the peer does not take yet; more are not read from the terminal. */
const MAX_WAITING_LINES = 1_000;
/** Of a line of the peer's: a longer one is shown in pieces. */
const MAX_SHOWN_CHARACTERS = 16_384;

/**
 * A terminal in which the user edits lines, with a history, below those that the peer has sent. Control characters of the
 * peer's are shown, and do nothing to the terminal.
 */
export class LineEditor {
  readonly #screen: Terminal = terminalOf(process.stdout);
  readonly #editor: Interface;
  readonly #lines: string[] = [];
  readonly #ends = new ToLf();
  readonly #text = new StringDecoder("utf8");
  #rest = "";
  #wake: () => void = () => undefined;
  #isClosed = false;

  constructor() {
    const { stdin: input, stdout: output } = process;
    this.#editor = createInterface({ input, output, prompt: this.#screen.paint("cyan", PROMPT) });
    this.#editor.on("line", (line) => {
      this.#lines.push(line);
      if (this.#lines.length >= MAX_WAITING_LINES) this.#editor.pause();
      this.#wake();
      this.#editor.prompt();
    });
    this.#editor.on("close", () => {
      this.#isClosed = true;
      this.#wake();
    });
    // The terminal is raw, so that no signal comes of it.
    this.#editor.on("SIGINT", () => {
      this.#editor.close();
      process.kill(process.pid, "SIGINT");
    });
    this.#editor.prompt();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) yield Buffer.from(`${line}\r\n`);
      else if (this.#isClosed) return;
      else {
        this.#editor.resume();
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    }
  }

  write(chunk: Uint8Array): Promise<void> {
    const lines = (this.#rest + this.#text.write(this.#ends.push(chunk))).split("\n");
    this.#rest = lines.pop() ?? "";
    for (; this.#rest.length > MAX_SHOWN_CHARACTERS; this.#rest = this.#rest.slice(MAX_SHOWN_CHARACTERS)) {
      lines.push(this.#rest.slice(0, MAX_SHOWN_CHARACTERS));
    }
    this.#show(lines);
    return Promise.resolve();
  }

  end(): Promise<void> {
    const rest = this.#rest + this.#text.end(this.#ends.end());
    if (rest !== "") this.#show([rest]);
    return Promise.resolve();
  }

  peerHasEnded(): void {
    this.close();
  }

  close(): void {
    if (!this.#isClosed) process.stdout.write("\r\x1b[K");
    this.#editor.close();
    process.stdin.destroy();
  }

  /** Above the line that is being edited. */
  #show(lines: readonly string[]): void {
    if (lines.length === 0) return;
    const shown = lines.map((line) => `${visible(line)}\n`).join("");
    process.stdout.write(this.#isClosed ? shown : `\r\x1b[K${shown}`);
    if (!this.#isClosed) this.#editor.prompt(true);
  }
}
