import { createServer, Socket } from "node:net";
import { Duplex, Readable } from "node:stream";
import { createSecureContext, createServer as createTlsServer } from "node:tls";
import * as tcp6 from "../src/index.js";
import { AUTHORITY, ENCRYPTED_KEY, KEY_OF_ANOTHER, LOCALHOST } from "./support/certificates.js";
import { isPending, until } from "./support/outcomes.js";
import { closeAll, loopback, pair } from "./support/peers.js";
import { nothingLeft } from "./support/resources.js";

afterEach(closeAll);

type Loose = (...args: readonly unknown[]) => unknown;

/** The library as programs in JavaScript see it, whose mistakes no type catches. */
const { connect, connectDuplex, connectTo, formatEndpoint, lengthPrefixed, listen, parseEndpoint } =
  tcp6 as unknown as Record<
    | "connect"
    | "connectDuplex"
    | "connectTo"
    | "formatEndpoint"
    | "lengthPrefixed"
    | "listen"
    | "parseEndpoint",
    Loose
  >;
const { relay, resolve, setParameters, withParameters } = tcp6 as unknown as Record<
  "relay" | "resolve" | "setParameters" | "withParameters",
  Loose
>;
const from: Loose = (stream) => tcp6.Connection.from(stream as Duplex);

/** An object of a class that has such a name, as a program has where the package is loaded twice. */
function ofAnotherCopy(className: string): unknown {
  const constructor = Object.defineProperty(() => undefined, "name", { value: className });
  return Object.create({ constructor });
}
const ANOTHER_COPY = ", of another copy of this library (npm ls tcp6), or of another library";

/** A connection without its types. */
type Untyped = Record<
  | (
      | "close"
      | "detach"
      | "lines"
      | "read"
      | "readExactly"
      | "readInto"
      | "readUntil"
      | "readUntilAny"
      | "setKeepAlive"
    )
  | ("peek" | "split" | "startTls" | "unread" | "write" | "writeLine"),
  Loose
>;

type Mistake = readonly [call: (connection: Untyped) => unknown, sentence: string];

const ENDPOINT =
  '"endpoint" must be "host:port", "[IPv6 address]:port", or a path that begins with "/", "./" or "../"';
const HOST = '"host" must be a name or a literal address, without brackets, port and user';
const OPTIONS = '"options" must be an object of options';
const CALLBACK = `${OPTIONS} (there are no callbacks, use await); received a function`;
const TO_OPTIONS = "it is an option, and belongs into the argument after the endpoint";
const DATA = '"data" must be a string, a view or an ArrayBuffer, or an array of them';
const STREAM = '"stream" must be a stream.Duplex (Duplex.from and Duplex.fromWeb make one of two streams)';
const ENCODED = "an encoding is { encoding }";
const { key, cert } = LOCALHOST;
const ca = AUTHORITY;
/** Connects with TLS to where nothing listens: what is wrong with the options is told before. */
const tls = (options: unknown): unknown => connect("127.0.0.1", 9, { tls: options });
const serve = (options: unknown): unknown => listen({ host: "127.0.0.1", port: 0 }, { tls: options });
const TO_CONNECT = '"tls" must be true or an object of options for tls.connect';
const TO_LISTEN = '"tls" must be an object of options for tls.createServer, { key, cert } at least';
const NO_CERTIFICATE =
  "must be an object with key and cert, or with pfx (or with SNICallback or pskCallback): a server without a " +
  "certificate takes no client; received an object";
const NO_NAME =
  '"servername" must be the name that the server\'s certificate is for, since there is no host name to check (or give ' +
  "checkServerIdentity, or rejectUnauthorized: false";
