import { once } from "node:events";
import {
  connect as http2Connect,
  createServer as createHttp2Server,
  type ClientHttp2Stream,
  type Http2Stream,
  type ServerHttp2Stream,
} from "node:http2";
import { Socket, type AddressInfo } from "node:net";
import { Duplex, duplexPair, PassThrough, type DuplexOptions } from "node:stream";
import { connect as tlsConnect, TLSSocket } from "node:tls";
import { connect, Connection, type ConnectionOptions } from "../../../src/index.js";
import { failure, netError, timeoutError, turn, until } from "../../support/outcomes.js";
import { closeAll, keep, loopback } from "../../support/peers.js";
import { duplexesInMemory, socketPair, tlsPair } from "../../support/adopted-pairs.js";
import { SELF_SIGNED } from "../../support/certificates.js";

afterEach(closeAll);

/** A stream that never has anything to read, takes everything, and does what the options say. */
function streamOf(options: DuplexOptions = {}): Duplex {
  return new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done(), ...options });
}

describe("a TLS socket whose handshake is cut off fails at once", () => {
  const sides: readonly (readonly [string, (socket: Socket) => TLSSocket])[] = [
    ["a client's", (socket) => tlsConnect({ socket, ca: SELF_SIGNED.cert, servername: "localhost" })],
    ["a server's", (socket) => new TLSSocket(socket, { isServer: true, ...SELF_SIGNED })],
  ];

  test.each(sides)("%s, by an end", async (_name, encrypt) => {
    const [ours, theirs] = await socketPair();
    const connection = Connection.from(encrypt(ours));
    const calls = [connection.read(), connection.write("x"), connection.closeWrite(), connection.closed];
    theirs.end();
    for (const call of calls) expect((await netError(call)).code).toBe("ECONNRESET");
    expect((await netError(connection.read())).message).toContain("TLS handshake");
    keep(theirs.resume());
  });

  test.each(sides)("%s, by a reset", async (_name, encrypt) => {
    const [ours, theirs] = await socketPair();
    const connection = Connection.from(encrypt(ours));
    const calls = [connection.read(), connection.write("x"), connection.closed];
    theirs.resetAndDestroy();
    for (const call of calls) expect((await netError(call)).code).toBe("ECONNRESET");
  });

  test.each(sides)("%s, by what is no TLS", async (_name, encrypt) => {
    const [ours, theirs] = await socketPair();
    const connection = Connection.from(encrypt(ours));
    const calls = [connection.read(), connection.write("x"), connection.closed];
    keep(theirs.on("error", () => undefined).resume()).write("HTTP/1.1 400 Bad Request\r\n\r\n");
    for (const call of calls) expect((await netError(call)).code).toMatch(/^(ERR_SSL_|EPROTO)/);
  });

  test("an end after the handshake is an end", async () => {
    const [client, server] = await tlsPair();
    const [a, b] = [Connection.from(client), Connection.from(server)];
    await Promise.all([a.closeWrite(), b.closeWrite()]);
    expect([await a.read(), await b.read()]).toEqual([null, null]);
    await Promise.all([a.closed, b.closed]);
  });
});

