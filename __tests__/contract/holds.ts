import { pairKinds } from "../support/pairs.js";
import { connectionContract } from "./contract.js";

/** Runs the contract over one kind of connection. Each kind has a file of its own, so that they run side by side. */
export function contractHoldsFor(name: (typeof pairKinds)[number]["name"]): void {
  const kind = pairKinds.find((each) => each.name === name);
  if (kind === undefined) throw new Error(`no such kind of connection: ${name}`);

  describe(kind.name, () => {
    beforeAll(() => kind.enter?.());
    afterAll(() => kind.leave?.());

    test.each(connectionContract)("$name", ({ run }) => run(kind.makePair));
  });
}
