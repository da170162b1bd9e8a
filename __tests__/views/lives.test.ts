import { differencesBetween, covers } from "../support/lives/differences.js";
import { KNOWN } from "../support/lives/known.js";
import { live, SUBJECTS } from "../support/lives/life.js";
import { SCRIPTS } from "../support/lives/scripts.js";

const RELEASE = Number.parseInt(process.versions.node);
const KNOWN_HERE = KNOWN.filter(({ since = 0 }) => RELEASE >= since);

describe("the Duplex of a connection lives as a net.Socket does, but for what is known", () => {
  test.each(SCRIPTS.map((script) => [script.name, script] as const))("%s", async (life, script) => {
    const [socket, duplex] = await Promise.all([
      live(SUBJECTS.socket, script),
      live(SUBJECTS.duplex, script),
    ]);
    expect(socket.length).toBeGreaterThan(0);
    const differences = differencesBetween(life, socket, duplex);
    const isCovered = differences.map((difference) => KNOWN_HERE.some((known) => covers(known, difference)));
    expect(differences.filter((_, at) => isCovered[at] === false)).toEqual([]);
    const expected = KNOWN_HERE.filter((known) => known.life === life);
    expect(expected.filter((known) => !differences.some((difference) => covers(known, difference)))).toEqual(
      [],
    );
  });
});

describe("a Duplex of connectDuplex lives as the Duplex of a connection does", () => {
  test.each(SCRIPTS.map((script) => [script.name, script] as const))("%s", async (life, script) => {
    const [duplex, connecting] = await Promise.all([
      live(SUBJECTS.duplex, script),
      live(SUBJECTS.connecting, script),
    ]);
    expect(differencesBetween(life, duplex, connecting)).toEqual([]);
  });
});

test("each known difference is of a life that there is, and is explained", () => {
  const lives = new Set(SCRIPTS.map(({ name }) => name));
  expect(lives.size).toBe(SCRIPTS.length);
  expect(KNOWN.filter(({ life, why }) => !lives.has(life) || !/^.{20,}\.$/u.test(why))).toEqual([]);
});
