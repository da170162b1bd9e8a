/** The same programs over the sockets that `detach()` gives on this machine and on a simulated host: they see the same. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { constants } from "node:os";
import { nextTick } from "node:process";
import { finished } from "node:stream/promises";
import { connect as tlsConnect, createSecureContext, TLSSocket } from "node:tls";
import timersPromises from "node:timers/promises";
import { isNativeError } from "node:util/types";
import { connect, Connection, listen } from "../../../src/index.js";
import { simulate } from "../../../src/testing/index.js";
import { AUTHORITY, LOCALHOST } from "../../support/certificates.js";

const LOCAL = "127.0.0.1";
const CLIENT = { ca: AUTHORITY, servername: "localhost" };

/** What is looked at of a socket. */
const MEMBERS = [
  ...["localAddress", "localPort", "localFamily", "remoteAddress", "remotePort", "remoteFamily"],
  ...["bytesRead", "bytesWritten", "bufferSize", "connecting", "pending", "readyState", "timeout"],
  ...["readable", "readableEnded", "readableLength", "readableFlowing", "readableHighWaterMark"],
  ...["writable", "writableEnded", "writableFinished", "writableLength", "writableHighWaterMark"],
  ...["destroyed", "closed", "allowHalfOpen", "writableNeedDrain"],
] as const;

const METHODS = [
  ...["address", "connect", "destroySoon", "getTypeOfService", "ref", "resetAndDestroy", "setKeepAlive"],
  ...["setNoDelay", "setTimeout", "setTypeOfService", "unref"],
] as const;

const EVENTS = ["close", "connect", "data", "drain", "end", "error", "finish", "ready", "timeout"];

/** What a program sees. */
class Notes {
  readonly lines: unknown[] = [];
  readonly #ports = new Map<unknown, string>();

  constructor({ localPort, remotePort }: Connection) {
    this.#ports.set(localPort, "the client's port").set(remotePort, "the server's port");
  }

  note(...what: unknown[]): void {
    this.lines.push(...what);
  }

  /** Notes all that the members of a socket say. */
  look(socket: Socket): void {
    const seen = MEMBERS.map((name) => [name, this.#named(Reflect.get(socket, name))]);
    this.note(Object.fromEntries(seen), this.addressOf(socket));
  }

  addressOf(socket: Socket): unknown {
    const address = socket.address() as { port?: unknown };
    return "port" in address ? { ...address, port: this.#named(address.port) } : address;
  }

  /** Notes the events of a socket from now on. Nothing listens for them, but for errors. */
  listen(socket: Socket): unknown[][] {
    const events: [string, ...unknown[]][] = [];
    const emit = socket.emit.bind(socket) as (...args: unknown[]) => boolean;
    socket.on("error", () => undefined);
    socket.emit = (name: string, ...args: unknown[]) => {
      const last = events.at(-1);
      // How bytes are divided is up to the network.
      if (name === "data" && last?.[0] === "data") last[1] = String(last[1]) + String(args[0]);
      else if (EVENTS.includes(name)) events.push([name, ...args.map(shownOf)]);
      return emit(name, ...args);
    };
    this.note(events);
    return events;
  }

  #named(value: unknown): unknown {
    return this.#ports.get(value) ?? value;
  }
}

function shownOf(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString();
  if (!isNativeError(value)) return value;
  const { name, code, syscall, errno } = value as NodeJS.ErrnoException;
  return { name, code, syscall, errno };
}

function outcomeOf(call: () => unknown, self: unknown): unknown {
  try {
    const value = call();
    return value === self ? "the socket" : value;
  } catch (error) {
    const { name, code } = error as NodeJS.ErrnoException;
    return { name, code };
  }
}

/** Not imported by name: Jest hands out Node's own function then. */
function sleep(ms: number): Promise<void> {
  return timersPromises.setTimeout(ms);
}

async function closed(...sockets: Socket[]): Promise<void> {
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("close", resolve))));
}

async function received(socket: Socket, size: number): Promise<void> {
  while (socket.bytesRead < size) await sleep(1);
}

