import { spawnSync } from "node:child_process";
import { describeWherePossible } from "../support/where-possible.js";

/** Lines of shell that build a network, run as root in network and mount namespaces of their own. */
export type Network = readonly string[];

/** The loopback alone. */
export const LOOPBACK: Network = ["ip link set lo up"];

/**
 * Beside the loopback, an interface whose packets no program reads: 10.9.0.0/24, 2001:db8:9::/64 and the link-local addresses
 * are silent, save 10.9.0.1, 2001:db8:9::1 and fe80::1%tun0, which are this machine. There is no default route.
 */
export const SILENCE: Network = [
  ...LOOPBACK,
  "ip tuntap add dev tun0 mode tun",
  "ip link set tun0 up",
  "ip address add 10.9.0.1/24 dev tun0",
  "ip address add 2001:db8:9::1/64 dev tun0 nodad",
  "ip address add fe80::1/64 dev tun0 nodad",
];

/** Some content in place of a file, for this network only. */
export function withFile(path: string, content: string): Network {
  return [
    "mount -t tmpfs none /mnt",
    `printf '%s' '${content}' > /mnt/content`,
    `mount --bind /mnt/content ${path}`,
    "umount -l /mnt",
  ];
}

/** The command that runs another one in a new network, which ends with it. */
export function inside(network: Network, command: readonly string[]): [command: string, args: string[]] {
  const script = ["set -e", ...network, 'exec "$@"'].join("\n");
  return ["unshare", ["--net", "--mount", "sh", "-c", script, "sh", ...command]];
}

/** Tests that need networks of their own. */
export function describeInNetworks(name: string, tests: () => void): void {
  describeWherePossible(name, whyMissing(), tests);
}

function whyMissing(): string | undefined {
  if (process.platform !== "linux") return "network namespaces are Linux's";
  if (process.getuid?.() !== 0) return "only root can make network namespaces";
  const { status, stderr, error } = spawnSync(...inside(SILENCE, ["true"]), { encoding: "utf8" });
  if (status === 0) return undefined;
  return `no network namespace with iproute2 and a tun device: ${error?.message ?? stderr.trim()}`;
}
