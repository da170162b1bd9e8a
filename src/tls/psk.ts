/**
 * The result of a program's `pskCallback`. It is checked here, since Node's own errors show the key that was given, and some
 * releases throw them where no program can catch them.
 */
import { Buffer } from "node:buffer";
import type { PSKCallbackNegotation } from "node:tls";
import { isPromise } from "node:util/types";
import { markHandled } from "../core/timing/fail-at-caller.js";
import { wrongType, wrongValue } from "../options/checks.js";

/** The most that OpenSSL takes: `PSK_MAX_PSK_LEN` and `PSK_MAX_IDENTITY_LEN`. */
const MAX_KEY_BYTES = 512;
const MAX_IDENTITY_BYTES = 256;

const RESULT = "the result of pskCallback";

/** The key and the identity of a client; `null` for none. */
export function checkedClientPsk(found: unknown): PSKCallbackNegotation | null {
  if (found === null || found === undefined) return null;
  refusePromise(found, "{ psk, identity } or null");
  if (typeof found !== "object") throw wrongType(RESULT, "{ psk, identity } or null", found);
  const { psk, identity } = found as { readonly psk?: unknown; readonly identity?: unknown };
  checkKey(psk);
  if (typeof identity !== "string") throw wrongType(`${RESULT}.identity`, "a string", identity);
  if (Buffer.byteLength(identity) > MAX_IDENTITY_BYTES)
    throw wrongValue(`${RESULT}.identity`, `at most ${String(MAX_IDENTITY_BYTES)} bytes of text`, identity);
  return { psk, identity };
}

/** The key that a server knows of a client; `null` for none. */
export function checkedServerPsk(found: unknown): NodeJS.ArrayBufferView | null {
  if (found === null || found === undefined) return null;
  refusePromise(found, "memory, { psk } or null");
  if (typeof found !== "object") throw wrongType(RESULT, "memory, { psk } or null", found);
  const psk = ArrayBuffer.isView(found) ? found : (found as { readonly psk?: unknown }).psk;
  checkKey(psk);
  return psk;
}

function refusePromise(found: unknown, expected: string): void {
  if (!isPromise(found)) return;
  markHandled(found);
  throw wrongType(RESULT, expected, found);
}

function checkKey(psk: unknown): asserts psk is NodeJS.ArrayBufferView {
  if (!ArrayBuffer.isView(psk)) throw wrongType(`${RESULT}.psk`, "a Buffer, or other memory", psk);
  if (psk.byteLength === 0 || psk.byteLength > MAX_KEY_BYTES)
    throw wrongValue(`${RESULT}.psk`, `1 to ${String(MAX_KEY_BYTES)} bytes`, psk);
}
