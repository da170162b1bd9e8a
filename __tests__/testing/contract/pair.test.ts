import { completePair, type Pair } from "../../../src/testing/contract/pair.js";
import { pairKinds } from "../../support/pairs.js";

const MIB = 1024 * 1024;

/** What has to be said of a kind, since it does not follow from the connections. */
const TOLD: Readonly<Record<string, Partial<Pair>>> = {
  "Unix sockets": { clogBytes: 4 * MIB },
  "TLS over Unix sockets": { clogBytes: 4 * MIB, keepsUnread: true },
  "TLS over memory": { clogBytes: 4 * MIB, resetCode: undefined },
};

test.each(pairKinds)("the facts about a pair follow from its connections: $name", async (kind) => {
  kind.enter?.();
  try {
    const { dispose, ...pair } = await kind.makePair();
    const followed = completePair([pair.a, pair.b]);
    expect({ ...followed, ...TOLD[kind.name], dispose: undefined }).toEqual({ ...pair, dispose: undefined });
    await dispose();
  } finally {
    kind.leave?.();
  }
});
