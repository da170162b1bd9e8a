/** What the kernel is told by the option keepAlive, as the kernel itself says. */
import { spawnSync } from "node:child_process";
import { Socket } from "node:net";
import { connect, Connection, type ConnectionOptions } from "../../src/index.js";
import { closeAll, keep, loopback, netClient, pair } from "../support/peers.js";
import { describeWherePossible } from "../support/where-possible.js";

afterEach(closeAll);

type KeepAlive = ConnectionOptions["keepAlive"];

const PROGRAM = `use Socket qw(:all);
open(my $socket, "+<&=", 3) or die $!;
for ([SOL_SOCKET, SO_KEEPALIVE], [6, 4], [6, 5], [6, 6]) {
  print unpack("i", getsockopt($socket, $$_[0], $$_[1])), " ";
}`;

/** SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT of a connection, as Linux numbers them. */
function inKernel(connection: Connection): number[] {
  const fd = connection.fd as number;
  const { stdout } = spawnSync("perl", ["-e", PROGRAM], { stdio: ["ignore", "pipe", "inherit", fd] });
  return String(stdout).trim().split(" ").map(Number);
}

const hasProbes = Socket.prototype.setKeepAlive.length >= 4;
const isLinux = process.platform === "linux" && spawnSync("perl", ["-v"]).status === 0;

/** How a call fails, whether it throws or rejects; `undefined` if it does not. */
async function failureOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return error;
  }
}

describeWherePossible("keepAlive", isLinux ? undefined : "not Linux, or no perl", () => {
  const WITH_PROBES: readonly (readonly [keepAlive: KeepAlive, expected: readonly number[]])[] = [
    [{ delay: 5_000, interval: 2_000, count: 3 }, [1, 5, 2, 3]],
    [{ delay: 5_000, count: 3 }, [1, 5, 1, 3]],
    [{ delay: 5_000, interval: 2_000 }, [1, 5, 2, 10]],
    [{ interval: 2_000, count: 127 }, [1, 7_200, 2, 127]],
    [{ count: 3 }, [1, 7_200, 1, 3]],
    [{ delay: 0, interval: 0, count: 1 }, [1, 1, 1, 1]],
    [{ delay: Infinity, interval: Infinity, count: 3 }, [1, 32_767, 32_767, 3]],
  ];

  test.each<readonly [keepAlive: KeepAlive, expected: readonly number[]]>([
    [5_000, [1, 5, 1, 10]],
    [{ delay: 5_000 }, [1, 5, 1, 10]],
    [{ delay: 5_000, interval: undefined, count: undefined }, [1, 5, 1, 10]],
    [{ delay: 0 }, [1, 1, 1, 10]],
    ...(hasProbes ? WITH_PROBES : []),
  ])("%j is what the kernel has, at either end and adopted", async (keepAlive, expected) => {
    const listener = await loopback({ keepAlive });
    const client = keep(await connect("127.0.0.1", listener.port, { keepAlive }));
    const server = keep(await listener.accept());
    const adopted = keep(Connection.from(await netClient(listener.port), { keepAlive }));
    for (const connection of [client, server, adopted]) expect(inKernel(connection)).toEqual(expected);
    if (typeof keepAlive !== "object") return;
    const { client: other } = await pair();
    expect(inKernel(other)[0]).toBe(0);
    expect(inKernel(other.setKeepAlive(keepAlive))).toEqual(expected);
    expect(inKernel(other.setKeepAlive(false))[0]).toBe(0);
  });

  test("{} keeps the system's own delay, as true does", async () => {
    const [first, second] = [await pair({ keepAlive: {} }), await pair({ keepAlive: true })];
    expect(inKernel(first.server)).toEqual(inKernel(second.server));
    expect(inKernel(first.server)[0]).toBe(1);
  });
});

test("an interval and a count are refused at the call where sockets have none", async () => {
  const refused = { name: "TypeError", code: "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM" };
  const expected = hasProbes ? undefined : (expect.objectContaining(refused) as unknown);
  const listener = await loopback();
  for (const keepAlive of [{ interval: 1_000 }, { delay: 5_000, count: 3 }]) {
    const socket = await netClient(listener.port);
    const { client } = await pair();
    const calls: readonly (() => unknown)[] = [
      async () => keep(await connect("127.0.0.1", listener.port, { keepAlive })),
      () => loopback({ keepAlive }),
      () => keep(Connection.from(socket, { keepAlive })),
      () => client.setKeepAlive(keepAlive),
    ];
    for (const call of calls) expect(await failureOf(call)).toEqual(expected);
  }
});
