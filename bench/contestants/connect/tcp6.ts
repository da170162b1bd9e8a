import { connect } from "../../../src/index.js";
import { exchangeWith, REQUEST } from "./exchanges.js";

exchangeWith(async (port) => {
  const connection = await connect("127.0.0.1", port);
  await connection.write(REQUEST);
  await connection.read();
  await connection.close();
});
