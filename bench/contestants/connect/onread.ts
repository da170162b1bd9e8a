import { connect, type Socket } from "node:net";
import { readMemory } from "../read-memory.js";
import { exchangeWith, REQUEST } from "./exchanges.js";

/** All sockets read into it, one after the other. */
const buffer = readMemory();

exchangeWith(
  (port) =>
    new Promise((resolve, reject) => {
      const callback = (): boolean => {
        socket.end();
        return true;
      };
      const socket: Socket = connect({
        port,
        host: "127.0.0.1",
        noDelay: true,
        onread: { buffer, callback },
      });
      socket.write(REQUEST);
      socket.on("error", reject);
      socket.on("close", () => resolve());
      socket.resume();
    }),
);