function read(socket: Socket): Buffer | null {
  return socket.read() as Buffer | null;
}

/** All that was read ahead. */
function allOf(socket: Socket): string {
  let text = "";
  for (let chunk = read(socket); chunk !== null; chunk = read(socket)) text += chunk.toString();
  return text;
}

type Program = (client: Socket, server: Socket, notes: Notes) => Promise<void> | void;

async function connected(isSecure = false): Promise<[Connection, Connection]> {
  const listener = await listen({ host: LOCAL, port: 0 }, isSecure ? { tls: LOCALHOST } : {});
  const both = await Promise.all([
    connect(LOCAL, listener.port, isSecure ? { tls: CLIENT } : {}),
    listener.accept(),
  ]);
  await listener.close();
  return both;
}

/** Runs a program over two sockets, and returns what it has seen. */
async function seenBy(program: Program, allowHalfOpen = false): Promise<unknown[]> {
  const [client, server] = await connected();
  const notes = new Notes(client);
  const sockets = [client, server].map((connection) => connection.detach({ allowHalfOpen }));
  const [one, other] = sockets as [Socket, Socket];
  try {
    await program(one, other, notes);
    return structuredClone(notes.lines);
  } finally {
    const open = sockets.filter((socket) => !socket.closed);
    const gone = closed(...open);
    for (const socket of open) socket.on("error", () => undefined).destroy();
    await gone;
  }
}

function simulated(program: Program, allowHalfOpen = false): Promise<unknown[]> {
  return simulate({ seed: 1 }, (network) => network.host("a").run(() => seenBy(program, allowHalfOpen)));
}

async function sameAsReal(program: Program, allowHalfOpen = false): Promise<unknown[]> {
  const real = await seenBy(program, allowHalfOpen);
  expect(await simulated(program, allowHalfOpen)).toEqual(real);
  return real;
}

test("it has the methods of a socket, and they return what those return", async () => {
  await sameAsReal((client, server, notes) => {
    for (const socket of [client, server]) {
      notes.look(socket);
      for (const name of METHODS) notes.note([name, typeof Reflect.get(socket, name)]);
      notes.note(
        outcomeOf(() => socket.setNoDelay(), socket),
        outcomeOf(() => socket.setNoDelay(false), socket),
        outcomeOf(() => socket.setKeepAlive(), socket),
        outcomeOf(() => socket.setKeepAlive(true, 20_500), socket),
        outcomeOf(() => socket.setKeepAlive(false, "soon" as never), socket),
        outcomeOf(() => socket.ref(), socket),
        outcomeOf(() => socket.unref(), socket),
      );
    }
  });
});

/** `setTypeOfService` is there from Node 24 on. */
interface TypeOfService {
  setTypeOfService?(value: unknown): unknown;
  getTypeOfService?(): unknown;
}

test("it has a type of service where Node's sockets have one", async () => {
  await sameAsReal((client, _server, notes) => {
    const socket = client as TypeOfService;
    for (const value of [0, 0x10, 255, 256, -1, 1.5, "16", undefined]) {
      notes.note(
        outcomeOf(() => socket.setTypeOfService?.(value), socket),
        outcomeOf(() => socket.getTypeOfService?.(), socket),
      );
    }
  });
});

test("bytes are counted when they are written, and when they have arrived", async () => {
  await sameAsReal(async (client, server, notes) => {
    const events = [client, server].map((socket) => notes.listen(socket));
    notes.note(client.write("hello"));
    notes.look(client);
    client.cork();
    notes.note(client.write("more"), client.write(Buffer.alloc(3)));
    notes.look(client);
    client.uncork();
    notes.look(client);
    await received(server, 12);
    notes.look(server);
    notes.note(allOf(server));
    notes.look(server);
    expect(events.flat()).not.toContainEqual(["end"]);
  });
});

