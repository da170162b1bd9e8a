/**
 * Streams that run the program's code while they are given something: the other side of a `stream.duplexPair()` emits
 * `'data'` inside our `write`. What is called on the connection from there has its place after what is under way.
 */
import { Duplex, duplexPair } from "node:stream";
import { Connection, type ConnectionOptions } from "../../src/index.js";
import { netError, turn, until } from "../support/outcomes.js";
import { closeAll, keep } from "../support/peers.js";

afterEach(closeAll);

const PIECES = Buffer.alloc(200_000, "p");

interface Scene {
  readonly connection: Connection;
  readonly other: Duplex;
  /** What the other side has got so far. */
  readonly received: () => string;
  readonly ended: () => boolean;
}

/** A connection whose other side calls `program` inside the first write that reaches it. */
async function scene(
  program: (connection: Connection, other: Duplex) => void,
  options?: ConnectionOptions,
): Promise<Scene> {
  const [stream, other] = duplexPair();
  const connection = keep(Connection.from(stream, options));
  const chunks: Buffer[] = [];
  let ended = false;
  let calls = 0;
  other.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    if (++calls === 1) program(connection, other);
  });
  other.on("end", () => (ended = true));
  other.on("error", () => undefined);
  // From now on bytes reach the other side before the write returns.
  await turn();
  return {
    connection,
    other,
    received: () => Buffer.concat(chunks).toString(),
    ended: () => ended,
  };
}

async function settledOf(promises: readonly Promise<unknown>[]): Promise<string[]> {
  return (await Promise.allSettled(promises)).map(({ status }) => status);
}

describe("called inside a write that has waited for its turn", () => {
  test.each([
    ["at once", (done: () => void) => done()],
    ["later", (done: () => void) => setImmediate(done)],
  ])("its signal is aborted: it is sent all the same, %s, and so is what follows", async (_, answer) => {
    const giveUp = new AbortController();
    const written: string[] = [];
    let answerFirst: (() => void) | undefined;
    const stream = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        written.push(String(chunk));
        if (written.length === 1) answerFirst = done;
        else {
          if (written.length === 2) giveUp.abort();
          answer(done);
        }
      },
    });
    const connection = keep(Connection.from(stream));
    const calls = ["1", "2", "3", "4"].map((text) =>
      connection.write(text, text === "2" ? { signal: giveUp.signal } : {}),
    );
    await until(() => answerFirst !== undefined);
    answerFirst?.();
    expect(await settledOf(calls)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled"]);
    expect(written).toEqual(["1", "2", "3", "4"]);
    expect(connection.writableLength).toBe(0);
  });
});

