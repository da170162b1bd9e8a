import { connect } from "node:net";
import { serveNet } from "../net-server.js";

const [busy, sink, source, lines] = process.argv.slice(2) as [string, string, string, string];

const to = (port: string) => connect({ port: Number(port), host: "127.0.0.1", noDelay: true });

/** The same loops as a program of callbacks writes them: each pauses when `write()` returns `false`. */
const kinds: Readonly<Record<string, () => void>> = {
  nothing: () => undefined,
  "64 KiB writes": () => writes(64 * 1024),
  "1 MiB writes": () => writes(1024 * 1024),
  chunks: () => to(source).resume(),
  lines: () => {
    let rest = "";
    to(lines)
      .setEncoding("utf8")
      .on("data", (text: string) => (rest = (rest + text).split("\n").pop() ?? ""));
  },
  relay: () => to(source).pipe(to(sink)),
};

function writes(size: number): void {
  const socket = to(sink);
  const chunk = Buffer.alloc(size, "tcp6");
  const pump = () => {
    while (socket.write(chunk));
  };
  socket.on("drain", pump);
  pump();
}

serveNet((socket) => socket.on("data", (chunk) => socket.write(chunk)));
setTimeout(() => kinds[busy]?.(), 200);
