/**
 * Faults of a kind that programs have, planted into the examples: each is found by random seeds, the failure names its seed, and that
 * seed shows it again, event by event. The example as it is holds with the same seeds.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type * as modbusClient from "../../../examples/modbus-client.js";
import { connect, framed, lengthPrefix, listen, type Connection } from "tcp6";
import { simulate, type Host, type Network } from "../../../src/testing/index.js";
import { leftOn, partition, sleep } from "../../support/bad-network.js";
import { PORT } from "../../support/simulated-examples.js";
import { startProgram } from "../../support/simulated-program.js";

const EXAMPLES = new URL("../../../examples/", import.meta.url);

/** Most seeds that are tried. Each finds each of the faults with a chance of a fifth at least. */
const MOST_SEEDS = 200;

/** Jest's messages have them, if it prints to a terminal. */
const COLOURS = /\u001b\[\d+m/g;

/** With how many more seeds the example as it is must hold. */
const MORE_SEEDS = 5;

/** A test of a program as a user would write it: what happens, and when, is left to chance. */
type Check = (network: Network, program: URL) => Promise<void>;

interface Failure {
  readonly message: string;
  readonly seed: number;
  readonly log: string;
}

/** How a check fails with a seed, or with any; `undefined` if it holds. */
async function failureOf(check: Check, program: URL, seed?: number): Promise<Failure | undefined> {
  let network: Network | undefined;
  try {
    await simulate({ seed }, async (its) => {
      network = its;
      await check(its, program);
    });
    return undefined;
  } catch (error) {
    const { message } = error as Error;
    const named = /\(seed (\d+)\)$/.exec(message)?.[1];
    return { message, seed: Number(named), log: String(network?.log.join("\n")) };
  }
}

/** Tries one random seed after the other. */
async function firstFailure(check: Check, program: URL): Promise<Failure> {
  for (let tried = 0; tried < MOST_SEEDS; tried++) {
    const failure = await failureOf(check, program);
    if (failure !== undefined) return failure;
  }
  throw new Error(`the fault was found by none of ${String(MOST_SEEDS)} random seeds`);
}

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "tcp6-planted-"));
  writeFileSync(join(directory, "package.json"), '{ "type": "module" }');
});
afterAll(() => rmSync(directory, { recursive: true }));

function exampleAt(name: string): URL {
  return new URL(`${name}.ts`, EXAMPLES);
}

/** A copy of an example in which one line is another one. */
function planted(name: string, line: string, instead: string): URL {
  const source = readFileSync(exampleAt(name), "utf8");
  if (source.split(line).length !== 2)
    throw new Error(`examples/${name}.ts has no such line, or several: ${line}`);
  const file = join(directory, `${name}.ts`);
  writeFileSync(
    file,
    source.replace(line, () => instead),
  );
  return pathToFileURL(file);
}

/** Sends back lines until its host is gone. */
async function echoLines(host: Host): Promise<void> {
  const listener = await host.run(() => listen(PORT));
  void (async () => {
    for await (const connection of listener) {
      void (async () => {
        for await (const line of connection.lines()) await connection.writeLine(line);
        await connection.close();
      })().catch(() => undefined);
    }
  })();
}

/** The request is answered or given up within its five seconds, however long the network is cut. */
const inTime: Check = async (network, program) => {
  const [client, server] = [network.host("client"), network.host("server")];
  await echoLines(server);
  void partition(network, client, server, Math.random() * 8_000, Math.random() * 10);
  const request = startProgram(client, program, `server:${String(PORT)}`, "Hi!", 5_000);
  await request.ended;
  expect(network.now).toBeLessThanOrEqual(5_001);
  expect(request.output).toEqual([expect.stringMatching(/^(?:answer: Hi!$|too late: )/)]);
};

/** A device whose registers have their addresses as values. It answers as late as it likes. */
async function device(connection: Connection): Promise<void> {
  const frames = framed(connection, lengthPrefix({ offset: 4, bytes: 2, skip: 0 }));
  for await (const frame of frames) {
    void sleep(Math.random() * 50).then(async () => {
      const reply = Buffer.concat([frame.subarray(0, 8), Buffer.from([2]), frame.subarray(8, 10)]);
      await frames.send(reply);
    });
  }
}

/** Each caller reads the register that it has asked for. */
const ownReplies: Check = async (network, program) => {
  const [client, server] = [network.host("client"), network.host("device")];
  const { Modbus } = (await import(fileURLToPath(program))) as typeof modbusClient;
  const listener = await server.run(() => listen(502));
  const serving = server.run(async () => device(await listener.accept()));
  await client.run(async () => {
    await using modbus = new Modbus(await connect("device", 502));
    const callers = [1, 2, 3].map(async (address) => {
      await sleep(Math.random() * 200);
      expect(await modbus.readHoldingRegisters(1, address, 1)).toEqual([address]);
    });
    await Promise.all(callers);
  });
  await serving;
};

