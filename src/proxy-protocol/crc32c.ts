/** The reversed polynomial of Castagnoli (RFC 4960, appendix B). */
const POLYNOMIAL = 0x82f63b78;

let table: Uint32Array | undefined;

/** The CRC32c of some bytes. */
export function crc32c(bytes: Uint8Array): number {
  table ??= Uint32Array.from({ length: 256 }, (_, byte) => remainderOf(byte));
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (table[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function remainderOf(byte: number): number {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? POLYNOMIAL : 0);
  return remainder;
}
