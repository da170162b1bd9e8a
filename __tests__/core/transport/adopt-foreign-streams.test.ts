import { createRequire } from "node:module";
import { once } from "node:events";
import type { Duplex as NodeDuplex, DuplexOptions, Transform } from "node:stream";
import { Connection, type ConnectionOptions } from "../../../src/index.js";
import { netError, timeoutError, turn } from "../../support/outcomes.js";

/** What a release of the `readable-stream` package exports, as far as it is used here. */
interface StreamPackage {
  readonly Duplex: new (options?: DuplexOptions) => NodeDuplex;
  readonly PassThrough: new (options?: DuplexOptions) => Transform;
}

const EVENTS = ["data", "readable", "end", "error", "close", "finish", "drain", "pause", "resume"];

const require = createRequire(import.meta.url);
const load = (name: string): StreamPackage => require(name) as StreamPackage;

/** The number of listeners of each event. */
function listeners(stream: NodeDuplex): unknown {
  return EVENTS.map((event) => stream.listenerCount(event));
}

test.each([
  ["readable-stream 2", "readable-stream-2", /writableLength/],
  ["streamx", "streamx", /writableLength/],
])("a stream of %s is refused, and what it lacks is named", (_name, module, lacking) => {
  const { Duplex, PassThrough } = load(module);
  for (const stream of [new Duplex(), new PassThrough()]) {
    const before = Reflect.ownKeys(stream);
    expect(() => Connection.from(stream)).toThrow(TypeError);
    expect(() => Connection.from(stream)).toThrow(lacking);
    expect(Reflect.ownKeys(stream)).toEqual(before);
  }
});

test("a stream whose property is of the wrong type is refused as one that lacks it", () => {
  const { PassThrough } = load("readable-stream-4");
  const stream = Object.defineProperty(new PassThrough(), "destroyed", { value: "no" });
  expect(() => Connection.from(stream)).toThrow(/"stream" must be a stream\.Duplex.* destroyed/);
});

describe.each([
  ["readable-stream 3", "readable-stream-3"],
  ["readable-stream 4", "readable-stream-4"],
  ["Node", "node:stream"],
])("a stream of %s", (_name, module) => {
  const { Duplex, PassThrough } = load(module);

  /** One that takes nothing. */
  function clogged(options?: ConnectionOptions): [NodeDuplex, Connection] {
    const stream = new Duplex({ read: () => undefined, write: () => undefined });
    return [stream, Connection.from(stream, options)];
  }

  test("carries bytes, and its ends", async () => {
    const echo = Connection.from(new PassThrough());
    const sent = Buffer.alloc(1_000_000, "much ");
    const writing = echo.write(sent).then(() => echo.closeWrite());
    expect((await echo.readAll()).equals(sent)).toBe(true);
    await writing;
    await echo.closed;
  });

  test("times out a write that it does not take", async () => {
    const [, connection] = clogged({ writeTimeout: 30 });
    const { written } = await timeoutError(connection.write("clogged"));
    expect([written, connection.writableLength]).toEqual(["partly", 7]);
    await timeoutError(connection.flush());
    await timeoutError(connection.close());
    await connection.closed;
  });

  test("is closed by close, by reset, and by the program", async () => {
    const close = Connection.from(new PassThrough());
    await close.write("x");
    await close.close();
    const reset = Connection.from(new PassThrough());
    reset.reset();
    await reset.closed;
    const stream = new PassThrough();
    const destroyed = Connection.from(stream);
    const reading = netError(destroyed.read());
    stream.destroy();
    expect((await reading).code).toBe("ERR_CLOSED");
    await destroyed.closed;
  });

  test("fails with its error, and so do the calls that wait", async () => {
    const [stream, connection] = clogged();
    const calls = [connection.read(), connection.write("x"), connection.closed].map(netError);
    stream.destroy(Object.assign(new Error("broken"), { code: "EBROKEN" }));
    for (const call of calls) expect((await call).code).toBe("EBROKEN");
  });

  test("fails by an error that does not destroy it", async () => {
    const stream = new Duplex({
      autoDestroy: false,
      read: () => undefined,
      write: (_chunk, _encoding, done) => done(new Error("full")),
    });
    const connection = Connection.from(stream);
    expect((await netError(connection.write("x"))).message).toContain("full");
    await netError(connection.closed);
    expect(stream.destroyed).toBe(true);
  });

  test("of which both sides had ended before it was adopted is at its end", async () => {
    const stream = new PassThrough({ autoDestroy: false });
    stream.end();
    await once(stream.resume(), "end");
    const connection = Connection.from(stream);
    expect(await connection.read()).toBeNull();
    expect((await netError(connection.write("x"))).code).toBe("ERR_CLOSED");
    await connection.closed;
  });

  test("that was closed before it was adopted is over", async () => {
    const stream = new PassThrough();
    stream.destroy();
    await once(stream, "close");
    const connection = Connection.from(stream);
    const reading = netError(connection.read());
    await connection.closed;
    expect((await reading).code).toBe("ERR_CLOSED");
  });

  test("with an encoding gives its bytes, and its text again when it is handed over", async () => {
    const stream = new PassThrough();
    stream.setEncoding("latin1");
    stream.write(Buffer.from("né", "latin1"));
    const connection = Connection.from(stream);
    expect([...(await connection.readExactly(2))]).toEqual([0x6e, 0xe9]);
    stream.write(Buffer.from("été", "latin1"));
    expect([...(await connection.readExactly(1))]).toEqual([0xe9]);
    const rest = once(connection.detach(), "data");
    expect(await rest).toEqual(["té"]);
  });

  test("is handed over as it was, with what is unread", async () => {
    const stream = new PassThrough();
    const before = [Reflect.ownKeys(stream), listeners(stream)];
    const connection = Connection.from(stream);
    await connection.write("read,unread");
    expect(String(await connection.readUntil(","))).toBe("read");
    expect(connection.detach()).toBe(stream);
    expect([Reflect.ownKeys(stream), listeners(stream)]).toEqual(before);
    await turn();
    expect(String(stream.read())).toBe("unread");
  });
});