/** A request that has reached the server before it was told to end is answered. */
const answersWhatItHasBegun: Check = async (network, program) => {
  const [client, server] = [network.host("client"), network.host("server")];
  const service = startProgram(server, program, PORT, 10);
  await service.says("listening");
  const connection = await client.run(() => connect(`server:${String(PORT)}`));
  const whenTold = Math.random() * 5_000;
  void sleep(whenTold).then(() => service.kill("SIGTERM"));
  for (let sent = 0; sent < whenTold;) {
    sent = network.now;
    await connection.writeLine("500");
    const answer = await connection.readLine().catch((error: unknown) => error);
    if (sent < whenTold - 100) expect(answer).toBe("done: 500");
    if (typeof answer !== "string") break;
  }
  connection.reset();
  await service.ended;
};

/** A room from which all have gone has nothing of them, also if their machines were switched off. */
const forgetsTheLost: Check = async (network, program) => {
  const server = network.host("server");
  const service = startProgram(server, program, "serve", PORT);
  await service.says("listening");
  const hosts = ["ada", "bob"].map((name) => network.host(name));
  const members = hosts.map((host) =>
    startProgram(host, exampleAt("json-chat"), "join", host.name, `server:${String(PORT)}`),
  );
  await sleep(1_000);
  for (const [at, host] of hosts.entries()) {
    void sleep(Math.random() * 10_000).then(() => {
      if (Math.random() < 0.5) host.crash();
      else members[at]?.stdin.end();
    });
    void sleep(Math.random() * 10_000).then(() => members[at]?.stdin.write("hello\n"));
  }
  await sleep(3_000_000);
  expect(leftOn([server]).connections).toBe(0);
  service.kill("SIGINT");
  await service.ended;
};

interface Fault {
  readonly check: Check;
  readonly example: string;
  /** What is written in the example, once, and in its place. */
  readonly line: string;
  readonly instead: string;
  /** How the check fails. */
  readonly failure: RegExp;
}

const FAULTS: Readonly<Record<string, Fault>> = {
  "a retry without a deadline": {
    check: inTime,
    example: "cancellable-request",
    line: '  console.log("answer:", await request(signal));\n',
    instead: [
      "  const attempt = () => request(AbortSignal.any([interrupt.signal, AbortSignal.timeout(1_000)]));",
      "  let answer = await attempt().catch(() => undefined);",
      "  while (answer === undefined) answer = await attempt().catch(() => undefined);",
      '  console.log("answer:", answer);',
      "",
    ].join("\n"),
    failure: /Expected: <= 5001/,
  },
  "a reply that is matched to the wrong request": {
    check: ownReplies,
    example: "modbus-client",
    line: "      match: { request: transactionOf, reply },\n",
    instead: "      match: { request: () => 0, reply: (frame) => reply(frame) * 0 },\n",
    failure: /^- {3}[123],$/m,
  },
  "a shutdown that does not wait for its handlers": {
    check: answersWhatItHasBegun,
    example: "graceful-server",
    line: "grace: Number(grace) * 1_000 }",
    instead: "grace: 0 }",
    failure: /Expected: "done: 500"/,
  },
  "a member that is lost in silence and stays for ever": {
    check: forgetsTheLost,
    example: "json-chat",
    line: "{ readTimeout: Infinity, keepAlive: { delay: 60_000 } }",
    instead: "{ readTimeout: Infinity }",
    failure: /Expected: 0/,
  },
};

test.each(Object.keys(FAULTS))("%s is found by random seeds, and shown again by its seed", async (fault) => {
  const { check, example, line, instead, failure } = FAULTS[fault] as Fault;
  const wrong = planted(example, line, instead);
  const found = await firstFailure(check, wrong);
  expect(found.message.replace(COLOURS, "")).toMatch(failure);
  expect(found.message).toMatch(/\(seed \d+\)$/);
  expect(found.log).not.toBe("");
  expect(await failureOf(check, wrong, found.seed)).toEqual(found);

  expect(await failureOf(check, exampleAt(example), found.seed)).toBeUndefined();
  for (let more = 0; more < MORE_SEEDS; more++)
    expect(await failureOf(check, exampleAt(example))).toBeUndefined();
});

test("a copy is refused when the line that it changes is no longer there", () => {
  expect(() => planted("echo-server", "no such line", "")).toThrow("has no such line");
});
