import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { onStage } from "../stage.js";

/** Sends one byte, waits for it to come back, and again a millisecond later; answers with quantiles in µs. */
async function ping({ port = 0, seconds = 0 }): Promise<{ median: number; p99: number }> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  const times: number[] = [];
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end) {
    const begun = performance.now();
    socket.write("x");
    await once(socket, "data");
    times.push((performance.now() - begun) * 1_000);
    await sleep(1);
  }
  socket.destroy();
  times.sort((a, b) => a - b);
  const quantile = (part: number) => times[Math.floor(part * times.length)] ?? NaN;
  return { median: quantile(0.5), p99: quantile(0.99) };
}

onStage({}, { ping });
