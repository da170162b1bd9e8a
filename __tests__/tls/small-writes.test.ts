import { memoryPair } from "../../src/testing/memory-pair.js";
import { AUTHORITY, LOCALHOST } from "../support/certificates.js";
import { turn } from "../support/outcomes.js";

test("small writes of one length after each other are sent, also where the stream beneath takes a turn for each", async () => {
  const [a, b] = memoryPair();
  const [client, server] = await Promise.all([
    a.startTls({ ca: AUTHORITY, servername: "localhost" }),
    b.startTls({ ...LOCALHOST, isServer: true }),
  ]);
  const reading = client.readAll();
  for (let count = 0; count < 50; count++) {
    await server.write(Buffer.alloc(1_000, count));
    if (count % 5 === 4) await turn();
  }
  await server.closeWrite();
  const bytes = await reading;
  await Promise.all([client.close(), server.close()]);
  expect(bytes).toEqual(Buffer.concat(Array.from({ length: 50 }, (_, count) => Buffer.alloc(1_000, count))));
});
