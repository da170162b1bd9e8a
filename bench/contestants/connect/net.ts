import { connect } from "node:net";
import { exchangeWith, REQUEST } from "./exchanges.js";

exchangeWith(
  (port) =>
    new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true });
      socket.on("connect", () => socket.write(REQUEST));
      socket.on("data", () => socket.end());
      socket.on("error", reject);
      socket.on("close", () => resolve());
    }),
);