describe("a stream of HTTP/2", () => {
  /** Both ends of one, and what closes the rest. */
  async function http2Pair(): Promise<[ServerHttp2Stream, ClientHttp2Stream, () => void]> {
    const server = createHttp2Server().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const session = http2Connect(`http://127.0.0.1:${String(port)}`);
    const asked = session.request({ ":method": "POST" });
    const [stream] = (await once(server, "stream")) as [ServerHttp2Stream];
    stream.respond({ ":status": 200 });
    await once(asked, "response");
    return [
      stream,
      asked,
      () => {
        session.destroy();
        server.close();
      },
    ];
  }

  test("carries bytes, and ends one side at a time", async () => {
    const [stream, asked, dispose] = await http2Pair();
    const [a, b] = [Connection.from(asked), Connection.from(stream)];
    await a.write("question");
    await a.closeWrite();
    expect(String(await b.readAll())).toBe("question");
    await b.write("answer");
    await b.closeWrite();
    expect(String(await a.readAll())).toBe("answer");
    await Promise.all([a.closed, b.closed]);
    dispose();
  });

  test.each<[string, (stream: Http2Stream) => void]>([
    ["closed", (stream) => stream.close()],
    ["destroyed", (stream) => stream.destroy()],
  ])("that its peer has %s is over, and what came before is read", async (_name, end) => {
    const [stream, asked, dispose] = await http2Pair();
    const connection = Connection.from(stream);
    asked.write("last words");
    await until(() => connection.readableLength === 10);
    end(asked);
    await connection.closed;
    expect(String(await connection.read())).toBe("last words");
    expect(await connection.read()).toBeNull();
    expect((await netError(connection.write("x"))).code).toBe("ERR_CLOSED");
    expect(stream.destroyed).toBe(true);
    dispose();
  });

  test("that its peer has reset has failed, with the code of the reset", async () => {
    const [stream, asked, dispose] = await http2Pair();
    const connection = Connection.from(stream);
    asked.on("error", () => undefined).close(8);
    const error = await netError(connection.closed);
    expect(error.code).toBe("ECONNRESET");
    expect(error.message).toContain("code 8");
    dispose();
  });
});

describe("the end of a TLS stream throws away nothing that has arrived", () => {
  const RECORDS = 15;
  const SIZE = 1_000;

  /** A TLS socket, and a function that sends it a number of records in one piece. */
  async function withRecords(): Promise<[TLSSocket, () => Promise<TLSSocket>]> {
    const [wire, accepted] = await socketPair();
    const [outer, inner] = duplexPair();
    wire.pipe(outer);
    outer.on("data", (chunk: Buffer) => wire.write(chunk));
    const right = new TLSSocket(accepted, { isServer: true, ...SELF_SIGNED });
    const left = tlsConnect({ socket: inner, ca: SELF_SIGNED.cert, servername: "localhost" });
    await Promise.all([once(left, "secureConnect"), once(right, "secure")]);
    const send = async () => {
      wire.cork();
      for (let record = 0; record < RECORDS; record++) {
        await new Promise((resolve) => left.write(Buffer.alloc(SIZE, String(record)), resolve));
      }
      wire.uncork();
      return left;
    };
    return [right, send];
  }

  test.each<[string, (socket: TLSSocket) => Duplex]>([
    ["a TLS socket", (socket) => socket],
    ["a Duplex around one", (socket) => Duplex.from({ readable: socket, writable: socket })],
  ])("%s that is ended with the first record in hand", async (_name, around) => {
    const [right, send] = await withRecords();
    const connection = Connection.from(around(right));
    const reading = connection.read();
    const left = await send();
    let received = (await reading)?.length ?? 0;
    expect(received).toBeLessThan(RECORDS * SIZE);
    const ending = connection.closeWrite();
    received += (await connection.readExactly(RECORDS * SIZE - received)).length;
    await ending;
    left.end();
    expect(await connection.read()).toBeNull();
    await connection.closed;
    expect(received).toBe(RECORDS * SIZE);
  });
});

