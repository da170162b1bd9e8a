import { contractHoldsFor } from "./holds.js";

await contractHoldsFor("TLS over memory");
