import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { basename, dirname, join, relative } from "node:path";
import { inspect } from "node:util";
import { connect, listen, Listener, type ListenOptions } from "../../src/index.js";
import { systemClock, useClock } from "../../src/core/timing/clock.js";
import { ManualClock } from "../../src/testing/manual-clock.js";
import { failure, isPending, netError, turn, until } from "../support/outcomes.js";
import { closeAll, keep, socketPath } from "../support/peers.js";
import { listenersOf } from "../support/resources.js";

afterEach(closeAll);
afterEach(() => useClock(systemClock));

function modeOf(path: string): number {
  return lstatSync(path).mode & 0o7777;
}

/** What is beside a path: nothing but the socket itself is to stay there. */
function filesAround(path: string): string[] {
  return readdirSync(dirname(path));
}

async function serverAt(path: string): Promise<Server> {
  const server = createServer().listen(path);
  await once(server, "listening");
  return server;
}

/** Leaves a socket at a path as a crash does: nothing listens on it. */
async function leaveStale(path: string): Promise<void> {
  const server = await serverAt(path);
  renameSync(path, `${path}~`);
  server.close();
  await once(server, "close");
  renameSync(`${path}~`, path);
}

async function withUmask(mask: number, act: () => Promise<void>): Promise<void> {
  const before = process.umask(mask);
  try {
    await act();
  } finally {
    process.umask(before);
  }
}

async function takesClients(listener: Listener, path: string): Promise<void> {
  const client = keep(await connect(path));
  await client.writeLine("hello");
  const connection = keep(await listener.accept());
  expect(await connection.readLine()).toBe("hello");
}

/** Forms of the same path, the second relative to the working directory. */
const FORMS: readonly [string, (path: string) => string][] = [
  ["absolute", (path) => path],
  ["relative", (path) => `./${relative(process.cwd(), path)}`],
];

test("control characters of a path are escaped wherever it is printed, and are in the path all the same", async () => {
  const folder = dirname(socketPath());
  const path = join(folder, "a\nERROR \u001b[31m\u2028b");
  const shown = join(folder, String.raw`a\u000aERROR \u001b[31m\u2028b`);
  const refused = await netError(connect({ path }));
  expect(refused).toMatchObject({
    address: path,
    message: `connect ${shown}: no such file or directory (ENOENT)`,
  });
  const listener = keep(await listen({ path }));
  expect(listener.address).toEqual({ path });
  expect((await netError(listen({ path }))).message).toContain(` ${shown}: `);
  const [client, server] = await Promise.all([connect({ path }).then(keep), listener.accept().then(keep)]);
  const printed = [listener, client, server].flatMap((one) => [String(one), inspect(one)]);
  for (const text of printed) expect(text).toContain(shown);
  const read = await netError(client.read({ timeout: 0 }));
  expect(read).toMatchObject({ address: path, message: `read ${shown}: timed out after 0 ms (ETIMEDOUT)` });
});

test("a name in the abstract namespace is shown with an @, as ss shows it", async () => {
  const { message, address } = await netError(connect({ path: "\0tcp6-test-nowhere" }));
  expect(message).toMatch(/^connect @tcp6-test-nowhere: /);
  expect(address).toBe("\0tcp6-test-nowhere");
});

