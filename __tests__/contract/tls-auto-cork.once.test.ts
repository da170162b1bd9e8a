import { contractHoldsFor } from "./holds.js";

await contractHoldsFor("TLS with autoCork");
