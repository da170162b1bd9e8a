/**
 * The same work among more and more connections. These are no rows of the table: scale.ts runs them.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Case, Contestant, Load, Scale } from "../case.js";
import { Program } from "../program.js";
import { during, wrk } from "../traffic.js";

/** Connections at a time, of those that come and go. */
const ARRIVING = 10;

/** Idle connections come from 127.0.0.2 and on, an address for each program: the ports of one do not suffice for all. */
const FIRST_ADDRESS = 2;

/** How many a busy machine accepts in a second, at least. */
const ACCEPTED_EACH_MS = 2;

/** Requests over so many connections. */
export function requestsOver(connections: number, contestants: readonly Contestant[]): Case {
  return caseOf("requests", contestants, (scale) =>
    Promise.resolve(
      during(
        scale,
        (port) => wrk(port, connections, "tcp", TIMEOUT_S),
        LEAD_MS + connections / ACCEPTED_EACH_MS,
      ),
    ),
  );
}

/** wrk counts what takes longer as an error: among 10 000 connections on a busy machine a request may take seconds. */
const TIMEOUT_S = 30;
const LEAD_MS = 150;

/** Connections that are accepted while so many others are open and idle. */
export function arrivalsAmong(connections: number, contestants: readonly Contestant[]): Case {
  return caseOf("arrivals", contestants, (scale) => Promise.resolve(among(connections, scale)));
}

function among(connections: number, scale: Scale): Load {
  const openers = new Map<Program, Program>();
  const arriving = during(scale, (port) => wrk(port, ARRIVING));
  return {
    args: [],
    measure: async (stage, port) => {
      if (!openers.has(stage)) {
        const [opener] = await Program.load("opener");
        openers.set(stage, opener);
        await opener.ask("open", { port, upTo: connections, from: FIRST_ADDRESS + openers.size });
        await sleep(LEAD_MS);
      }
      return await arriving.measure(stage, port);
    },
    end: () => Promise.all([...openers.values()].map((opener) => opener.end())),
  };
}

function caseOf(
  name: string,
  contestants: readonly Contestant[],
  load: (scale: Scale) => Promise<Load>,
): Case {
  return {
    name,
    title: name,
    unit: { name: "µs", size: 1 },
    needs: "wrk",
    contestants,
    rows: [],
    load,
  };
}
