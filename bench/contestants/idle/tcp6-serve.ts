import { listen, serve } from "../../../src/index.js";
import { BACKLOG } from "../../backlog.js";
import { onStage, tally } from "../../stage.js";

const listener = await listen(0, { host: "127.0.0.1", backlog: BACKLOG });
onStage({ port: listener.port });
await serve(
  listener,
  async (connection) => {
    tally.operations += 1;
    for await (const chunk of connection) throw new Error(`${chunk.length} bytes came`);
  },
  // A load that hangs up is an error of a handler.
  { onError: () => undefined },
);