describe("the mode of a Unix socket", () => {
  test.each([
    [0o660, 0o022],
    [0o666, 0o077],
    [0o600, 0],
    [0, 0],
    [0o777, 0o022],
  ])("is %i whatever the umask is (%i)", async (mode, umask) => {
    await withUmask(umask, async () => {
      const path = socketPath();
      const listener = keep(await listen({ path }, { mode }));
      expect(modeOf(path)).toBe(mode);
      expect(listener.address).toEqual({ path });
      expect(listener.server.address()).toBe(path);
      expect(filesAround(path)).toEqual([basename(path)]);
      chmodSync(path, 0o600);
      await takesClients(listener, path);
    });
  });

  test("is that of the umask without the option", async () => {
    await withUmask(0o027, async () => {
      const path = socketPath();
      keep(await listen({ path }));
      expect(modeOf(path)).toBe(0o750);
    });
  });

  test("no other user can reach the socket before it has its mode", async () => {
    await withUmask(0, async () => {
      const path = socketPath();
      const listening = listen({ path }, { mode: 0o600 }).then(keep);
      const seen = new Set<string>();
      for (let moment = 0; moment < 100; moment++) {
        for (const name of filesAround(path)) {
          seen.add(`${name.slice(0, 1)} ${modeOf(join(dirname(path), name)).toString(8)}`);
        }
        await new Promise((resolve) => process.nextTick(resolve));
      }
      await listening;
      // The directory, then the socket.
      expect([...seen].sort()).toEqual([". 700", "s 600"]);
    });
  });

  test.each(FORMS)("the file goes with close(), and the path can be bound again: %s", async (_, form) => {
    const path = socketPath();
    const listener = keep(await listen(form(path), { mode: 0o600 }));
    await takesClients(listener, path);
    const there = process.cwd();
    process.chdir("/");
    try {
      const closed = listener.close();
      expect(existsSync(path)).toBe(false);
      await closed;
    } finally {
      process.chdir(there);
    }
    expect(listener.server.address()).toBeNull();
    keep(await listen(path, { mode: 0o600 }));
  });

  test("the file goes with the server's own close()", async () => {
    const path = socketPath();
    const { server, closed } = keep(await listen(path, { mode: 0o600 }));
    server.close();
    await closed;
    expect(filesAround(path)).toEqual([]);
  });

  test("close() leaves a file that another process has put there", async () => {
    const path = socketPath();
    const listener = keep(await listen(path, { mode: 0o600 }));
    rmSync(path);
    writeFileSync(path, "mine");
    await listener.close();
    expect(readFileSync(path, "utf8")).toBe("mine");
  });

  test("a path in use is EADDRINUSE, and what is there stays", async () => {
    const path = socketPath();
    const first = keep(await listen(path, { mode: 0o660 }));
    const error = await netError(listen(path, { mode: 0o600 }));
    expect(error).toMatchObject({
      code: "EADDRINUSE",
      operation: "listen",
      syscall: "listen",
      address: path,
    });
    expect(error.message).toBe(`listen ${path}: address already in use (EADDRINUSE)`);
    expect(modeOf(path)).toBe(0o660);
    await takesClients(first, path);
    expect(filesAround(path)).toEqual([basename(path)]);
  });

  test.each([-1, 1.5, 0o1000, 660, NaN])("%p is a RangeError", async (mode) => {
    const error = await failure(listen(socketPath(), { mode }));
    expect(error).toMatchObject({ name: "RangeError", code: "ERR_OUT_OF_RANGE" });
    expect((error as Error).message).toBe(`"mode" must be a whole number from 0 to 0o777; received ${mode}`);
  });

  test("text is a TypeError", async () => {
    const error = await failure(listen(socketPath(), { mode: "660" } as object));
    expect(error).toMatchObject({ name: "TypeError", code: "ERR_INVALID_ARG_TYPE" });
  });

  test.each([0, "127.0.0.1:0", { fd: 0 }, "\0tcp6-test-mode"])(
    "it is a TypeError where there is no file (case %#)",
    async (at) => {
      const error = await failure(listen(at, { mode: 0o600 }));
      expect(error).toMatchObject({ name: "TypeError", code: "ERR_INVALID_ARG_VALUE" });
    },
  );
});

