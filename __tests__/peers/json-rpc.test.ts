import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";
import {
  AbstractMessageReader,
  AbstractMessageWriter,
  createMessageConnection,
  type CancellationToken,
  type DataCallback,
  type Disposable,
  type Message,
  type MessageConnection,
} from "vscode-jsonrpc/node";
import { connect, framed, jsonLines, NetTimeoutError, requests, type Requests } from "tcp6";
import { failure } from "../support/outcomes.js";
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

let server: Server;
let peer: MessageConnection;
let client: Requests<Rpc, Rpc>;
let unsolicited: Rpc[];
let cancelled: number;
let notify: (message: Rpc) => Promise<void>;
let ids = 0;

beforeEach(async () => {
  server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const [connection, [socket]] = await Promise.all([
    connect("127.0.0.1", (server.address() as AddressInfo).port),
    once(server, "connection") as Promise<[Socket]>,
  ]);
  peer = createMessageConnection(new LineReader(socket), new LineWriter(socket));
  cancelled = 0;
  peer.onRequest("add", (a: number, b: number) => a + b);
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
  const messages = framed(connection, jsonLines<Rpc>());
  notify = (message) => messages.send(message);
  client = requests(messages, {
    // Notifications and the peer's own requests have a method.
    match: { request: ({ id }) => id, reply: ({ id, method }) => (method === undefined ? id : undefined) },
    unsolicited: (message) => {
      unsolicited.push(message);
      if (message.id !== undefined) void messages.send({ jsonrpc: "2.0", id: message.id, result: "pong" });
    },
  });
});

afterEach(async () => {
  await client.close();
  peer.dispose();
  await new Promise((resolve) => server.close(resolve));
  await nothingLeft();
});

function call(method: string, params: unknown): Rpc & { id: number } {
  return { jsonrpc: "2.0", id: ++ids, method, params };
}

describe("requests over JSON lines, to vscode-jsonrpc", () => {
  test("many calls at once get their own results", async () => {
    const replies = await Promise.all(
      Array.from({ length: 500 }, (_, i) => client.request(call("add", [i, i]))),
    );
    expect(replies.map(({ result }) => result)).toEqual(replies.map((_, i) => 2 * i));
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
    await notify({ jsonrpc: "2.0", method: "$/cancelRequest", params: { id: given.id } });
    expect(await client.request(call("add", [2, 2]))).toMatchObject({ result: 4 });
    expect(cancelled).toBe(1);
  });
});
