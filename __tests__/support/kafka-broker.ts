import { lengthPrefixed, listen, type Connection, type Listener } from "../../src/index.js";

const METADATA = 3;
const API_VERSIONS = 18;

/**
 * As much of a Kafka broker as a client needs that asks for the list of topics: the requests `ApiVersions` and `Metadata`, in
 * their version 0.
 */
export class KafkaBroker implements AsyncDisposable {
  /** The names of all topics. */
  topics: readonly string[] = [];
  /** Where clients are told to find this broker. */
  advertised: { readonly host: string; readonly port: number };
  readonly #listener: Listener;
  readonly #serving: Promise<void>;

  private constructor(listener: Listener & { readonly port: number }) {
    this.#listener = listener;
    this.advertised = { host: "127.0.0.1", port: listener.port };
    this.#serving = this.#accept();
  }

  static async start(): Promise<KafkaBroker> {
    return new KafkaBroker(await listen({ host: "127.0.0.1", port: 0 }));
  }

  get port(): number {
    return this.#listener.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener.close();
    await this.#serving;
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) void this.#serve(connection);
  }

  async #serve(connection: Connection): Promise<void> {
    try {
      await using client = connection;
      const frames = lengthPrefixed(client, { limit: Infinity });
      for await (const request of frames) {
        const correlationId = request.subarray(4, 8);
        await frames.send(Buffer.concat([correlationId, this.#answer(request.readInt16BE(0))]));
      }
    } catch {
      // The client has gone.
    }
  }

  #answer(key: number): Buffer {
    switch (key) {
      case API_VERSIONS:
        return Buffer.concat([int16(0), array([API_VERSIONS, METADATA].map(onlyVersion0))]);
      case METADATA: {
        const { host, port } = this.advertised;
        const broker = Buffer.concat([int32(1), string(host), int32(port)]);
        return Buffer.concat([array([broker]), array(this.topics.map(topicWithoutPartitions))]);
      }
      default:
        throw new RangeError(`no answer to requests of the kind ${String(key)}`);
    }
  }
}

function onlyVersion0(key: number): Buffer {
  return Buffer.concat([int16(key), int16(0), int16(0)]);
}

function topicWithoutPartitions(name: string): Buffer {
  return Buffer.concat([int16(0), string(name), array([])]);
}

function array(items: readonly Buffer[]): Buffer {
  return Buffer.concat([int32(items.length), ...items]);
}

function string(text: string): Buffer {
  return Buffer.concat([int16(Buffer.byteLength(text)), Buffer.from(text)]);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
