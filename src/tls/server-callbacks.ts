/**
 * The functions of the program that Node calls in a handshake. What they throw, or a result that is wrong, would be an
 * uncaught exception on Node's releases of before 2026; and the client would get no alert. Here its handshake fails.
 */
import type { TlsOptions, TLSSocket } from "node:tls";
import { isNativeError, isPromise } from "node:util/types";
import { wrongType } from "../options/checks.js";
import { checkedServerPsk } from "./psk.js";

type ServerFunctions = Pick<TlsOptions, "ALPNCallback" | "SNICallback" | "pskCallback">;

/** The options, with functions that do not throw. `failed` is told with what a socket's handshake is about to fail. */
export function withCaughtCallbacks(
  options: TlsOptions,
  failed: (socket: object, cause: unknown) => void,
): TlsOptions {
  const { ALPNCallback, SNICallback, pskCallback } = options;
  const caught: ServerFunctions = {};
  if (SNICallback !== undefined) caught.SNICallback = (name, done) => callSni(SNICallback, name, done);
  if (ALPNCallback !== undefined) {
    caught.ALPNCallback = function (this: TLSSocket | undefined, offer) {
      try {
        const chosen: unknown = ALPNCallback.call(this, offer);
        if (chosen === undefined || offer.protocols.includes(chosen as string))
          return chosen as string | undefined;
        ignoreRejection(chosen);
        throw invalidProtocol();
      } catch (error) {
        failed(this ?? {}, error);
        return undefined;
      }
    };
  }
  if (pskCallback !== undefined) {
    caught.pskCallback = (socket, identity) => {
      try {
        return checkedServerPsk(pskCallback(socket, identity));
      } catch (error) {
        failed(socket, error);
        return null;
      }
    };
  }
  return { ...options, ...caught };
}

type Sni = NonNullable<TlsOptions["SNICallback"]>;

/** Calls an `SNICallback`, which may also be asynchronous and reject. What it says first counts. */
function callSni(
  call: (...parameters: Parameters<Sni>) => unknown,
  name: string,
  done: Parameters<Sni>[1],
): void {
  let isDone = false;
  const once: typeof done = (error, context) => {
    if (isDone) return;
    isDone = true;
    // Of anything else Node takes no notice, and the server shows the certificate of another name.
    if (!error && context && typeof (context as unknown) !== "object")
      done(wrongType("the context of SNICallback", "one of tls.createSecureContext", context));
    else done(error, context);
  };
  const failed = (error: unknown): void => {
    once(asError(error));
  };
  try {
    const result = call(name, once);
    if (isPromise(result)) result.catch(failed);
  } catch (error) {
    failed(error);
  }
}

/** Node takes anything else that is thrown for no error. */
function asError(thrown: unknown): Error {
  return isNativeError(thrown) ? thrown : new Error("SNICallback has thrown", { cause: thrown });
}

function invalidProtocol(): Error {
  const error = new Error("ALPNCallback has chosen a protocol that the client has not offered");
  return Object.assign(error, { code: "ERR_TLS_ALPN_CALLBACK_INVALID_RESULT" });
}

function ignoreRejection(result: unknown): void {
  if (isPromise(result)) result.catch(() => undefined);
}
