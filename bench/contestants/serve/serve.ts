import { listen, serve } from "../../../src/index.js";
import { onStage } from "../../stage.js";
import { answer } from "./answer.js";

const listener = await listen(0, { host: "127.0.0.1" });
onStage({ port: listener.port });
await serve(listener, answer, { onError: () => undefined });
