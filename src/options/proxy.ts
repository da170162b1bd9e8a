import { Buffer } from "node:buffer";
import type { BlockList } from "node:net";
import { isMap } from "node:util/types";
import { normalAddress } from "../address/endpoint.js";
import { bytesOfAddress } from "../address/ip-bytes.js";
import { checkPort } from "../address/services.js";
import { givenBytes } from "../core/bytes/given-bytes.js";
import { encodeHeader } from "../proxy-protocol/encode.js";
import {
  CHECKSUM_BYTES,
  MAX_TLV_BYTES,
  MAX_UNIQUE_ID_BYTES,
  TLV,
  TLV_HEAD_BYTES,
} from "../proxy-protocol/header.js";
import {
  checkBlockList,
  checkSize,
  checkString,
  oneOf,
  outOfRange,
  wrongType,
  wrongValue,
} from "./checks.js";
import { checkedOptions, schemaOf, type Complete } from "./schema.js";

/** Which clients of a listener begin with a PROXY header. */
export type ProxyProtocol =
  | "off"
  | "require"
  | {
      /**
       * The addresses of the balancers: their headers count. All other clients are taken as they are.
       *
       * @example
       * const trust = new BlockList();
       * trust.addSubnet("10.0.0.0", 8);
       * await listen(8_080, { proxyProtocol: { trust } });
       */
      readonly trust: BlockList;
    };

const PROXY_PROTOCOL = schemaOf<{ trust?: BlockList }>(
  { trust: (name, value) => checkBlockList(`proxyProtocol.${name}`, value) },
  { argument: "proxyProtocol" },
);

/** The value as it is at the call: an object is copied and checked. What is added to its list later counts. */
export function copyOfProxyProtocol(given: ProxyProtocol | undefined): ProxyProtocol | undefined {
  if (typeof given !== "object" || (given as unknown) === null) return given;
  const { trust } = checkedOptions<{ trust?: BlockList }>(given, PROXY_PROTOCOL, (options) => ({
    trust: options.trust,
  }));
  if (trust === undefined) throw wrongType("proxyProtocol.trust", "a net.BlockList", trust);
  return { trust };
}

/** Checks what {@link copyOfProxyProtocol} has returned. */
export function checkProxyProtocol(name: string, value: unknown): void {
  if (typeof value === "object" && value !== null) return;
  const forms = '"off", "require" or { trust: a net.BlockList }';
  if (typeof value !== "string") throw wrongType(name, forms, value);
  if (value !== "off" && value !== "require") throw wrongValue(name, forms, value);
}

/** The PROXY header that a connection begins with: whom it relays, or `"local"` if it relays no client. */
export type ProxyHeader =
  | "local"
  | {
      /** `1`: a line of text. `2`: binary, and may have `tlvs`. */
      readonly version: 1 | 2;
      /** The address of the client, a literal without a zone. */
      readonly sourceAddress: string;
      /** The port of the client, 0 to 65535. */
      readonly sourcePort: number;
      /** The address that the client has connected to, of the same family. */
      readonly destinationAddress: string;
      /** The port that the client has connected to, 0 to 65535. */
      readonly destinationPort: number;
      /**
       * Of version 2: values by type, 0 to 255; a string stands for its UTF-8. Together they may have 4 KiB, with three bytes
       * more for each. A checksum (type 3) is computed: give any four bytes.
       *
       * @default none
       */
      readonly tlvs?: ReadonlyMap<number, string | Uint8Array> | undefined;
    };

type Parts = Exclude<ProxyHeader, "local">;

const LAST_TYPE = 255;

const PROXY_HEADER = schemaOf<Parts>(
  {
    version: (name, value) => oneOf(1, 2)(`proxyHeader.${name}`, value),
    sourceAddress: checkAddress,
    sourcePort: (name, value) => checkPort(`proxyHeader.${name}`, value),
    destinationAddress: checkAddress,
    destinationPort: (name, value) => checkPort(`proxyHeader.${name}`, value),
    tlvs: (name, value) => {
      if (!isMap(value)) throw wrongType(`proxyHeader.${name}`, "a Map from types to bytes", value);
    },
  },
  {
    argument: "proxyHeader",
    kind: "part of a PROXY header",
    elsewhere: {
      command: 'it follows from the rest: "local" alone is the header of a connection of your own',
    },
  },
);

