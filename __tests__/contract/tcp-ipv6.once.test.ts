import { contractHoldsFor } from "./holds.js";

await contractHoldsFor("TCP over IPv6");
