import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";
import {
  AbstractMessageReader,
  AbstractMessageWriter,
  createMessageConnection,
  SocketMessageReader,
  SocketMessageWriter,
  type CancellationToken,
  type DataCallback,
  type Disposable,
  type Message,
  type MessageConnection,
  type MessageReader,
  type MessageWriter,
} from "vscode-jsonrpc/node";
import {
  connect,
  framed,
  jsonLines,
  NetTimeoutError,
  requests,
  type Codec,
  type Messages,
  type Requests,
} from "tcp6";
import { failure, netError } from "../support/outcomes.js";
import { nothingLeft } from "../support/resources.js";

interface Rpc {
  jsonrpc: "2.0";
  id?: number;
  method?: string;
  params?: unknown;
  result?: unknown;
  error?: { code: number; message: string };
}

/** One message a line, which the library leaves to others. */
class LineReader extends AbstractMessageReader {
  constructor(readonly socket: Socket) {
    super();
  }

  listen(callback: DataCallback): Disposable {
    const lines = createInterface({ input: this.socket });
    lines.on("line", (line) => callback(JSON.parse(line) as Message));
    return { dispose: () => lines.close() };
  }
}

class LineWriter extends AbstractMessageWriter {
  constructor(readonly socket: Socket) {
    super();
  }

  write(message: Message): Promise<void> {
    this.socket.write(`${JSON.stringify(message)}\n`);
    return Promise.resolve();
  }

  end(): void {
    this.socket.end();
  }
}

/** The framing of language servers: header lines, an empty line, and JSON of `Content-Length` bytes. */
const contentLength: Codec<Rpc> = {
  decode(bytes) {
    const end = bytes.indexOf("\r\n\r\n");
    if (end === -1) return undefined;
    const length = /^Content-Length: *(\d+) *$/im.exec(bytes.toString("latin1", 0, end))?.[1];
    if (length === undefined) throw new Error("a header without a Content-Length");
    const begin = end + 4;
    const size = begin + Number(length);
    if (bytes.length < size) return size;
    return { message: JSON.parse(bytes.toString("utf8", begin, size)) as Rpc, size };
  },
  encode(message) {
    const json = JSON.stringify(message);
    return `Content-Length: ${String(Buffer.byteLength(json))}\r\n\r\n${json}`;
  },
};

interface Dialect {
  readonly name: string;
  readonly codec: Codec<Rpc>;
  readonly reader: (socket: Socket) => MessageReader;
  readonly writer: (socket: Socket) => MessageWriter;
}

const DIALECTS: readonly Dialect[] = [
  {
    name: "JSON lines",
    codec: jsonLines<Rpc>(),
    reader: (socket) => new LineReader(socket),
    writer: (socket) => new LineWriter(socket),
  },
  {
    name: "a codec of Content-Length headers",
    codec: contentLength,
    reader: (socket) => new SocketMessageReader(socket),
    writer: (socket) => new SocketMessageWriter(socket),
  },
];

let server: Server;
let peer: MessageConnection;
let client: Requests<Rpc, Rpc>;
let unsolicited: Rpc[];
let cancelled: number;
let messages: Messages<Rpc>;
let ids = 0;

async function open({ codec, reader, writer }: Dialect): Promise<void> {
  server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const [connection, [socket]] = await Promise.all([
    connect("127.0.0.1", (server.address() as AddressInfo).port),
    once(server, "connection") as Promise<[Socket]>,
  ]);
  peer = createMessageConnection(reader(socket), writer(socket));
  cancelled = 0;
  peer.onRequest("add", (a: number, b: number) => a + b);
  peer.onRequest("echo", (text: string) => text);
  peer.onRequest("wait", (_: unknown, token: CancellationToken) => {
    return new Promise((resolve) => {
      token.onCancellationRequested(() => {
        cancelled++;
        resolve("cancelled");
      });
    });
  });
  peer.listen();
  unsolicited = [];
  messages = framed(connection, codec);
  client = requests(messages, {
    // Notifications and the peer's own requests have a method.
    match: { request: ({ id }) => id, reply: ({ id, method }) => (method === undefined ? id : undefined) },
    unsolicited: (message) => {
      unsolicited.push(message);
      if (message.id !== undefined) void messages.send({ jsonrpc: "2.0", id: message.id, result: "pong" });
    },
  });
}

async function close(): Promise<void> {
  await client.close();
  peer.dispose();
  await new Promise((resolve) => server.close(resolve));
}

afterEach(nothingLeft);

function call(method: string, params: unknown): Rpc & { id: number } {
  return { jsonrpc: "2.0", id: ++ids, method, params };
}

describe.each(DIALECTS)("requests over $name, to vscode-jsonrpc", (dialect) => {
  beforeEach(() => open(dialect));
  afterEach(close);

  test("many calls at once get their own results", async () => {
    const replies = await Promise.all(
      Array.from({ length: 500 }, (_, i) => client.request(call("add", [i, i]))),
    );
    expect(replies.map(({ result }) => result)).toEqual(replies.map((_, i) => 2 * i));
  });

  test("texts of any characters, empty and long", async () => {
    for (const text of ["", "Grüße aus 東京 \u{1f600}", "line\r\n\r\nline", "ü".repeat(500_000)])
      expect((await client.request(call("echo", [text]))).result === text).toBe(true);
  });

  test("an unknown method is an error of that call", async () => {
    expect(await client.request(call("fly", []))).toMatchObject({ error: { code: -32601 } });
  });

  test("its notifications and requests come unsolicited, while a call waits, and are answered", async () => {
    const waiting = client.request(call("add", [1, 2]));
    await peer.sendNotification("news", "hello");
    expect(await peer.sendRequest("ping")).toBe("pong");
    expect(await waiting).toMatchObject({ result: 3 });
    expect(unsolicited).toMatchObject([{ method: "news" }, { method: "ping" }]);
  });

  test("a caller that gives up can cancel, and its reply goes to no other call", async () => {
    const given = call("wait", {});
    const waiting = failure(client.request(given, { timeout: 20 }));
    expect(await waiting).toBeInstanceOf(NetTimeoutError);
    // A notification has no reply: it is sent beside the requests.
    await messages.send({ jsonrpc: "2.0", method: "$/cancelRequest", params: { id: given.id } });
    expect(await client.request(call("add", [2, 2]))).toMatchObject({ result: 4 });
    expect(cancelled).toBe(1);
  });
});

test("what is no header fails the calls that wait, and tells why", async () => {
  const listener = createServer((socket) =>
    socket.on("error", () => undefined).write("Content-Type: text/plain\r\n\r\n{}"),
  );
  await once(listener.listen(0, "127.0.0.1"), "listening");
  const connection = await connect("127.0.0.1", (listener.address() as AddressInfo).port);
  const rpc = requests(framed(connection, contentLength));
  expect(await netError(rpc.request(call("add", [1, 2])))).toMatchObject({
    code: "ERR_INVALID_MESSAGE",
    cause: new Error("a header without a Content-Length"),
  });
  await new Promise((resolve) => listener.close(resolve));
});
