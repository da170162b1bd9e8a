import { strict as assert } from "node:assert";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { readFileSync } from "node:fs";
import { type AddressInfo, type AttemptEvent, type LookupEvent, NetError } from "../../src/index.js";
import { familyOf } from "../../src/address/endpoint.js";
import type { Network } from "./network.js";

/** A test that runs inside a network of its own. */
export interface Scene {
  readonly name: string;
  readonly network: Network;
  play(race: Race): Promise<void>;
}

type Happening = "lookup" | "start" | "fail" | "lose" | "win";

const CHANNELS: Readonly<Record<string, Happening>> = {
  "tcp6:lookup": "lookup",
  "tcp6:attempt:start": "start",
  "tcp6:attempt:fail": "fail",
  "tcp6:attempt:lose": "lose",
  "tcp6:attempt:win": "win",
};

/** The race of a scene's one call, as the diagnostics channels report it. */
export class Race {
  readonly #events = new Map<string, AttemptEvent | LookupEvent>();
  readonly #onEvent = (event: unknown, channel: string | symbol) => {
    const told = event as Partial<AttemptEvent>;
    const words = [CHANNELS[String(channel)], told.address, codeOf(told.error)];
    this.#events.set(words.filter((word) => word !== undefined).join(" "), event as AttemptEvent);
    this.onEvent(this.story.at(-1) ?? "");
  };

  /** What happened, in order: `"start 10.9.0.2"`, `"fail ::1 ECONNREFUSED"`, `"win 127.0.0.1"`. */
  get story(): string[] {
    return [...this.#events.keys()];
  }

  /** Told of each event, as it happens. */
  onEvent: (event: string) => void = () => undefined;

  /** How many ms into the call an event came. */
  at(event: string): number {
    const found = this.#events.get(event);
    assert.ok(found, `${event} did not happen: ${this.story.join(", ")}`);
    return found.elapsed;
  }

  watch(): Disposable {
    for (const name of Object.keys(CHANNELS)) subscribe(name, this.#onEvent);
    return {
      [Symbol.dispose]: () => {
        for (const name of Object.keys(CHANNELS)) unsubscribe(name, this.#onEvent);
      },
    };
  }
}

/** An address to connect to. */
export function to(address: string, port: number): AddressInfo {
  return { address, port, family: familyOf(address) as 4 | 6 };
}

/** The `NetError` that a promise rejects with. */
export async function netError(promise: Promise<unknown>): Promise<NetError> {
  const error = await failure(promise);
  assert.ok(error instanceof NetError, String(error));
  return error;
}

/** What a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => assert.fail("it resolved"),
    (error: unknown) => error,
  );
}

/** Asserts that at least `atLeast` ms have passed; timers and clocks differ a little. */
export function assertPassed(elapsed: number, atLeast: number): void {
  assert.ok(elapsed >= atLeast - 5, `${elapsed} ms have passed, not ${atLeast}`);
}

/** The sockets of this network that have sent a SYN and wait for the answer (proc_net_tcp(5): state 2). */
export function inSynSent(): string[] {
  return ["tcp", "tcp6"].flatMap((table) => {
    const [, ...rows] = readFileSync(`/proc/net/${table}`, "utf8").trim().split("\n");
    return rows.filter((row) => row.trim().split(/\s+/)[3] === "02");
  });
}

function codeOf(error: unknown): string | undefined {
  if (error === undefined) return undefined;
  return error instanceof NetError ? error.code : (error as Error).name;
}
