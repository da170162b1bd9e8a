/** What can go wrong between the machines of the network `ROUTED`, and both ends of connections that go through it. */
import { strict as assert } from "node:assert";
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect, listen, type Connection, type ConnectionOptions, type Listener } from "../../src/index.js";
import { until } from "../support/outcomes.js";
import { startedTls } from "../support/tls-pairs.js";
import { FAR_PORT } from "./network.js";

const MIB = 1024 * 1024;

/** Takes the cable out of this machine: its kernel knows, the other one's does not. */
export function cut(): void {
  ip("link set near0 down");
}

/** Puts the cable in again. */
export function mend(): void {
  ip("link set near0 up");
  ip("route add default via 10.9.1.254");
}

/**
 * What the router does from now on with packets to an address: it drops them in silence (`blackhole`), or tells their
 * sender that the address is `unreachable` or that it may not send there (`prohibit`).
 */
export function route(how: "blackhole" | "unreachable" | "prohibit", address: string): void {
  ip(`-n router route add ${how} ${address}/32`);
}

function ip(words: string): void {
  execFileSync("ip", words.split(" "));
}

/**
 * Resolves when this machine has sent something again, or has asked a peer that had no room, since no answer came. Segments
 * that the kernel cannot even give to the cable are not counted as sent again: the timers are.
 */
export async function sentAgain(): Promise<void> {
  const before = unanswered();
  await until(function packetsAreLost() {
    return unanswered() > before;
  });
}

/** How often an answer did not come in time, or room was asked for: Linux's TCPTimeouts and TCPWinProbe. */
function unanswered(): number {
  const [names = "", values = ""] = readFileSync("/proc/net/netstat", "utf8")
    .split("\n")
    .filter((line) => line.startsWith("TcpExt:"));
  const [columns, counts] = [names.split(" "), values.split(" ")];
  return ["TCPTimeouts", "TCPWinProbe"].reduce((sum, name) => sum + Number(counts[columns.indexOf(name)]), 0);
}

/** What listens at `far`. */
export function listenAfar(options: ConnectionOptions = {}): Promise<Listener> {
  return listen({ fd: 3 }, options);
}

/** Both ends of a connection between the machines. */
export async function pairThrough(
  listener: Listener,
  options: ConnectionOptions = {},
  address = "10.9.2.1",
): Promise<[near: Connection, far: Connection]> {
  return Promise.all([connect(address, FAR_PORT, options), listener.accept()]);
}

/** The same, with TLS. */
export async function tlsPairThrough(
  listener: Listener,
  options: ConnectionOptions = {},
): Promise<[near: Connection, far: Connection]> {
  return startedTls(await pairThrough(listener, options));
}

/** More than the buffers of two kernels hold. It repeats itself after an odd number of bytes only. */
export const MORE_THAN_FITS = Buffer.alloc(48 * MIB, randomBytes(1_000_003));

/** When a transfer is seen to be under way, and its receiver stops, until it is told to go on. */
const UNDER_WAY_BYTES = 2 * MIB;

/** Takes what arrives, but for a stop in the middle, and checks that it is the beginning of what was sent. */
export class Receiver {
  /** Resolves when the transfer is under way. */
  readonly underWay: Promise<void>;
  goOn!: () => void;
  received = 0;
  readonly #sent: Buffer;
  readonly #hash = createHash("sha256");
  readonly #told: Promise<void>;
  #tell!: () => void;

  constructor(sent: Buffer) {
    this.#sent = sent;
    this.underWay = new Promise((resolve) => (this.#tell = resolve));
    this.#told = new Promise((resolve) => (this.goOn = resolve));
  }

  /** Resolves when all has come. */
  async take(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of chunks) {
      this.#hash.update(chunk);
      this.received += chunk.length;
      if (this.received < UNDER_WAY_BYTES) continue;
      this.#tell();
      await this.#told;
    }
  }

  /** Asserts that what has come is what was sent first, unchanged. */
  check(): void {
    const beginning = createHash("sha256").update(this.#sent.subarray(0, this.received)).digest("hex");
    assert.equal(this.#hash.copy().digest("hex"), beginning);
  }
}
