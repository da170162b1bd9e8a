import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { RefusedEvent } from "../../src/index.js";

const CHANNEL = "tcp6:listener:refused";

/** The clients that listeners have refused in the test that runs. To be called where hooks of tests are. */
export function notedRefusals(): RefusedEvent[] {
  const refusals: RefusedEvent[] = [];
  const note = (event: unknown): void => void refusals.push(event as RefusedEvent);
  beforeEach(() => {
    refusals.length = 0;
    subscribe(CHANNEL, note);
  });
  afterEach(() => void unsubscribe(CHANNEL, note));
  return refusals;
}
