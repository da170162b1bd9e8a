import assert from "node:assert/strict";
import { isIP } from "node:net";
import { NetError, NetTimeoutError, type Connection } from "../../index.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, rejection, text, timesOut, turn, until } from "./expectations.js";

/** What the properties and errors of a connection say. */
export const errors: readonly ContractCase[] = [
  onPair("each end knows both addresses, also when the connection is over", async ({ a, b, family }) => {
    const known = (end: Connection) => [end.localAddress, end.localPort, end.remoteAddress, end.remotePort];
    const [atA, atB] = [known(a), known(b)];
    assert.deepEqual([a.family, b.family], [family, family]);
    if (family !== undefined) {
      assert.deepEqual(atA, [...atB.slice(2), ...atB.slice(0, 2)]);
      assert.equal(isIP(String(a.remoteAddress)), family);
      assert.ok((a.remotePort ?? 0) > 0);
    } else assert.deepEqual(atA, [undefined, undefined, undefined, undefined]);
    await Promise.all([a.close(), b.close()]);
    assert.deepEqual([known(a), known(b)], [atA, atB]);
    assert.deepEqual([a.family, b.family], [family, family]);
  }),

  onPair(
    "an open connection has a descriptor if the kernel's socket has its bytes, a closed one has none",
    async ({ a, b, hasDescriptor }) => {
      if (hasDescriptor) {
        assert.ok((a.fd ?? -1) >= 0 && (b.fd ?? -1) >= 0);
        assert.notEqual(a.fd, b.fd);
      } else assert.deepEqual([a.fd, b.fd], [undefined, undefined]);
      await Promise.all([a.close(), b.close()]);
      assert.deepEqual([a.fd, b.fd], [undefined, undefined]);
    },
  ),

  onPair(
    "a failure names the operation, the addresses, the reason and the code",
    async ({ a, b, family, takesAtOnce, kernel }) => {
      const timeout = await timesOut(a.read({ timeout: 1 }));
      const own = new RegExp(`^read .*${String(a.remotePort ?? "")}.*: timed out after 1 ms.*ETIMEDOUT`, "u");
      assert.match(timeout.message, own);
      assert.deepEqual([timeout.name, timeout.transient], ["NetTimeoutError", true]);
      if (family !== undefined) {
        assert.deepEqual([timeout.address, timeout.port], [a.remoteAddress, a.remotePort]);
      }
      b.reset();
      const failing = async () => {
        for (let tries = 0; tries < 1_000; tries++) {
          await a.write("x");
          await turn();
        }
      };
      const failure = await fails(failing(), "ECONNRESET", "EPIPE");
      assert.match(failure.message, new RegExp(`^write .*${failure.code}`, "u"));
      assert.equal(failure.name, "NetError");
      assert.equal((failure.cause as NodeJS.ErrnoException).code, failure.code);
      // A stream that says later what it has taken may have the write that fails, or not any more.
      assert.match(String(failure.written), takesAtOnce || kernel ? /^nothing$/u : /^(nothing|partly)$/u);
    },
  ),

  onPair("errors can be told apart by class", async ({ a }) => {
    const timeout = await rejection(a.read({ timeout: 0 }));
    assert.ok(timeout instanceof NetTimeoutError && timeout instanceof NetError && timeout instanceof Error);
    a.closeRead();
    await a.closeWrite();
    const closed = await rejection(a.write("x"));
    assert.ok(closed instanceof NetError && !(closed instanceof NetTimeoutError));
    assert.equal(closed.transient, false);
  }),

  onPair("wrong arguments are refused at once and leave everything as it was", async ({ a, b }) => {
    await b.write("unread");
    await until(() => a.readableLength === 6);
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- a cast, in short
    const wrong = <T>(value: unknown) => value as T;
    const types: (() => unknown)[] = [
      () => a.write(wrong<string>(5)),
      () => a.write(wrong<string>(null)),
      () => a.write(wrong<string>(undefined)),
      () => a.write(wrong<string>({})),
      () => a.write(["good", wrong<string>(5)]),
      () => a.write(wrong<string>([["nested"]])),
      () => a.writeLine(wrong<string>(5)),
      () => a.writeLine(wrong<string>(undefined)),
      () => a.readInto(wrong<Uint8Array>("x")),
      () => a.readInto(wrong<Uint8Array>(new ArrayBuffer(4))),
      () => a.readExactly(wrong<number>("4")),
      () => a.readUntil(wrong<string>(4)),
      () => a.readUntil(""),
      () => a.readUntil(new Uint8Array(0)),
      () => a.readUntil([]),
      () => a.split([]),
      () => a.split(""),
      () => a.split("x", { last: wrong<boolean>("yes") }),
      () => a.peek(wrong<number>("4")),
      () => a.unread(wrong<string>(5)),
      () => a.unread(["good", wrong<string>(5)]),
      () => a.readUntil(["x", ""]),
      () => a.readUntilAny(wrong<string[]>("x")),
      () => a.readUntilAny([]),
      () => a.readUntilAny(["x", wrong<string>(4)]),
      () => a.readLine({ limit: wrong<number>("4") }),
      () => a.readLine({ encoding: "hex" }),
      () => a.readLine({ encoding: "utf16le" }),
      () => a.lines({ encoding: "base64" }),
      () => a.chunks({ recycle: wrong<boolean>("yes") }),
      () => a.read(wrong<object>(5)),
      () => a.readLine(wrong<object>("utf8")),
      () => a.write("x", wrong<object>("utf8")),
      () => a.setNoDelay(wrong<boolean>("yes")),
      () => a.setKeepAlive(wrong<boolean>(1)),
    ];
    const ranges: (() => unknown)[] = [
      () => a.readExactly(-1),
      () => a.readExactly(1.5),
      () => a.readExactly(NaN),
      () => a.readExactly(Infinity),
      () => a.readLine({ limit: -1 }),
      () => a.readUntil("x", { limit: 0.5 }),
      () => a.split("x", { limit: -1 }),
      () => a.peek(-1),
      () => a.peek(Infinity),
      () => a.readAll({ limit: NaN }),
      () => a.lines({ limit: -1 }),
      () => a.setKeepAlive(true, -1),
    ];
    const called = async (call: () => unknown) => await call();
    for (const call of types) {
      const error = await rejection(called(call));
      assert.ok(error instanceof TypeError, `${String(call)}: ${String(error)}`);
      assert.match((error as NodeJS.ErrnoException).code ?? "", /^ERR_INVALID_ARG_/u);
    }
    for (const call of ranges) {
      const error = await rejection(called(call));
      assert.ok(error instanceof RangeError, `${String(call)}: ${String(error)}`);
      assert.match(error.message, /received/u);
    }
    assert.deepEqual([a.readableLength, a.writableLength, a.bytesWritten], [6, 0, 0]);
    assert.equal(text(await a.read()), "unread");
  }),

  onPair("a call that returns a promise never throws", ({ a }) => {
    const wrong = 5 as unknown as string;
    const calls = [
      a.write(wrong),
      a.readUntil(wrong),
      a.readUntilAny([wrong]),
      a.readExactly(-1),
      a.peek(-1),
      a.close({ timeout: -1 }),
      a.flush({ timeout: -1 }),
    ];
    return Promise.all(calls.map((call) => rejection(call))).then(() => undefined);
  }),
];
