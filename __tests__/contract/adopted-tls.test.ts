import { contractHoldsFor } from "./holds.js";

contractHoldsFor("adopted TLS sockets");
