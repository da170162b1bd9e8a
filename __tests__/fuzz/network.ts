/** What happens to a simulated network, and to the hosts on it. */
import type { End } from "./end.js";
import type { Call, CallOf } from "./scenario.js";
import type { Faults } from "./surroundings.js";

const FAULTS = ["partition", "heal", "crash", "restart", "stall", "link"] as const;

export type Fault = CallOf<(typeof FAULTS)[number]>;

export function isFault(call: Call): call is Fault {
  return (FAULTS as readonly string[]).includes(call.op);
}

/** Has it happen. */
export function happen(faults: Faults | undefined, { name }: End, fault: Fault): void {
  if (faults === undefined)
    throw new Error(`${fault.op}: this kind of connection is on no simulated network`);
  switch (fault.op) {
    case "partition":
      faults.partition();
      break;
    case "heal":
      faults.heal();
      break;
    case "crash":
      faults.crash(name);
      break;
    case "restart":
      faults.restart(name);
      break;
    case "stall":
      faults.stall(name, fault.ms);
      break;
    case "link": {
      const { latency, jitter, bandwidth, loss } = fault;
      faults.link({ latency, jitter, bandwidth, loss });
    }
  }
}