const A_FILE = "must be what is in the file, a string or a Buffer, or an array of such";
const AUTHORITIES = "must be certificates in PEM format (their contents, not a path)";
const NOT_ITS_PATH = "is what is in its file, not the path";
const NO_PEM_CERTIFICATE = `not a certificate in PEM format, or a damaged one: tls: { cert } ${NOT_ITS_PATH}`;
const NO_PEM_KEY = `not a private key in PEM format, or one that this release cannot read: tls: { key } ${NOT_ITS_PATH}`;
const NO_PASSPHRASE =
  "the key is encrypted, and its passphrase is wrong or missing: see tls: { passphrase } (ERR_OSSL_BAD_DECRYPT)";
const NOT_AWAITED = "received an object (Promise): is an await missing?";

/** Mistakes of those who know `net`, Deno, Bun or asyncio, and what each is told. */
const MISTAKES: Readonly<Record<string, readonly Mistake[]>> = {
  listening: [
    [
      () => listen({ hostname: "127.0.0.1", port: 0 }),
      '"hostname" is no part of an endpoint: did you mean "host"?',
    ],
    [() => listen(0, { hostname: "127.0.0.1" }), '"hostname" is no option: did you mean "host"?'],
    [() => listen({ port: 0, backlog: 5 }), `"backlog" is no part of an endpoint: ${TO_OPTIONS}`],
    [
      () => listen({ port: 0, transport: "tcp" }),
      '"transport" is no part of an endpoint: TCP is the only one',
    ],
    [() => listen(0, () => undefined), CALLBACK],
    [() => listen(0, "127.0.0.1"), `${OPTIONS} (a host is { host }); received a string of 9 characters`],
    [
      () => listen("127.0.0.1", 0),
      `${OPTIONS} (a port is part of the endpoint, a backlog is { backlog }); received 0`,
    ],
    [
      () => listen("127.0.0.1"),
      'resolve *:127.0.0.1: no service named "127.0.0.1": that is an address, and the port is missing (EAI_SERVICE)',
    ],
    [
      () => listen({ host: "127.0.0.1" }),
      '"port" must be a number or the name of a service; received undefined',
    ],
    [
      () => listen(createServer()),
      '"_events" is no part of an endpoint; there is port, host, path, fd, name; received an object (Server)',
    ],
    [
      () => listen(Promise.resolve(0)),
      `"endpoint" must be a port, a service, a string, a URL, { port, host }, { path } or { fd }; ${NOT_AWAITED}`,
    ],
  ],
  "where to connect to": [
    [() => connect(80, "example.org"), '"host" must be a string, given before the port; received 80'],
    [() => connect(80), '"endpoint" must be a string, a URL, { host, port } or { path }; received 80'],
    [() => connect("example.org"), `${ENDPOINT}: the port is missing; received a string of 11 characters`],
    [
      () => connect("http://example.org"),
      `${ENDPOINT}, not the text of a URL: that goes into new URL(); received a string of 18 characters`,
    ],
    [() => connect("::1"), `${ENDPOINT}: an IPv6 address needs brackets; received a string of 3 characters`],
    [() => connect("[::1]", 80), `${HOST}; received a string of 5 characters`],
    [() => connect("localhost:80", 80), `${HOST}; received a string of 12 characters`],
    [() => connect("", 80), `${HOST}; received an empty string`],
    [() => connect(null, 80), '"host" must be a string; received null'],
    [
      () => connect("unix:/run/app.sock"),
      `${ENDPOINT}: a Unix socket is its path alone; received a string of 18 characters`,
    ],
    [() => connect(Promise.resolve("127.0.0.1"), 80), `"host" must be a string; ${NOT_AWAITED}`],
    [
      () => connect(new URL("http://example.org"), 80),
      '"host" must be a string (connect and listen take a URL alone); received an object (URL)',
    ],
    [() => connect("127.0.0.1", "80 "), 'resolve 127.0.0.1:80 : no service named "80 " (EAI_SERVICE)'],
    [() => connect("127.0.0.1", 65_536), '"port" must be a whole number from 1 to 65535; received 65536'],
    [() => connect("127.0.0.1", 80.5), '"port" must be a whole number from 1 to 65535; received 80.5'],
    [() => connect("127.0.0.1", NaN), '"port" must be a whole number from 1 to 65535; received NaN'],
    [
      () => connectTo("127.0.0.1", 80),
      '"addresses" must be an array of addresses; received a string of 9 characters',
    ],
    [() => connectTo(resolve("127.0.0.1", 80)), `"addresses" must be an array of addresses; ${NOT_AWAITED}`],
    [
      () => connectTo([{ host: "127.0.0.1", port: 80 }]),
      '"addresses" must be literal addresses with ports, { address, port }; received an object',
    ],
    [() => resolve("localhost"), '"port" must be a number or the name of a service; received undefined'],
    [() => parseEndpoint("localhost"), `${ENDPOINT}: the port is missing; received a string of 9 characters`],
    [
      () => formatEndpoint("::1", 80),
      '"endpoint" must be { host, port } or { path }; received a string of 3 characters',
    ],
  ],
  "how to connect": [
    [
      () => connect({ host: "127.0.0.1", port: 9, timeout: 5 }),
      `"timeout" is no part of an endpoint: ${TO_OPTIONS}`,
    ],
    [() => connect("127.0.0.1", 9, () => undefined), CALLBACK],
    [() => connect(9, "127.0.0.1", () => undefined), CALLBACK],
    [() => connect("127.0.0.1", 9, 5_000), `${OPTIONS} (a time is { timeout }); received 5000`],
    [() => connect("127.0.0.1", 9, []), `${OPTIONS}; received an array of 0 elements`],
    [() => connect("127.0.0.1", 9, null), `${OPTIONS}; received null`],
    [
      () => connect("127.0.0.1", 9, { timeout: "5s" }),
      '"timeout" must be a number of milliseconds; received a string of 2 characters',
    ],
    [
      () => connect("127.0.0.1", 9, { timeout: NaN }),
      '"timeout" must be 0 or more milliseconds; received NaN',
    ],
    [() => connect("127.0.0.1", 9, { timeout: -1 }), '"timeout" must be 0 or more milliseconds; received -1'],
    [
      () => connect("127.0.0.1", 9, { signal: new AbortController() }),
      '"signal" must be an AbortSignal, such as the controller\'s signal; received an object (AbortController)',
    ],
    [
      () => listen(0, { closeOn: new AbortController() }),
      '"closeOn" must be an AbortSignal, such as the controller\'s signal; received an object (AbortController)',
    ],
    [() => connectDuplex("127.0.0.1", 9, () => undefined), CALLBACK],
    [
      () => connect("127.0.0.1", 9, new AbortController().signal),
      `${OPTIONS} (a signal is { signal }); received an object (AbortSignal)`,
    ],
    [() => connect("127.0.0.1", 9, { nodelay: true }), '"nodelay" is no option: did you mean "noDelay"?'],
    [
      () => connect("127.0.0.1", 9, { connectTimeout: 5 }),
      '"connectTimeout" is no option: did you mean "timeout"?',
    ],
    [
      () => connect("127.0.0.1", 9, { keepAlive: "yes" }),
      '"keepAlive" must be a boolean, a number of milliseconds or { delay, interval, count }; received a string of 3 characters',
    ],
    [
      () => connect("127.0.0.1", 9, { allowHalfOpen: true }),
      '"allowHalfOpen" is no option: the two sides of a connection always end apart, closeWrite() ends ours',
    ],
  ],
  "the TLS of a client": [
    [() => tls("yes"), `${TO_CONNECT}; received a string of 3 characters`],
    [() => tls(false), `${TO_CONNECT}; received false`],
    [() => tls(Promise.resolve({ ca })), `${TO_CONNECT}; ${NOT_AWAITED}`],
    [() => connectDuplex("127.0.0.1", 9, { tls: "yes" }), `${TO_CONNECT}; received a string of 3 characters`],
    [() => connect("127.0.0.1", 9, { ca }), '"ca" is no option: it is an option of TLS, tls: { ca }'],
    [
      () => connect({ host: "127.0.0.1", port: 9, servername: "localhost" }),
      '"servername" is no part of an endpoint: it is an option of TLS, tls: { servername }',
    ],
    [() => tls(createTlsServer()), `${TO_CONNECT}; received an object (Server)`],
    [() => connect("127.0.0.1", 9, { ssl: true }), '"ssl" is no option: TLS is the option tls'],
    [
      () => connect("127.0.0.1", 9, { tls: true, handshakeTimeout: 5 }),
      '"handshakeTimeout" is no option: it is an option of listen; timeout bounds the handshake, too',
    ],
    [() => tls({ servername: 5 }), '"tls.servername" must be a string; received 5'],
    [() => tls({ ca: "path/to/ca.pem" }), `"tls.ca" ${AUTHORITIES}; received a string of 14 characters`],
    [() => tls({ ca: [ca, "ca.pem"] }), `"tls.ca[]" ${AUTHORITIES}; received a string of 6 characters`],
    [() => tls({ ca: Buffer.from("not one") }), `"tls.ca" ${AUTHORITIES}; received a Buffer of 7 bytes`],
    [() => tls({ ca: "" }), `"tls.ca" ${A_FILE}; received an empty string`],
    [() => tls({ ca: true }), `"tls.ca" ${A_FILE}; received true`],
    [() => tls({ cert: Promise.resolve(cert), key }), `"tls.cert" ${A_FILE}; ${NOT_AWAITED}`],
    [() => tls({ cafile: "ca.pem" }), '"cafile" is no option of tls: did you mean "ca"?'],
    [() => tls({ key }), '"tls.cert" must be given beside key; received undefined'],
    [() => tls({ cert }), '"tls.key" must be given beside cert; received undefined'],
    [
      () => tls({ key, cert: "cert.pem" }),
      `tls 127.0.0.1:9: ${NO_PEM_CERTIFICATE} (ERR_OSSL_PEM_NO_START_LINE)`,
    ],
    [() => tls({ key: "key.pem", cert }), `tls 127.0.0.1:9: ${NO_PEM_KEY} (ERR_OSSL_UNSUPPORTED)`],
    [
      () => tls({ key: cert, cert: key }),
      `tls 127.0.0.1:9: ${NO_PEM_CERTIFICATE} (ERR_OSSL_PEM_NO_START_LINE)`,
    ],
    [() => tls({ key: ENCRYPTED_KEY, cert }), `tls 127.0.0.1:9: ${NO_PASSPHRASE}`],
    [
      () => tls({ pfx: "me.p12" }),
      '"tls.pfx" must be a Buffer: what is in the PKCS #12 file; received a string of 6 characters',
    ],
    [
      () => tls({ rejectUnauthorised: false }),
      '"rejectUnauthorised" is no option of tls: did you mean "rejectUnauthorized"?',
    ],
    [() => tls({ rejectUnauthorized: 0 }), '"tls.rejectUnauthorized" must be a boolean; received 0'],
    [
      () => tls({ host: "localhost" }),
      '"host" is no option of tls: it is part of the endpoint (the name that a certificate is for is servername)',
    ],
    [
      () => tls({ timeout: 5 }),
      '"timeout" is no option of tls: it is an option of connect and listen, beside tls',
    ],
    [
      () => tls({ minVersion: "TLS1.2" }),
      'tls 127.0.0.1:9: not a version of TLS that Node knows: tls: { minVersion, maxVersion } are "TLSv1.2" or "TLSv1.3" ' +
        "(ERR_TLS_INVALID_PROTOCOL_VERSION)",
    ],
    [
      () => tls({ ALPNProtocols: "h2" }),
      '"tls.ALPNProtocols" must be an array of strings; received a string of 2 characters',
    ],
    [() => tls({ SNICallback: () => undefined }), '"SNICallback" is no option of tls: it is for servers'],
    [
      () => tls(createSecureContext({ ca })),
      '"context" is no option of tls: a context of tls.createSecureContext is given as secureContext',
    ],
    [() => connect("/run/app.sock", { tls: true }), `${NO_NAME}); received undefined`],
    [
      () => connectTo([{ address: "127.0.0.1", port: 9 }], { tls: { servername: "" } }),
      `${NO_NAME}); received an empty string`,
    ],
  ],
  "the TLS of a server": [
    [() => serve(true), `${TO_LISTEN}; received true`],
    [() => serve({}), `"tls" ${NO_CERTIFICATE}`],
    [() => serve({ ca }), `"tls" ${NO_CERTIFICATE}`],
    [() => serve({ key }), '"tls.cert" must be given beside key; received undefined'],
    [() => serve({ cert }), '"tls.key" must be given beside cert; received undefined'],
    [
      () => serve(KEY_OF_ANOTHER),
      "tls 127.0.0.1:0: the key does not belong to the certificate: see tls: { key, cert } " +
        "(ERR_OSSL_X509_KEY_VALUES_MISMATCH)",
    ],
    [
      () => serve({ secureContext: createSecureContext(LOCALHOST) }),
      '"secureContext" is no option of tls: it is for clients (an SNICallback may call back with one)',
    ],
    [() => serve({ key, certificate: cert }), '"certificate" is no option of tls: did you mean "cert"?'],
    [
      () => listen({ port: 0, key, cert }),
      '"key" is no part of an endpoint: it is an option of TLS, tls: { key }',
    ],
    [() => listen(0, { key, cert }), '"key" is no option: it is an option of TLS, tls: { key }'],
    [
      () => serve({ key, cert, handshakeTimeout: 5 }),
      '"handshakeTimeout" is no option of tls: it is an option of listen; the timeout of connect and startTls bounds the ' +
        "handshake, too",
    ],
    [
      () => serve({ key, cert, requestCert: "yes" }),
      '"tls.requestCert" must be a boolean; received a string of 3 characters',
    ],
  ],
  STARTTLS: [
    [
      (connection) => connection.startTls(),
      `${NO_NAME}; the server of the handshake gives isServer: true); received undefined`,
    ],
    [(connection) => connection.startTls(true), `${OPTIONS}; received true`],
    [
      (connection) => connection.startTls({ isServer: "yes", key, cert }),
      '"isServer" must be a boolean; received a string of 3 characters',
    ],
    [(connection) => connection.startTls({ isServer: true }), `"options" ${NO_CERTIFICATE}`],
    [
      (connection) => connection.startTls({ tls: { ca } }),
      '"tls" is no option of tls: startTls takes the options of TLS themselves',
    ],
    [
      () => tcp6.Connection.from(new Duplex(), { tls: true } as object),
      '"tls" is no option: connection.startTls() begins TLS on a connection that is there',
    ],
  ],
  reading: [
    [
      (connection) => connection.read(10),
      `${OPTIONS} (for that many bytes call readExactly(size), a time is { timeout }); received 10`,
    ],
    [
      (connection) => connection.read({ size: 10 }),
      '"size" is no option: for that many bytes call readExactly(size)',
    ],
    [
      (connection) => connection.read(new Uint8Array(10)),
      `${OPTIONS} (to read into memory call readInto(target)); received a Uint8Array of 10 bytes`,
    ],
    [
      (connection) => connection.read("utf8"),
      `${OPTIONS} (to decode bytes call toString() on the result); received a string of 4 characters`,
    ],
    [
      (connection) => connection.read({ encoding: "utf8" }),
      '"encoding" is no option: to decode bytes call toString() on the result',
    ],
    [(connection) => connection.read(() => undefined), CALLBACK],
    [(connection) => connection.read(Promise.resolve({ timeout: 5 })), `${OPTIONS}; ${NOT_AWAITED}`],
    [(connection) => connection.readExactly(), '"size" must be a whole number; received undefined'],
    [
      (connection) => connection.readInto(new ArrayBuffer(10)),
      '"target" must be a Uint8Array; received an ArrayBuffer',
    ],
    [
      (connection) => connection.readUntil("\n", 1_024),
      `${OPTIONS} (a limit is { limit }, a time is { timeout }); received 1024`,
    ],
    [
      (connection) => connection.readUntil(/\n/),
      '"delimiter" must be a string, a Uint8Array, or a list of them; received an object (RegExp)',
    ],
    [
      (connection) => connection.readUntil([/\n/]),
      '"delimiter[]" must be a string or a Uint8Array; received an object (RegExp)',
    ],
    [
      (connection) => connection.readUntilAny("\n"),
      '"delimiters" must be a list of strings and Uint8Arrays (readUntil takes one); received a string of 1 character',
    ],
    [
      (connection) => connection.readUntilAny("login: ", "Password: "),
      '"delimiters" must be a list of strings and Uint8Arrays (readUntil takes one); received a string of 7 characters',
    ],
    [
      (connection) => connection.lines("utf8"),
      `${OPTIONS} (an encoding is { encoding }); received a string of 4 characters`,
    ],
    [
      (connection) => connection.lines({ delimiter: ";" }),
      '"delimiter" is no option: readUntil(delimiter) takes one',
    ],
    [
      (connection) => connection.split(/,/),
      '"delimiter" must be a string, a Uint8Array, or a list of them; received an object (RegExp)',
    ],
    [
      (connection) => connection.split(),
      '"delimiter" must be a string, a Uint8Array, or a list of them; received undefined',
    ],
    [(connection) => connection.peek(), '"size" must be a whole number; received undefined'],
    [
      (connection) => connection.unread(Promise.resolve("a chunk")),
      '"bytes" must be a string, a view or an ArrayBuffer, or an array of them; received an object (Promise): is an await missing?',
    ],
    [
      (connection) => connection.unread(null),
      '"bytes" must be a string, a view or an ArrayBuffer, or an array of them; received null',
    ],
    [
      (connection) => connection.lines({ encoding: "utf-8" }),
      '"encoding" must be "utf8", "latin1" or "ascii"; received a string of 5 characters',
    ],
    [
      (connection) => connection.lines({ terminator: "\r\n" }),
      '"terminator" must be "lf", "crlf", "cr" or "any"; received a string of 2 characters',
    ],
  ],
  writing: [
    [(connection) => connection.write(42), `${DATA}; received 42`],
    [(connection) => connection.write({ a: 1 }), `${DATA}; received an object`],
    [(connection) => connection.write(undefined), `${DATA}; received undefined`],
    [(connection) => connection.write(Promise.resolve("text")), `${DATA}; ${NOT_AWAITED}`],
    [(connection) => connection.write(new Blob(["text"])), `${DATA}; received an object (Blob)`],
    [
      (connection) => connection.write([104, 105]),
      '"data[]" must be a string, a view or an ArrayBuffer, or an array of them; received 104',
    ],
    [
      (connection) => connection.write("text", "utf8"),
      `${OPTIONS} (${ENCODED}); received a string of 4 characters`,
    ],
    [
      (connection) => connection.write("text", { encoding: "utf-8" }),
      '"encoding" must be "utf8" or "latin1"; received a string of 5 characters',
    ],
    [
      (connection) => connection.write("5 €", { encoding: "latin1" }),
      '"data" must be text with no character above U+00FF, which latin1 does not have; received a string of 3 characters',
    ],
    [
      (connection) => connection.write("text", { terminator: "\r\n" }),
      '"terminator" is no option: writeLine(line) takes one',
    ],
    [
      (connection) => connection.write("head", Buffer.from("body")),
      `${OPTIONS} (to send several pieces give them as one list); received a Buffer of 4 bytes`,
    ],
    [(connection) => connection.write("text", () => undefined), CALLBACK],
    [
      (connection) => connection.writeLine(Buffer.from("text")),
      '"line" must be a string (write sends bytes); received a Buffer of 4 bytes',
    ],
    [
      (connection) => connection.writeLine("text", { terminator: "crlf" }),
      '"terminator" must be the text that ends the line, such as "\\n" or "\\r\\n"; received a string of 4 characters',
    ],
    [
      (connection) => connection.writeLine("text", "\r\n"),
      `${OPTIONS} (a terminator is { terminator }, ${ENCODED}); received a string of 2 characters`,
    ],
  ],
  ending: [
    [(connection) => connection.close(5_000), `${OPTIONS} (a time is { timeout }); received 5000`],
    [(connection) => connection.close(() => undefined), CALLBACK],
    [(connection) => connection.close({ force: true }), '"force" is no option; there is timeout, signal'],
    [
      (connection) => connection.detach({ halfOpen: true }),
      '"halfOpen" is no option: did you mean "allowHalfOpen"?',
    ],
    [
      (connection) => connection.setKeepAlive(5_000),
      '"on" must be a boolean, before a delay, or { delay }; received 5000',
    ],
  ],
  "making a connection of something": [
    [
      () => new (tcp6.Connection as unknown as new () => object)(),
      "a Connection cannot be constructed; it comes from connect(), listener.accept() or Connection.from()",
    ],
    [() => from(createServer()), `${STREAM}; received an object (Server)`],
    [() => from(), `${STREAM}; received undefined`],
    [() => from(Readable.from([])), `${STREAM}; received an object (Readable)`],
    [
      () => from({ readable: new ReadableStream(), writable: new WritableStream() }),
      `${STREAM}; received an object`,
    ],
    [() => from(Promise.resolve(new Socket())), `${STREAM}; ${NOT_AWAITED}`],
    [
      (connection) => relay(new Socket(), connection),
      '"a" must be a Connection (Connection.from makes one of a socket); received an object (Socket)',
    ],
    [
      () => lengthPrefixed(new Socket()),
      '"connection" must be a Connection (Connection.from makes one of a socket); received an object (Socket)',
    ],
    [
      () => lengthPrefixed(ofAnotherCopy("Connection")),
      `"connection" must be a Connection (Connection.from makes one of a socket); received an object (Connection)${ANOTHER_COPY}`,
    ],
    [
      () => (tcp6.serve as Loose)(ofAnotherCopy("Listener"), () => undefined),
      `"listener" must be a Listener, which listen resolves to; received an object (Listener)${ANOTHER_COPY}`,
    ],
    [
      () => (tcp6.requests as Loose)(ofAnotherCopy("Framed")),
      `"messages" must be messages over a Connection (framed and lengthPrefixed make them); received an object (Framed)${ANOTHER_COPY}`,
    ],
    [() => tcp6.lengthPrefix({ size: 2 } as object), '"size" is no option: the size of the length is bytes'],
  ],
  parameters: [
    [
      () => setParameters({ timeout: 5 }),
      '"timeout" is no parameter: there is one for each kind of wait, such as readTimeout and connectTimeout',
    ],
    [() => setParameters({ readtimeout: 5 }), '"readtimeout" is no parameter: did you mean "readTimeout"?'],
    [
      () => setParameters({ noDelay: false }),
      '"noDelay" is no parameter: it is an option of connect, listen and Connection.from',
    ],
    [
      () => setParameters("readTimeout", 5),
      '"values" must be an object of parameters; received a string of 11 characters',
    ],
    [
      () => withParameters({ readTimeout: 5 }),
      '"body" must be a function, the second argument; received undefined',
    ],
  ],
};

