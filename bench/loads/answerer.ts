import { createServer, type AddressInfo } from "node:net";
import { onStage } from "../stage.js";

const ANSWER = Buffer.from("an answer");

const server = createServer({ noDelay: true }, (socket) => {
  socket.on("error", () => undefined);
  socket.on("data", () => socket.write(ANSWER));
});

server.listen(0, "127.0.0.1", () => onStage({ port: (server.address() as AddressInfo).port }));
