import type { Buffer } from "node:buffer";

// Written so that they exist everywhere: TypeScript before 5.7 and older releases of @types/node have no `Buffer<…>`.

/** `Buffer<ArrayBuffer>`: bytes in memory that can be transferred. Before TypeScript 5.7 just `Buffer`. */
export type NonSharedBuffer = ReturnType<typeof Buffer.alloc>;

/** `Uint8Array<ArrayBuffer>`. Before TypeScript 5.7 just `Uint8Array`. */
export type NonSharedUint8Array = ReturnType<Uint8ArrayConstructor["of"]>;
