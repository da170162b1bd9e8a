import { contractHoldsFor } from "./holds.js";

await contractHoldsFor("adopted streams");
