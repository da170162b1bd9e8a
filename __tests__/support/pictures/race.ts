/** The race of the addresses of a name, as the diagnostics channels tell it. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { LookupAddress } from "node:dns";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, listen, NetError, type AttemptEvent } from "../../../src/index.js";
import { simulate, type Network } from "../../../src/testing/index.js";
import { bar, line, picture, text, timeAxis, WIDTH, type Colour } from "./svg.js";

const DEADLINE_MS = 1_000;
const LOOKUP_MS = 30;
const NAME = "athena.example";

/** What answers at an address. */
interface Address {
  readonly address: string;
  readonly is: "silent" | "refuses" | "slow" | "works";
}

/** The lookup, or the attempt at one address. */
interface Row {
  readonly label: string;
  readonly begun: number;
  readonly ended: number;
  readonly end: "found" | "fail" | "lose" | "win";
  readonly said: string;
}

interface Race {
  readonly rows: readonly Row[];
  /** What the call has come to, in words, and when. */
  readonly outcome: string;
  readonly settled: number;
}

async function host(network: Network, { address, is }: Address): Promise<void> {
  const host = network.host(`host-${address.replace(/\W+/g, "-")}`, { addresses: [address] });
  network.link("client", host, { latency: is === "slow" ? 200 : 20 });
  if (is === "silent") network.partition("client", host);
  if (is === "slow" || is === "works") await host.run(() => listen(443));
}

async function race(addresses: readonly Address[]): Promise<Race> {
  const rows: Row[] = [];
  const told = (end: "fail" | "lose" | "win", how: (event: AttemptEvent) => string) => (event: unknown) => {
    const { address, elapsed, duration = 0 } = event as AttemptEvent;
    const said = how(event as AttemptEvent);
    rows.push({ label: address, begun: elapsed - duration, ended: elapsed, end, said });
  };
  const listeners: Record<string, (event: unknown) => void> = {
    "tcp6:lookup": (event) => {
      const { elapsed } = event as AttemptEvent;
      const said = `${String(addresses.length)} addresses`;
      rows.push({ label: "lookup", begun: 0, ended: elapsed, end: "found", said });
    },
    "tcp6:attempt:fail": told("fail", ({ error }) => (error instanceof NetError ? error.code : "failed")),
    "tcp6:attempt:lose": told("lose", () => "given up"),
    "tcp6:attempt:win": told("win", () => "connected"),
  };
  for (const [name, listener] of Object.entries(listeners)) subscribe(name, listener);
  try {
    return await simulate({ seed: 1 }, async (network) => {
      const client = network.host("client");
      for (const address of addresses) await host(network, address);
      const found: LookupAddress[] = addresses.map(({ address }) => ({
        address,
        family: address.includes(":") ? 6 : 4,
      }));
      const outcome = await client.run(async () => {
        try {
          const connection = await connect(NAME, 443, {
            timeout: DEADLINE_MS,
            lookup: async () => {
              await sleep(LOOKUP_MS);
              return found;
            },
          });
          connection.reset();
          return `a connection to ${String(connection.remoteAddress)}`;
        } catch (error) {
          if (!(error instanceof NetError)) throw error;
          return `${error.name}: ${error.message.replace(/\).*/, ")")}`;
        }
      });
      return { rows: rows.sort((a, b) => a.begun - b.begun), outcome, settled: network.now };
    });
  } finally {
    for (const [name, listener] of Object.entries(listeners)) unsubscribe(name, listener);
  }
}

const LEFT = 150;
const ROW = 24;
const COLOURS: Record<Row["end"], Colour> = { found: "fair", fail: "poor", lose: "idle", win: "good" };

export async function racePicture(): Promise<string> {
  const won = await race([
    { address: "2001:db8::1", is: "silent" },
    { address: "203.0.113.1", is: "refuses" },
    { address: "2001:db8::2", is: "slow" },
    { address: "203.0.113.2", is: "works" },
  ]);
  const lost = await race([
    { address: "2001:db8::1", is: "silent" },
    { address: "203.0.113.1", is: "silent" },
    { address: "2001:db8::2", is: "silent" },
    { address: "203.0.113.2", is: "refuses" },
  ]);
  const call = `await connect("${NAME}", 443, { timeout: ${String(DEADLINE_MS)} })`;
  const first = panel(won, 44, "One address is silent, one refuses, one is slow, one answers");
  const second = panel(
    lost,
    first.bottom + 34,
    "No address connects: the deadline ends the call, and all that it has begun",
  );
  return picture(
    second.bottom + 12,
    `The race of the addresses of a name: ${call}`,
    [won, lost].map(described).join(" "),
    [text(16, 24, call, "code"), ...first.parts, ...second.parts],
  );
}

function panel(
  { rows, outcome, settled }: Race,
  top: number,
  title: string,
): { parts: string[]; bottom: number } {
  const x = (ms: number) => LEFT + ((WIDTH - 110 - LEFT) * ms) / DEADLINE_MS;
  const begin = top + 44;
  const bottom = begin + rows.length * ROW;
  const parts = [
    text(16, top + 14, title, "strong"),
    ...timeAxis(x, 250, DEADLINE_MS - 1, begin, bottom),
    line(x(DEADLINE_MS), begin, x(DEADLINE_MS), bottom, "mark"),
    text(x(DEADLINE_MS), begin - 6, "1000: deadline", "faint", "middle"),
    ...rows.flatMap(({ label, begun, ended, end, said }, index) => {
      const y = begin + index * ROW;
      return [
        text(LEFT - 12, y + 16, label, "", "end"),
        bar(x(begun), y + 5, x(ended) - x(begun), ROW - 10, COLOURS[end]),
        text(x(ended) + 7, y + 16, said, "faint"),
      ];
    }),
    text(LEFT, bottom + 20, `${String(settled)} ms: ${outcome}`, "faint"),
  ];
  return { parts, bottom: bottom + 28 };
}

function described({ rows, outcome, settled }: Race): string {
  const words = rows.map(
    ({ label, begun, ended, said }) => `${label}, from ${String(begun)} to ${String(ended)} ms: ${said}.`,
  );
  return `${words.join(" ")} After ${String(settled)} ms: ${outcome}.`;
}
