/** Larger reads save system calls, up to about this size. */
const SIZE = 256 * 1024;

/**
 * Memory to read into, over and over, for programs that cost the least. It begins in the middle of a page: some processors
 * copy what begins with a page, as the kernel's data does, several times slower to where malloc's pages begin, 16 bytes later.
 */
export function readMemory(): Buffer {
  return Buffer.allocUnsafeSlow(SIZE + 2_048).subarray(2_048);
}
