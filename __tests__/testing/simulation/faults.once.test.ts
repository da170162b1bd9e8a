/** docs/faults.md shows what the simulated network gives, and what a network of this machine gives where it can. */
import { bothSides, realAndSimulated } from "../../support/faults/matrix.js";
import { faultsPage } from "../../support/faults/page.js";

/** A second or two of work, which takes far longer where other work takes the processors. */
const TIMEOUT_MS = 120_000;

test(
  "the tables of docs/faults.md are those of the simulated network (npm run faults writes them)",
  async () => {
    const { is, shouldBe } = await faultsPage();
    expect(is.split("\n")).toEqual(shouldBe.split("\n"));
  },
  TIMEOUT_MS,
);

test(
  "a connection that was accepted sees what one that has connected sees",
  async () => {
    const { connected, accepted } = await bothSides();
    expect(accepted).toEqual(connected);
  },
  TIMEOUT_MS,
);

test(
  "what a peer does by itself looks the same over real sockets",
  async () => {
    const { real, simulated } = await realAndSimulated();
    expect(real).toEqual(simulated);
  },
  TIMEOUT_MS,
);
