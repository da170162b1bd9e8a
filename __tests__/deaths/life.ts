/** Lives one life, from the first call to the last socket that closes. */
import { connect as netConnect, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as tlsConnect, TLSSocket, createSecureContext } from "node:tls";
import { connect, Connection, type ConnectOptions } from "../../src/index.js";
import { AUTHORITY, LOCALHOST } from "../support/certificates.js";
import { memoryPair } from "../../src/testing/memory-pair.js";
import { pass } from "../fuzz/turns.js";
import { End, type Shared } from "./end.js";
import type { Place, Places, Watcher } from "./place.js";
import type { Moment, Plan, Who } from "./plan.js";

/**
 * Most seconds that a life may take. The planned waits are shorter; the rest is for a busy machine. Each has a timer of its
 * own: a pause of the process, however long, takes one of them.
 */
const PATIENCE_S = 180;

/** Most ms for a handshake of Node's own. */
const HANDSHAKE_MS = 1_000;

/** Deaths have happened by then, or their moments do not come. */
const MAX_TURNS = 40;

/** What the server writes in the clear when it is to have much unsent: more than the kernel takes. */
const GREETING = Buffer.alloc(5 * 1024 * 1024, "greeting ");

const NODE_SERVER = createSecureContext(LOCALHOST);
const NODE_CLIENT = createSecureContext({ ca: AUTHORITY });

/** Why a wait for a client is over that has not come. */
const NO_CLIENT = new Error("the client has not come");

/** Resolves to what is wrong with a life. */
export async function live(plan: Plan, places: Places, count: (what: string) => void): Promise<string[]> {
  const place = await places.take(plan);
  const life = new Life(plan, place, count);
  await life.live();
  if (life.complaints.length === 0 && place.server.listening) places.give(place);
  else await place.close();
  return life.complaints;
}

class Life implements Watcher, Shared {
  readonly complaints: string[] = [];
  readonly client: End;
  readonly server: End;
  readonly died: Promise<unknown>;
  hasGivenUp = false;
  /** Ends the wait for a client. */
  readonly #accepting = new AbortController();
  #hasClosedListener = false;
  #isOver = false;

  constructor(
    readonly plan: Plan,
    readonly place: Place,
    readonly count: (what: string) => void,
  ) {
    this.client = new End("client", this);
    this.server = new End("server", this);
    this.client.peer = this.server;
    this.server.peer = this.client;
    this.died = this.#countTurns();
  }

  async live(): Promise<void> {
    const { client, server, place } = this;
    place.watcher = this;
    const living = this.#liveBoth();
    const late = new AbortController();
    if (await Promise.race([living, isLate(late.signal)])) {
      this.complain(`has not ended: ${this.#state()}`);
      for (const { connection, raw, tls } of [client, server]) {
        connection?.reset();
        await pass(1);
        tls?.destroy();
        raw?.destroy();
      }
    }
    late.abort();
    await this.#leaveNothing();
    place.watcher = undefined;
    this.#isOver = true;
  }

  happened(who: Who, after: Moment["after"]): void {
    this[who].happened(after);
  }

  arrived(raw: Socket): void {
    this.server.raw = raw;
  }

  secured(socket: TLSSocket): void {
    this.server.tls = socket;
  }

  complain(text: string): void {
    this.complaints.push(text);
  }

  closeListener(): void {
    this.#hasClosedListener = true;
    if (this.plan.route === "adopted") this.place.server.close();
    else void this.place.listener.close();
  }