describe("streams that are destroyed without an event", () => {
  const silent = { emitClose: false };

  test.each<[string, DuplexOptions, (stream: Duplex) => void]>([
    ["destroyed", silent, (stream) => stream.destroy()],
    [
      "that take their time to be destroyed",
      { ...silent, destroy: (error, done) => setTimeout(done, 5, error) },
      (stream) => stream.destroy(),
    ],
    ["that never finish their destruction", { destroy: () => undefined }, (stream) => stream.destroy()],
  ])("%s by their maker: every waiting call rejects", async (_name, options, kill) => {
    const stream = streamOf({ ...options, write: () => undefined });
    const connection = Connection.from(stream);
    const calls = [connection.read(), connection.write("x"), connection.flush(), connection.closeWrite()];
    kill(stream);
    for (const call of calls) expect((await netError(call)).code).toBe("ERR_CLOSED");
    await connection.closed;
  });

  test.each<[string, DuplexOptions]>([
    ["emits no 'close'", silent],
    ["does not destroy itself", { autoDestroy: false }],
    ["neither emits 'close' nor destroys itself", { ...silent, autoDestroy: false }],
  ])("one that %s and fails tells how, after what had arrived", async (_name, options) => {
    const stream = streamOf({ ...options, write: (_chunk, _encoding, done) => done(new Error("full")) });
    const connection = Connection.from(stream);
    stream.push("before");
    expect((await netError(connection.write("x"))).message).toContain("full");
    expect((await netError(connection.closed)).message).toContain("full");
    expect(String(await connection.readExactly(6))).toBe("before");
    await netError(connection.read());
    expect(stream.destroyed).toBe(true);
  });

  test.each<[string, DuplexOptions]>([
    ["emits no 'close'", silent],
    ["does not destroy itself", { autoDestroy: false }],
  ])("one that %s and is over once both sides have ended", async (_name, options) => {
    for (const endedBy of ["connection", "maker"]) {
      const stream = streamOf(options);
      const connection = Connection.from(stream);
      stream.push(null);
      expect(await connection.read()).toBeNull();
      if (endedBy === "connection") await connection.closeWrite();
      else stream.end();
      await connection.closed;
      expect(stream.destroyed).toBe(true);
    }
  });

  test.each<[string, DuplexOptions]>([
    ["emits 'close'", {}],
    ["emits none", silent],
  ])("one that %s and was destroyed before it was adopted is over", async (_name, options) => {
    for (const error of [undefined, new Error("broken")]) {
      for (const turns of [0, 1]) {
        const stream = streamOf(options).on("error", () => undefined);
        stream.destroy(error);
        for (let i = 0; i < turns; i++) await turn();
        const connection = Connection.from(stream);
        const calls = [connection.read(), connection.write("x"), connection.flush()];
        const outcome = await failure(connection.closed.then(() => Promise.reject(new Error("resolved"))));
        expect((outcome as Error).message).toContain(error?.message ?? "resolved");
        for (const call of calls) await call.catch((reason: unknown) => reason);
        await connection.close();
      }
    }
  });
});