test("what was read and written before it was detached counts", async () => {
  const program = async (): Promise<unknown[]> => {
    const [client, server] = await connected();
    await client.write("one\ntwo\n");
    await server.readLine();
    await server.write("three\n");
    await client.readLine();
    const notes = new Notes(client);
    const [one, other] = [client.detach(), server.detach()];
    notes.look(one);
    notes.look(other);
    one.write("four\n");
    notes.look(one);
    await received(other, 13);
    notes.look(other);
    notes.note(allOf(other));
    for (const socket of [one, other]) socket.destroy();
    await closed(one, other);
    for (const socket of [one, other]) notes.look(socket);
    return notes.lines;
  };
  const seen = await simulate({ seed: 1 }, (network) => network.host("a").run(program));
  expect(seen).toEqual(await program());
});

test("it closes when its peer has ended, and nothing reads it", async () => {
  await sameAsReal(async (client, server, notes) => {
    for (const socket of [client, server]) notes.listen(socket);
    server.once("end", () => notes.look(server));
    client.end();
    notes.look(client);
    await closed(client, server);
    for (const socket of [client, server]) notes.look(socket);
  });
});

test("one that is half-open goes on when its peer has ended", async () => {
  await sameAsReal(async (client, server, notes) => {
    for (const socket of [client, server]) notes.listen(socket);
    client.end("a question");
    await received(server, 10);
    notes.note(allOf(server));
    await once(server, "end");
    notes.look(server);
    notes.note(client.readyState);
    notes.note(server.write("an answer"));
    await received(client, 9);
    notes.note(allOf(client));
    server.end();
    notes.look(server);
    await closed(client, server);
    for (const socket of [client, server]) notes.look(socket);
  }, true);
});

test("a write to one that its peer has ended fails with EPIPE", async () => {
  await sameAsReal(async (client, server, notes) => {
    notes.listen(server);
    const failed = once(server, "error");
    // By the second tick its own side has ended, and it is not destroyed yet.
    const writeTooLate = (): void => {
      notes.note(server.write("too late", (error) => notes.note(["written", shownOf(error)])));
      notes.look(server);
    };
    server.once("end", () => nextTick(() => nextTick(writeTooLate)));
    client.end();
    await failed;
    await closed(server);
    notes.look(server);
  });
});

test.each([
  ["asked for", true],
  ["never asked for", false],
])("destroyed, it has no addresses but those of its peer, if they were %s", async (_what, isAsked) => {
  await sameAsReal(async (client, server, notes) => {
    for (const socket of [client, server]) {
      notes.listen(socket);
      if (isAsked) notes.note(socket.remoteFamily, socket.localFamily);
      const whenClosed = closed(socket);
      notes.note(outcomeOf(() => socket.destroy(), socket));
      notes.look(socket);
      await whenClosed;
      notes.look(socket);
    }
  });
});

test("destroyed with an error, it closes with that", async () => {
  await sameAsReal(async (client, server, notes) => {
    for (const socket of [client, server]) notes.listen(socket);
    const error = Object.assign(new Error("on purpose"), { code: "MINE" });
    client.write("lost, or not");
    client.destroy(error);
    notes.look(client);
    await closed(client);
    notes.note(client.errored === error);
    await received(server, 12);
    server.resume();
    await closed(server);
    for (const socket of [client, server]) notes.look(socket);
  });
});

test("destroyed, it ignores what it is told, and fails writes", async () => {
  await sameAsReal(async (client, _server, notes) => {
    notes.listen(client);
    client.destroy();
    notes.note(
      outcomeOf(() => client.setTimeout(1), client),
      outcomeOf(() => client.setTimeout("no" as never), client),
      outcomeOf(() => client.setNoDelay(), client),
      outcomeOf(() => client.setKeepAlive(true, 1_000), client),
      outcomeOf(() => client.resetAndDestroy(), client),
      outcomeOf(() => client.destroy(new Error("again")), client),
      outcomeOf(() => client.write("too late", (error) => notes.note(["written", shownOf(error)])), client),
      outcomeOf(() => client.end(), client),
    );
    await closed(client);
    client.destroySoon();
    notes.look(client);
    await sleep(5);
    notes.look(client);
  });
});

