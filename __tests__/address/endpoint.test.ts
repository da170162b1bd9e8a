import fc from "../support/fast-check.js";
import { connect, formatEndpoint, listen, parseEndpoint, type Endpoint } from "../../src/index.js";
import { familyOf, joinHostPort, isHost, normalAddress, splitEndpoint } from "../../src/address/endpoint.js";
import { failure } from "../support/outcomes.js";

describe("splitEndpoint", () => {
  test.each([
    ["localhost:80", { host: "localhost", port: "80" }],
    ["example.com.:https", { host: "example.com.", port: "https" }],
    ["127.0.0.1:0", { host: "127.0.0.1", port: "0" }],
    ["[::1]:ssh", { host: "::1", port: "ssh" }],
    ["[fe80::1%eth0]:22", { host: "fe80::1%eth0", port: "22" }],
    ["[::ffff:1.2.3.4]:80", { host: "::ffff:1.2.3.4", port: "80" }],
    ["localhost:99999", { host: "localhost", port: "99999" }],
    ["/run/app.sock", { path: "/run/app.sock" }],
    ["./app:1.sock", { path: "./app:1.sock" }],
    ["../app sock", { path: "../app sock" }],
    ["\0abstract", { path: "\0abstract" }],
    ["\\\\.\\pipe\\app", { path: "\\\\.\\pipe\\app" }],
  ])("%j has its parts", (text, parts) => {
    expect(splitEndpoint(text)).toEqual(parts);
  });

  test.each([
    "",
    ":",
    ":80",
    "localhost",
    "localhost:",
    "127.0.0.1",
    "::1",
    "::1:80",
    "[::1]",
    "[::1]80",
    "[::1]:",
    "[::1]:80:90",
    "[::1]:80]",
    "[]:80",
    "[localhost]:80",
    "[127.0.0.1]:80",
    "[::1%]:80",
    "[[::1]]:80",
    "x[::1]:80",
    "a:b:c",
    "http://localhost:80",
    "localhost:80/path",
    "app.sock",
    "run/app.sock",
    "..:80/",
    "local host:80",
    "localhost: 80",
    "localhost:80\n",
    "localhost\0.example:80",
    "user@localhost:80",
    "redis://user:password@localhost:80",
  ])("%j is refused by name", (text) => {
    expect(() => splitEndpoint(text)).toThrow(
      expect.objectContaining({
        name: "TypeError",
        code: "ERR_INVALID_ARG_VALUE",
        message: expect.stringMatching(/^"endpoint" must be "host:port".*; received an? /s) as unknown,
      }) as Error,
    );
  });

  test.each([undefined, null, 80, {}, ["localhost:80"]])("%j is no string", (value) => {
    expect(() => splitEndpoint(value as string)).toThrow(
      expect.objectContaining({ name: "TypeError", code: "ERR_INVALID_ARG_TYPE" }) as Error,
    );
  });

  test("a formatted endpoint has the parts it was made of", () => {
    const zoned = fc
      .tuple(fc.ipV6(), fc.constantFrom("", "%eth0", "%12"))
      .map(([address, zone]) => address + zone);
    const port = fc.integer({ min: 0, max: 65_535 });
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), zoned, fc.domain()), port, (host, number) => {
        expect(splitEndpoint(joinHostPort(host, number))).toEqual({ host, port: String(number) });
      }),
    );
  });

  test("no string makes it throw anything but its own error", () => {
    const likely = fc.string({
      unit: fc.constantFrom("[", "]", ":", "/", ".", "%", "\0", " ", "1", "a", "f"),
    });
    fc.assert(
      fc.property(fc.oneof(fc.string(), likely), (text) => {
        try {
          const parts = splitEndpoint(text);
          if ("path" in parts) expect(parts.path).toBe(text);
          else expect(joinHostPort(parts.host, parts.port)).toBe(text);
        } catch (error) {
          expect(error).toMatchObject({ name: "TypeError", code: "ERR_INVALID_ARG_VALUE" });
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

/** Text and parts that stand for each other, both ways. */
const ENDPOINTS: readonly (readonly [text: string, endpoint: Endpoint])[] = [
  ["localhost:80", { host: "localhost", port: 80 }],
  ["127.0.0.1:0", { host: "127.0.0.1", port: 0 }],
  ["[::1]:65535", { host: "::1", port: 65_535 }],
  ["[fe80::1%eth0]:22", { host: "fe80::1%eth0", port: 22 }],
  ["[::ffff:1.2.3.4]:80", { host: "::ffff:1.2.3.4", port: 80 }],
  ["/run/app.sock", { path: "/run/app.sock" }],
  ["./app:1.sock", { path: "./app:1.sock" }],
  ["\0abstract", { path: "\0abstract" }],
  ["\\\\.\\pipe\\app", { path: "\\\\.\\pipe\\app" }],
];

function typeError(code: string, message: unknown = expect.anything()): Error {
  return expect.objectContaining({ name: "TypeError", code, message }) as Error;
}

describe("the public parseEndpoint", () => {
  test.each(ENDPOINTS)("%j has its parts, with the port as a number", (text, endpoint) => {
    expect(parseEndpoint(text)).toEqual(endpoint);
  });

  test("gives the port of a service by its name", () => {
    expect(parseEndpoint("[::1]:ssh")).toEqual({ host: "::1", port: 22 });
    expect(parseEndpoint("example.org:HTTPS")).toEqual({ host: "example.org", port: 443 });
    expect(parseEndpoint("localhost:0080")).toEqual({ host: "localhost", port: 80 });
    expect(parseEndpoint("localhost:-0")).toEqual({ host: "localhost", port: 0 });
  });

  test.each([
    ["localhost:no-such-service", { code: "EAI_SERVICE", operation: "resolve", host: "localhost" }],
    ["localhost:65536", { name: "RangeError", code: "ERR_SOCKET_BAD_PORT" }],
    ["localhost:-1", { name: "RangeError", code: "ERR_SOCKET_BAD_PORT" }],
    [`/${"x".repeat(5_000)}`, { name: "RangeError", code: "ERR_OUT_OF_RANGE" }],
    ["/run/a\0b", { name: "TypeError", code: "ERR_INVALID_ARG_VALUE" }],
    ["localhost", { name: "TypeError", code: "ERR_INVALID_ARG_VALUE" }],
    ["::1:80", { name: "TypeError", code: "ERR_INVALID_ARG_VALUE" }],
    ["app.sock", { name: "TypeError", code: "ERR_INVALID_ARG_VALUE" }],
    ["redis://user:hunter2@localhost:80", { name: "TypeError", code: "ERR_INVALID_ARG_VALUE" }],
  ])("fails as connect and listen do (case %#)", async (text, fields) => {
    if (process.platform === "win32" && text.startsWith("/x")) return; // Pipes may have longer names.
    expect(() => parseEndpoint(text)).toThrow(expect.objectContaining(fields) as Error);
    expect(await failure(connect(text))).toMatchObject(fields);
    // To listen, text without a colon is a service.
    if (/[:/]/.test(text)) expect(await failure(listen(text))).toMatchObject(fields);
  });

  test("the text of a URL is refused as such, and not repeated", () => {
    const message = expect.stringMatching(
      /not the text of a URL: that goes into new URL\(\); received a string of \d+ characters$/,
    ) as unknown;
    expect(() => parseEndpoint("redis://user:hunter2@localhost:80")).toThrow(
      typeError("ERR_INVALID_ARG_VALUE", message),
    );
  });

  test.each([undefined, null, 80, {}, ["localhost:80"], new URL("http://localhost")])(
    "%j is no string",
    (value) => {
      const message = expect.stringMatching(/^"endpoint" must be a string; received /) as unknown;
      expect(() => parseEndpoint(value as string)).toThrow(typeError("ERR_INVALID_ARG_TYPE", message));
    },
  );
});

describe("the public formatEndpoint", () => {
  test.each(ENDPOINTS)("gives %j", (text, endpoint) => {
    expect(formatEndpoint(endpoint)).toBe(text);
  });

  test("keeps the name of a service, known or not, and digits", () => {
    expect(formatEndpoint({ host: "::1", port: "no-such-service" })).toBe("[::1]:no-such-service");
    expect(formatEndpoint({ host: "localhost", port: "80" })).toBe("localhost:80");
  });

  test("marks a relative path as a path", () => {
    expect(formatEndpoint({ path: "app.sock" })).toBe("./app.sock");
    expect(formatEndpoint({ path: "localhost:80" })).toBe("./localhost:80");
    expect(formatEndpoint({ path: "~/app.sock" })).toBe("./~/app.sock");
  });

  test("round-trips: what it gives is parsed to what it was given", () => {
    const zoned = fc
      .tuple(fc.ipV6(), fc.constantFrom("", "%eth0", "%12"))
      .map(([address, zone]) => address + zone);
    const host = fc.oneof(fc.ipV4(), zoned, fc.domain());
    const port = fc.integer({ min: 0, max: 65_535 });
    const path = fc.string({ maxLength: 20 }).map((text) => `/${text.replaceAll("\0", "")}`);
    fc.assert(
      fc.property(fc.oneof(fc.record({ host, port }), fc.record({ path })), (endpoint) => {
        expect(parseEndpoint(formatEndpoint(endpoint))).toEqual(endpoint);
      }),
    );
  });

  test("no object makes it give text that is not parsed again, or throw anything but its own errors", () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom("[", "]", ":", "/", ".", "%", "\0", " ", "@", "1", "a") }),
    );
    const port = fc.oneof(fc.integer(), fc.double(), fc.string({ unit: "grapheme-ascii", maxLength: 5 }));
    const endpoints = fc.oneof(fc.record({ host: text, port }), fc.record({ path: text }));
    fc.assert(
      fc.property(endpoints, (endpoint) => {
        let formatted: string;
        try {
          formatted = formatEndpoint(endpoint);
        } catch (error) {
          expect((error as { code: string }).code).toMatch(
            /^ERR_(INVALID_ARG_TYPE|INVALID_ARG_VALUE|SOCKET_BAD_PORT|OUT_OF_RANGE)$/,
          );
          return;
        }
        const parts = splitEndpoint(formatted);
        if ("host" in endpoint) expect(parts).toEqual({ host: endpoint.host, port: String(endpoint.port) });
        else expect([endpoint.path, `./${endpoint.path}`]).toContain((parts as { path: string }).path);
      }),
      { numRuns: 1_000 },
    );
  });

  test("looks up no service, also where its name is a hyphen", () => {
    expect(formatEndpoint({ host: "localhost", port: "-" })).toBe("localhost:-");
  });

  test.each<[unknown, string, RegExp]>([
    [{ host: "localhost" }, "ERR_INVALID_ARG_TYPE", /^"port" must be a number or the name of a service; /],
    [{ port: 80 }, "ERR_INVALID_ARG_TYPE", /^"host" must be a string; /],
    [{}, "ERR_INVALID_ARG_TYPE", /^"host" must be a string; /],
    [{ host: "[::1]", port: 80 }, "ERR_INVALID_ARG_VALUE", /^"host" must be .* without brackets/],
    [{ host: "", port: 80 }, "ERR_INVALID_ARG_VALUE", /^"host" must be /],
    [{ host: "\\\\pipe", port: 80 }, "ERR_INVALID_ARG_VALUE", /^"host" must be /],
    [{ host: "a", port: "" }, "ERR_INVALID_ARG_VALUE", /^"port" must be /],
    [{ host: "a", port: "b:c" }, "ERR_INVALID_ARG_VALUE", /^"port" must be a number or the name/],
    [{ path: "" }, "ERR_INVALID_ARG_VALUE", /^"path" must be the path of a socket; /],
    [{ path: 1 }, "ERR_INVALID_ARG_TYPE", /^"path" must be a string; /],
    [{ host: "a", port: 1, path: "/a" }, "ERR_INVALID_ARG_VALUE", /^"endpoint" must be either /],
    [{ hostname: "a", port: 1 }, "ERR_INVALID_ARG_VALUE", /did you mean "host"\?$/],
    [{ address: "::1", port: 1 }, "ERR_INVALID_ARG_VALUE", /a literal address is a \{ host \}$/],
    [
      "localhost:80",
      "ERR_INVALID_ARG_TYPE",
      /^"endpoint" must be \{ host, port \} or \{ path \}; received a/,
    ],
    [new URL("http://localhost"), "ERR_INVALID_ARG_TYPE", /; received an object \(URL\)$/],
    [undefined, "ERR_INVALID_ARG_TYPE", /; received undefined$/],
    [null, "ERR_INVALID_ARG_TYPE", /; received null$/],
    [["localhost", 80], "ERR_INVALID_ARG_TYPE", /; received an array of 2 elements$/],
  ])("refuses %j", (value, code, message) => {
    expect(() => formatEndpoint(value as Endpoint)).toThrow(typeError(code, expect.stringMatching(message)));
  });

  test.each([-1, 65_536, 1.5, NaN, "65536", "-1"])("refuses the port %p", (port) => {
    expect(() => formatEndpoint({ host: "localhost", port })).toThrow(
      expect.objectContaining({ name: "RangeError", code: "ERR_SOCKET_BAD_PORT" }) as Error,
    );
  });

  test("refuses a path that has no room for the mark", () => {
    if (process.platform === "win32") return;
    const path = "x".repeat(process.platform === "linux" ? 107 : 103);
    expect(() => formatEndpoint({ path })).toThrow(
      expect.objectContaining({ name: "RangeError", code: "ERR_OUT_OF_RANGE" }) as Error,
    );
    expect(formatEndpoint({ path: path.slice(2) })).toBe(`./${path.slice(2)}`);
  });
});

test.each([
  ["127.0.0.1", 80, "127.0.0.1:80"],
  ["::1", 80, "[::1]:80"],
  ["fe80::1%eth0", 0, "[fe80::1%eth0]:0"],
  ["localhost", "http", "localhost:http"],
])("%s and %s are formatted as %s", (address, port, text) => {
  expect(joinHostPort(address, port)).toBe(text);
});

test.each([
  ["::ffff:1.2.3.4", "1.2.3.4"],
  ["::FFFF:1.2.3.4", "1.2.3.4"],
  ["::ffff:102:304", "1.2.3.4"],
  ["::ffff:c0a8:1", "192.168.0.1"],
  ["0:0:0:0:0:ffff:102:304", "1.2.3.4"],
  ["::ffff:0:0", "0.0.0.0"],
  ["::ffff:1.2.3.256", "::ffff:1.2.3.256"],
  ["::ffff:102", "::ffff:102"],
  ["::1.2.3.4", "::1.2.3.4"],
  ["64:ff9b::1.2.3.4", "64:ff9b::1.2.3.4"],
  ["1::ffff:1.2.3.4", "1::ffff:1.2.3.4"],
  ["::1", "::1"],
  ["fe80::1%eth0", "fe80::1%eth0"],
  ["1.2.3.4", "1.2.3.4"],
  ["", ""],
])("the normal form of %j is %j", (address, normal) => {
  expect(normalAddress(address)).toBe(normal);
});

test.each([
  ["1.2.3.4", 4],
  ["::1", 6],
  ["::ffff:1.2.3.4", 6],
  ["fe80::1%eth0", 6],
  ["fe80::1%br-lan.1", 6],
  ["fe80::1%", 0],
  ["1.2.3.4%eth0", 0],
  ["[::1]", 0],
  ["1.2.3", 0],
  ["localhost", 0],
  ["", 0],
])("the family of %j is %d", (address, family) => {
  expect(familyOf(address)).toBe(family);
});

test.each([
  ["localhost", true],
  ["xn--bcher-kva.example", true],
  ["bücher.example", true],
  ["1.2.3.4", true],
  ["fe80::1%eth0", true],
  ["", false],
  ["[::1]", false],
  ["localhost:80", false],
  ["localhost\0.example", false],
  ["local host", false],
  ["/run/app.sock", false],
])("whether %j can be a host: %j", (text, can) => {
  expect(isHost(text)).toBe(can);
});
