/**
 * A client that outlives the workers it asks: it goes to the next one when it is told "bye".
 *
 *     npx tsx examples/fleet/client.ts localhost:4300 cert.pem REQUEST...
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { connect, type Connection, type ConnectOptions } from "tcp6";

export class Client implements AsyncDisposable {
  /** How often a worker has said "bye". */
  goodbyes = 0;
  #connection: Connection | undefined;

  constructor(
    readonly endpoint: string,
    readonly options: ConnectOptions,
  ) {}

  /** Resolves to the answers to some requests, which are sent all at once. */
  async ask(requests: readonly string[]): Promise<string[]> {
    const answers: string[] = [];
    while (answers.length < requests.length) {
      const connection = (this.#connection ??= await connect(this.endpoint, this.options));
      const unanswered = requests.slice(answers.length);
      // Whether the worker has taken them is for its answers to say.
      connection.write(unanswered.join("\n") + "\n").catch(() => undefined);
      for (const request of unanswered) {
        const answer = await connection.readLine();
        if (answer === null) throw new Error(`the connection has ended without an answer to ${request}`);
        if (answer === "bye") {
          this.goodbyes++;
          await this.close();
          break;
        }
        answers.push(answer);
      }
    }
    return answers;
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [endpoint = "localhost:4300", certificate = "cert.pem", ...requests] = process.argv.slice(2);
  try {
    await using client = new Client(endpoint, { tls: { ca: await readFile(certificate) }, timeout: 5_000 });
    for (const answer of await client.ask(requests)) console.log(answer);
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
