import { contractHoldsFor } from "./holds.js";

contractHoldsFor("TCP read by way of the Readable");
