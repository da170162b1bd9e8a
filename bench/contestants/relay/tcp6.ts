import { connect, relay } from "../../../src/index.js";
import { tally } from "../../stage.js";
import { serveTcp6 } from "../tcp6-server.js";

const [port] = process.argv.slice(2).map(Number) as [number];

await serveTcp6(async (a) => {
  const b = await connect("127.0.0.1", port);
  const [sent] = await relay(a, b);
  tally.operations += sent;
  await Promise.all([a.close(), b.close()]);
});