const REQUIRED = ["version", "sourceAddress", "sourcePort", "destinationAddress", "destinationPort"] as const;

/** The value as it is at the call: an object is copied and checked, and so is the memory that it has. */
export function copyOfProxyHeader(given: ProxyHeader | undefined): ProxyHeader | undefined {
  if (typeof given !== "object" || (given as unknown) === null) return given;
  const parts = checkedOptions<Parts>(given, PROXY_HEADER, partsOf);
  // What is missing was not checked, since options need not be given.
  for (const name of REQUIRED) PROXY_HEADER.checks[name](name, parts[name]);
  const { version, sourceAddress, destinationAddress, tlvs } = parts;
  if (bytesOf(sourceAddress).length !== bytesOf(destinationAddress).length) {
    throw wrongValue("proxyHeader.destinationAddress", "of the family of sourceAddress", destinationAddress);
  }
  if (version === 1 && tlvs !== undefined && tlvs.size > 0) {
    throw wrongValue("proxyHeader.tlvs", "left out, since version 1 has none", tlvs);
  }
  return { ...parts, tlvs: tlvs && copyOfTlvs(tlvs) };
}

/** Checks what {@link copyOfProxyHeader} has returned. */
export function checkProxyHeader(name: string, value: unknown): void {
  if (typeof value === "object" && value !== null) return;
  const forms =
    '"local" or { version, sourceAddress, sourcePort, destinationAddress, destinationPort, tlvs }';
  if (typeof value !== "string") throw wrongType(name, forms, value);
  if (value !== "local") throw wrongValue(name, forms, value);
}

/** The bytes of a header that was checked. */
export function bytesOfProxyHeader(header: ProxyHeader): Buffer {
  if (header === "local") return encodeHeader(header);
  const { version, sourceAddress, sourcePort, destinationAddress, destinationPort, tlvs } = header;
  return encodeHeader({
    version,
    source: bytesOf(sourceAddress),
    sourcePort,
    destination: bytesOf(destinationAddress),
    destinationPort,
    tlvs: (tlvs ?? []) as Iterable<[number, Buffer]>,
  });
}

function partsOf(given: Parts): Complete<Parts> {
  const { version, sourceAddress, sourcePort, destinationAddress, destinationPort, tlvs } = given;
  return { version, sourceAddress, sourcePort, destinationAddress, destinationPort, tlvs };
}

function checkAddress(name: string, value: unknown): void {
  checkString(`proxyHeader.${name}`, value);
  if (bytesOfAddress(value) === undefined) {
    throw wrongValue(`proxyHeader.${name}`, "a literal address, without a zone", value);
  }
}

/** Those of IPv4 also where IPv6 maps it. */
function bytesOf(address: string): Buffer {
  return bytesOfAddress(normalAddress(address)) ?? Buffer.alloc(0);
}

function copyOfTlvs(given: ReadonlyMap<unknown, unknown>): ReadonlyMap<number, Buffer> {
  const tlvs = new Map<number, Buffer>();
  let size = 0;
  for (const [type, value] of given) {
    checkSize("a type in proxyHeader.tlvs", type, LAST_TYPE);
    const bytes = bytesOfTlv(type, value);
    size += TLV_HEAD_BYTES + bytes.length;
    if (size > MAX_TLV_BYTES) {
      const most = `at most ${String(MAX_TLV_BYTES)} bytes, with ${String(TLV_HEAD_BYTES)} more for each`;
      throw outOfRange("proxyHeader.tlvs", most, given);
    }
    tlvs.set(type, bytes);
  }
  return tlvs;
}

function bytesOfTlv(type: number, value: unknown): Buffer {
  const name = `proxyHeader.tlvs[${String(type)}]`;
  const given = typeof value === "string" ? value : givenBytes(value, name);
  if (given === undefined) throw wrongType(name, "a string or bytes", value);
  const bytes = Buffer.from(given as string);
  if (type === TLV.crc32c && bytes.length !== CHECKSUM_BYTES) {
    throw outOfRange(name, `${String(CHECKSUM_BYTES)} bytes, which the checksum replaces`, value);
  }
  if (type === TLV.uniqueId && bytes.length > MAX_UNIQUE_ID_BYTES) {
    throw outOfRange(name, `at most ${String(MAX_UNIQUE_ID_BYTES)} bytes`, value);
  }
  return bytes;
}
