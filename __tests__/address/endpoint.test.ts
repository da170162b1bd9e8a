import fc from "fast-check";
import { familyOf, joinHostPort, isHost, normalAddress, splitEndpoint } from "../../src/address/endpoint.js";

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
