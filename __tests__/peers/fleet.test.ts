import { mkdtemp, readFile, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Client } from "../../examples/fleet/client.js";
import { connect } from "../../src/index.js";
import { commandOf, example, EXAMPLES, sayingsOf } from "../repository/example.js";
import { bundle } from "../support/bundle.js";
import { writeIdentity } from "../support/certificate-files.js";
import { AUTHORITY } from "../support/certificates.js";
import { curl } from "../support/curl.js";
import { unusedPort } from "../support/unused-port.js";
import { CURL, describeWith, HAPROXY, SYSTEMD } from "../support/machine.js";
import { until } from "../support/outcomes.js";
import { endPrograms, Program } from "../support/program.js";

const WORKERS = 3;
const REQUESTS = 20_000;
/** How many requests a client sends at once, and how long it waits then: for the load to leave room for the roll-over. */
const BATCH = 40;
const PAUSE_MS = 10;
/** The addresses that clients connect to, and from. */
const FAMILIES = ["127.0.0.1", "::1"];

const TLS = { ca: AUTHORITY, servername: "localhost" };

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tcp6-fleet-"));
  await writeIdentity(directory);
});

afterEach(async () => {
  await endPrograms();
  await rm(directory, { recursive: true });
});

/** Where a worker finds its certificate. */
function identity(): Record<string, string> {
  return { TLS_KEY: join(directory, "key"), TLS_CERT: join(directory, "certificate") };
}

/** HAProxy with the configuration of the example, and the fleet behind it. */
class Fleet {
  private constructor(
    readonly program: Program,
    readonly haproxy: Program,
    readonly port: number,
  ) {}

  static async start(): Promise<Fleet> {
    const given = await readFile(new URL("fleet/haproxy.cfg", EXAMPLES), "utf8");
    const ports = new Map<string, number>();
    for (const [port] of given.matchAll(/\b4[34]0\d\b/g)) {
      if (!ports.has(port)) ports.set(port, await unusedPort());
    }
    const configuration = given
      .replaceAll(/\b4[34]0\d\b/g, (port) => String(ports.get(port)))
      .replace("inter 200ms", "inter 50ms");
    const file = join(directory, "haproxy.cfg");
    await writeFile(file, configuration);
    const haproxy = new Program(HAPROXY.command, ["-f", file]);

    const places = Array.from({ length: WORKERS }, (_, i) => {
      const [port, health] = [ports.get(`430${i + 1}`), ports.get(`440${i + 1}`)];
      return `127.0.0.1:${String(port)},${String(health)}`;
    });
    const worker = bundle(new URL("fleet/worker.ts", EXAMPLES));
    const program = new Program(...commandOf("fleet/fleet", worker, ...places), identity());
    await program.says(/in service\n/);
    return new Fleet(program, haproxy, ports.get("4300") ?? 0);
  }

  client(host: string): Client {
    return new Client(`[${host}]:${this.port}`.replace("[127.0.0.1]", "127.0.0.1"), {
      tls: TLS,
      timeout: 10_000,
    });
  }

  /** Resolves to what the fleet has said on stderr, when all of its processes have ended in good order. */
  async stop(): Promise<string> {
    this.program.kill("SIGTERM");
    const { status, signal, stderr } = await this.program.ended;
    expect({ status, signal }).toEqual({ status: 0, signal: null });
    this.haproxy.kill("SIGTERM");
    await this.haproxy.ended;
    return stderr;
  }
}

/** How a health check ends. */
async function statusOf(port: number): Promise<string> {
  const outcome = await curl("--silent", "--write-out", "%{http_code}", `http://127.0.0.1:${port}/`).ended;
  return outcome.stdout.toString();
}

/** What became of the requests. */
class Tally {
  answered = 0;
  goodbyes = 0;
  readonly failures: unknown[] = [];
  /** The workers that have answered. */
  readonly workers = new Set<string>();

