/** Many clients at once: that are silent, ask, send a byte now and then, never read, or are gone as soon as they came. */
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { dial } from "../../loads/dial.js";
import { onStage, type Numbers } from "../../stage.js";

/** How many connections are being made at a time: less than the backlog of any kernel. */
const AT_ONCE = 100;

/** A client that has not connected by then is given up. */
const LATE_MS = 10_000;

const open = new Set<Socket>();
/** How many have connected, and how those have ended that the server has ended. */
let ends: Record<string, number> = {};

interface Joining {
  readonly port: number;
  readonly count: number;
  readonly atOnce?: number;
  /** 1 unless they shall never read. */
  readonly reads?: number;
  /** The last number of their own address: 2 for 127.0.0.2. The system chooses it by default. */
  readonly from?: number;
}

/** Opens `count` connections; each is open, or ended by the server, when this resolves. They stay until they are ended. */
async function join(numbers: Numbers): Promise<Numbers> {
  const { port, count, atOnce = AT_ONCE, reads = 1, from } = numbers as unknown as Joining;
  let begun = 0;
  const some = async (): Promise<void> => {
    while (begun < count) {
      begun++;
      await opened(port, { reads: reads === 1, from });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, some));
  return {};
}

/** Opens connections as {@link join} does, and waits until the server has ended them. */
async function flood(numbers: Numbers): Promise<Numbers> {
  const { port, count, atOnce = AT_ONCE, from } = numbers as unknown as Joining;
  let begun = 0;
  const some = async (): Promise<void> => {
    while (begun < count) {
      begun++;
      const socket = await opened(port, { from });
      // Those for which there was room stay.
      await Promise.race([closed(socket), sleep(100, undefined, { ref: false })]);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, some));
  return {};
}

interface Manner {
  readonly reads?: boolean;
  readonly from?: number | undefined;
}

function opened(port: number, { reads = true, from }: Manner = {}): Promise<Socket> {
  return new Promise((resolve) => {
    // To bind each socket makes the kernel look for a port that no other has.
    const local = from === undefined ? {} : { localAddress: `127.0.0.${from}` };
    const socket = dial({ port, host: "127.0.0.1", ...local, noDelay: true });
    open.add(socket);
    let end = "closed";
    const late = setTimeout(() => {
      end = "late";
      socket.destroy();
    }, LATE_MS);
    socket.on("connect", () => {
      clearTimeout(late);
      note("connected");
      resolve(socket);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => (end = error.code ?? error.message));
    socket.on("end", () => (end = "ended"));
    socket.on("close", () => {
      clearTimeout(late);
      if (open.delete(socket)) note(end);
      resolve(socket);
    });
    if (reads) socket.resume();
  });
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => (socket.closed ? resolve() : void socket.once("close", resolve)));
}

function note(what: string): void {
  ends[what] = (ends[what] ?? 0) + 1;
}

/** How many are open, and what was noted since this was asked the last time. */
function state(): Numbers {
  const numbers = { open: open.size, ...ends };
  ends = {};
  return numbers;
}

/** Has each that is open ask for an echo, wait for it and ask again after a pause; answers with quantiles in ms. */
async function converse({ seconds = 0, pause = 0 }): Promise<Numbers> {
  const times: number[] = [];
  const begun = performance.now();
  const end = begun + seconds * 1_000;
  const one = async (socket: Socket): Promise<void> => {
    await sleep(Math.random() * pause);
    while (performance.now() < end && !socket.destroyed) {
      const asked = performance.now();
      socket.write("How are you?\n");
      if (!(await answered(socket))) return;
      times.push(performance.now() - asked);
      if (pause > 0) await sleep(pause);
    }
  };
  await Promise.all([...open].map(one));
  const took = performance.now() - begun;
  times.sort((a, b) => a - b);
  const quantile = (part: number): number => times[Math.floor(part * times.length)] ?? 0;
  return {
    ...{ asked: times.length, served: times.length, median: quantile(0.5), p99: quantile(0.99) },
    perSecond: (1_000 * times.length) / took,
  };
}

function answered(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (isAnswer: boolean): void => {
      socket.off("data", onData).off("close", onClose);
      resolve(isAnswer);
    };
    const onData = (): void => end(true);
    const onClose = (): void => end(false);
    socket.on("data", onData).on("close", onClose);
  });
}

/** How a TLS hello of 512 bytes begins. */
const HELLO = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];

let dripping: NodeJS.Timeout | undefined;

/** Has each that is open send a byte at each interval, the first of what may become a TLS hello; what is cut off comes again. */
function drip({ port = 0, count = 0, interval = 0 }): Numbers {
  const sent = new WeakMap<Socket, number>();
  dripping = setInterval(() => {
    for (const socket of open) {
      const position = sent.get(socket) ?? 0;
      sent.set(socket, position + 1);
      if (socket.writable) socket.write(Buffer.of(HELLO[position] ?? 0));
    }
    for (let missing = count - open.size; missing > 0; missing--) void opened(port);
  }, interval);
  return {};
}

/** Resets all that are open, at once. */
async function leave(): Promise<Numbers> {
  clearInterval(dripping);
  const sockets = [...open];
  open.clear();
  for (const socket of sockets) socket.resetAndDestroy();
  await Promise.all(sockets.map(closed));
  return {};
}

onStage({}, { join, flood, converse, drip, state, leave });
