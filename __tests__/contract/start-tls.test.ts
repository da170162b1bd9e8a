import { contractHoldsFor } from "./holds.js";

await contractHoldsFor("TLS by startTls");
