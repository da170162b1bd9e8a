import { createServer } from "node:net";
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import {
  connect,
  connectDuplex,
  connectTo,
  listen,
  serve,
  type ConnectOptions,
  type LookupFunction,
} from "../../../src/index.js";
import { AUTHORITY } from "../../support/certificates.js";
import { frozenServer } from "../../support/frozen-server.js";
import { unusedPort } from "../../support/unused-port.js";
import { closed, rejects } from "../expected.js";
import type { Load, Scenario } from "../scenario.js";

const never: LookupFunction = () => undefined;
const late: LookupFunction = (_, { signal }, answer) => {
  const looking = setTimeout(() => answer(null, [{ address: "127.0.0.1", family: 4 }]), 2);
  signal.addEventListener("abort", () => clearTimeout(looking));
};
const lateAndDeaf: LookupFunction = (_, __, answer) =>
  setImmediate(() => setImmediate(answer, null, [{ address: "127.0.0.1", family: 4 }]));
const TLS = { ca: AUTHORITY };

/** One attempt in so many is one of the kinds below, the others are the cheap ones among them, which come first. */
const SLOW_SHARE = 4;
const CHEAP_KINDS = 7;

/** Attempts to connect that are given up at every point, or fail. */
export const connects: Scenario = {
  name: "connects",
  unit: "connects that are given up",
  count: 100_000,
  together: 64,
  kinds: SLOW_SHARE * 24,

  async start(): Promise<Load> {
    const lived = new AbortController();
    const stop = new AbortController();
    const frozen = await frozenServer(3_600_000);
    const refusing = await unusedPort();
    const listener = await listen("127.0.0.1:0", { backlog: 2_048 });
    const serving = serve(listener, (connection) => connection.reset(), { signal: stop.signal });
    // It takes clients, and says nothing.
    const silent = createServer((socket) => socket.on("error", () => undefined).resume()).listen(
      0,
      "127.0.0.1",
    );
    await once(silent, "listening");
    const { port: mute } = silent.address() as { port: number };
    const { port } = listener;
    const host = "127.0.0.1";
    const frozenAt = { address: host, port: frozen.port, family: 4 } as const;
    const refusedAt = { address: host, port: refusing, family: 4 } as const;

    /** Connects, and gives up when `when` settles; resolves when the attempt has settled, either way. */
    const abandoned = async (
      begin: (options: ConnectOptions) => Promise<{ reset(): void }>,
      when: () => unknown,
      options: ConnectOptions = {},
    ): Promise<void> => {
      const leave = new AbortController();
      const connecting = begin({ ...options, signal: leave.signal }).then(
        (connection) => connection.reset(),
        () => undefined,
      );
      await when();
      leave.abort();
      await connecting;
    };
    const someTurns = async () => {
      for (let turns = 0; turns < 3; turns++) await turn();
    };
    const toListener = (options: ConnectOptions) => connect(host, port, options);
    const toFrozen = (options: ConnectOptions) => connect(host, frozen.port, options);
    const race = (options: ConnectOptions) =>
      connectTo([frozenAt, frozenAt, frozenAt, frozenAt], { attemptDelay: 10, ...options });

    const kinds: readonly (() => Promise<unknown>)[] = [
      () => rejects(connect(host, port, { signal: AbortSignal.abort() }), "AbortError"),
      () => abandoned(toListener, () => undefined),
      () => abandoned(toListener, () => Promise.resolve()),
      () => abandoned(toListener, turn),
      () => abandoned(toListener, someTurns),
      // The connection is there when the signal is aborted: nothing happens to it.
      async () => {
        const leave = new AbortController();
        const connection = await connect(host, port, { signal: leave.signal }).catch(() => undefined);
        leave.abort();
        connection?.reset();
      },
      () => abandoned((options) => connect("name.example", port, options), turn, { lookup: never }),
      () => abandoned((options) => connect("name.example", port, options), turn, { lookup: late }),
      () => abandoned((options) => connect("name.example", port, options), turn, { lookup: lateAndDeaf }),
      () => rejects(connect("name.example", port, { lookup: never, timeout: 1 }), "ETIMEDOUT"),
      () => abandoned(toFrozen, () => undefined),
      () => abandoned(toFrozen, turn),
      () => rejects(connect(host, frozen.port, { timeout: 1, signal: lived.signal }), "ETIMEDOUT"),
      () => rejects(connect(host, frozen.port, { attemptTimeout: 1 }), "ETIMEDOUT"),
      () => abandoned(race, someTurns),
      () => rejects(connectTo([frozenAt, frozenAt], { attemptDelay: 10, timeout: 12 }), "ETIMEDOUT"),
      () => rejects(connectTo([refusedAt, refusedAt], { signal: lived.signal }), "ECONNREFUSED"),
      () => rejects(connect({ path: "/nowhere/at/all" }, { signal: lived.signal }), "ENOENT"),
      () =>
        abandoned(
          (options) => connect({ path: "/nowhere/at/all" }, options),
          () => undefined,
        ),
      async () => {
        const leave = new AbortController();
        const connecting = connect(host, frozen.port, { closeOn: leave.signal, signal: lived.signal });
        leave.abort();
        await rejects(connecting, "AbortError");
      },
      async () => {
        const duplex = connectDuplex({ host, port: frozen.port }, { signal: lived.signal });
        await turn();
        duplex.destroy();
        await closed(duplex);
      },
      async () => {
        const duplex = connectDuplex({ host, port });
        duplex.on("error", () => undefined);
        await turn();
        duplex.destroy();
        await closed(duplex);
      },
      // Within the handshake of TLS.
      () =>
        abandoned((options) => connect("localhost", mute, { ...options, family: 4, tls: TLS }), someTurns),
      () => rejects(connect("127.0.0.1", mute, { timeout: 3, tls: TLS }), "ETIMEDOUT"),
    ];
    return {
      signals: { "the signal of connects": lived.signal, "the signal of serve": stop.signal },
      emitters: { "the server": listener.server },
      counts: { "open connections of the listener": () => listener.connections },
      operate(index) {
        const round = Math.floor(index / SLOW_SHARE);
        const kind = index % SLOW_SHARE === 0 ? round % kinds.length : index % CHEAP_KINDS;
        return kinds[kind]?.() ?? Promise.reject(new RangeError("no kind"));
      },
      async stop() {
        stop.abort();
        await serving;
        silent.close();
        await frozen.close();
      },
    };
  },
};
