/** The life of some writes: where their bytes are, from the calls until the peer's program has read them. */
import { setTimeout as sleep } from "node:timers/promises";
import { connect, listen, NetError } from "../../../src/index.js";
import { simulate } from "../../../src/testing/index.js";
import { area, bar, line, picture, text, timeAxis, WIDTH, type Colour } from "./svg.js";

const STEP_MS = 10;
const LAST_MS = 1_400;
/** The reader pauses once, with the first chunk that it gets from then on. */
const PAUSE_AT_MS = 200;
const PAUSE_MS = 500;

/** One call, from when it is made until it has settled. */
interface Call {
  readonly name: string;
  readonly settled: number;
  readonly said: string;
  readonly isFailure: boolean;
}

/** How many bytes are where. */
interface Sample {
  readonly time: number;
  readonly queued: number;
  readonly onTheWay: number;
  readonly read: number;
}

interface Life {
  readonly calls: readonly Call[];
  readonly samples: readonly Sample[];
  readonly pausedAt: number;
}

async function life(): Promise<Life> {
  return await simulate({ seed: 1, latency: 20, bandwidth: 1_000_000 }, async (network) => {
    const [client, server] = [network.host("client"), network.host("server")];
    const listener = await server.run(() => listen(80));
    const writer = await client.run(() => connect("server", 80, { readAhead: 0 }));
    const reader = await listener.accept();
    const begin = network.now;
    const now = () => network.now - begin;
    let [read, pausedAt] = [0, 0];
    const reading = server.run(async () => {
      for await (const chunk of reader) {
        read += chunk.length;
        if (pausedAt > 0 || now() < PAUSE_AT_MS) continue;
        pausedAt = now();
        await sleep(PAUSE_MS);
      }
    });
    const calls: Call[] = [];
    let remaining = 0;
    const call = async (name: string, size: number, made: Promise<unknown>) => {
      const index = calls.length;
      remaining += size;
      calls.push({ name, settled: Infinity, said: "", isFailure: false });
      try {
        await made;
        calls[index] = { name, settled: now(), said: "done", isFailure: false };
      } catch (error) {
        if (!(error instanceof NetError)) throw error;
        remaining -= size;
        const said = `${error.code}, written: "${String(error.written)}"`;
        calls[index] = { name, settled: now(), said, isFailure: true };
      }
    };
    const samples: Sample[] = [];
    await client.run(async () => {
      const write = (kB: number, options?: { timeout: number }) => {
        const given = options === undefined ? "" : `, { timeout: ${String(options.timeout)} }`;
        const made = writer.write(new Uint8Array(kB * 1_000), options);
        return call(`write(${String(kB)} kB${given})`, kB * 1_000, made);
      };
      const all = [
        write(200),
        write(300),
        write(100, { timeout: 300 }),
        write(100),
        call("closeWrite()", 0, writer.closeWrite()),
      ];
      while (now() <= LAST_MS) {
        const queued = writer.writableLength;
        samples.push({ time: now(), queued, onTheWay: remaining - queued - read, read });
        await sleep(STEP_MS);
      }
      await Promise.all(all);
    });
    await reading;
    await Promise.all([writer.close(), reader.close()]);
    return { calls, samples, pausedAt };
  });
}

const LEFT = 216;
const ROW = 24;
const CHART = 150;
const LEGEND: readonly (readonly [Colour, string])[] = [
  ["idle", "queued, in the process"],
  ["fair", "with the kernels, or on the way"],
  ["good", "read by the peer's program"],
];

export async function writePicture(): Promise<string> {
  const { calls, samples, pausedAt } = await life();
  const x = (ms: number) => LEFT + ((WIDTH - 30 - LEFT) * ms) / LAST_MS;
  const top = 72;
  const below = top + calls.length * ROW + 40;
  const bottom = below + CHART;
  let turn = 0;
  const rows = calls.flatMap(({ name, settled, said, isFailure }, index) => {
    const y = top + index * ROW;
    const begun = isFailure ? settled : turn;
    if (!isFailure) turn = settled;
    return [
      text(LEFT - 12, y + 16, name, "code", "end"),
      ...(begun > 0 ? [bar(x(0), y + 5, x(begun) - x(0), ROW - 10, "idle")] : []),
      ...(begun < settled ? [bar(x(begun), y + 5, x(settled) - x(begun), ROW - 10, "fair")] : []),
      text(x(settled) + 7, y + 16, `${String(settled)} ms: ${said}`, "faint"),
    ];
  });
  const most = Math.max(...samples.map(({ queued, onTheWay, read }) => queued + onTheWay + read));
  const y = (bytes: number) => bottom - (CHART * bytes) / most;
  const upTo = (height: (sample: Sample) => number) => [
    [x(0), bottom] as const,
    ...samples.map((sample) => [x(sample.time), y(height(sample))] as const),
    [x(LAST_MS), bottom] as const,
  ];
  return picture(
    bottom + 44,
    "The life of some writes to a peer that does not read for a while",
    calls.map(({ name, settled, said }) => `${name}: after ${String(settled)} ms ${said}.`).join(" "),
    [
      text(16, 24, "Five calls at once, to a peer that does not read for half a second", "strong"),
      ...timeAxis(x, 200, LAST_MS, top - 8, bottom),
      ...rows,
      text(LEFT - 12, below + 14, "where the bytes are", "", "end"),
      text(LEFT - 12, below + 32, `of ${String(most / 1_000)} kB`, "faint", "end"),
      area(
        upTo(({ queued, onTheWay, read }) => queued + onTheWay + read),
        "idle",
      ),
      area(
        upTo(({ onTheWay, read }) => onTheWay + read),
        "fair",
      ),
      area(
        upTo(({ read }) => read),
        "good",
      ),
      ...[pausedAt, pausedAt + PAUSE_MS].map((ms) => line(x(ms), below - 8, x(ms), bottom, "mark")),
      text(x(pausedAt + PAUSE_MS / 2), below - 10, "the peer does not read", "faint", "middle"),
      ...LEGEND.flatMap(([colour, words], index) => [
        bar(LEFT + index * 225, bottom + 16, 14, 14, colour),
        text(LEFT + index * 225 + 20, bottom + 28, words, "faint"),
      ]),
    ],
  );
}
