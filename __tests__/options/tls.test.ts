/** The options of TLS that are refused before Node or OpenSSL sees them, or without what they held. */
import type { ConnectionOptions, TlsOptions } from "node:tls";
import { inspect } from "node:util";
import { connect, listen, type Connection, type Listener } from "../../src/index.js";
import { AUTHORITY, LOCALHOST } from "../support/certificates.js";
import { failure } from "../support/outcomes.js";
import { closeAll, keep, unusedPort } from "../support/peers.js";

afterEach(closeAll);

type Coded = Error & { code?: string };

/** How both ends refuse the same options. */
async function refusals(tls: object): Promise<[client: Coded, server: Coded]> {
  const port = await unusedPort();
  const client = connect("127.0.0.1", port, { tls: tls as ConnectionOptions });
  const server = listen(0, { host: "127.0.0.1", tls: { ...LOCALHOST, ...(tls as TlsOptions) } });
  const opened = (thing: Connection | Listener): unknown => keep(thing);
  return Promise.all([failure(client.then(opened)), failure(server.then(opened))]) as Promise<[Coded, Coded]>;
}

test.each<[string, object, RegExp]>([
  ["an empty name of a protocol", { ALPNProtocols: ["h2", ""] }, /protocols of 1 to 255 bytes/],
  ["a long name of a protocol", { ALPNProtocols: ["x".repeat(256)] }, /protocols of 1 to 255 bytes/],
  ["names of protocols that are no text", { ALPNProtocols: [1] }, /an array of strings/],
  ["text for a list of protocols", { ALPNProtocols: "h2" }, /an array of strings/],
  ["a list of protocols without lengths", { ALPNProtocols: Buffer.from("h2") }, /each behind a byte/],
  ["a list with an empty protocol", { ALPNProtocols: Buffer.from([1, 65, 0]) }, /each behind a byte/],
  ["the path of an authority", { ca: "/etc/ssl/ca.pem" }, /in PEM format \(their contents, not a path\)/],
  [
    "an authority that is not PEM",
    { ca: [AUTHORITY, Buffer.alloc(9)] },
    /not a path\); received .* of 9 bytes/,
  ],
  ["a high-water mark that is no number", { highWaterMark: "1" }, /a whole number/],
  [
    "versions the wrong way round",
    { minVersion: "TLSv1.3", maxVersion: "TLSv1.2" },
    /at most the maxVersion/,
  ],
  ["a version below those that Node allows", { maxVersion: "TLSv1.1" }, /at least TLSv1.2, the minVersion/],
  [
    "a list of no certificates",
    { key: [], cert: [] },
    /what is in the file.*; received an array of 0 elements/,
  ],
  ["a list of no archives", { pfx: [] }, /what is in the file.*; received an array of 0 elements/],
  ["a trace that is no boolean", { enableTrace: 1 }, /a boolean/],
  ["a method that is no text", { secureProtocol: Buffer.from("x") }, /a string/],
])("%s is refused", async (_, tls, words) => {
  for (const error of await refusals(tls)) {
    expect(error.name).toMatch(/^(Type|Range)Error$/);
    expect(error.message).toMatch(/^"tls\./);
    expect(error.message).toMatch(words);
  }
});

test("a bound of the key exchange that is no size is refused", async () => {
  for (const minDHSize of [0, -1, 0.5, NaN, "x"]) {
    const error = (await failure(
      connect("127.0.0.1", 1, { tls: { minDHSize: minDHSize as number } }),
    )) as Error;
    expect(error.message).toMatch(/^"tls\.minDHSize" must be/);
  }
});

test.each([
  [
    { pfx: Buffer.alloc(9) },
    "the archive cannot be read, or its passphrase is wrong: see tls: { pfx, passphrase }",
  ],
  [{ sigalgs: "none" }, "no kind of signature of these names is known: see tls: { sigalgs }"],
])("an option that OpenSSL does not take, without a code, is named: %j", async (tls, words) => {
  for (const error of await refusals(tls)) {
    expect(error.message).toMatch(/^tls 127\.0\.0\.1:\d+: /);
    expect(error.message).toContain(`: ${words} (ERR_UNKNOWN)`);
    expect(error).toMatchObject({ operation: "tls", code: "ERR_UNKNOWN" });
  }
});

test.each([
  ["passphrase", { secret: 1 }],
  ["passphrase", 123_456],
  ["ticketKeys", "secret123456"],
  ["ticketKeys", Buffer.from("secret123456")],
  ["sessionTimeout", "secret123456"],
  ["ciphers", ["secret123456"]],
])("the error of Node for a wrong %s does not repeat it", async (name, value) => {
  for (const error of await refusals({ ...LOCALHOST, [name]: value })) {
    expect(error.name).toMatch(/^(Type|Range)Error$/);
    expect(error.code).toMatch(/^ERR_(INVALID_ARG_(TYPE|VALUE)|OUT_OF_RANGE)$/);
    expect(error.message).toContain(`options.${name}`);
    expect(error.message).not.toMatch(/secret|12|received/i);
    // The cause is printed with the error.
    expect(inspect(error)).not.toMatch(/secret|123456/);
  }
});

test("options that an object has inherited count, at either end", async () => {
  const asking = Object.create({ requestCert: true, ca: AUTHORITY }) as TlsOptions;
  const server = { host: "127.0.0.1", tls: Object.assign(asking, LOCALHOST) };
  const listener = keep(await listen(0, server));
  const client = keep(
    await connect("127.0.0.1", listener.port, { tls: Object.create({ ca: AUTHORITY }) as object }),
  );
  expect(await failure(client.read())).toMatchObject({ operation: "read" });
  expect(listener.stats).toMatchObject({ accepted: 0, refused: { handshake: 1 } });

  const pinned = { ca: AUTHORITY, checkServerIdentity: () => new Error("not the one that was pinned") };
  const refused = connect("127.0.0.1", listener.port, { tls: Object.create(pinned) as object });
  expect(await failure(refused)).toMatchObject({ message: expect.stringContaining("pinned") as string });
});

test("a list of protocols as a ClientHello has it is taken", async () => {
  const ALPNProtocols = Buffer.from([1, 65, 2, 66, 66]);
  const listener = keep(await listen(0, { host: "127.0.0.1", tls: { ...LOCALHOST, ALPNProtocols } }));
  const tls = { rejectUnauthorized: false, ALPNProtocols: ["BB"] };
  const connection = keep(await connect("127.0.0.1", listener.port, { tls }));
  expect(connection.tls?.alpnProtocol).toBe("BB");
  keep(await listener.accept());
});
