import { contractHoldsFor } from "./holds.js";

await contractHoldsFor("TCP with autoCork");
