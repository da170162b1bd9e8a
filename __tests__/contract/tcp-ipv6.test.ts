import { contractHoldsFor } from "./holds.js";

contractHoldsFor("TCP over IPv6");
