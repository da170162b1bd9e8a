import { connect } from "node:net";
import { tally } from "../../stage.js";
import { serveNet } from "../net-server.js";

const [port] = process.argv.slice(2).map(Number) as [number];

serveNet(
  (a) => {
    const b = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    b.on("error", () => undefined);
    b.on("close", () => {
      tally.operations += b.bytesWritten;
    });
    a.pipe(b);
    b.pipe(a);
  },
  { allowHalfOpen: true },
);
