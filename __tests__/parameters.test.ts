import {
  connect,
  Connection,
  getParameters,
  listen,
  resolve,
  setParameters,
  withParameters,
  type NetParameters,
} from "../src/index.js";
import { onManualClock } from "../src/testing/manual-clock.js";
import { isPending, timeoutError, turn } from "./support/outcomes.js";
import { closeAll, keep, loopback, netClient, pair } from "./support/peers.js";

const DEFAULTS: NetParameters = {
  readTimeout: 60_000,
  writeTimeout: 60_000,
  lingerTimeout: 2_000,
  connectTimeout: Infinity,
  attemptTimeout: Infinity,
  acceptTimeout: Infinity,
  bufferSize: 0,
  ipv6Only: false,
};

afterEach(closeAll);
afterEach(() => setParameters(DEFAULTS));

describe("the defaults", () => {
  test("are those of CHICKEN's tcp6", () => {
    expect(getParameters()).toEqual(DEFAULTS);
  });

  test("changing the result of getParameters does not change them", () => {
    const given = getParameters() as NetParameters;
    expect(() => (given.readTimeout = 1)).toThrow(TypeError);
    expect(getParameters().readTimeout).toBe(60_000);
  });
});

describe("setParameters", () => {
  test("sets the parameters that are named and leaves the rest", () => {
    setParameters({ readTimeout: 5_000, ipv6Only: true });
    expect(getParameters()).toEqual({ ...DEFAULTS, readTimeout: 5_000, ipv6Only: true });
    setParameters({ bufferSize: 100 });
    expect(getParameters()).toEqual({ ...DEFAULTS, readTimeout: 5_000, ipv6Only: true, bufferSize: 100 });
  });

  test("takes undefined for not named", () => {
    setParameters({ readTimeout: undefined } as unknown as Partial<NetParameters>);
    setParameters({});
    expect(getParameters()).toEqual(DEFAULTS);
  });

  test("takes 0 and Infinity", () => {
    const values = { readTimeout: 0, writeTimeout: Infinity, connectTimeout: 0, acceptTimeout: 0.5 };
    setParameters(values);
    expect(getParameters()).toEqual({ ...DEFAULTS, ...values });
  });

  test("does not change earlier results of getParameters", () => {
    const before = getParameters();
    setParameters({ readTimeout: 1 });
    expect(before.readTimeout).toBe(60_000);
  });

  test("that is refused sets nothing, not even the valid values", () => {
    expect(() => setParameters({ readTimeout: 1, writeTimeout: -1 })).toThrow(RangeError);
    expect(getParameters()).toEqual(DEFAULTS);
  });
});

