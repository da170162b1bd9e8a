import type { Buffer } from "node:buffer";
import { SocketAddress } from "node:net";
import { familyOf, normalAddress } from "../../address/endpoint.js";

/** One end of a connection, or where a server listens. */
export interface End {
  readonly address: string;
  readonly port: number;
}

/** A part of what one side of a connection sends, to be received in the order of their numbers. */
export type Part =
  /** The client's side is open: the last step of the handshake. */
  { readonly kind: "open" } | { readonly kind: "bytes"; readonly bytes: Buffer } | { readonly kind: "end" };

/** What one host sends another one. */
export type Packet = { readonly from: End; readonly to: End } & (
  | { readonly kind: "syn" }
  | { readonly kind: "syn-ack" }
  | { readonly kind: "part"; readonly number: number; readonly part: Part }
  /** All parts below `next` have arrived, and there is room for `room` bytes. */
  | { readonly kind: "ack"; readonly next: number; readonly room: number }
  /** Asks for an "ack", of a peer that is silent or has no room. */
  | { readonly kind: "probe" }
  | { readonly kind: "reset" }
);

/** What a connection is known by on a host. */
export function keyOf(local: End, remote: End): string {
  return `${local.address} ${String(local.port)} ${remote.address} ${String(remote.port)}`;
}

/** An address in the one notation that hosts are known by: that of the kernel. */
export function canonicalAddress(address: string): string {
  const normal = normalAddress(address);
  // The zone of a link-local address is not looked into.
  if (familyOf(normal) !== 6 || normal.includes("%")) return normal;
  return new SocketAddress({ address: normal, family: "ipv6" }).address;
}

export function textOf({ address, port }: End): string {
  return `${address.includes(":") ? `[${address}]` : address}:${String(port)}`;
}

/** The bytes of the headers of a packet, and of what it carries. */
export function sizeOf(packet: Packet): number {
  return 60 + (packet.kind === "part" && packet.part.kind === "bytes" ? packet.part.bytes.length : 0);
}
