import { connect, lengthPrefixed, listen, requests } from "../../src/index.js";
import type { Connection, Listener } from "../../src/index.js";
import { memoryPair } from "../../src/testing/index.js";
import { netError, turn } from "../support/outcomes.js";
import { nothingLeft } from "../support/resources.js";

const MOST = 65_536;

test("a connection fails when more than 65 536 replies are missing of requests that were given up", async () => {
  const [a, b] = memoryPair();
  const shared = requests(lengthPrefixed(a), { queue: Infinity });
  let sent = 0;
  let received = 0;
  void (async () => {
    for await (const chunk of b) received += chunk.length;
  })().catch(() => undefined);
  const giveUp = async (count: number): Promise<void> => {
    const controller = new AbortController();
    const calls = Array.from({ length: count }, () =>
      shared.request("x", { signal: controller.signal }).catch(() => undefined),
    );
    // Each is a byte, and its length before it.
    sent += 5 * count;
    while (received < sent) await turn();
    controller.abort();
    await Promise.all(calls);
  };
  await giveUp(MOST);
  expect(a.toJSON().state).toBe("open");
  const waiting = netError(shared.request("y"));
  sent += 5;
  await giveUp(1);
  expect(await waiting).toMatchObject({ code: "ERR_LIMIT", written: "partly" });
  expect(await netError(shared.closed)).toMatchObject({ code: "ERR_LIMIT" });
  expect(shared.pending).toBe(0);
}, 120_000);

describe("a connection that is taken from its requests", () => {
  let listener: Listener;
  let a: Connection;
  let b: Connection;

  beforeEach(async () => {
    listener = await listen(0, { host: "127.0.0.1" });
    [a, b] = await Promise.all([connect("127.0.0.1", listener.port), listener.accept()]);
  });

  afterEach(async () => {
    for (const connection of [a, b]) connection.reset();
    await listener.close();
    await nothingLeft();
  });

  test.each([true, false])("by detach, while a reply is due: %s", async (isDue) => {
    const shared = requests(lengthPrefixed(a));
    const call = isDue ? netError(shared.request("a request")) : null;
    if (isDue) await lengthPrefixed(b).receive();
    const socket = a.detach();
    if (call !== null) expect(await call).toMatchObject({ code: "ERR_CLOSED", written: "partly" });
    const late = await netError(shared.request("late"));
    expect(late).toMatchObject({ code: "ERR_CLOSED", written: "nothing" });
    await shared.closed;
    expect(shared.pending).toBe(0);
    expect(socket.destroyed).toBe(false);
    socket.destroy();
  });

  test("by startTls, which is refused while a reply is due", async () => {
    const shared = requests(lengthPrefixed(a));
    const call = shared.request("a request");
    expect(await netError(a.startTls())).toMatchObject({ code: "ERR_BUSY" });
    await lengthPrefixed(b).send("a reply");
    expect(String(await call)).toBe("a reply");
    const secure = netError(a.startTls());
    expect(await netError(shared.request("late"))).toMatchObject({ code: "ERR_CLOSED", written: "nothing" });
    await shared.closed;
    b.reset();
    await secure;
  });

  test("by other requests over it: the connection fails, and no reply goes astray", async () => {
    const [first, second] = [requests(lengthPrefixed(a)), requests(lengthPrefixed(a))];
    const calls = [netError(first.request("1")), netError(second.request("2"))];
    expect(await calls[1]).toMatchObject({ code: "ERR_BUSY", written: "partly" });
    expect(await calls[0]).toMatchObject({ code: "ERR_CLOSED", written: "partly" });
    expect([first.pending, second.pending]).toEqual([0, 0]);
  });

  test("by close: no timer, no socket and no other handle is left", async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const before = timers();
    const shared = requests(lengthPrefixed(a), { unsolicited: () => undefined });
    const given = netError(shared.request("given up", { timeout: 1 }));
    expect(await given).toMatchObject({ code: "ETIMEDOUT" });
    const call = shared.request("answered", { timeout: 60_000 });
    const peer = lengthPrefixed(b);
    for (let i = 0; i < 2; i++) await peer.send((await peer.receive()) ?? "the end");
    expect(String(await call)).toBe("answered");
    const closed = shared.close();
    await b.close();
    await closed;
    await listener.close();
    await nothingLeft();
    expect(timers()).toBeLessThanOrEqual(before);
  });
});
