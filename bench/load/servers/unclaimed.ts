/** Listens, and accepts no client until it is told to. From then on it sends every line back. */
import { listen, serve, type ListenOptions } from "../../../src/index.js";
import { echo } from "./handlers.js";
import { told, watch } from "./watched.js";

const listener = await listen(0, { host: "127.0.0.1", ...(told() as ListenOptions) });

watch(() => listener, {
  accept: () => {
    void serve(listener, echo(), { onError: () => undefined });
    return {};
  },
});
