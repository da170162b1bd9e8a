/** Virtual time stands still while work is under way in the pool of threads, and for nothing else. */
import { AsyncResource } from "node:async_hooks";
import * as crypto from "node:crypto";
import timersPromises from "node:timers/promises";
import { MessageChannel } from "node:worker_threads";
import { promisify } from "node:util";
import { simulate } from "../../../src/testing/index.js";

const { privateKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });

const AT_ONCE: readonly (readonly [name: string, work: () => unknown])[] = [
  ["randomUUID", () => crypto.randomUUID({ disableEntropyCache: true })],
  ["randomBytes without a callback", () => crypto.randomBytes(10)],
  ["pbkdf2Sync", () => crypto.pbkdf2Sync("secret", "salt", 10, 10, "sha256")],
  ["scryptSync", () => crypto.scryptSync("secret", "salt", 16)],
  ["sign without a callback", () => crypto.sign("sha256", Buffer.from("text"), privateKey)],
  ["generateKeySync", () => crypto.generateKeySync("hmac", { length: 64 })],
];

test.each(AT_ONCE)("time goes on after %s, which is done at once", async (_name, work) => {
  await simulate({ seed: 1 }, async (network) => {
    const done = work();
    await timersPromises.setTimeout(1_000);
    expect(network.now).toBe(1_000);
    expect(done).toBeDefined();
  });
});

const IN_THREADS: readonly (readonly [name: string, work: () => Promise<unknown>])[] = [
  ["randomBytes", () => promisify(crypto.randomBytes)(1_000_000)],
  ["pbkdf2", () => promisify(crypto.pbkdf2)("secret", "salt", 10_000, 10, "sha256")],
  [
    "scrypt",
    () => promisify(crypto.scrypt as (a: string, b: string, c: number) => void)("secret", "salt", 16),
  ],
  ["digest of webcrypto", () => crypto.subtle.digest("SHA-256", Buffer.alloc(5_000_000))],
  [
    "generateKey of webcrypto",
    () => crypto.subtle.generateKey({ name: "AES-GCM", length: 128 }, true, ["encrypt"]),
  ],
];

/** The shortest module there is. */
const MODULE = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);

/** What the types of Node do not declare. */
const { WebAssembly: wasm } = globalThis as unknown as {
  readonly WebAssembly: Record<"compile" | "instantiate", (bytes: Uint8Array) => Promise<unknown>>;
};

async function messages(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  for (let left = 10; left > 0; left--) {
    const arrived = new Promise((done) => port2.once("message", done));
    port1.postMessage(left);
    await arrived;
  }
  port1.close();
}

const UNSEEN: readonly (readonly [name: string, work: () => Promise<unknown>])[] = [
  ["compile of WebAssembly", () => wasm.compile(MODULE)],
  ["instantiate of WebAssembly", () => wasm.instantiate(MODULE)],
  ["a number of messages", messages],
];

test.each(UNSEEN)("%s can be waited for when nothing else is to come", async (_name, work) => {
  await simulate({ seed: 1 }, work);
});

test.each([...IN_THREADS, ...UNSEEN])("time stands still until %s is done", async (_name, work) => {
  await simulate({ seed: 1 }, async (network) => {
    void timersPromises.setTimeout(1);
    await work();
    expect(network.now).toBe(0);
    await timersPromises.setTimeout(1_000);
    expect(network.now).toBe(1_000);
  });
});

test("time goes on while a request of a package is under way, whatever it is called", async () => {
  await simulate({ seed: 1 }, async (network) => {
    const requests = ["HTTPCLIENTREQUEST", "UNDICI_REQUEST", "MY_JOB"].map((name) => new AsyncResource(name));
    await timersPromises.setTimeout(1_000);
    expect(network.now).toBe(1_000);
    for (const request of requests) request.emitDestroy();
  });
});
