import type { ConnectedSocket } from "../connected-socket.js";
import type { Link } from "../core/link.js";
import { ignore } from "./node-duplex.js";
import { SecureView } from "./secure-duplex.js";

/** The Duplex of a connection that there is. */
export class ConnectionDuplex extends SecureView {
  constructor(link: Link, socket: ConnectedSocket) {
    super("ConnectionDuplex", link.subject, true, link.input.readAhead);
    this.on("error", ignore);
    this.attach(link, socket);
    if (this.connecting) {
      // An adopted socket learns its addresses before the next tick.
      link.transport.whenConnected(() => this.announceConnected());
    }
  }
}
