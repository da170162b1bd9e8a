import { parseServices, portOf } from "../../src/address/services.js";
import { NetError } from "../../src/errors.js";

test.each([
  [80, 80],
  [0, 0],
  [65_535, 65_535],
  ["80", 80],
  ["0", 0],
  ["00080", 80],
  ["65535", 65_535],
])("%j is port %d", (service, port) => {
  expect(portOf(service)).toBe(port);
});

test.each([-1, 65_536, 1.5, NaN, Infinity, "-1", "65536", "99999"])("%j is out of range", (service) => {
  expect(() => portOf(service)).toThrow(
    expect.objectContaining({
      name: "RangeError",
      code: "ERR_SOCKET_BAD_PORT",
      message: expect.stringContaining(String(service)) as unknown,
    }) as Error,
  );
});

test.each([undefined, null, true, 80n, {}, ["80"]])("%p is neither a number nor a name", (service) => {
  expect(() => portOf(service as string)).toThrow(
    expect.objectContaining({ name: "TypeError", code: "ERR_INVALID_ARG_TYPE" }) as Error,
  );
});

test("an empty string is no name", () => {
  expect(() => portOf("")).toThrow(
    expect.objectContaining({ name: "TypeError", code: "ERR_INVALID_ARG_VALUE" }) as Error,
  );
});

test.each([
  ["ssh", 22],
  ["smtp", 25],
  ["domain", 53],
  ["http", 80],
  ["HTTP", 80],
  ["www", 80],
  ["https", 443],
  ["postgresql", 5432],
])("%s has a port on every system", (name, port) => {
  expect(portOf(name)).toBe(port);
});

test.each([
  ["xsip-network", 1_354],
  ["XSIP-network", 1_354],
])("%s, which only IANA's registry has, has a port", (name, port) => {
  expect(portOf(name)).toBe(port);
});

test.each(["nosuchservice", "__proto__", "toString", "1.5", " 80", "0x50", "80/tcp", "#"])(
  "%j is no service",
  (name) => {
    const thrown = ((): unknown => {
      try {
        return portOf(name, "::1");
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toBeInstanceOf(NetError);
    expect(thrown).toMatchObject({
      code: "EAI_SERVICE",
      operation: "resolve",
      host: "::1",
      transient: false,
    });
    expect(String(thrown)).toBe(`NetError: resolve [::1]:${name}: no service named "${name}" (EAI_SERVICE)`);
  },
);

test("without a host, the error of an unknown service names the service", () => {
  expect(() => portOf("nosuchservice")).toThrow('resolve *:nosuchservice: no service named "nosuchservice"');
});

test.each([
  ["", {}],
  ["http 80/tcp", { http: 80 }],
  ["http\t\t80/tcp\twww web # World Wide Web\n", { http: 80, www: 80, web: 80 }],
  ["# only\n   # comments\n\n", {}],
  ["http 80/tcp# no space\r\nssh 22/TCP\r\n", { http: 80, ssh: 22 }],
  ["  indented 7/tcp", { indented: 7 }],
  ["ntp 123/udp\nsip 5060/tcp6\nsctp 9/sctp", {}],
  ["name\nname tcp\nname 80\nname /tcp\nname x80/tcp\nname 80/\n80/tcp", {}],
  ["huge 65536/tcp\nhuger 999999/tcp\nlast 65535/tcp", { last: 65_535 }],
  ["twice 1/tcp\ntwice 2/tcp", { twice: 1 }],
  ["a 1/tcp b\nb 2/tcp", { a: 1, b: 1 }],
  ["CAIlic 216/tcp", { CAIlic: 216, cailic: 216 }],
  ["FOO 1/tcp\nfoo 2/tcp", { FOO: 1, foo: 2 }],
])("the services of %j are %j", (text, services) => {
  expect(Object.fromEntries(parseServices(text))).toEqual(services);
});

test("an address where a port is wanted is said to be one", () => {
  const message = /"127\.0\.0\.1": that is an address, and the port is missing \(EAI_SERVICE\)$/;
  expect(() => portOf("127.0.0.1")).toThrow(message);
});
