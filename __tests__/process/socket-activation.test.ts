import { existsSync } from "node:fs";
import { connect, type Connection } from "../../src/index.js";
import { bundle } from "../support/bundle.js";
import { unusedPort } from "../support/unused-port.js";
import { describeWith, SYSTEMD } from "../support/machine.js";
import { closeAll, keep, socketPath } from "../support/peers.js";
import { endPrograms, Program } from "../support/program.js";
import { DONE } from "./run.js";

afterEach(endPrograms);
afterEach(closeAll);

async function askedBy(client: Connection): Promise<string | null> {
  await client.writeLine("client");
  return client.readLine();
}

describeWith(SYSTEMD, "systemd's socket activation", () => {
  test("the descriptors are listened on, clients that came before the program included, and the files stay", async () => {
    const program = bundle(new URL("programs/socket-activation.ts", import.meta.url));
    const [port, path] = [await unusedPort(), socketPath()];
    const places = [`127.0.0.1:${port}`, `[::1]:${port}`, path].flatMap((place) => ["--listen", place]);
    const args = [...places, "--fdname=four:six:unix", process.execPath, program];
    const systemd = new Program(SYSTEMD.command, args, { NODE_OPTIONS: "" });
    await systemd.says(/Listening on .* as 5\./);
    // The first of these is what starts the program.
    const clients = [await connect("127.0.0.1", port), await connect("::1", port), await connect(path)];
    expect(await Promise.all(clients.map((client) => askedBy(keep(client))))).toEqual([
      "four client",
      "six client",
      "unix client",
    ]);
    const { stdout, status } = await systemd.ended;
    expect({ stdout: stdout.toString(), status }).toEqual({ stdout: DONE.stdout, status: 0 });
    expect(existsSync(path)).toBe(true);
  });
});