test("a reset is one for the peer, and no error here", async () => {
  await sameAsReal(async (client, server, notes) => {
    for (const socket of [client, server]) notes.listen(socket);
    notes.note(outcomeOf(() => client.resetAndDestroy(), client));
    notes.look(client);
    await closed(client, server);
    for (const socket of [client, server]) notes.look(socket);
  });
});

test("it is destroyed soon: once all is sent", async () => {
  await sameAsReal(async (client, server, notes) => {
    for (const socket of [client, server]) notes.listen(socket);
    client.write("all of it");
    notes.note(outcomeOf(() => client.destroySoon(), client));
    notes.look(client);
    server.on("data", () => undefined);
    await closed(client, server);
    for (const socket of [client, server]) notes.look(socket);
  });
});

const MUCH = Buffer.alloc(64 * 1024 * 1024);

test("writes that the peer does not take are counted, and dropped when it is destroyed", async () => {
  await sameAsReal(async (client, server, notes) => {
    server.pause();
    notes.listen(client);
    notes.note(client.write(MUCH), client.write("behind it"));
    notes.look(client);
    await sleep(20);
    notes.look(client);
    client.destroy();
    await closed(client);
    notes.look(client);
  });
});

/** Node 20 tells such a write of success. */
const cancelsWrites = Number(process.versions.node.split(".")[0]) >= 22;

const CANCELED = [{ name: "Error", code: "ECANCELED", syscall: "write", errno: -constants.errno.ECANCELED }];

test("writes that it is destroyed before are told so", async () => {
  const write: Program = async (client, server, notes) => {
    server.pause();
    const events = notes.listen(client);
    const chunks = [MUCH, "behind it", "and behind that"];
    for (const chunk of chunks) client.write(chunk, (error) => events.push([shownOf(error)]));
    await sleep(20);
    client.destroy();
    await closed(client);
    await sleep(5);
  };
  const seen = [[CANCELED, CANCELED, CANCELED, ["close", false]]];
  expect(await simulated(write)).toEqual(seen);
  if (cancelsWrites) expect(await seenBy(write)).toEqual(seen);
});

test("an end that it is destroyed before is told so", async () => {
  const end: Program = async (client, server, notes) => {
    server.pause();
    const events = notes.listen(client);
    client.end(MUCH, (error?: unknown) => void events.push([shownOf(error)]));
    client.destroy();
    await closed(client);
    await sleep(5);
  };
  const seen = [[CANCELED, ["close", false]]];
  expect(await simulated(end)).toEqual(seen);
  if (cancelsWrites) expect(await seenBy(end)).toEqual(seen);
});

test.each(["", "a word"])("it is destroyed when it has just ended, behind %j", async (text) => {
  await sameAsReal(async (client, server, notes) => {
    server.pause();
    const events = notes.listen(client);
    client.end(text, (error?: unknown) => void events.push([shownOf(error)]));
    client.destroy();
    notes.look(client);
    await closed(client);
    await sleep(5);
    notes.look(client);
  });
});

test("it can be told to connect again", async () => {
  await sameAsReal(async (client, _server, notes) => {
    notes.listen(client);
    const { port } = client.address() as { port: number };
    notes.note(outcomeOf(() => client.connect(port, LOCAL, () => notes.note("is connected")), client));
    await once(client, "ready");
    notes.look(client);
  });
});

