import { framed, type Codec } from "../../../src/index.js";
import { serveTcp6 } from "../tcp6-server.js";
import { count } from "./count.js";

/** As a program would write it. */
const codec: Codec<Buffer, string> = {
  decode(bytes) {
    if (bytes.length < 4) return 4;
    const size = 4 + bytes.readUInt32BE();
    return bytes.length < size ? size : { message: bytes.subarray(4, size), size };
  },
  encode: (text) => text,
};

await serveTcp6(async (connection) => {
  for await (const messages of framed(connection, codec, { batch: true })) {
    for (const message of messages) count(message);
  }
  await connection.close();
});
