import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import { MqttClient } from "mqtt";
import { asSocket, MEGABYTES, type Client } from "../support/client-library.js";
import { testLibraryWith } from "../support/library-of-server.js";
import { MOSQUITTO_SERVER, MOSQUITTO_TLS_SERVER } from "../support/mosquitto.js";
import { emitted, noted, type Session } from "../support/sessions.js";
import { tlsSources } from "../support/stream-sources.js";

function clientOver(open: () => Duplex, reconnectPeriod: number): MqttClient {
  const options = { reconnectPeriod, resubscribe: false, manualConnect: true };
  return new MqttClient(() => asSocket(open()), options);
}

/** Resolves once the client is connected; rejects with the error of an attempt that has begun since, once that is over. */
async function connected(client: MqttClient): Promise<void> {
  if (isConnected(client)) return;
  if (client.reconnecting) await emitted(client, "reconnect", "connect");
  else client.connect();
  if (isConnected(client)) return;
  await new Promise<void>((resolve, reject) => {
    client.once("connect", () => resolve());
    client.once("error", (error) => client.once("close", () => reject(error)));
  });
}

function isConnected(client: MqttClient): boolean {
  return client.connected;
}

/** Publishes a message, and resolves when the broker has sent it back; rejects when the connection is over before. */
async function echo(client: MqttClient, message: Buffer): Promise<void> {
  const over = new Promise<never>((_, reject) => {
    client.once("close", () => reject(new Error("the connection is over")));
  });
  over.catch(() => undefined);
  await Promise.race([client.subscribeAsync("echo"), over]);
  const returned = new Promise<Buffer>((resolve) => {
    client.once("message", (_topic, payload) => resolve(payload));
  });
  client.publish("echo", message);
  const received = await Promise.race([returned, over]);
  expect(received.equals(message)).toBe(true);
}

async function exchange(client: MqttClient): Promise<void> {
  await connected(client);
  await echo(client, randomBytes(16));
}

async function transfer(client: MqttClient): Promise<void> {
  await connected(client);
  await echo(client, randomBytes(MEGABYTES));
}

/** A client that connects again by itself. */
function reconnectingClient(open: () => Duplex): Client {
  const client = clientOver(open, 1);
  client.on("error", () => undefined);
  return {
    exchange: () => exchange(client),
    transfer: () => transfer(client),
    close: () => client.endAsync(true),
  };
}

function sessionOver(stream: Duplex): Session {
  const client = clientOver(() => stream, 0);
  const told = noted(client, "close");
  return {
    exchange: () => exchange(client),
    transfer: () => transfer(client),
    // No request of MQTT waits for the answer of another client.
    begin: () => exchange(client).then(() => ({})),
    told,
    over: emitted(client, "close"),
    close: () => client.endAsync(true),
  };
}

const closed = { told: ["close"] };
const truncated = { told: ["error: ERR_TLS_TRUNCATED", "close"] };

const library = {
  clientOf: reconnectingClient,
  sessionOver,
  farewells: {
    stops: closed,
    "is killed": closed,
    "sends FIN": closed,
    "sends RST": { told: ["error: ECONNRESET", "close"] },
  },
  toldAtHalfOpenEnd: [],
};

testLibraryWith(MOSQUITTO_SERVER, "mqtt and mosquitto", library);

testLibraryWith(MOSQUITTO_TLS_SERVER, "mqtt and mosquitto over TLS", {
  ...library,
  sources: tlsSources(),
  truncations: { "is killed": truncated, "sends FIN": truncated },
});