describe("called inside a write that the stream takes at once", () => {
  test.each([
    ["one piece", Buffer.from("first")],
    ["many pieces", PIECES],
    ["a list", ["fi", PIECES, "rst"]],
  ])("writes follow it, in order, when it is %s", async (_, first) => {
    const inner: Promise<void>[] = [];
    const { connection, received } = await scene((it) => {
      inner.push(it.write("2"), it.write(["3", "4"]), it.writeLine("5", { timeout: 5_000 }), it.flush());
    });
    const outer = connection.write(first);
    await connection.write("6");
    expect(await settledOf([outer, ...inner])).toEqual(Array(5).fill("fulfilled"));
    const whole = Buffer.concat([first].flat().map((part) => Buffer.from(part as string))).toString();
    await until(() => received().length >= whole.length + 6);
    expect(received().slice(whole.length)).toBe("2345\n6");
    expect(connection.writableLength).toBe(0);
  });

  test("so do writes that were called inside those, however deep", async () => {
    const [stream, other] = duplexPair();
    const connection = keep(Connection.from(stream));
    const received: string[] = [];
    const writes: Promise<void>[] = [];
    let inside = 0;
    let deepest = 0;
    other.on("data", (chunk: Buffer) => {
      received.push(chunk.toString());
      deepest = Math.max(deepest, ++inside);
      if (writes.length < 2_000) writes.push(connection.write(`${String(writes.length)};`));
      inside--;
    });
    await turn();
    writes.push(connection.write("0;"));
    await until(() => writes.length >= 2_000);
    expect(await settledOf(writes)).toEqual(writes.map(() => "fulfilled"));
    const numbers = received.join("").split(";", 2_000).map(Number);
    expect(numbers).toEqual([...numbers].sort((one, next) => one - next));
    expect(deepest).toBeLessThan(5);
  });

  test("a write and its own follow each other from both sides", async () => {
    const [one, two] = duplexPair();
    const a = keep(Connection.from(one));
    const b = keep(Connection.from(two));
    const talk = async (from: Connection, count: number) => {
      for (let n = 0; n < count; n++) {
        await from.writeLine(String(n));
        expect(await from.readLine()).toBe(String(n));
      }
    };
    await Promise.all([talk(a, 200), talk(b, 200)]);
  });

  test("closeWrite ends after it", async () => {
    const inner: Promise<void>[] = [];
    const { connection, received, ended } = await scene((it) => {
      inner.push(it.closeWrite(), it.write("late"));
    });
    await connection.write(PIECES);
    expect(await settledOf(inner)).toEqual(["fulfilled", "rejected"]);
    await until(ended);
    expect(received()).toBe(PIECES.toString());
  });

  test("close sends it whole", async () => {
    const inner: Promise<void>[] = [];
    const { connection, other, received, ended } = await scene((it) => {
      inner.push(it.close());
    });
    const outer = connection.write(PIECES);
    await until(ended);
    other.end();
    expect(await settledOf([outer, ...inner, connection.closed])).toEqual(Array(3).fill("fulfilled"));
    expect(received()).toBe(PIECES.toString());
  });

  test("reset fails it, and the other calls from inside it", async () => {
    const inner: Promise<void>[] = [];
    const { connection } = await scene((it) => {
      inner.push(it.write("never"), it.flush());
      it.reset();
      inner.push(it.write("late"));
    });
    const outer = connection.write(PIECES);
    expect(await netError(outer)).toMatchObject({ code: "ERR_CLOSED", written: "partly" });
    expect(await settledOf(inner)).toEqual(Array(3).fill("rejected"));
    await connection.closed;
  });

  test("detach hands over what is left of it, and what follows", async () => {
    const inner: Promise<void>[] = [];
    let stream: Duplex | undefined;
    const { connection, received } = await scene((it) => {
      inner.push(it.write("2"));
      stream = it.detach();
      stream.write("3");
    });
    const outer = connection.write(PIECES);
    expect(await settledOf([outer, ...inner])).toEqual(["rejected", "rejected"]);
    await until(() => received().length >= PIECES.length + 2);
    expect(received().slice(PIECES.length)).toBe("23");
    stream?.destroy();
  });

  test("reads get the bytes that arrive then, and the answers to them", async () => {
    const inner: Promise<unknown>[] = [];
    const { connection } = await scene((it, other) => {
      inner.push(it.read());
      other.write("answer");
    });
    await connection.write("question");
    expect(String(await inner[0])).toBe("answer");
  });

  test("what is gathered goes out after it", async () => {
    const inner: Promise<unknown>[] = [];
    const { connection, received } = await scene(
      (it) => {
        inner.push(it.write("2"), it.read());
      },
      { bufferSize: 100 },
    );
    await connection.write(Buffer.alloc(101, "1"));
    await until(() => received().length === 102);
    connection.reset();
    expect(await settledOf(inner)).toEqual(["fulfilled", "rejected"]);
  });

  test("a read of its own comes first when a read sends what is gathered", async () => {
    const inner: Promise<unknown>[] = [];
    const { connection, other } = await scene((it) => void inner.push(it.read()), { bufferSize: 100 });
    await connection.write("question");
    const outer = connection.read();
    expect(inner).toHaveLength(1);
    expect(await netError(outer)).toMatchObject({ code: "ERR_BUSY" });
    other.write("answer");
    expect(String(await inner[0])).toBe("answer");
  });

  test.each(["write", "read"] as const)("a signal that is aborted there ends the %s", async (operation) => {
    const controller = new AbortController();
    const stop = new Error("stop");
    const { connection, other } = await scene(
      (_, side) => {
        side.pause();
        controller.abort(stop);
      },
      { bufferSize: operation === "read" ? 100 : 0 },
    );
    const { signal } = controller;
    if (operation === "read") await connection.write("gathered");
    const outer = operation === "read" ? connection.read({ signal }) : connection.write(PIECES, { signal });
    expect(signal.aborted).toBe(true);
    await expect(outer).rejects.toBe(stop);
    other.resume();
    await connection.flush();
    expect(connection.writableLength).toBe(0);
  });

  test("a timeout of 0 finds the stream busy, and takes the write back", async () => {
    const inner: Promise<unknown>[] = [];
    const { connection, received } = await scene((it) => {
      inner.push(it.write("no", { timeout: 0 }).catch((error: unknown) => error));
    });
    await connection.write(PIECES);
    await connection.write("end");
    const outcome = await inner[0];
    await until(() => received().endsWith("end"));
    if (outcome !== undefined) expect(outcome).toMatchObject({ code: "ETIMEDOUT", written: "nothing" });
    expect(received()).toBe(PIECES.toString() + (outcome === undefined ? "no" : "") + "end");
  });
});

