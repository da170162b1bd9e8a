import { contractHoldsFor } from "./holds.js";

contractHoldsFor("adopted streams");
