import { Buffer } from "node:buffer";
import type { BlockList, Socket } from "node:net";
import type { Addresses } from "../address/addresses.js";
import { stopListening, stopReading, worksPastStreams } from "../core/transport/node-internals.js";
import { refused, type NetError, type Subject } from "../errors.js";
import type { ProxyProtocol } from "../options/proxy.js";
import { BadHeader, type ParsedHeader } from "../proxy-protocol/header.js";
import { parseHeader } from "../proxy-protocol/parse.js";
import { ProxiedAddresses } from "../proxy-protocol/proxied-addresses.js";
import { Ended, type Passage, type Step } from "./arrival.js";
import { blocked, isListed } from "./limits.js";
import type { Arrival } from "./queue.js";

/**
 * The step that reads the PROXY header of a balancer. What comes behind the header is left for the next step, or for the
 * connection, in the socket as a stream.
 */
export function proxyStep(protocol: Exclude<ProxyProtocol, "off">): Step {
  return (client, passage) => {
    const trust = protocol === "require" ? "trusted" : trustIn(protocol.trust, client.addresses);
    if (trust === "trusted") new HeaderReader(client, passage).begin();
    else if (trust === "other") passage.proceed();
    else passage.refuse("handshake", new Ended());
  };
}

/** The step that turns away the clients of a balancer that are blocked: the balancer itself was looked for before. */
export function blockStep(blockList: BlockList): Step {
  return ({ addresses: { remoteAddress } }, passage) => {
    let isBlocked;
    try {
      isBlocked = remoteAddress !== undefined && isListed(blockList, remoteAddress);
    } catch (error) {
      passage.refuse("blocked", error);
      return;
    }
    if (isBlocked) passage.refuseWith("blocked", blocked);
    else passage.proceed();
  };
}

/**
 * Whether a peer is a balancer whose header counts. The peers of a Unix socket have no address, and so are on no list. A TCP
 * peer that has left has none any more: it might be any.
 */
function trustIn(list: BlockList, { remoteAddress, localAddress }: Addresses): "trusted" | "other" | "gone" {
  if (remoteAddress === undefined) return localAddress === undefined ? "other" : "gone";
  return isListed(list, remoteAddress) ? "trusted" : "other";
}

/** Reads the header of one client. If the client is turned away meanwhile, its socket is reset, and nothing more is read. */
class HeaderReader {
  readonly #client: Arrival;
  readonly #passage: Passage;
  #chunks: Buffer[] = [];
  #size = 0;
  /** How many bytes the header has at least. */
  #needed = 1;

  constructor(client: Arrival, passage: Passage) {
    this.#client = client;
    this.#passage = passage;
  }

  begin(): void {
    const { socket } = this.#client;
    // It is read from now on. Until it is accepted, only the listener keeps the process alive.
    socket.unref();
    socket.on("end", this.#onEnd);
    socket.on("readable", this.#onReadable);
  }

  readonly #onEnd = (): void => {
    this.#passage.refuse("handshake", new Ended());
  };

  readonly #onReadable = (): void => {
    const { socket } = this.#client;
    try {
      for (let chunk = read(socket); chunk !== null; chunk = read(socket)) {
        if (this.#isWhole(chunk)) return;
      }
    } catch (error) {
      this.#leave();
      if (error instanceof BadHeader) this.#passage.refuseWith("handshake", errorOf(error));
      else this.#passage.refuse("handshake", error);
    }
  };

  /** Whether the header is whole with one more chunk; if so, the client goes on. */
  #isWhole(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    // A long header that comes in small pieces is joined once.
    if (this.#size < this.#needed) return false;
    const bytes = Buffer.concat(this.#chunks);
    const parsed = parseHeader(bytes);
    if (typeof parsed === "number") {
      this.#chunks = [bytes];
      this.#needed = parsed;
      return false;
    }
    this.#finish(parsed, bytes);
    return true;
  }

  #finish({ facts, size }: ParsedHeader, bytes: Buffer): void {
    const { socket, addresses } = this.#client;
    this.#leave();
    if (size < bytes.length) socket.unshift(bytes.subarray(size));
    this.#passage.proceed({ addresses: new ProxiedAddresses(addresses, facts), wasRead: true });
  }

  /** Leaves in the kernel what has not been read, where that can be read past the stream later, and no listener behind. */
  #leave(): void {
    const { socket } = this.#client;
    socket.off("end", this.#onEnd);
    stopListening(socket, this.#onReadable, null);
    if (worksPastStreams()) stopReading(socket);
  }
}

function read(socket: Socket): Buffer | null {
  return socket.read() as Buffer | null;
}

function errorOf({ message }: BadHeader): (subject: Subject) => NetError {
  return (subject) => refused("accept", subject, "ERR_PROXY_PROTOCOL", message);
}
