import { Socket } from "node:net";
import { runInNewContext } from "node:vm";
import { classNameOf, described } from "../../src/options/described.js";

class Credentials {
  readonly password = "hunter2";
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

/** An object with a trap or a getter wherever one can be, all of which throw. */
function hostile(prototype: object | null): object {
  const fail = (): never => {
    throw new Error("hunter2");
  };
  const properties = ["constructor", "name", "toString", "toJSON", "length", "byteLength", "message"];
  const getters = Object.fromEntries(properties.map((name) => [name, { get: fail }]));
  return Object.create(prototype, {
    ...getters,
    [Symbol.toStringTag]: { get: fail },
    [Symbol.toPrimitive]: { get: fail },
    [Symbol.for("nodejs.util.inspect.custom")]: { get: fail },
  }) as object;
}

function classWithGetters(): unknown {
  const named = class extends Object {};
  Object.defineProperty(named, "name", {
    get: () => {
      throw new Error("hunter2");
    },
  });
  return new named();
}

const trapped = new Proxy(
  {},
  {
    get: () => {
      throw new Error("hunter2");
    },
    getPrototypeOf: () => {
      throw new Error("hunter2");
    },
  },
);

test.each([
  ["hunter2", "a string of 7 characters"],
  ["x", "a string of 1 character"],
  ["", "an empty string"],
  [5, "5"],
  [-0, "-0"],
  [NaN, "NaN"],
  [Infinity, "Infinity"],
  [5n, "5n"],
  [10n ** 60n, "a bigint"],
  [true, "true"],
  [null, "null"],
  [undefined, "undefined"],
  [() => "hunter2", "a function"],
  [Credentials, "a function"],
  [Symbol("hunter2"), "a symbol"],
  [{ password: "hunter2" }, "an object"],
  [Object.create(null), "an object"],
  [["hunter2"], "an array of 1 element"],
  [[], "an array of 0 elements"],
  [Buffer.from("hunter2"), "a Buffer of 7 bytes"],
  [new Uint8Array(1), "a Uint8Array of 1 byte"],
  [new Int32Array(2), "an Int32Array of 8 bytes"],
  [new DataView(new ArrayBuffer(4)), "a DataView of 4 bytes"],
  [new ArrayBuffer(4), "an ArrayBuffer"],
  [new SharedArrayBuffer(4), "a SharedArrayBuffer"],
  [runInNewContext("new Uint8Array(3)"), "a Uint8Array of 3 bytes"],
  [runInNewContext("new DataView(new ArrayBuffer(3))"), "a DataView of 3 bytes"],
  [runInNewContext("({ password: 'hunter2' })"), "an object"],
  [new Socket(), "an object (Socket)"],
  [new Credentials(), "an object (Credentials)"],
  [new Map([["password", "hunter2"]]), "an object (Map)"],
  [new Error("hunter2"), "an object (Error)"],
  [new URL("redis://user:hunter2@example.org"), "an object (URL)"],
  [new Proxy(new Credentials(), {}), "a Proxy"],
  [new Proxy([], {}), "a Proxy"],
  [trapped, "a Proxy"],
  [revoked(), "a Proxy"],
  [Object.create(trapped), "an object"],
  [Object.create(revoked() as object), "an object"],
  [Object.create({ constructor: "hunter2" }), "an object"],
  [Object.create({ constructor: { name: "hunter2" } }), "an object"],
  [hostile(null), "an object"],
  [hostile(Credentials.prototype), "an object (Credentials)"],
  [Object.create(hostile(null)), "an object"],
  [Object.setPrototypeOf(Buffer.from("hunter2"), hostile(null)), "a view of 7 bytes"],
  [classWithGetters(), "an object"],
  [Object.assign({}, { constructor: { name: "hunter2" } }), "an object"],
])("case %#: a value is described by its type and size", (value, expected) => {
  expect(described(value)).toBe(expected);
});

test("a view whose memory is gone has no bytes", () => {
  const bytes = new Uint8Array(4);
  const view = new DataView(bytes.buffer);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  expect(described(bytes)).toBe("a Uint8Array of 0 bytes");
  expect(described(view)).toBe("a DataView of 0 bytes");
});

test("only what can be the name of a class is taken for one", () => {
  const named = (name: string) =>
    new (Object.defineProperty(class extends Object {}, "name", { value: name }))();
  expect(classNameOf(named("Duplex$1"))).toBe("Duplex$1");
  expect(classNameOf(named("the password is hunter2"))).toBeUndefined();
  expect(classNameOf(named("x".repeat(65)))).toBeUndefined();
  expect(classNameOf({})).toBeUndefined();
});
