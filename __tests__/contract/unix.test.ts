import { contractHoldsFor } from "./holds.js";

contractHoldsFor("Unix sockets");
