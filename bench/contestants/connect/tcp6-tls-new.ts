import { connect } from "../../../src/index.js";
import { AUTHORITY } from "../../../__tests__/support/certificates.js";
import { exchangeWith, REQUEST } from "./exchanges.js";

exchangeWith(async (port) => {
  const connection = await connect("127.0.0.1", port, { tls: { ca: AUTHORITY } });
  await connection.write(REQUEST);
  await connection.read();
  await connection.close();
});
