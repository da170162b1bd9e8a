import { contractHoldsFor } from "./holds.js";

await contractHoldsFor("TCP by way of the streams of sockets");
