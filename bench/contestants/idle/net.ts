import { tally } from "../../stage.js";
import { serveNet } from "../net-server.js";

serveNet((socket) => {
  tally.operations += 1;
  socket.on("data", () => undefined);
});
