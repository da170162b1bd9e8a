import { contractHoldsFor } from "./holds.js";

await contractHoldsFor("TLS 1.3");
