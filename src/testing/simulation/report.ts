import type { SimulatedHost } from "./host.js";
import { textOf } from "./packet.js";

/** Who waits for what, host by host: one line for each. */
export function reportOf(hosts: Iterable<SimulatedHost>): string {
  const lines = [...hosts].flatMap((host) => {
    if (host.isDown) return [`${host.name}: has crashed`];
    const waits = [
      ...[...host.dialling, ...host.transports].flatMap((one) => one.waits),
      ...[...host.servers].map((server) => `listens on ${server.toString()}`),
    ];
    const idle = host.endpoints.size === 0 ? [] : [`has ${connectionsIn(host)}`];
    const cuts = host.wires.cutOffFrom(host).map(({ name }) => `is cut off from ${name}`);
    const all = [...(waits.length > 0 ? waits : [...idle, "waits for nothing on the network"]), ...cuts];
    return [`${host.name}: ${all.join(", ")}`];
  });
  return lines.length === 0 ? " it has no hosts" : lines.map((line) => `\n  ${line}`).join("");
}

function connectionsIn(host: SimulatedHost): string {
  return [...host.endpoints.values()].map(({ remote }) => `a connection to ${textOf(remote)}`).join(", ");
}
