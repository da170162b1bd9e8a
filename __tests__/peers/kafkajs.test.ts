/** kafkajs, over connections from a factory, with a broker that is a stub. */
import { randomBytes } from "node:crypto";
import { connect as tlsConnect } from "node:tls";
import { Kafka, logLevel, type KafkaConfig } from "kafkajs";
import { AUTHORITY } from "../support/certificates.js";
import {
  asSocket,
  MEGABYTES,
  testClientsOf,
  type Client,
  type ClientLibrary,
} from "../support/client-library.js";
import { KafkaBroker } from "../support/kafka-broker.js";
import { ADVISED_SOURCES, tlsSources, type Place } from "../support/stream-sources.js";
import { TlsFront } from "../support/tls-front.js";

/** A name that is nearly as long as the protocol allows. */
const NAME_BYTES = 32 * 1024 - 1;

let broker: KafkaBroker;

beforeAll(async () => {
  broker = await KafkaBroker.start();
});

afterAll(() => broker[Symbol.asyncDispose]());

const OVER_STREAMS: Pick<ClientLibrary, "clientOf" | "refusal"> = {
  refusal: "its message",
  clientOf: (open, place) =>
    clientOf(place, { socketFactory: ({ onConnect }) => asSocket(open()).on("connect", onConnect) }),
};

describe("kafkajs's socketFactory", () => {
  testClientsOf({ server: () => ({ port: broker.port, host: "127.0.0.1" }), ...OVER_STREAMS });
});

describe("kafkajs's socketFactory, with a broker behind TLS", () => {
  let front: TlsFront;

  beforeAll(async () => {
    front = await TlsFront.open({ port: broker.port, host: "127.0.0.1" });
  });

  afterAll(() => front[Symbol.asyncDispose]());

  describe("and its option ssl", () => {
    testClientsOf({
      server: () => ({ port: front.port, host: front.host }),
      sources: ADVISED_SOURCES,
      refusal: "its message",
      clientOf: (open, place) =>
        clientOf(place, {
          ssl: { ca: AUTHORITY },
          socketFactory: ({ host, ssl, onConnect }) =>
            tlsConnect({ ...ssl, host, socket: open() }, onConnect),
        }),
    });
  });

  testClientsOf({
    server: () => ({ port: front.port, host: front.host }),
    sources: tlsSources(),
    ...OVER_STREAMS,
  });
});

function clientOf(place: Place, config: Pick<KafkaConfig, "ssl" | "socketFactory">): Client {
  broker.advertised = place;
  const kafka = new Kafka({
    brokers: [`${place.host}:${String(place.port)}`],
    logLevel: logLevel.NOTHING,
    retry: { retries: 0 },
    ...config,
  });
  const admin = kafka.admin();
  async function list(topics: readonly string[]): Promise<void> {
    broker.topics = topics;
    await admin.connect();
    const listed = await admin.listTopics();
    expect(listed.length).toBe(topics.length);
    expect(listed.every((name, i) => name === topics[i])).toBe(true);
  }
  return {
    exchange: () => list(["greetings"]),
    transfer: () => list(namesOf(MEGABYTES)),
    close: () => admin.disconnect(),
  };
}

function namesOf(bytes: number): string[] {
  return Array.from({ length: Math.ceil(bytes / NAME_BYTES) }, () =>
    randomBytes(NAME_BYTES).toString("hex").slice(0, NAME_BYTES),
  );
}
