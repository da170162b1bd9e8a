import { contractHoldsFor } from "./holds.js";

await contractHoldsFor("adopted TLS sockets");
