import { listen } from "../../../src/index.js";
import { opening } from "./opening.js";

opening(async () => {
  const listener = await listen(0, { host: "127.0.0.1" });
  void listener.accept().then((connection) => connection.reset());
  return listener;
});
