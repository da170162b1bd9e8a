/** Where the connections of lives are made: places are used again, by one life at a time. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket, type AddressInfo } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext, type ConnectionOptions, type TlsOptions, type TLSSocket } from "node:tls";
import { listen, type Listener, type OperationOptions, type StartTlsOptions } from "../../src/index.js";
import { pass } from "../fuzz/turns.js";
import { AUTHORITY, CLIENT, LOCALHOST, OTHER_AUTHORITY, UNTRUSTED_CLIENT } from "../support/certificates.js";
import { CuttingProxy } from "./cutting-proxy.js";
import { PATIENT_MS, type Moment, type Plan, type Who } from "./plan.js";

/** What a life is told of, at the time. */
export interface Watcher {
  happened(who: Who, after: Moment["after"]): void;
  arrived(raw: Socket): void;
  secured(socket: TLSSocket): void;
}

const HOST = "127.0.0.1";
const ALPN = ["stress"];

type Traits = Pick<Plan, "protocol" | "isMutual" | "allowTruncation"> & {
  readonly kind: "tls" | "path" | "plain" | "node";
};

// Made once: that costs more than a handshake.
const CLIENTS = {
  trusting: createSecureContext({ ca: AUTHORITY, ...CLIENT }),
  distrusting: createSecureContext({ ca: OTHER_AUTHORITY, ...CLIENT }),
  untrusted: createSecureContext({ ca: AUTHORITY, ...UNTRUSTED_CLIENT }),
};

export class Place {
  watcher: Watcher | undefined;
  listener!: Listener;
  /** A server of Node's, for sockets that are adopted. */
  server!: Server;
  proxy: CuttingProxy | undefined;
  /** What a server's handshakes are given. */
  readonly tlsOptions: TlsOptions;
  /** What a client's are given that may resume the session of an earlier life. */
  readonly #keptOptions: ConnectionOptions;
  readonly #startOptions: StartTlsOptions;
  readonly #directory: string | undefined;
  readonly #sockets = new Set<Socket>();

  private constructor(private readonly traits: Traits) {
    const { protocol, isMutual, kind } = traits;
    this.#directory = kind === "path" ? mkdtempSync(join(tmpdir(), "tcp6-")) : undefined;
    const happened = (who: Who, after: Moment["after"]) => this.watcher?.happened(who, after);
    this.tlsOptions = {
      ...LOCALHOST,
      minVersion: protocol,
      maxVersion: protocol,
      ...(isMutual ? { requestCert: true, ca: AUTHORITY } : {}),
      SNICallback: (_name, done) => {
        happened("server", "sni");
        done(null);
      },
      ALPNCallback: () => {
        happened("server", "alpn");
        return ALPN[0];
      },
    };
    this.#startOptions = { ...this.tlsOptions, isServer: true, allowTruncation: traits.allowTruncation };
    this.#keptOptions = {
      secureContext: CLIENTS.trusting,
      servername: "localhost",
      ALPNProtocols: ALPN,
      checkServerIdentity: () => {
        happened("client", "identity");
        return undefined;
      },
    };
  }

  static async open(traits: Traits): Promise<Place> {
    const place = new Place(traits);
    await place.#open();
    return place;
  }

  async #open(): Promise<void> {
    const { kind, allowTruncation } = this.traits;
    if (kind === "node") {
      this.server = createServer({ allowHalfOpen: true }).listen(0, HOST);
      await once(this.server, "listening");
    } else {
      const secure = { tls: this.tlsOptions, allowTruncation, handshakeTimeout: PATIENT_MS };
      const directory = this.#directory;
      this.listener = await listen(
        directory === undefined ? { host: HOST, port: 0 } : { path: join(directory, "socket") },
        kind === "plain" ? {} : secure,
      );
      this.server = this.listener.server;
      this.listener.tlsServer?.prependListener("secureConnection", (socket) => {
        this.watcher?.secured(socket);
        this.watcher?.happened("server", "secureEvent");
      });
    }
    this.server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      this.watcher?.arrived(socket);
      this.watcher?.happened("server", "connection");
    });
  }

  get key(): string {
    return keyOf(this.traits);
  }

  /** Where the client is to connect to. */
  async endpointFor({ cut, chops }: Plan): Promise<{ host: string; port: number } | { path: string }> {
    if (this.#directory !== undefined) return { path: join(this.#directory, "socket") };
    const { port } = this.server.address() as AddressInfo;
    if (cut === undefined && !chops) return { host: HOST, port };
    this.proxy ??= await CuttingProxy.open(port);
    this.proxy.orders = { cut, chops };
    return { host: HOST, port: this.proxy.port };
  }

  clientOptions({ resumes, distrusting, protocol }: Plan): ConnectionOptions {
    if (distrusting === undefined && resumes) return this.#keptOptions;
    const name =
      distrusting === "client" ? "distrusting" : distrusting === "server" ? "untrusted" : "trusting";
    return { ...this.#keptOptions, secureContext: CLIENTS[name], minVersion: protocol };
  }

  /** The same object at each call: the server that it makes is kept for it. */
  serverOptions(bounds: OperationOptions): StartTlsOptions {
    return Object.assign(this.#startOptions, bounds);
  }

  /** Whether nothing of the life is here any more. */
  get isQuiet(): boolean {
    return this.#sockets.size === 0 && (this.proxy?.open ?? 0) === 0;
  }

  /** What is here of a life that is over, a few turns after: what the kernel had still to hand over has come by then. */
  async leftovers(): Promise<string[]> {
    await pass(3);
    const left: string[] = [];
    const count = await new Promise<number>((resolve) => {
      if (!this.server.listening) resolve(0);
      else this.server.getConnections((_error, found) => resolve(found));
    });
    if (count > 0) left.push(`the server counts ${String(count)} connections`);
    if (this.#sockets.size > 0) left.push(`${String(this.#sockets.size)} sockets of the server are open`);
    if ((this.proxy?.open ?? 0) > 0) left.push("the proxy has open sockets");
    if (this.traits.kind !== "node" && this.listener.pending > 0) left.push("a client waits to be accepted");
    return left;
  }

  async close(): Promise<void> {
    await this.proxy?.close();
    if (this.traits.kind === "node") {
      this.server.close();
      for (const socket of this.#sockets) socket.destroy();
    } else await this.listener.close();
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true });
  }
}

/** The places that no life is at. */
export class Places {
  readonly #free = new Map<string, Place[]>();

  async take(plan: Plan): Promise<Place> {
    const traits = traitsOf(plan);
    return this.#free.get(keyOf(traits))?.pop() ?? (await Place.open(traits));
  }

  give(place: Place): void {
    const others = this.#free.get(place.key);
    if (others === undefined) this.#free.set(place.key, [place]);
    else others.push(place);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#free.values()].flat().map((place) => place.close()));
    this.#free.clear();
  }
}

function traitsOf({ route, protocol, isMutual, distrusting, allowTruncation }: Plan): Traits {
  const kind =
    route === "unix"
      ? "path"
      : route === "listener" || route === "tlsInTls"
        ? "tls"
        : route === "adopted"
          ? "node"
          : "plain";
  return { kind, protocol, isMutual: isMutual || distrusting === "server", allowTruncation };
}

function keyOf({ kind, protocol, isMutual, allowTruncation }: Traits): string {
  return [kind, protocol, isMutual, allowTruncation].join(" ");
}
