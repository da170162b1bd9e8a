import { checkBoolean, checkTimeout, oneOf } from "../../src/options/checks.js";
import { checkedOptions, schemaOf, type Checks, type Complete } from "../../src/options/schema.js";

interface Options {
  delay?: number | undefined;
  quiet?: boolean | undefined;
}

const checks: Checks<Options> = { delay: checkTimeout, quiet: checkBoolean };
const copy = ({ delay, quiet }: Options): Complete<Options> => ({ delay, quiet });

describe("an option that is forgotten does not compile", () => {
  // tsc shows it, in `npm run check`: it fails where an error is expected and there is none.
  test("in a copy", () => {
    // @ts-expect-error: `quiet` is missing
    const forgetful = ({ delay }: Options): Complete<Options> => ({ delay });
    expect(Object.keys(forgetful({ quiet: true }))).toEqual(["delay"]);
    expect(Object.keys(copy({}))).toEqual(["delay", "quiet"]);
  });

  test("in the table that has the names and the checks", () => {
    // @ts-expect-error: `quiet` is missing
    expect(schemaOf<Options>({ delay: checkTimeout }).names).toEqual(["delay"]);
    // @ts-expect-error: there is no option `loud`
    expect(schemaOf<Options>({ ...checks, loud: checkBoolean }).names).toHaveLength(3);
    expect(schemaOf<Options>(checks).names).toEqual(["delay", "quiet"]);
  });
});

describe("checked options", () => {
  const schema = schemaOf<Options>(checks);

  test("are read once each, and later changes do not reach them", () => {
    let reads = 0;
    const given = {
      quiet: true,
      get delay() {
        return ++reads;
      },
    };
    const options = checkedOptions(given, schema, copy);
    given.quiet = false;
    expect(options).toEqual({ delay: 1, quiet: true });
    expect(reads).toBe(1);
  });

  test("are all there, and undefined where they are not given", () => {
    expect(Object.entries(checkedOptions(undefined, schema, copy))).toEqual([
      ["delay", undefined],
      ["quiet", undefined],
    ]);
    expect(checkedOptions({ delay: undefined }, schema, copy)).toEqual({});
  });

  test("are checked by the table: null is given, undefined is not", () => {
    expect(() => checkedOptions({ quiet: null }, schema, copy)).toThrow(
      '"quiet" must be a boolean; received null',
    );
  });
});

test("one of several values", () => {
  const check = oneOf("on", "off", 7);
  expect(() => check("mode", "on")).not.toThrow();
  expect(() => check("mode", 7)).not.toThrow();
  expect(() => check("mode", "of")).toThrow(
    '"mode" must be "on", "off" or 7; received a string of 2 characters',
  );
  expect(() => check("mode", undefined)).toThrow(TypeError);
});
