import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, listen, type Connection, type Listener } from "../../src/index.js";
import { endPrograms, Program } from "../support/program.js";
import { describeWith, NETCAT } from "../support/machine.js";

const SIZE = 12 * 1024 * 1024;

/** How the same is said to either side, for each kind of socket. */
interface Kind {
  readonly name: string;
  listen(): Promise<Listener>;
  /** The arguments that make nc connect to a listener. */
  clientOf(listener: Listener): string[];
  /** Starts nc as a server and connects to it. */
  server(): Promise<{ server: Program; connection: Connection }>;
}

let directory: string;

function tcp(name: string, host: string, ...flags: string[]): Kind {
  return {
    name,
    listen: () => listen(0, { host }),
    clientOf: (listener) => [...flags, host, String(listener.port)],
    async server() {
      const server = nc("-n", "-v", "-l", "-N", ...flags, host, "0");
      const [, port] = await server.says(/Listening on \S+ (\d+)/);
      return { server, connection: await connect(host, Number(port)) };
    },
  };
}

const KINDS: readonly Kind[] = [
  tcp("IPv4", "127.0.0.1"),
  tcp("IPv6", "::1", "-6"),
  {
    name: "a Unix socket",
    listen: () => listen({ path: join(directory, "ours.sock") }),
    clientOf: () => ["-U", join(directory, "ours.sock")],
    async server() {
      const path = join(directory, "theirs.sock");
      const server = nc("-v", "-l", "-N", "-U", path);
      await server.says(/Listening on/);
      return { server, connection: await connect({ path }) };
    },
  },
];

function nc(...args: string[]): Program {
  return new Program(NETCAT.command, args);
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tcp6-nc-"));
});

afterEach(async () => {
  await endPrograms();
  await rm(directory, { recursive: true });
});

describeWith(NETCAT, "nc as the client", () => {
  describe.each(KINDS)("over $name", (kind) => {
    test("a line each way", async () => {
      await using listener = await kind.listen();
      const client = nc("-N", ...kind.clientOf(listener));
      const connection = await listener.accept();
      await connection.writeLine("Hello!");
      await client.says(/Hello!\n/);
      client.feed("Good Bye!\n");
      expect(await connection.readLine()).toBe("Good Bye!");
      expect(await connection.readLine()).toBeNull();
      await connection.close();
      const { status, stdout } = await client.ended;
      expect(stdout.toString()).toBe("Hello!\n");
      expect(status).toBe(0);
      await connection.closed;
    });

    test("megabytes each way, the second after its half-close", async () => {
      const theirs = randomBytes(SIZE);
      const ours = randomBytes(SIZE);
      await using listener = await kind.listen();
      const client = nc("-N", ...kind.clientOf(listener));
      client.feed(theirs);
      const connection = await listener.accept();
      const received = await connection.readAll();
      expect(received.equals(theirs)).toBe(true);
      await connection.write(ours);
      await connection.close();
      const { status, stdout } = await client.ended;
      expect(stdout.equals(ours)).toBe(true);
      expect(status).toBe(0);
      await connection.closed;
    });

    test("megabytes each way, the second after our half-close", async () => {
      const theirs = randomBytes(SIZE);
      const ours = randomBytes(SIZE);
      await using listener = await kind.listen();
      const client = nc("-N", ...kind.clientOf(listener));
      const connection = await listener.accept();
      await connection.write(ours);
      await connection.closeWrite();
      client.feed(theirs);
      const received = await connection.readAll();
      expect(received.equals(theirs)).toBe(true);
      const { status, stdout } = await client.ended;
      expect(stdout.equals(ours)).toBe(true);
      expect(status).toBe(0);
      await connection.closed;
    });

    test("megabytes both ways at the same time", async () => {
      const theirs = randomBytes(SIZE);
      await using listener = await kind.listen();
      const client = nc("-N", ...kind.clientOf(listener));
      client.feed(theirs);
      const connection = await listener.accept();
      for await (const chunk of connection) await connection.write(chunk);
      await connection.close();
      const { status, stdout } = await client.ended;
      expect(stdout.equals(theirs)).toBe(true);
      expect(status).toBe(0);
    });
  });

  test("a client that only checks for a listener (-z) is an end of stream", async () => {
    await using listener = await listen(0, { host: "127.0.0.1" });
    const client = nc("-z", "127.0.0.1", String(listener.port));
    await using connection = await listener.accept();
    expect(await connection.read()).toBeNull();
    expect((await client.ended).status).toBe(0);
  });
});

describeWith(NETCAT, "nc as the server", () => {
  describe.each(KINDS)("over $name", (kind) => {
    test("a line each way", async () => {
      const { server, connection } = await kind.server();
      await connection.writeLine("Hello!");
      await server.says(/Hello!\n/);
      server.feed("Good Bye!\n");
      expect(await connection.readLine()).toBe("Good Bye!");
      expect(await connection.readLine()).toBeNull();
      await connection.close();
      const { status, stdout } = await server.ended;
      expect(stdout.toString()).toBe("Hello!\n");
      expect(status).toBe(0);
      await connection.closed;
    });

    // Not after ours: a listening nc leaves at the end of its input, whatever it has still to send.
    test("megabytes each way, the second after its half-close", async () => {
      const theirs = randomBytes(SIZE);
      const ours = randomBytes(SIZE);
      const { server, connection } = await kind.server();
      server.feed(theirs);
      const received = await connection.readAll();
      expect(received.equals(theirs)).toBe(true);
      await connection.write(ours);
      await connection.closeWrite();
      const { status, stdout } = await server.ended;
      expect(stdout.equals(ours)).toBe(true);
      expect(status).toBe(0);
      await connection.closed;
    });

    test("megabytes both ways at the same time", async () => {
      const theirs = randomBytes(SIZE);
      const { server, connection } = await kind.server();
      server.feed(theirs);
      for await (const chunk of connection) await connection.write(chunk);
      await connection.closeWrite();
      const { status, stdout } = await server.ended;
      expect(stdout.equals(theirs)).toBe(true);
      expect(status).toBe(0);
      await connection.closed;
    });
  });
});
