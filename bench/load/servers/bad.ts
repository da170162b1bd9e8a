/** Sends every line back, but to the clients of one address, which get a handler that is bad. */
import { listen, serve, type Listener, type ListenOptions, type ServeOptions } from "../../../src/index.js";
import type { Numbers } from "../../stage.js";
import { BAD, echo } from "./handlers.js";
import { told, watch } from "./watched.js";

interface Told {
  readonly bad: keyof typeof BAD;
  /** Whose clients get it. */
  readonly address: string;
  readonly listen?: ListenOptions;
  readonly serve?: ServeOptions;
}

const { bad, address, listen: listenOptions, serve: serveOptions } = told() as Told;
const [good, wrong] = [echo(), BAD[bad]];
let listener: Listener;
let reported = 0;
let stop: AbortController;
let serving: Promise<void>;

async function begin(port: number): Promise<void> {
  listener = await listen(port, { host: "0.0.0.0", ...listenOptions });
  stop = new AbortController();
  serving = serve(
    listener,
    (connection, context) =>
      connection.remoteAddress === address ? wrong(connection) : good(connection, context),
    { ...serveOptions, signal: stop.signal, onError: () => reported++ },
  );
}

/** Ends serving as on SIGTERM, and begins again on the same port. */
async function again(): Promise<Numbers> {
  const begun = performance.now();
  const { port } = listener;
  stop.abort();
  await serving;
  const took = performance.now() - begun;
  const { connections } = listener;
  await begin(port);
  return { took, connections };
}

await begin(0);
watch(() => listener, { again, reported: () => ({ reported }) });