describe.each<[string, ListenOptions]>([
  ["", {}],
  [", with a mode", { mode: 0o660 }],
])("unlinkStale%s", (_, mode) => {
  const options = { unlinkStale: true, ...mode };

  test.each(FORMS)("takes over what a crash has left behind: %s", async (_form, form) => {
    const path = socketPath();
    await leaveStale(path);
    expect(await netError(listen(form(path), mode))).toMatchObject({ code: "EADDRINUSE" });
    const listener = keep(await listen(form(path), options));
    expect(listener.address).toEqual({ path: form(path) });
    expect(filesAround(path)).toEqual([basename(path)]);
    await takesClients(listener, path);
    await listener.close();
    expect(filesAround(path)).toEqual([]);
  });

  test("binds a path where nothing is", async () => {
    const path = socketPath();
    await takesClients(keep(await listen(path, options)), path);
    expect(filesAround(path)).toEqual([basename(path)]);
  });

  test("leaves a server that is alive, which sees a client that leaves", async () => {
    const path = socketPath();
    const first = keep(await listen(path));
    const error = await netError(listen(path, options));
    expect(error).toMatchObject({ code: "EADDRINUSE", operation: "listen", address: path });
    expect(error.message).toBe(`listen ${path}: address already in use (EADDRINUSE)`);
    expect(await keep(await first.accept()).read()).toBeNull();
    await takesClients(first, path);
    expect(filesAround(path)).toEqual([basename(path)]);
  });

  test.each<[string, (path: string) => void]>([
    ["a file", (path) => writeFileSync(path, "mine")],
    ["a directory", (path) => mkdirSync(path)],
    ["a link", (path) => symlinkSync(`${path}-target`, path)],
  ])("leaves %s", async (_what, make) => {
    const path = socketPath();
    make(path);
    const { ino } = lstatSync(path);
    await leaveStale(`${path}-target`);
    expect(await netError(listen(path, options))).toMatchObject({ code: "EADDRINUSE" });
    expect(lstatSync(path).ino).toBe(ino);
    expect(filesAround(path).sort()).toEqual([basename(path), `${basename(path)}-target`]);
  });

  test("of several that try at the same time one gets the path", async () => {
    const path = socketPath();
    await leaveStale(path);
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, () => listen(path, options).then(keep, (error: unknown) => error)),
    );
    const winners = outcomes.filter((outcome) => outcome instanceof Listener);
    expect(winners).toHaveLength(1);
    const losers = outcomes.filter((outcome) => !(outcome instanceof Listener));
    for (const error of losers) expect(error).toMatchObject({ code: "EADDRINUSE", operation: "listen" });
    expect(filesAround(path)).toEqual([basename(path)]);
    const client = keep(await connect(path));
    await client.writeLine("to the winner");
    const [winner] = winners;
    for (;;) {
      // Those who asked whether it is alive have been clients of the winner.
      const line = await keep(await (winner as Listener).accept()).readLine();
      if (line === null) continue;
      expect(line).toBe("to the winner");
      break;
    }
  });

  test("a lock that a crash has left behind holds up no server", async () => {
    const path = socketPath();
    await leaveStale(path);
    await leaveStale(`${path}.lock`);
    await takesClients(keep(await listen(path, options)), path);
    expect(filesAround(path)).toEqual([basename(path)]);
  });

  test("waits for the process that holds the lock", async () => {
    const path = socketPath();
    await leaveStale(path);
    const lock = await serverAt(`${path}.lock`);
    const listening = listen(path, options).then(keep);
    expect(await isPending(listening)).toBe(true);
    lock.close();
    await takesClients(await listening, path);
  });

  test("does not wait for ever for a process that holds the lock", async () => {
    const clock = new ManualClock();
    useClock(clock);
    const path = socketPath();
    const lock = await serverAt(`${path}.lock`);
    const listening = netError(listen(path, options));
    for (let polls = 0; polls < 1_000; polls++) {
      await until(() => clock.pending === 1);
      await clock.advance(10);
    }
    expect((await listening).message).toBe(
      `listen ${path}: another process holds the lock, ${path}.lock (EADDRINUSE)`,
    );
    lock.close();
    await once(lock, "close");
    expect(filesAround(path)).toEqual([]);
  });

  test("aborted while it waits for the lock, it leaves nothing behind", async () => {
    const path = socketPath();
    await leaveStale(path);
    const lock = await serverAt(`${path}.lock`);
    const controller = new AbortController();
    const listening = failure(listen(path, { ...options, signal: controller.signal }));
    expect(await isPending(listening)).toBe(true);
    const reason = new Error("changed my mind");
    controller.abort(reason);
    expect(await listening).toBe(reason);
    expect(listenersOf(controller.signal)).toBe(0);
    expect(filesAround(path).sort()).toEqual([basename(path), `${basename(path)}.lock`]);
    lock.close();
    await once(lock, "close");
  });

  test("aborted at any moment, it leaves nothing but the stale socket behind", async () => {
    const path = socketPath();
    for (let moment = 0; moment < 20; moment++) {
      if (!existsSync(path)) await leaveStale(path);
      const controller = new AbortController();
      const outcome = listen(path, { ...options, signal: controller.signal }).catch(
        (error: unknown) => error,
      );
      for (let turns = 0; turns < moment; turns++) await turn();
      controller.abort(new Error("changed my mind"));
      const result = await outcome;
      if (result instanceof Listener) await result.close();
      expect(filesAround(path).filter((name) => name !== basename(path))).toEqual([]);
    }
  });

  test("another file with the name of the lock is told at once, and stays", async () => {
    const path = socketPath();
    writeFileSync(`${path}.lock`, "mine");
    const error = await netError(listen(path, options));
    expect(error.code).toBe("EADDRINUSE");
    expect(error.message).toContain(`the name of the lock, ${path}.lock, is that of another file`);
    expect(filesAround(path)).toEqual([`${basename(path)}.lock`]);
  });

  test("a directory that is missing is ENOENT", async () => {
    const path = join(socketPath(), "socket");
    expect(await netError(listen(path, options))).toMatchObject({ code: "ENOENT", operation: "listen" });
  });

  test("a path that leaves no room for the name of the lock is a RangeError", async () => {
    const path = `/tmp/${"x".repeat(98)}`;
    const error = await failure(listen(path, options));
    expect(error).toMatchObject({ name: "RangeError", code: "ERR_OUT_OF_RANGE" });
    if (process.platform === "linux") {
      expect((error as Error).message).toContain("at most 102 bytes long with these options");
    }
  });
});

test("unlinkStale does nothing where no file can be left behind", async () => {
  keep(await listen("127.0.0.1:0", { unlinkStale: true }));
  if (process.platform !== "linux" || Number(process.versions.node.split(".")[0]) < 22) return;
  const path = `\0tcp6-test-${process.pid}`;
  const listener = keep(await listen(path, { unlinkStale: true }));
  await takesClients(listener, path);
  expect(await netError(listen(path, { unlinkStale: true }))).toMatchObject({ code: "EADDRINUSE" });
});

test("a missing directory is told as such, though libuv says EACCES", async () => {
  const path = join(socketPath(), "socket");
  const error = await netError(listen(path));
  expect(error.message).toBe(`listen ${path}: there is no such directory (EACCES)`);
});
