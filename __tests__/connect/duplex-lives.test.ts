import { dial, DIALING_SCRIPTS, DIALING_SUBJECTS } from "../support/lives/dialing.js";
import { frozenServer, type FrozenServer } from "../support/frozen-server.js";
import { unusedPort } from "../support/peers.js";
import { nothingLeft } from "../support/resources.js";

let frozen: FrozenServer;
beforeAll(async () => {
  frozen = await frozenServer();
});
afterAll(() => frozen.close());

describe("a Duplex of connectDuplex connects and ends as a net.Socket does", () => {
  test.each(DIALING_SCRIPTS.map((script) => [script.name, script] as const))("%s", async (_, script) => {
    const targets = { refused: await unusedPort(), silent: frozen.port };
    const [socket, duplex] = await Promise.all([
      dial(DIALING_SUBJECTS.socket, script, targets),
      dial(DIALING_SUBJECTS.duplex, script, targets),
    ]);
    expect(duplex).toEqual(script.but?.duplex ?? socket);
    if (script.but !== undefined) expect(duplex).not.toEqual(socket);
    await nothingLeft(frozen.sockets);
  });
});
