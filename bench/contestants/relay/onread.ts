import { connect, Socket, type OnReadOpts, type SocketConstructorOpts } from "node:net";
import { tally } from "../../stage.js";
import { serveNet } from "../net-server.js";
import { readMemory } from "../read-memory.js";

const [port] = process.argv.slice(2).map(Number) as [number];

/** Undocumented: the handle of an accepted socket, and that a socket can be made of one. */
interface WithHandle {
  _handle: unknown;
}

/** Reads one socket into a buffer and writes that to the other, and reads on once the kernel has taken it all. */
function reading(from: () => Socket, to: () => Socket): OnReadOpts {
  const buffer = readMemory();
  let isWaiting = false;
  function taken(): void {
    if (!isWaiting) return;
    isWaiting = false;
    from().resume();
  }
  return {
    buffer,
    callback: (size) => {
      to().write(buffer.subarray(0, size), taken);
      isWaiting = to().writableLength > 0;
      return !isWaiting;
    },
  };
}

serveNet(
  (accepted) => {
    const shell = accepted as unknown as WithHandle;
    const handle = shell._handle;
    shell._handle = null;
    accepted.destroy();
    const a: Socket = new Socket({
      handle,
      allowHalfOpen: true,
      onread: reading(
        () => a,
        () => b,
      ),
    } as SocketConstructorOpts);
    const b: Socket = connect({
      port,
      host: "127.0.0.1",
      noDelay: true,
      allowHalfOpen: true,
      onread: reading(
        () => b,
        () => a,
      ),
    });
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      from.on("error", () => undefined);
      from.on("end", () => to.end());
      from.resume();
    }
    b.on("close", () => {
      tally.operations += b.bytesWritten;
    });
  },
  { allowHalfOpen: true, pauseOnConnect: true },
);
