import { linkOf, type Connection } from "../connection.js";
import type { Link } from "../core/link.js";
import type { Member } from "../core/members.js";
import { successorOf } from "../core/successors.js";

/** What a session tells the service that it is part of. */
export interface SessionHost {
  /** The handler has settled, and all that was written is sent: the session counts for no limit any more. */
  left(session: Session): void;
  /** The connection is closed. */
  over(session: Session): void;
  /** The handler has failed, or bytes that it has written are lost. */
  failed(error: unknown, session: Session): void;
}

const UNBOUNDED = { timeout: Infinity };

/** One connection, from the call of its handler until it is closed. */
export class Session {
  readonly connection: Connection;
  /** Its place among the sessions of its service. */
  membership: Member<Session> | null = null;
  readonly #host: SessionHost;
  #state: "at work" | "left" | "over" = "at work";

  constructor(host: SessionHost, connection: Connection) {
    this.#host = host;
    this.connection = connection;
  }

  /** Waits for what the handler has returned, which may be anything, and closes the connection. Never rejects. */
  async follow(handled: unknown): Promise<void> {
    try {
      await handled;
    } catch (error) {
      this.fail(error);
      return;
    }
    if (this.#state !== "at work") return;
    const link = this.#link;
    const isSent = link.output.length === 0;
    const closing = link.close();
    if (isSent) this.#leave();
    else this.#leaveWhenSent(link);
    try {
      await closing;
      this.#end();
    } catch (error) {
      this.#host.failed(error, this);
      this.#endWith(link);
    }
  }

  /** The handler has failed. */
  fail(error: unknown): void {
    this.reset();
    this.#host.failed(error, this);
  }

  /** Resets the connection, whether or not the handler has settled. */
  reset(): void {
    const link = this.#link;
    link.reset();
    this.#leave();
    this.#endWith(link);
  }

  /** The peer may take its time to close its side: the connection does not count any more then. */
  #leaveWhenSent(link: Link): void {
    const leave = (): void => this.#leave();
    link.output.end(UNBOUNDED).then(leave, leave);
  }

  /** The handler may have had startTls replace the connection. */
  get #link(): Link {
    let link = linkOf(this.connection);
    for (let next = successorOf(link); next !== undefined; next = successorOf(link)) link = next;
    return link;
  }

  /** A connection that could not send all is closed a turn later than its `close()` rejects. */
  #endWith(link: Link): void {
    const end = (): void => this.#end();
    link.closed.then(end, end);
  }

  #leave(): void {
    if (this.#state !== "at work") return;
    this.#state = "left";
    this.#host.left(this);
  }

  #end(): void {
    this.#leave();
    if (this.#state === "over") return;
    this.#state = "over";
    this.#host.over(this);
  }
}
