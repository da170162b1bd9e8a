import { connect } from "node:tls";
import { AUTHORITY } from "../../../__tests__/support/certificates.js";
import { exchangeWith, REQUEST } from "./exchanges.js";

const OPTIONS = { host: "127.0.0.1", noDelay: true, ca: AUTHORITY };

exchangeWith(
  (port) =>
    new Promise((resolve, reject) => {
      const socket = connect({ ...OPTIONS, port });
      socket.on("secureConnect", () => socket.write(REQUEST));
      socket.on("data", () => socket.end());
      socket.on("error", reject);
      socket.on("close", () => resolve());
    }),
);
