import { nearest } from "../../src/options/nearest.js";

const NAMES = ["host", "port", "timeout", "signal", "attemptTimeout", "keepAlive", "ipv6Only", "noDelay"];

test.each([
  ["timout", "timeout"],
  ["timeOut", "timeout"],
  ["time_out", "timeout"],
  ["timeoutt", "timeout"],
  ["tmieout", "timeout"],
  ["prot", "port"],
  ["hots", "host"],
  ["hostname", "host"],
  ["abortSignal", "signal"],
  ["keepalive", "keepAlive"],
  ["keep-alive", "keepAlive"],
  ["keepAliveInitialDelay", "keepAlive"],
  ["attemptTimout", "attemptTimeout"],
  ["connectTimeout", "timeout"],
  ["ipv6only", "ipv6Only"],
  ["nodelay", "noDelay"],
  ["delay", "noDelay"],
])("%s was probably meant as %s", (name, meant) => {
  expect(nearest(name, NAMES)).toBe(meant);
});

test.each(["", "x", "family", "toString", "__proto__", "timeout".repeat(10)])(
  "%j is near to nothing",
  (name) => {
    expect(nearest(name, NAMES)).toBeUndefined();
  },
);

test("of several names the nearest is suggested", () => {
  expect(nearest("readTimeot", ["writeTimeout", "readTimeout"])).toBe("readTimeout");
  expect(nearest("writeTimeot", ["readTimeout", "writeTimeout"])).toBe("writeTimeout");
});
