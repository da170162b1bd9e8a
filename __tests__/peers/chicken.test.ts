import { fileURLToPath } from "node:url";
import { connect, listen, NetTimeoutError } from "../../src/index.js";
import { endPrograms, Program } from "../support/program.js";
import { CHICKEN, describeWith } from "../support/machine.js";

const LINES = 300_000;
const LOOPBACK = "127.0.0.1";

function chicken(program: string, ...args: (string | number)[]): Program {
  const file = fileURLToPath(new URL(`./chicken/${program}.scm`, import.meta.url));
  return new Program(CHICKEN.command, ["-s", file, ...args.map(String)]);
}

async function portOf(server: Program): Promise<number> {
  return Number((await server.says(/port (\d+)/))[1]);
}

/** What lines.scm makes. */
function linesUpTo(count: number): string {
  return Array.from({ length: count }, (_, i) => `line ${i}\n`).join("");
}

afterEach(endPrograms);

describeWith(CHICKEN, "CHICKEN's (chicken tcp) as the client", () => {
  test("the hello exchange", async () => {
    await using listener = await listen(0, { host: LOOPBACK });
    const client = chicken("greet-client", listener.port);
    const connection = await listener.accept();
    await connection.writeLine("Hello!");
    expect(await connection.readLine()).toBe("Good Bye!");
    await connection.writeLine("Until next time");
    await connection.close();
    const { status, stdout } = await client.ended;
    expect(stdout.toString()).toBe("heard Hello!\nthen Until next time\n");
    expect(status).toBe(0);
    await connection.closed;
  });

  test("its output ends with a half-close, and it reads megabytes after that", async () => {
    const text = linesUpTo(LINES);
    await using listener = await listen(0, { host: LOOPBACK });
    const client = chicken("transfer-client", listener.port, LINES);
    await using connection = await listener.accept();
    const received = (await connection.readAll()).toString();
    expect(received === text).toBe(true);
    expect(await connection.read()).toBeNull();
    await connection.write(received);
    await connection.closeWrite();
    const { status, stdout } = await client.ended;
    expect(stdout.toString()).toBe(`${text.length} bytes, the same\n`);
    expect(status).toBe(0);
    await connection.closed;
  });

  test("its lines, one by one, while they come", async () => {
    await using listener = await listen(0, { host: LOOPBACK });
    const client = chicken("transfer-client", listener.port, LINES);
    await using connection = await listener.accept();
    let count = 0;
    for await (const line of connection.lines()) {
      if (line !== `line ${count}`) throw new Error(`line ${count} is ${line}`);
      count++;
    }
    expect(count).toBe(LINES);
    await connection.write("nothing like it");
    await connection.close();
    expect((await client.ended).stdout.toString()).toBe("15 bytes, others\n");
  });

  test("a client that is killed is the end of the stream", async () => {
    await using listener = await listen(0, { host: LOOPBACK });
    const client = chicken("greet-client", listener.port);
    await using connection = await listener.accept();
    await expect(connection.read({ timeout: 20 })).rejects.toThrow(NetTimeoutError);
    const read = connection.read();
    client.kill("SIGKILL");
    expect((await client.ended).signal).toBe("SIGKILL");
    // Nothing was unread in its kernel, so it sends FIN.
    expect(await read).toBeNull();
  });
});

describeWith(CHICKEN, "CHICKEN's (chicken tcp) as the server", () => {
  test("the hello exchange", async () => {
    const server = chicken("greet-server");
    const connection = await connect(LOOPBACK, await portOf(server));
    expect(await connection.readLine()).toBe("Hello!");
    await connection.writeLine("Good Bye!");
    expect(await connection.readLine()).toBeNull();
    await connection.close();
    await connection.closed;
    const { status, stdout } = await server.ended;
    expect(stdout.toString()).toMatch(/\nheard Good Bye!\n$/);
    expect(status).toBe(0);
  });

  test("our half-close is its end of input, and we read megabytes after that", async () => {
    const text = linesUpTo(LINES);
    const server = chicken("transfer-server", LINES);
    await using connection = await connect(LOOPBACK, await portOf(server));
    await connection.write(text);
    await connection.closeWrite();
    const received = (await connection.readAll()).toString();
    expect(received === text).toBe(true);
    await connection.closed;
    const { status, stdout } = await server.ended;
    expect(stdout.toString()).toMatch(new RegExp(`\n${text.length} bytes, the same\n$`));
    expect(status).toBe(0);
  });

  test("megabytes both ways at the same time", async () => {
    const text = linesUpTo(LINES);
    const server = chicken("echo-server");
    await using connection = await connect(LOOPBACK, await portOf(server));
    const written = connection.write(text).then(() => connection.closeWrite());
    const received = (await connection.readAll()).toString();
    await written;
    expect(received === text).toBe(true);
    expect(connection.bytesRead).toBe(text.length);
    expect(connection.bytesWritten).toBe(text.length);
    await connection.closed;
    expect((await server.ended).status).toBe(0);
  });
});
