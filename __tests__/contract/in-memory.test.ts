import { contractHoldsFor } from "./holds.js";

await contractHoldsFor("connections in memory");
