import { connect } from "../../../src/index.js";
import { AUTHORITY } from "../../../__tests__/support/certificates.js";
import { exchangeWith, REQUEST } from "./exchanges.js";

const tls = { ca: AUTHORITY };

exchangeWith(async (port) => {
  const connection = await connect("127.0.0.1", port, { tls });
  await connection.write(REQUEST);
  await connection.read();
  await connection.close();
});