describe("streams that their maker has written to, or ended", () => {
  const patient: ConnectionOptions = { writeTimeout: 50 };

  /** Every kind of wait for what was written, and for the end of all. */
  const waits: readonly (readonly [string, (connection: Connection) => Promise<void>])[] = [
    ["flush", (connection) => connection.flush()],
    ["closeWrite", (connection) => connection.closeWrite()],
    ["close", (connection) => connection.close()],
  ];

  /** Ended streams, each with bytes that their other side does not take, or in an end that never comes. */
  const stuck: readonly (readonly [string, () => Promise<[Duplex, Duplex | undefined]>])[] = [
    ["a socket with bytes", () => clogged(socketPair())],
    ["a TLS socket with bytes", () => clogged(tlsPair())],
    ["a side of a pair with bytes", () => clogged(duplexesInMemory())],
    [
      "a socket that a connection has written to",
      async () => {
        const listener = await loopback();
        const connection = await connect("127.0.0.1", listener.port);
        const peer = keep(await listener.accept());
        void connection.write(Buffer.alloc(30_000_000));
        const socket = connection.detach();
        socket.end();
        return [socket, peer.detach().pause()];
      },
    ],
    [
      "one that never finishes",
      () => Promise.resolve([streamOf({ final: () => undefined }).end(), undefined]),
    ],
    [
      "one that never takes its bytes",
      () => {
        const stream = streamOf({ write: () => undefined });
        stream.end("request");
        return Promise.resolve([stream, undefined]);
      },
    ],
    [
      "a socket that never finishes",
      async () => {
        const [left, right] = await socketPair();
        left._final = () => undefined;
        return [left.end(), right];
      },
    ],
  ];

  async function clogged<T extends Duplex>(making: Promise<[T, T]>): Promise<[Duplex, Duplex]> {
    const [left, right] = await making;
    left.end(Buffer.alloc(30_000_000));
    return [left, right];
  }

  /** Adopts it, and drops both ends when `use` is done. */
  async function adopting(
    make: () => Promise<[Duplex, Duplex | undefined]>,
    use: (connection: Connection, peer: Duplex | undefined) => Promise<void>,
  ): Promise<void> {
    const [stream, peer] = await make();
    for (const end of [stream, peer]) end?.on("error", () => undefined);
    await use(Connection.from(stream, patient), peer);
    for (const end of [stream, peer]) end?.destroy();
  }

  test.each(stuck)("%s: every wait settles", async (_name, make) => {
    for (const [, wait] of waits) {
      await adopting(make, async (connection, peer) => {
        const outcome = await failureOrNothing(wait(connection));
        if (peer === undefined) connection.socket.push(null);
        if (outcome !== undefined) expect(outcome).toHaveProperty("code", "ETIMEDOUT");
        await failureOrNothing(connection.close());
        await failureOrNothing(connection.closed);
      });
    }
  });

  test.each(stuck)("%s: a reset ends it", async (_name, make) => {
    for (const turns of [0, 3]) {
      await adopting(make, async (connection) => {
        for (let i = 0; i < turns; i++) await turn();
        const waiting = [connection.closeWrite(), connection.read()];
        connection.reset();
        for (const call of waiting) await failureOrNothing(call);
        await connection.closed;
      });
    }
  });

  test.each(stuck)("%s: a close with a timeout ends it", async (_name, make) => {
    for (const timeout of [0, 20]) {
      await adopting(make, async (connection) => {
        await failureOrNothing(connection.close({ timeout }));
        await connection.closed;
      });
    }
  });

  test.each(stuck.slice(0, 4))(
    "%s: all that was written arrives when its peer reads",
    async (_name, make) => {
      const [stream, peer] = await make();
      const connection = Connection.from(stream);
      const ending = connection.closeWrite();
      let received = 0;
      peer?.on("data", (chunk: Buffer) => (received += chunk.length)).resume();
      await ending;
      await until(() => received === 30_000_000);
      peer?.end();
      await connection.closed;
    },
  );

  test("a stream that takes its bytes and does not finish is over when its peer has ended", async () => {
    let take!: () => void;
    const stream = streamOf({
      write: (_chunk, _encoding, done) => (take = done),
      final: () => undefined,
    });
    stream.end("request");
    const connection = Connection.from(stream);
    const ending = connection.closeWrite();
    stream.push(null);
    expect(await connection.read()).toBeNull();
    take();
    await ending;
    await connection.closed;
  });

  test("a side of a pair that is ended through the connection first sends what the program had written", async () => {
    const [left, right] = duplexPair();
    left.write("request");
    const connection = Connection.from(left);
    await connection.write(" more");
    await connection.closeWrite();
    const chunks: Buffer[] = [];
    for await (const chunk of right as AsyncIterable<Buffer>) chunks.push(chunk);
    expect(String(Buffer.concat(chunks))).toBe("request more");
    await connection.close();
  });

  test("a stream that the program ends itself takes no more writes, and is over with its peer's end", async () => {
    const stream = new PassThrough();
    const connection = Connection.from(stream);
    stream.end("last");
    expect(String(await connection.readAll())).toBe("last");
    await connection.closed;
    expect((await netError(connection.write("x"))).code).toBe("ERR_CLOSED");
  });

  test("a write that its stream never takes times out, and so does the close behind it", async () => {
    const connection = Connection.from(streamOf({ write: () => undefined }), patient);
    await timeoutError(connection.write("x"));
    await timeoutError(connection.close());
    await connection.closed;
  });
});

test("a connection of which both sides have ended cannot be detached while its stream is still closing", async () => {
  const stream = streamOf({ final: () => undefined });
  const connection = Connection.from(stream);
  await connection.closeWrite();
  stream.push(null);
  expect(await connection.read()).toBeNull();
  expect(() => connection.detach()).toThrow("(ERR_CLOSED)");
  await connection.closed;
  expect(stream.destroyed).toBe(true);
});

/** What a promise rejects with, or `undefined`. */
async function failureOrNothing(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}
