/** kafkajs, over connections from a factory, with a broker that is a stub. */
import { randomBytes } from "node:crypto";
import { Kafka, logLevel } from "kafkajs";
import { asSocket, MEGABYTES, testClientsOf } from "../support/client-library.js";
import { KafkaBroker } from "../support/kafka-broker.js";

/** A name that is nearly as long as the protocol allows. */
const NAME_BYTES = 32 * 1024 - 1;

let broker: KafkaBroker;

beforeAll(async () => {
  broker = await KafkaBroker.start();
});

afterAll(() => broker[Symbol.asyncDispose]());

describe("kafkajs's socketFactory", () => {
  testClientsOf({
    server: () => ({ port: broker.port, host: "127.0.0.1" }),
    refusal: "its message",
    clientOf(open, place) {
      broker.advertised = place;
      const kafka = new Kafka({
        brokers: [`${place.host}:${String(place.port)}`],
        logLevel: logLevel.NOTHING,
        retry: { retries: 0 },
        socketFactory({ onConnect }) {
          const socket = asSocket(open());
          return socket.on("connect", onConnect);
        },
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
    },
  });
});

function namesOf(bytes: number): string[] {
  return Array.from({ length: Math.ceil(bytes / NAME_BYTES) }, () =>
    randomBytes(NAME_BYTES).toString("hex").slice(0, NAME_BYTES),
  );
}
