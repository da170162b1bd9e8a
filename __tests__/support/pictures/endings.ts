/** How connections end: what two programs call, and what passes between them. */
import { setTimeout as sleep } from "node:timers/promises";
import { connect, listen, NetError, type Connection } from "../../../src/index.js";
import { simulate, type Host, type Network, type NetworkEvent } from "../../../src/testing/index.js";
import { arrow, bar, line, picture, text, WIDTH } from "./svg.js";

const LATENCY_MS = 50;
const SILENCE_MS = 300;

/** What a program says at one moment: a call it makes, or what one has come to. */
interface Remark {
  readonly time: number;
  readonly host: string;
  readonly words: string;
}

/** A call that waits. */
interface Wait {
  readonly host: string;
  readonly begun: number;
  readonly ended: number;
}

/** What is on its way from one host to the other; `isLost` if it never arrives. */
interface Message {
  readonly from: string;
  readonly sent: number;
  readonly words: string;
  readonly isLost: boolean;
}

interface Ending {
  readonly title: string;
  readonly remarks: readonly Remark[];
  readonly waits: readonly Wait[];
  readonly messages: readonly Message[];
  /** When the server's host crashed. */
  readonly crashed: number | undefined;
}

/** One end of the connection, as its program uses it. */
interface End {
  readonly connection: Connection;
  /** Notes what the program calls now. */
  says(words: string): void;
  /** Waits for a call, and notes what it has come to. */
  waits<T>(call: Promise<T>, words: (result: T) => string): Promise<void>;
}

interface Scene {
  readonly title: string;
  client(end: End): Promise<void>;
  server(end: End, host: Host): Promise<void>;
}

const SCENES: readonly Scene[] = [
  {
    title: "Half-close: one side ends, and the other still answers",
    async client(end) {
      end.says("write(), closeWrite()");
      await end.connection.write("request");
      await end.connection.closeWrite();
      await end.waits(end.connection.readAll(), ({ length }) => `readAll(): ${String(length)} bytes`);
      end.says("close()");
      await end.connection.close();
    },
    async server(end) {
      await end.waits(end.connection.readAll(), ({ length }) => `readAll(): ${String(length)} bytes`);
      await sleep(100);
      end.says("write(), close()");
      await end.connection.write("answer");
      await end.connection.close();
    },
  },
  {
    title:
      "close() lingers: it discards what arrives, until the peer ends too, so that no RST takes the answer away",
    async client(end) {
      end.says("write()");
      await end.connection.write("request");
      await end.waits(end.connection.readAll(), ({ length }) => `readAll(): ${String(length)} bytes`);
      await sleep(100);
      end.says("close()");
      await end.connection.close();
    },
    async server(end) {
      await sleep(10);
      end.says("write(), close()");
      await end.connection.write("too busy");
      await end.waits(end.connection.close(), () => "close() resolves");
    },
  },
  {
    title: "reset(): both directions are over at once, and what was under way is lost",
    client(end) {
      end.says("reset()");
      end.connection.reset();
      return Promise.resolve();
    },
    async server(end) {
      await end.waits(end.connection.read(), () => "");
    },
  },
  {
    title: "The peer's machine dies: nothing comes, so that only a timeout ends the wait",
    async client(end) {
      end.says(`write(), read({ timeout: ${String(SILENCE_MS)} })`);
      await end.connection.write("request");
      await end.waits(end.connection.read({ timeout: SILENCE_MS }), () => "");
      end.says("reset()");
      end.connection.reset();
    },
    async server(_end, host) {
      await sleep(80);
      host.crash();
    },
  },
];

async function play({ title, ...scene }: Scene): Promise<Ending> {
  return await simulate({ seed: 1, latency: LATENCY_MS }, async (network) => {
    const [client, server] = [network.host("client"), network.host("server")];
    const listener = await server.run(() => listen(80));
    const connection = await client.run(() => connect("server", 80));
    const accepted = await listener.accept();
    const [begin, known] = [network.now, network.log.length];
    const remarks: Remark[] = [];
    const waits: Wait[] = [];
    const endOf = (host: Host, connection: Connection): End => {
      const says = (words: string) => {
        remarks.push({ time: network.now - begin, host: host.name, words });
      };
      return {
        connection,
        says,
        async waits(call, words) {
          const begun = network.now - begin;
          says(await call.then(words, refused));
          waits.push({ host: host.name, begun, ended: network.now - begin });
        },
      };
    };
    await Promise.all([
      client.run(() => scene.client(endOf(client, connection))),
      // Not as a program of the server's, which could not say that its host has crashed.
      scene.server(endOf(server, accepted), server),
    ]);
    await sleep(LATENCY_MS);
    const events = eventsSince(network, known, begin);
    connection.reset();
    accepted.reset();
    const crashed = events.find(({ event }) => event === "crashes")?.time;
    return { title, remarks, waits, messages: messagesOf(events), crashed };
  });
}

function refused(error: unknown): string {
  if (!(error instanceof NetError)) throw error;
  return `${error.operation}() rejects: ${error.code}`;
}

/** An event of the network's log, by the time since the scene began. */
type Heard = Pick<NetworkEvent, "time" | "host" | "event">;

function eventsSince({ log }: Network, index: number, begin: number): Heard[] {
  return log.slice(index).map(({ time, host, event }) => ({ time: time - begin, host, event }));
}

