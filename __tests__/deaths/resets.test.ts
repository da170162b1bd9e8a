/** A conversation of some steps over real sockets, which is reset at each byte of it, in either direction. */
import {
  connect,
  delimited,
  framed,
  lengthPrefixed,
  listen,
  NetError,
  requests,
  type Connection,
  type ConnectOptions,
  type Listener,
} from "../../src/index.js";
import { closeAll, keep } from "../support/peers.js";
import { nothingLeft } from "../support/resources.js";
import { ANY_TLS } from "../support/tls-pairs.js";
import { CuttingProxy } from "./cutting-proxy.js";
import type { Who } from "./plan.js";

afterEach(closeAll);

/** All that is said, in turns: who says it, what the other one gets, and its bytes. */
const MESSAGES: readonly { readonly from: Who; readonly text: string; readonly bytes: string }[] = [
  { from: "server", text: "welcome", bytes: "welcome\r\n" },
  { from: "client", text: "hello", bytes: "hello\n" },
  { from: "server", text: "a frame", bytes: "\0\x07a frame" },
  { from: "client", text: "another frame", bytes: "\0\x0danother frame" },
  { from: "client", text: "question", bytes: "question\n" },
  { from: "server", text: "re: question", bytes: "re: question\n" },
];

/** Says the client's part, and notes what it gets. */
async function client(connection: Connection, got: string[]): Promise<void> {
  got.push(String(await connection.readLine()));
  await connection.writeLine("hello");
  const frames = lengthPrefixed(connection, { bytes: 2 });
  got.push(String(await frames.receive()));
  await frames.send("another frame");
  got.push(String(await requests(framed(connection, delimited("\n"))).request("question")));
}

async function server(connection: Connection, got: string[]): Promise<void> {
  await connection.writeLine("welcome", { terminator: "\r\n" });
  got.push(String(await connection.readLine()));
  const frames = lengthPrefixed(connection, { bytes: 2 });
  await frames.send("a frame");
  got.push(String(await frames.receive()));
  got.push(String(await connection.readLine()));
  await connection.writeLine("re: question");
  expect(await connection.read()).toBe(null);
}

/** How an end has fared: what it got, what was left of a message when the connection failed, and the error, or `null`. */
interface Fate {
  readonly got: string[];
  readonly left: string;
  readonly error: unknown;
}

/** Lives the life of one end, after which nothing of it is left waiting. */
async function fateOf(opening: Promise<Connection>, part: typeof client): Promise<Fate> {
  const got: string[] = [];
  let connection: Connection | undefined;
  try {
    connection = await opening;
    await part(connection, got);
    await connection.close();
    return { got, left: "", error: null };
  } catch (error) {
    return { got, left: connection === undefined ? "" : await leftOf(connection), error };
  }
}

/** What can still be read of a connection that was reset: behind it every call rejects, and none gives an end that never came. */
async function leftOf(connection: Connection): Promise<string> {
  const left: string[] = [];
  for (;;) {
    const chunk = await connection.read().catch((error: unknown) => error);
    if (!(chunk instanceof Uint8Array)) break;
    left.push(String(chunk));
  }
  const calls = [connection.read(), connection.readLine(), connection.write("?")];
  for (const outcome of await Promise.allSettled(calls)) {
    expect(outcome).toEqual({ status: "rejected", reason: expect.any(NetError) as unknown });
  }
  // They settle, too: the output may have ended before the reset.
  await Promise.allSettled([connection.closeWrite(), connection.closed, connection.close()]);
  return left.join("");
}