describe("withParameters", () => {
  test("is in force inside and not outside, and gives back what the body returns", () => {
    expect(withParameters({ readTimeout: 1 }, () => getParameters().readTimeout)).toBe(1);
    expect(getParameters()).toEqual(DEFAULTS);
  });

  test("an inner one goes before an outer one, name by name", () => {
    withParameters({ readTimeout: 1, writeTimeout: 2 }, () => {
      withParameters({ readTimeout: 3 }, () => {
        expect(getParameters()).toEqual({ ...DEFAULTS, readTimeout: 3, writeTimeout: 2 });
      });
      expect(getParameters()).toEqual({ ...DEFAULTS, readTimeout: 1, writeTimeout: 2 });
    });
  });

  test("goes before setParameters, also when that is called inside", () => {
    setParameters({ readTimeout: 10, writeTimeout: 10 });
    withParameters({ readTimeout: 1 }, () => {
      setParameters({ readTimeout: 20, writeTimeout: 20 });
      expect(getParameters()).toMatchObject({ readTimeout: 1, writeTimeout: 20 });
    });
    expect(getParameters()).toMatchObject({ readTimeout: 20, writeTimeout: 20 });
  });

  test("takes undefined for not named", () => {
    withParameters({ readTimeout: 1 }, () => {
      withParameters({ readTimeout: undefined } as unknown as Partial<NetParameters>, () => {
        expect(getParameters().readTimeout).toBe(1);
      });
    });
  });

  test("follows everything that its body awaits and starts", async () => {
    const seen: number[] = [];
    const see = () => void seen.push(getParameters().readTimeout);
    let started: Promise<void> | undefined;
    await withParameters({ readTimeout: 7 }, async () => {
      see();
      await turn();
      see();
      await new Promise<void>((done) => {
        setTimeout(() => {
          see();
          process.nextTick(() => {
            see();
            done();
          });
        }, 1);
      });
      started = turn().then(see);
    });
    await started;
    expect(seen).toEqual([7, 7, 7, 7, 7]);
    expect(getParameters().readTimeout).toBe(60_000);
  });

  test("keeps concurrent bodies apart", async () => {
    const bodies = Array.from({ length: 20 }, (_, i) =>
      withParameters({ readTimeout: i }, async () => {
        for (let step = 0; step <= i % 4; step++) await turn();
        return getParameters().readTimeout;
      }),
    );
    expect(await Promise.all(bodies)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  test("passes on the error of its body, and is over then", async () => {
    const error = new Error("from the body");
    const throwing = () => {
      throw error;
    };
    expect(() => withParameters({ readTimeout: 1 }, throwing)).toThrow(error);
    expect(getParameters()).toEqual(DEFAULTS);
    await expect(withParameters({ readTimeout: 1 }, () => Promise.reject(error))).rejects.toBe(error);
    expect(getParameters()).toEqual(DEFAULTS);
  });

  test("that is refused does not run its body", () => {
    let ran = false;
    expect(() => withParameters({ readTimeout: NaN }, () => (ran = true))).toThrow(RangeError);
    expect(ran).toBe(false);
  });
});

describe("what is captured when a connection is made", () => {
  async function readTimeoutOf(connection: Connection): Promise<number | undefined> {
    return (await timeoutError(connection.read())).timeout;
  }

  test("by connect: the option, then withParameters, then setParameters", async () => {
    const listener = await loopback();
    const connected = async (options = {}) => keep(await connect("127.0.0.1", listener.port, options));
    setParameters({ readTimeout: 12 });
    expect(await readTimeoutOf(await connected())).toBe(12);
    await withParameters({ readTimeout: 13 }, async () => {
      expect(await readTimeoutOf(await connected())).toBe(13);
      expect(await readTimeoutOf(await connected({ readTimeout: 14 }))).toBe(14);
      expect(await readTimeoutOf(await connected({ readTimeout: undefined }))).toBe(13);
    });
  });

  test("by accept: the listener's option, then withParameters, then setParameters", async () => {
    const plain = await loopback();
    const own = await loopback({ readTimeout: 24 });
    setParameters({ readTimeout: 22 });
    await netClient(plain.port);
    expect(await readTimeoutOf(keep(await plain.accept()))).toBe(22);
    await withParameters({ readTimeout: 23 }, async () => {
      await netClient(plain.port);
      expect(await readTimeoutOf(keep(await plain.accept()))).toBe(23);
      await netClient(own.port);
      expect(await readTimeoutOf(keep(await own.accept()))).toBe(24);
    });
  });

  test("stays, whatever is set later", async () => {
    setParameters({ readTimeout: 31, bufferSize: 50 });
    const { client, server } = await pair();
    setParameters(DEFAULTS);
    for (const connection of [client, server]) expect(await readTimeoutOf(connection)).toBe(31);
    for (const connection of [client, server]) {
      void connection.write("gathered");
      expect(connection.writableLength).toBe(8);
    }
  });

  test("the lingerTimeout: an option goes before the parameter, and it stays", async () => {
    const close = async (own: Connection, peer: Connection) => {
      // The peer does not end its side, and no time passes.
      await Promise.all([own.close(), peer.read()]);
      expect(own.fd).toBeUndefined();
    };
    await onManualClock(async () => {
      setParameters({ lingerTimeout: 0 });
      const [first, second, third] = await Promise.all([pair(), pair(), pair({ lingerTimeout: Infinity })]);
      setParameters({ lingerTimeout: Infinity });
      const [fourth, fifth] = await Promise.all([pair({ lingerTimeout: 0 }), pair()]);
      const adopted = keep(Connection.from(fifth.client.detach(), { lingerTimeout: 0 }));
      setParameters(DEFAULTS);
      await close(first.client, first.server);
      await close(second.server, second.client);
      await close(fourth.server, fourth.client);
      await close(adopted, fifth.server);
      const closing = third.server.close();
      expect(await third.client.read()).toBeNull();
      expect(await isPending(closing)).toBe(true);
    });
  });

  test("0 means that a read takes what is here and waits for nothing", async () => {
    const { client, server } = await pair({ readTimeout: 0 });
    expect(await readTimeoutOf(server)).toBe(0);
    await client.write("here");
    while (server.readableLength === 0) await turn();
    expect(String(await server.read())).toBe("here");
  });
});

test("ipv6Only is read when listen is called", async () => {
  const listening = listen(0);
  setParameters({ ipv6Only: true });
  expect(keep(await listening).address).toMatchObject({ address: "::", family: 6 });
});

test("connectTimeout does not concern resolve, which has no default timeout", async () => {
  const lookup = (_host: string, _options: unknown, answer: (error: null, address: string) => void) =>
    void setTimeout(answer, 20, null, "127.0.0.1");
  const addresses = await withParameters({ connectTimeout: 1 }, () => resolve("slow.test", 80, { lookup }));
  expect(addresses).toEqual([{ address: "127.0.0.1", port: 80, family: 4 }]);
});
