import { isIP, SocketAddress } from "node:net";
import fc from "../support/fast-check.js";
import { addressOfBytes, bytesOfAddress } from "../../src/address/ip-bytes.js";
import { normalAddress } from "../../src/address/endpoint.js";

test.each([
  ["0.0.0.0", "00000000"],
  ["255.255.255.255", "ffffffff"],
  ["::", "0".repeat(32)],
  ["::1", `${"0".repeat(31)}1`],
  ["1::", `0001${"0".repeat(28)}`],
  ["1:2:3:4:5:6:7::", "00010002000300040005000600070000"],
  ["2001:DB8::1:0:0:1", "20010db8000000000001000000000001"],
  ["::ffff:1.2.3.4", `${"0".repeat(20)}ffff01020304`],
  ["64:ff9b::1.2.3.4", "0064ff9b000000000000000001020304"],
])("%s", (text, bytes) => {
  expect(bytesOfAddress(text)?.toString("hex")).toBe(bytes);
});

test("addresses are written as the system writes them", () => {
  const sparse = fc.array(fc.constantFrom(0, 0, 0, 1, 0xabcd), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(sparse, (groups) => {
      // The system writes the last 32 bits of some obsolete addresses, such as ::1:1, as IPv4.
      if (groups.slice(0, 6).every((group) => group === 0)) groups[0] = 1;
      const address = groups.map((group) => group.toString(16)).join(":");
      const bytes = bytesOfAddress(address);
      if (bytes === undefined) throw new Error("it is an address");
      const written = addressOfBytes(bytes);
      expect(written).toBe(normalAddress(new SocketAddress({ address, family: "ipv6" }).address));
      expect(bytesOfAddress(written)).toEqual(bytes);
    }),
    { numRuns: 500 },
  );
});

test("what is an address is one to Node as well, and the other way round", () => {
  const text = fc.array(fc.constantFrom("1", "0", "255", "256", "ffff", ":", "::", ".", "1.2.3.4", "g"), {
    maxLength: 12,
  });
  let addresses = 0;
  fc.assert(
    fc.property(text, (parts) => {
      const address = parts.join("");
      const family = bytesOfAddress(address)?.length;
      expect(family).toBe({ 0: undefined, 4: 4, 6: 16 }[isIP(address)]);
      if (family !== undefined) addresses++;
    }),
    { numRuns: 5_000 },
  );
  expect(addresses).toBeGreaterThan(10);
});