describe("a timeout", () => {
  test("is checked as Node does it, and its listener as well", async () => {
    await sameAsReal((client, _server, notes) => {
      const wrong = ["1", null, undefined, -1, NaN, Infinity, {}, 1n] as never[];
      for (const ms of wrong) {
        notes.note(outcomeOf(() => client.setTimeout(ms), client));
      }
      for (const listener of ["no function", null, {}] as never[]) {
        for (const ms of [0, 1_000]) notes.note(outcomeOf(() => client.setTimeout(ms, listener), client));
      }
      notes.note(client.timeout);
      const listener = (): void => undefined;
      for (const ms of [1_000, 2_000, 0.5, 0, 0]) {
        notes.note(outcomeOf(() => client.setTimeout(ms, listener), client));
        notes.note(client.timeout, client.listenerCount("timeout"));
      }
    });
  });

  test("fires once for each silence, and closes nothing", async () => {
    const seen = await sameAsReal(async (client, server, notes) => {
      const events = notes.listen(client);
      client.setTimeout(25, () => notes.note("the listener"));
      await once(client, "timeout");
      await sleep(50);
      notes.note(events.length, client.readyState, client.timeout);
      client.write("a word");
      await once(client, "timeout");
      server.write("a word");
      await received(client, 6);
      await once(client, "timeout");
      client.setTimeout(0);
      await sleep(50);
      notes.note(client.timeout);
    });
    expect(seen[0]).toHaveLength(3);
  });

  test("is over when the socket is destroyed", async () => {
    await sameAsReal(async (client, server, notes) => {
      for (const socket of [client, server]) notes.listen(socket);
      client.setTimeout(300);
      server.setTimeout(300);
      client.destroy();
      await closed(client, server);
      await sleep(400);
    });
  });

  test("waits once more for a write that the peer has taken a part of", async () => {
    await sameAsReal(async (client, server, notes) => {
      server.pause();
      notes.listen(client);
      client.write(MUCH);
      const start = performance.now();
      client.setTimeout(400);
      await once(client, "timeout");
      const waited = performance.now() - start;
      notes.note(waited > 700);
    });
  });
});

test("a program that waits for the end of all sees it when Node's sockets are finished", async () => {
  await sameAsReal(async (client, server, notes) => {
    for (const socket of [client, server]) notes.listen(socket);
    const texts: string[] = [];
    const both = [client, server].map(async (socket, at) => {
      for await (const chunk of socket) texts[at] = (texts[at] ?? "") + String(chunk);
      notes.look(socket);
    });
    const all = [finished(client), finished(server)];
    client.end("ping");
    await Promise.all([...both, ...all]);
    notes.note(texts);
  });
});

describe("a TLS socket", () => {
  /** What a program sees of two TLS sockets that are connected. */
  async function seenOver(notes: Notes, client: Socket, server: Socket): Promise<unknown[]> {
    const sockets = [client, server];
    for (const socket of sockets) {
      notes.listen(socket);
      notes.look(socket);
      notes.note(
        outcomeOf(() => socket.setKeepAlive(true, 30_000), socket),
        outcomeOf(() => socket.setTimeout(100), socket),
      );
    }
    await Promise.all(sockets.map((socket) => once(socket, "timeout")));
    server.setTimeout(0);
    client.setTimeout(0);
    const arrived = once(server, "readable");
    await new Promise((resolve) => void client.write("hello", resolve));
    await arrived;
    notes.note(allOf(server));
    for (const socket of sockets) notes.look(socket);
    const gone = closed(...sockets);
    client.end();
    server.resume();
    await gone;
    for (const socket of sockets) notes.look(socket);
    return structuredClone(notes.lines);
  }

  test("that was detached tells of itself what one over the kernel does", async () => {
    const program = async (): Promise<unknown[]> => {
      const [client, server] = await connected(true);
      return await seenOver(new Notes(client), client.detach(), server.detach());
    };
    const seen = await simulate({ seed: 1 }, (network) => network.host("a").run(program));
    expect(seen).toEqual(await program());
  });

  test("that a program makes on a detached one tells of itself what one over the kernel does", async () => {
    const program = async (): Promise<unknown[]> => {
      const [client, server] = await connected();
      const below = server.detach();
      const secureContext = createSecureContext(LOCALHOST);
      const above = new TLSSocket(below, { isServer: true, secureContext });
      const socket = tlsConnect({ ...CLIENT, socket: client.detach() });
      await once(socket, "secureConnect");
      return await seenOver(new Notes(client), socket, above);
    };
    const seen = await simulate({ seed: 1 }, (network) => network.host("a").run(program));
    expect(seen).toEqual(await program());
  });
});