/** What an end gets, and what is left, of a conversation that is cut after so many bytes of one direction. */
function expected(who: Who, from: Who, cutAfter: number): { got: string[]; left: string } {
  let passed = 0;
  const at = MESSAGES.findIndex(
    (message) => message.from === from && (passed += message.bytes.length) > cutAfter,
  );
  const toUs = (message: (typeof MESSAGES)[number]): boolean => message.from !== who;
  const cut = MESSAGES[at];
  const delivered = cut === undefined ? MESSAGES : MESSAGES.slice(0, at);
  const part = cut === undefined || !toUs(cut) ? "" : cut.bytes.slice(0, cutAfter - passed);
  return { got: delivered.filter(toUs).map(({ text }) => text), left: part };
}

async function lives(
  proxy: CuttingProxy,
  listener: Listener,
  options: ConnectOptions,
): Promise<{ readonly client: Fate; readonly server: Fate }> {
  const stop = new AbortController();
  const accepting = listener.accept({ signal: stop.signal });
  const ofServer = fateOf(accepting, server);
  const ofClient = await fateOf(connect("127.0.0.1", proxy.port, options), client);
  // A client whose handshake fails never comes to be accepted.
  if (ofClient.error !== null && ofClient.got.length === 0 && options.tls !== undefined) stop.abort();
  return { client: ofClient, server: await ofServer };
}

const RESET = /^(ECONNRESET|EPIPE)$/;

test.each<Who>(["client", "server"])(
  "TCP: reset at each byte that the %s sends, both ends get what was sent before, whole, and then an error",
  async (from) => {
    const listener = keep(await listen(0, { host: "127.0.0.1" }));
    const proxy = await CuttingProxy.open(listener.port);
    const total = MESSAGES.reduce(
      (sum, message) => sum + (message.from === from ? message.bytes.length : 0),
      0,
    );
    for (let bytes = 0; bytes <= total; bytes++) {
      proxy.orders = { cut: { from, bytes, how: "rst" }, chops: false };
      const fates = await lives(proxy, listener, {});
      for (const who of ["client", "server"] as const) {
        const { got, left, error } = fates[who];
        expect({ bytes, who, got, left }).toEqual({ bytes, who, ...expected(who, from, bytes) });
        if (bytes === total) expect(error).toBe(null);
        else
          expect([bytes, who, (error as NetError).code]).toEqual([bytes, who, expect.stringMatching(RESET)]);
      }
    }
    await proxy.close();
    await listener.close();
    await nothingLeft();
  },
);

/** A step between two resets over TLS, whose handshake alone has thousands of bytes. No record has as many. */
const TLS_STEP_BYTES = 43;
/** More than all that an end of such a conversation sends. */
const MAX_TLS_BYTES = 10_000;

test.each<Who>(["client", "server"])(
  "TLS: reset anywhere in what the %s sends, handshake included, each end gets a beginning, and then an error or all",
  async (from) => {
    const all = {
      client: expected("client", from, Infinity).got,
      server: expected("server", from, Infinity).got,
    };
    let isWhole = false;
    let failures = 0;
    for (let bytes = 0; !isWhole && bytes < MAX_TLS_BYTES; bytes += TLS_STEP_BYTES) {
      // A client whose handshake failed late may have been accepted all the same: it is not to be taken for the next one.
      const listener = keep(await listen(0, { host: "127.0.0.1", tls: ANY_TLS.server }));
      const proxy = await CuttingProxy.open(listener.port);
      proxy.orders = { cut: { from, bytes, how: "rst" }, chops: false };
      const fates = await lives(proxy, listener, { tls: ANY_TLS.client });
      for (const who of ["client", "server"] as const) {
        const { got, error } = fates[who];
        expect({ bytes, who, got }).toEqual({ bytes, who, got: all[who].slice(0, got.length) });
        if (error === null) expect(got).toEqual(all[who]);
        else if ((error as Error).name !== "AbortError") expect(error).toBeInstanceOf(NetError);
      }
      isWhole = fates.client.error === null && fates.server.error === null;
      if (!isWhole) failures++;
      await proxy.close();
      await listener.close();
    }
    expect(isWhole).toBe(true);
    expect(failures).toBeGreaterThan(10);
    await nothingLeft();
  },
);
