import { serveNet } from "../contestants/net-server.js";

const ANSWER = Buffer.from("an answer");

serveNet((socket) => socket.on("data", () => socket.write(ANSWER)));
