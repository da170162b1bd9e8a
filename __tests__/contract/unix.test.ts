import { contractHoldsFor } from "./holds.js";

await contractHoldsFor("Unix sockets");
