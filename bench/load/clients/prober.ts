/** Asks a server for an echo over a connection of its own, again and again: what other clients get from it under load. */
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { dial } from "../../loads/dial.js";
import { onStage, type Numbers } from "../../stage.js";

/** A request that takes longer has failed. */
const LATE_MS = 5_000;

let [isAsking, asking] = [false, Promise.resolve<Numbers>({})];

/** Asks `count` times, or until it is stopped, with a pause of some ms between the end of one and the next. */
async function ask({ port = 0, count = Infinity, pause = 10 }): Promise<Numbers> {
  const times: number[] = [];
  const ends: Record<string, number> = {};
  let asked = 0;
  while (isAsking && asked < count) {
    asked++;
    const begun = performance.now();
    const end = await asOne(port);
    if (end === "served") times.push(performance.now() - begun);
    else ends[end] = (ends[end] ?? 0) + 1;
    await sleep(pause);
  }
  times.sort((a, b) => a - b);
  const quantile = (part: number): number => times[Math.floor(part * times.length)] ?? 0;
  return { asked, served: times.length, median: quantile(0.5), p99: quantile(0.99), ...ends };
}

/** One request: `"served"`, or how the connection has ended without an answer. */
function asOne(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket: Socket = dial({ port, host: "127.0.0.1", noDelay: true });
    const late = setTimeout(() => {
      end("late");
      socket.destroy();
    }, LATE_MS);
    const end = (how: string): void => {
      clearTimeout(late);
      resolve(how);
    };
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.on("end", () => end("ended"));
    socket.on("data", () => {
      end("served");
      socket.end();
    });
    socket.write("How are you?\n");
  });
}

onStage(
  {},
  {
    ask: (numbers) => {
      isAsking = true;
      return ask(numbers);
    },
    begin: (numbers) => {
      isAsking = true;
      asking = ask(numbers);
      return {};
    },
    stop: () => {
      isAsking = false;
      return asking;
    },
  },
);
