import type { NetConnectOpts, Socket } from "node:net";
import { over } from "../over.js";

/** `connect` of `node:net`, or of `node:tls`: with that, what is written before the handshake is done waits for it. */
export const dial: (options: NetConnectOpts, opened?: () => void) => Socket = await dialer();

async function dialer(): Promise<(options: NetConnectOpts, opened?: () => void) => Socket> {
  if (over === "tcp") return (await import("node:net")).connect;
  const { connect } = await import("node:tls");
  return (options, opened) => connect({ ...options, rejectUnauthorized: false }, opened);
}