/** A stream that calls back as it likes. */
function streamOf(methods: Partial<ConstructorParameters<typeof Duplex>[0]>): Duplex {
  return new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done(), ...methods });
}

describe("called inside", () => {
  test("a write behind a waiting one: it goes last", async () => {
    const chunks: string[] = [];
    let release: (() => void) | undefined;
    const inner: Promise<void>[] = [];
    const connection: Connection = keep(
      Connection.from(
        streamOf({
          write: (chunk: Buffer, _encoding, done) => {
            chunks.push(chunk.toString());
            if (release === undefined) release = done;
            else {
              if (chunk.toString() === "2") inner.push(connection.write("4"));
              done();
            }
          },
        }),
      ),
    );
    const outer = ["1", "2", "3"].map((text) => connection.write(text));
    release?.();
    expect(await settledOf(outer)).toEqual(Array(3).fill("fulfilled"));
    expect(await settledOf(inner)).toEqual(["fulfilled"]);
    expect(chunks).toEqual(["1", "2", "3", "4"]);
  });

  test("a write that fails: what is called there fails, too", async () => {
    const inner: Promise<void>[] = [];
    const connection: Connection = keep(
      Connection.from(
        streamOf({
          write: (_chunk, _encoding, done) => {
            inner.push(connection.write("2"), connection.flush(), connection.closeWrite());
            done(new Error("no more"));
          },
        }),
      ),
    );
    const outer = connection.write("1");
    expect(await settledOf([outer, ...inner])).toEqual(Array(4).fill("rejected"));
    await expect(connection.closed).rejects.toThrow("no more");
  });

  test("a write that throws: what is called there fails, too", async () => {
    const inner: Promise<void>[] = [];
    const stream = streamOf({});
    const connection = keep(Connection.from(stream));
    stream.write = () => {
      inner.push(connection.write("2"), connection.closeWrite());
      throw new Error("thrown");
    };
    const outer = connection.write("1");
    expect(await settledOf([outer, ...inner])).toEqual(Array(3).fill("rejected"));
    await expect(connection.closed).rejects.toThrow("thrown");
  });

  test("the end: writes are refused, closing again waits for the same", async () => {
    const inner: Promise<void>[] = [];
    const connection: Connection = keep(
      Connection.from(
        streamOf({
          final: (done) => {
            inner.push(connection.closeWrite(), connection.flush(), connection.write("late"));
            connection.closeRead();
            done();
          },
        }),
      ),
    );
    await connection.write("1");
    await connection.closeWrite();
    expect(await settledOf(inner)).toEqual(["fulfilled", "fulfilled", "rejected"]);
    await connection.close();
  });

  test("the write that close makes: another close settles as the first one does", async () => {
    const settled: string[] = [];
    const note = (name: string, closing: Promise<void>) =>
      closing.then(
        () => settled.push(`${name} with the stream ${stream.destroyed ? "destroyed" : "open"}`),
        () => settled.push(`${name} with a failure`),
      );
    const within: Promise<unknown>[] = [];
    const stream: Duplex = streamOf({
      // The peer has ended its side, so that no close has to wait for that.
      read: () => stream.push(null),
      write: (_chunk, _encoding, done) => {
        within.push(note("inner", connection.close()));
        setImmediate(done);
      },
    });
    const connection: Connection = keep(Connection.from(stream, { bufferSize: 100 }));
    void connection.write("gathered");
    await note("outer", connection.close());
    await Promise.all(within);
    expect(settled.sort()).toEqual(["inner with the stream destroyed", "outer with the stream destroyed"]);
  });

  test("the failing write that close makes: another close rejects as the first one does", async () => {
    const inner: Promise<void>[] = [];
    const stream = streamOf({
      write: (_chunk, _encoding, done) => {
        inner.push(connection.close());
        done(new Error("lost"));
      },
    });
    const connection: Connection = keep(Connection.from(stream, { bufferSize: 100 }));
    void connection.write("gathered");
    const outer = connection.close();
    expect(await settledOf([outer, ...inner])).toEqual(["rejected", "rejected"]);
  });

  test("the stream's destruction: everything is closed by then", async () => {
    const inner: Promise<unknown>[] = [];
    const connection: Connection = keep(
      Connection.from(
        streamOf({
          destroy: (error, done) => {
            inner.push(connection.write("late"), connection.read());
            inner.push(connection.close().then(() => connection.closed));
            connection.reset();
            done(error);
          },
        }),
      ),
    );
    connection.reset();
    expect(await settledOf(inner)).toEqual(["rejected", "rejected", "fulfilled"]);
  });

  test("a read of the stream: reads, and a hand-over that loses nothing", async () => {
    const outcomes: Promise<unknown>[] = [];
    const source = ["one", "two", "three"];
    let back: Duplex | undefined;
    const stream: Duplex = streamOf({
      read() {
        const chunk = source.shift();
        if (chunk === "two") outcomes.push(connection.read());
        if (chunk === "three") back = connection.detach();
        if (chunk !== undefined) setImmediate(() => this.push(chunk));
      },
    });
    const connection = keep(Connection.from(stream));
    await until(() => outcomes.length > 0);
    const first = String(await outcomes[0]);
    await until(() => back !== undefined);
    let rest = "";
    back?.on("data", (chunk: Buffer) => (rest += chunk.toString()));
    await until(() => (first + rest).length >= 11);
    expect(first + rest).toBe("onetwothree");
    back?.destroy();
  });

  test("the callback of a stream that calls it before its write returns", async () => {
    const chunks: Buffer[] = [];
    const stream = streamOf({});
    stream.write = ((chunk: Buffer, done: (error?: Error | null) => void) => {
      chunks.push(chunk);
      done();
      return true;
    }) as Duplex["write"];
    const connection = keep(Connection.from(stream));
    const large = Buffer.alloc(64 * 1024 * 3_000, "x");
    await Promise.all([connection.write(large), connection.write("end")]);
    const size = chunks.reduce((total, { length }) => total + length, 0);
    expect([size, connection.bytesWritten, connection.writableLength]).toEqual([
      large.length + 3,
      large.length + 3,
      0,
    ]);
  });
});