  async #liveBoth(): Promise<void> {
    const client = this.#liveClient().finally(async () => {
      await this.#quiet();
      if (!this.#hasAccepted) this.#accepting.abort(NO_CLIENT);
    });
    await Promise.all([client, this.#liveServer()]);
    await Promise.all([this.client.settled(), this.server.settled()]);
  }

  #hasAccepted = false;

  async #countTurns(): Promise<void> {
    for (let turns = 0; turns < MAX_TURNS; turns++) {
      await pass(0);
      // Another life may be at this place by now.
      if (this.#isOver) return;
      this.client.turned("birth", turns);
      this.server.turned("birth", turns);
      if (this.client.deathsToCome + this.server.deathsToCome === 0) return;
    }
  }

  /** Waits until the server has no sockets, or the life has a client at its server. */
  async #quiet(): Promise<void> {
    await pass(3);
    for (let wait = 0; !this.place.isQuiet && !this.#hasAccepted; wait++) await sleep(Math.min(wait, 20));
  }

  async #leaveNothing(): Promise<void> {
    this.client.checkLeftovers();
    this.server.checkLeftovers();
    let left = await this.place.leftovers();
    for (let wait = 0; left.length > 0 && wait < 40; wait++) {
      await sleep(wait * 4);
      left = await this.place.leftovers();
    }
    for (const what of left) this.complain(what);
  }

  #state(): string {
    const of = ({ connection, received, given, sawEnd, saidEndAfter, raw, tls }: End) =>
      JSON.stringify({
        connection: connection?.toJSON(),
        received,
        given,
        sawEnd,
        saidEndAfter,
        isRawDestroyed: raw?.destroyed,
        isTlsDestroyed: tls?.destroyed,
      });
    return `client ${of(this.client)}, server ${of(this.server)}`;
  }

  get #settings() {
    const { patience, allowTruncation } = this.plan;
    return { readTimeout: patience, writeTimeout: patience, allowTruncation };
  }

  async #liveClient(): Promise<void> {
    const { client } = this;
    let secure: Connection;
    try {
      secure = await this.#connect();
    } catch (error) {
      if (error !== NO_CLIENT) await client.observe("connecting", Promise.reject(error));
      return;
    }
    await client.live(secure);
  }

  async #liveServer(): Promise<void> {
    let secure: Connection;
    try {
      secure = await this.#accept();
    } catch (error) {
      if (error === NO_CLIENT) this.count("no client has come");
      else if (this.#hasClosedListener && (error as { code?: unknown }).code === "ERR_CLOSED")
        this.count("listener closed");
      else await this.server.observe("accepting", Promise.reject(error));
      await this.#turnAway();
      return;
    }
    await this.server.live(secure);
  }

  /** Resets a client that no call has accepted, as soon as it comes. */
  async #turnAway(): Promise<void> {
    const { listener } = this.place;
    if (this.#hasAccepted || this.plan.route === "adopted") return;
    const { signal } = this.#accepting;
    await listener.accept({ signal }).then(
      (late) => late.reset(),
      () => undefined,
    );
  }

  /** The client's way to a secure connection. */
  async #connect(): Promise<Connection> {
    const { client, plan, place } = this;
    const { signal } = client.controller;
    const { timeout, route } = plan;
    if (route === "memory") return this.#startTls(client, this.#inMemory[0]);
    const endpoint = await place.endpointFor(plan);
    if (route === "adopted") return await this.#adoptClient(endpoint as { host: string; port: number });
    const isTls = route === "listener" || route === "unix" || route === "tlsInTls";
    const options: ConnectOptions = { ...this.#settings, timeout, signal };
    if (isTls) options.tls = place.clientOptions(plan);
    const connection = await connect(endpoint, options);
    client.connection = connection;
    client.raw = connection.socket;
    if (route === "listener" || route === "unix") return connection;
    return await this.#startTls(client, this.#streamed(connection));
  }

  async #accept(): Promise<Connection> {
    const { server, plan, place } = this;
    const { route } = plan;
    if (route === "memory") {
      this.#hasAccepted = true;
      return this.#startTls(server, this.#inMemory[1]);
    }
    if (route === "adopted") return await this.#adoptServer();
    const signal = AbortSignal.any([this.#accepting.signal, server.controller.signal]);
    const connection = await place.listener.accept({ ...this.#settings, signal });
    this.#hasAccepted = true;
    server.connection = connection;
    if (route === "listener" || route === "unix") return connection;
    server.raw = connection.socket;
    return await this.#startTls(server, this.#streamed(connection));
  }

  /** The connections of a life that is in memory. */
  readonly #memory: { pair?: [Connection, Connection] } = {};
  get #inMemory(): [Connection, Connection] {
    return (this.#memory.pair ??= memoryPair(this.#settings));
  }

  /** The same by way of a Duplex that is no socket, if that is the route. */
  #streamed(connection: Connection): Connection {
    if (this.plan.route !== "stream") return connection;
    const socket = connection.detach({ allowHalfOpen: true });
    return Connection.from(Duplex.from({ readable: socket, writable: socket }), this.#settings);
  }

  async #startTls(end: End, plain: Connection): Promise<Connection> {
    const { plan, place } = this;
    end.connection = plain;
    try {
      if (plan.route === "conversation") await (end === this.client ? greetServer : greetClient)(plain);
      const { signal } = end.controller;
      const bounds = { timeout: plan.timeout, signal };
      const options =
        end === this.server
          ? place.serverOptions(bounds)
          : { ...place.clientOptions(plan), ...bounds, allowTruncation: plan.allowTruncation };
      const starting = plain.startTls(options);
      return await starting;
    } catch (error) {
      plain.reset();
      await end.observe("closed of the plain connection", plain.closed);
      throw error;
    }
  }

  async #adoptClient({ host, port }: { host: string; port: number }): Promise<Connection> {
    const { client, plan } = this;
    const raw = netConnect({ host, port, allowHalfOpen: true });
    client.raw = raw;
    raw.on("error", () => undefined);
    const socket = tlsConnect({
      socket: raw,
      secureContext: NODE_CLIENT,
      servername: "localhost",
      maxVersion: plan.protocol,
    });
    return await this.#adopt(client, socket, "secureConnect");
  }

  async #adoptServer(): Promise<Connection> {
    const { server, plan } = this;
    const { signal } = this.#accepting;
    for (let wait = 0; server.raw === undefined; wait++) {
      if (signal.aborted) throw NO_CLIENT;
      await sleep(Math.min(wait, 10));
    }
    this.#hasAccepted = true;
    const { raw } = server;
    raw.on("error", () => undefined);
    // A TLS socket of Node's that is made on one that has gone never closes.
    if (raw.destroyed) throw NO_CLIENT;
    const socket = new TLSSocket(raw, {
      isServer: true,
      secureContext: NODE_SERVER,
      maxVersion: plan.protocol,
    });
    return await this.#adopt(server, socket, "secure");
  }

  /** Adopts a TLS socket in its handshake, or in the event in which that is done. */
  async #adopt(end: End, socket: TLSSocket, event: "secureConnect" | "secure"): Promise<Connection> {
    end.tls = socket;
    socket.once(event, () => end.happened("secureEvent"));
    if (this.plan.adoptsEarly) {
      const connection = Connection.from(socket, this.#settings);
      end.connection = connection;
      return connection;
    }
    return await new Promise((resolve, reject) => {
      socket.once(event, () => resolve(Connection.from(socket, this.#settings)));
      // Until it is adopted it is Node's alone, and so are its failures.
      const failed = () => {
        clearTimeout(late);
        socket.destroy();
        reject(NO_CLIENT);
      };
      // A server of Node's does not notice the end of a client that it shakes hands with.
      const late = setTimeout(() => {
        this.hasGivenUp = true;
        failed();
      }, HANDSHAKE_MS);
      socket.once(event, () => clearTimeout(late));
      socket.once("error", failed).once("close", failed);
      end.raw?.once("close", failed);
    });
  }
}

/** Resolves to whether the time of a life has come to its end: `false` once the signal is aborted. */
async function isLate(signal: AbortSignal): Promise<boolean> {
  for (let left = PATIENCE_S; left > 0 && !signal.aborted; left--)
    await sleep(1_000, undefined, { signal }).catch(() => undefined);
  return !signal.aborted;
}

/** The client's part of a conversation in the clear. */
async function greetServer(plain: Connection): Promise<void> {
  await plain.writeLine("STARTTLS");
  await plain.readExactly(GREETING.length);
  await plain.readLine();
}

/** The server's part: what it writes is still unsent when it begins its handshake. */
async function greetClient(plain: Connection): Promise<void> {
  await plain.readLine();
  for (const writing of [plain.write(GREETING), plain.writeLine("go")]) writing.catch(() => undefined);
}