/** What the hosts have got, each when it was sent; what arrives together is one message. */
function messagesOf(events: readonly Heard[]): Message[] {
  const messages: Message[] = [];
  for (const { time, host, event } of events) {
    const other = host === "client" ? "server" : "client";
    const [, bytes] = /^(\d+) bytes have arrived/.exec(event) ?? [];
    if (bytes !== undefined) add(other, time - LATENCY_MS, `${bytes} bytes`, false);
    if (event.startsWith("the end has arrived")) add(other, time - LATENCY_MS, "FIN", false);
    if (event.startsWith("is reset by")) add(other, time - LATENCY_MS, "RST", false);
    const isHeard = events.some((later) => later.host === other && later.event.startsWith("is reset by"));
    if (event.startsWith("resets") && !isHeard) add(host, time, "RST", true);
  }
  return messages;

  function add(from: string, sent: number, words: string, isLost: boolean): void {
    const last = messages.at(-1);
    const joins = last !== undefined && last.from === from && last.sent === sent;
    if (joins) messages[messages.length - 1] = { ...last, words: `${last.words}, ${words}` };
    else messages.push({ from, sent, words, isLost });
  }
}

const CLIENT_X = 290;
const SERVER_X = WIDTH - CLIENT_X;
const PX_PER_MS = 0.56;
const LINE = 15;

export async function endingsPicture(): Promise<string> {
  const parts: string[] = [];
  const endings: Ending[] = [];
  let top = 10;
  for (const scene of SCENES) {
    const ending = await play(scene);
    const drawn = panel(ending, top);
    parts.push(...drawn.parts);
    endings.push(ending);
    top = drawn.bottom + 22;
  }
  parts.push(
    bar(16, top - 4, 8, 14, "idle"),
    text(32, top + 7, "a call waits; time goes down, and acknowledgements are not drawn", "faint"),
  );
  const title = "How connections end, with 50 ms from one machine to the other";
  return picture(top + 22, title, endings.map(described).join(" "), parts);
}

function panel(ending: Ending, top: number): { parts: string[]; bottom: number } {
  const { title, remarks, waits, messages, crashed } = ending;
  const begin = top + 52;
  const y = (ms: number) => begin + ms * PX_PER_MS;
  const x = (host: string) => (host === "client" ? CLIENT_X : SERVER_X);
  const last = Math.max(...remarks.map(({ time }) => time), ...messages.map(({ sent }) => sent + LATENCY_MS));
  const bottom = y(last) + 16;
  const parts = [
    text(16, top + 14, title, "strong"),
    text(CLIENT_X, top + 36, "client", "", "middle"),
    text(SERVER_X, top + 36, "server", "", "middle"),
    line(CLIENT_X, begin - 8, CLIENT_X, bottom, "way"),
    line(SERVER_X, begin - 8, SERVER_X, crashed === undefined ? bottom : y(crashed), "way"),
    ...waits.map(({ host, begun, ended }) => bar(x(host) - 4, y(begun), 8, y(ended) - y(begun), "idle")),
    ...messages.flatMap((message) => drawnMessage(message, x, y)),
    ...spaced(remarks).map(({ host, time, words, row }) => {
      const isClient = host === "client";
      const where = x(host) + (isClient ? -12 : 12);
      const said =
        row === 0
          ? isClient
            ? `${words}  ·  ${String(time)} ms`
            : `${String(time)} ms  ·  ${words}`
          : words;
      return text(where, y(time) + 4 + row * LINE, said, "faint", isClient ? "end" : "start");
    }),
  ];
  if (crashed !== undefined) {
    parts.push(
      ...cross(SERVER_X, y(crashed)),
      text(SERVER_X + 12, y(crashed) + 4, `${String(crashed)} ms  ·  it crashes`, "faint"),
    );
  }
  return { parts, bottom };
}

function drawnMessage(
  { from, sent, words, isLost }: Message,
  x: (host: string) => number,
  y: (ms: number) => number,
): string[] {
  const [begun, whole] = [x(from), x(from === "client" ? "server" : "client")];
  const part = isLost ? 0.6 : 1;
  const ended = begun + (whole - begun) * part;
  const kind = words.includes("RST") ? "cut" : words.includes("FIN") ? "end" : "way";
  const [from_, to] = [y(sent), y(sent + LATENCY_MS * part)];
  return [
    arrow(begun, from_, ended, to, kind),
    // Near its sender: in the middle two that cross would share a place.
    text(begun + (whole - begun) / 4, y(sent + LATENCY_MS / 4) - 7, words, "faint", "middle"),
    ...(isLost ? cross(ended + 8, to + 1) : []),
  ];
}

function cross(x: number, y: number): string[] {
  return [line(x - 5, y - 5, x + 5, y + 5, "cut"), line(x - 5, y + 5, x + 5, y - 5, "cut")];
}

/** Remarks of one host at one time are below each other. */
function spaced(remarks: readonly Remark[]): (Remark & { readonly row: number })[] {
  return remarks.map((remark, index) => {
    const before = remarks.slice(0, index);
    const row = before.filter(({ host, time }) => host === remark.host && time === remark.time).length;
    return { ...remark, row };
  });
}

function described({ title, remarks, messages, crashed }: Ending): string {
  const words = [
    ...remarks.map(({ time, host, words }) => ({ time, words: `${host}: ${words}` })),
    ...messages.map(({ from, sent, words, isLost }) => ({
      time: sent,
      words: `${words} from the ${from}${isLost ? ", lost" : ""}`,
    })),
    ...(crashed === undefined ? [] : [{ time: crashed, words: "the server crashes" }]),
  ].sort((a, b) => a.time - b.time);
  return `${title}. ${words.map(({ time, words }) => `After ${String(time)} ms, ${words}.`).join(" ")}`;
}
