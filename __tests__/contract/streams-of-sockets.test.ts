import { contractHoldsFor } from "./holds.js";

contractHoldsFor("TCP by way of the streams of sockets");