  /** Asks until told to stop; a client that does not `stay` connects anew for each batch. */
  async load(client: Client, from: string, stay: boolean, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const requests = Array.from({ length: BATCH }, (_, i) => `request ${this.answered + i}`);
      try {
        const answers = await client.ask(requests);
        this.#count(requests, answers, from);
        if (!stay) await client.close();
      } catch (error) {
        this.failures.push(error);
        await client.close();
      }
      await setTimeout(PAUSE_MS);
    }
    await client.close();
    this.goodbyes += client.goodbyes;
  }

  #count(requests: string[], answers: string[], from: string): void {
    for (const [i, answer] of answers.entries()) {
      const [worker = "", address, ...request] = answer.split(" ");
      this.workers.add(worker);
      if (address === from && request.join(" ") === requests[i]) this.answered++;
      else this.failures.push(answer);
    }
  }
}

describeWith(HAPROXY, "a fleet of workers behind HAProxy", () => {
  test("is rolled over under load, by IPv4 and IPv6, without one failed request", async () => {
    const fleet = await Fleet.start();
    const tally = new Tally();
    let isRolledOver = false;
    // The last of the new workers, too, has to have answered.
    const isOver = (): boolean =>
      isRolledOver && tally.answered >= REQUESTS && tally.workers.size === 2 * WORKERS;
    const load = FAMILIES.flatMap((host) =>
      [true, true, true, false].map((stays) => tally.load(fleet.client(host), host, stays, isOver)),
    );
    await until(() => tally.workers.size === WORKERS);
    fleet.program.kill("SIGHUP");
    await fleet.program.says(/rolled over\n/);
    isRolledOver = true;
    await Promise.all(load);
    expect(tally.failures).toEqual([]);
    expect(tally.answered).toBeGreaterThanOrEqual(REQUESTS);
    expect(tally.goodbyes).toBeGreaterThanOrEqual(WORKERS);
    expect(await fleet.stop()).toBe("");
  });

  test("goes on with its other workers if a new one does not start", async () => {
    const fleet = await Fleet.start();
    await unlink(join(directory, "certificate"));
    fleet.program.kill("SIGHUP");
    await fleet.program.says(/^the worker at 127\.0\.0\.1:\d+,\d+ has not come into service\n/m);
    await writeFile(join(directory, "authority"), AUTHORITY);
    const args = [`localhost:${String(fleet.port)}`, join(directory, "authority"), "Hello!", "Good Bye!"];
    const said = await sayingsOf(example("fleet/client", ...args));
    expect(said).toMatch(/^(\d+) (127\.0\.0\.1|::1) Hello!\n\1 \2 Good Bye!\n$/);
    await fleet.stop();
  });

  test("ends when the program that has started it is killed", async () => {
    const fleet = await Fleet.start();
    fleet.program.kill("SIGKILL");
    // Its workers have its stderr, too.
    expect(await fleet.program.ended).toMatchObject({ signal: "SIGKILL", stderr: "" });
  });
});

describeWith([SYSTEMD, CURL], "a worker of the fleet that systemd starts", () => {
  test("listens on the socket that it is passed, and is in good health until it is told to leave", async () => {
    const [port, health] = [await unusedPort(), await unusedPort()];
    const [worker, environment] = [bundle(new URL("fleet/worker.ts", EXAMPLES)), identity()];
    const args = [
      "--listen",
      `127.0.0.1:${port}`,
      "-E",
      "TLS_KEY",
      "-E",
      "TLS_CERT",
      process.execPath,
      worker,
    ];
    const systemd = new Program(SYSTEMD.command, [...args, "elsewhere", String(health)], environment);
    await systemd.says(/Listening on/);
    await using client = await connect("127.0.0.1", port, { tls: TLS, proxyHeader: "local" });
    await client.writeLine("Hello!");
    expect(await client.readLine()).toMatch(/^\d+ 127\.0\.0\.1 Hello!$/);
    expect(await statusOf(health)).toBe("200");
    systemd.kill("SIGTERM"); // It has become the worker.
    let status: string;
    do status = await statusOf(health);
    while (status === "200");
    expect(status).toBe("404");
    expect(await client.readLine()).toBe("bye");
    expect(await client.readLine()).toBeNull();
    await client.close();
    expect(await systemd.ended).toMatchObject({ status: 0 });
  });
});
