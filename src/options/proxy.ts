import type { BlockList } from "node:net";
import { checkBlockList, wrongType, wrongValue } from "./checks.js";
import { checkedOptions, schemaOf } from "./schema.js";

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
