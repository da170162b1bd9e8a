import type { LookupFunction } from "../../src/index.js";

export type Answer = Parameters<LookupFunction>[2];
export type Request = Parameters<LookupFunction>[1];

/** A lookup that answers with these literal addresses, in Node's `all: true` shape. */
export function lookupOf(...addresses: string[]): LookupFunction {
  return (_host, _options, answer) =>
    setImmediate(
      answer,
      null,
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
    );
}

/** A lookup that answers when the test says so, and shows what was asked. */
export function deferredLookup(): {
  lookup: LookupFunction;
  asked: Promise<{ host: string; request: Request; answer: Answer }>;
} {
  let settle: (question: { host: string; request: Request; answer: Answer }) => void;
  const asked = new Promise<{ host: string; request: Request; answer: Answer }>((resolve) => {
    settle = resolve;
  });
  return { asked, lookup: (host, request, answer) => settle({ host, request, answer }) };
}