/** What a call says, whether it throws or rejects. */
async function said(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    expect(error).toMatchObject({
      name: expect.stringMatching(/^(TypeError|RangeError|NetError)$/) as string,
    });
    return (error as Error).message;
  }
  throw new Error("it was not refused");
}

describe.each(Object.entries(MISTAKES))("a mistake in %s is told what is wanted", (_, mistakes) => {
  test.each(mistakes)("%s", async (call, sentence) => {
    const { client, server } = await pair();
    await client.write("unread\n");
    await until(() => server.readableLength === 7);
    expect(await said(() => call(server as unknown as Untyped))).toBe(sentence);
    expect(server).toMatchObject({ readableLength: 7, bytesWritten: 0, writableLength: 0 });
    expect(await isPending(server.closed)).toBe(true);
    client.reset();
    await closeAll();
    await expect(nothingLeft()).resolves.toBeUndefined();
  });
});

describe("a connection that cannot be used says why", () => {
  test("two reads at a time", async () => {
    const { client, server } = await pair();
    const name = server.toString();
    const reading = server.read();
    const busy = `read ${name}: another read is waiting (ERR_BUSY)`;
    expect(await said(() => server.read())).toBe(busy);
    expect(await said(() => server.lines().next())).toBe(busy);
    expect(await said(() => relay(server, client))).toBe(
      `relay (${name}), (${client.toString()}): another read is waiting (ERR_BUSY)`,
    );
    await client.write("for the first");
    expect(String(await reading)).toBe("for the first");
  });

  test("a read beside a stream of the same connection that reads", async () => {
    const { client, server } = await pair();
    server.duplex.resume();
    const busy = `read ${server.toString()}: another read is waiting (ERR_BUSY)`;
    expect(await said(() => server.read())).toBe(busy);
    const reading = client.readable.getReader().read();
    expect(await isPending(reading)).toBe(true);
    expect(await said(() => client.read())).toBe(
      `read ${client.toString()}: another read is waiting (ERR_BUSY)`,
    );
    await server.write("for the reader");
    expect(Buffer.from((await reading).value ?? []).toString()).toBe("for the reader");
  });

  test("after it was closed", async () => {
    const { client, server } = await pair();
    const name = server.toString();
    await Promise.all([client.close(), server.close()]);
    expect(await said(() => server.read())).toBe(`read ${name}: closed (ERR_CLOSED)`);
    expect(await said(() => server.write("late"))).toBe(`write ${name}: closed (ERR_CLOSED)`);
    expect(await said(() => server.detach())).toBe(`detach ${name}: closed (ERR_CLOSED)`);
  });

  test("after its output was closed", async () => {
    const { server } = await pair();
    await server.closeWrite();
    const sentence = `write ${server.toString()}: the output is closed (ERR_CLOSED)`;
    expect(await said(() => server.write("late"))).toBe(sentence);
  });

  test("a listener that is closed", async () => {
    const listener = await loopback();
    await listener.close();
    expect(await said(() => listener.accept())).toBe(
      `accept ${listener.toString()}: the listener is closed (ERR_CLOSED)`,
    );
  });

  test("a stream that another connection has", async () => {
    const { server } = await pair();
    const duplex = new Duplex({ read: () => undefined, write: () => undefined });
    const first = tcp6.Connection.from(duplex);
    const inUse = '"stream" must be one that is not in use by another connection; received an object';
    expect(await said(() => from(duplex))).toBe(`${inUse} (Duplex)`);
    expect(await said(() => from(server.socket))).toMatch(inUse);
    first.reset();
  });
});

test("the events and methods of net.Socket are on the duplex, and the connection has none of them", async () => {
  const { server } = await pair();
  for (const name of ["on", "once", "end", "destroy", "pipe", "setEncoding", "setTimeout"]) {
    expect(server).not.toHaveProperty(name);
    expect(server.duplex).toHaveProperty(name);
  }
});
