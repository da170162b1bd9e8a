import { Connection, Listener } from "../src/index.js";
import { closeAll, keep, loopback, pair } from "./support/peers.js";

afterEach(closeAll);

const CLASSES = [
  ["Connection", Connection, "connect(), listener.accept() or Connection.from()"],
  ["Listener", Listener, "listen()"],
] as const;

describe.each(CLASSES)("a %s cannot be constructed", (name, constructor, makers) => {
  const make = constructor as unknown as new (...args: unknown[]) => object;
  const refused = expect.objectContaining({
    name: "TypeError",
    code: "ERR_ILLEGAL_CONSTRUCTOR",
    message: `a ${name} cannot be constructed; it comes from ${makers}`,
  }) as Error;

  test("with new, whatever it is given", async () => {
    const listener = await loopback();
    const { client } = await pair();
    for (const args of [
      [],
      [undefined],
      [client],
      [client.socket, {}],
      [listener.server, listener.address, {}, {}, {}],
    ]) {
      expect(() => new make(...args)).toThrow(refused);
      expect(() => Reflect.construct<unknown[], object>(make, args)).toThrow(refused);
    }
  });

  test("by a subclass", () => {
    expect(() => new (class extends make {})()).toThrow(refused);
  });

  test("but is an instance of its class where this library makes it", async () => {
    const listener = await loopback();
    const { client, server } = await pair();
    const made = [listener, client, server, keep(Connection.from(server.detach()))];
    expect(made.filter((one) => one instanceof constructor)).toHaveLength(constructor === Listener ? 1 : 3);
  });
});
