import { contractHoldsFor } from "./holds.js";

await contractHoldsFor("TCP without Node's internals");
