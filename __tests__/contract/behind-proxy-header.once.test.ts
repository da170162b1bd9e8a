import { contractHoldsFor } from "./holds.js";

await contractHoldsFor("TCP behind a PROXY header");
