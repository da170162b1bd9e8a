import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
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

/** The port that is listened on at `far`: see {@link ROUTED}. */
export const FAR_PORT = 4242;

/**
 * Two machines and a router between them. The program runs on `near`, 10.9.1.1. `far` is 10.9.2.1 to 10.9.2.4; a socket of
 * its that listens on all of them is descriptor 3 of the program. So both ends of a connection are in one process, and what
 * they send goes over cables that can be cut: see `links.ts`.
 */
export const ROUTED: Network = [
  // Where `ip` keeps the names of networks.
  "mount -t tmpfs none /run",
  "for name in near router far; do ip netns add $name; ip -n $name link set lo up; done",
  "ip -n near link add near0 type veth peer name router1 netns router",
  "ip -n far link add far0 type veth peer name router2 netns router",
  "ip -n near address add 10.9.1.1/24 dev near0",
  "ip -n router address add 10.9.1.254/24 dev router1",
  "ip -n router address add 10.9.2.254/24 dev router2",
  "for host in 1 2 3 4; do ip -n far address add 10.9.2.$host/24 dev far0; done",
  "ip -n near link set near0 up",
  "ip -n far link set far0 up",
  "ip -n router link set router1 up",
  "ip -n router link set router2 up",
  "ip -n near route add default via 10.9.1.254",
  "ip -n far route add default via 10.9.2.254",
  "ip netns exec router sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'",
  `set -- ip netns exec far perl '${fileURLToPath(new URL("listening.pl", import.meta.url))}' ${FAR_PORT} ip netns exec near "$@"`,
];

/** The same; the kernels of both machines give a connection up within seconds, rather than after a quarter of an hour. */
export const ROUTED_IMPATIENTLY: Network = [
  ...ROUTED,
  "for name in near far; do for setting in retries2 keepalive_time keepalive_intvl keepalive_probes; do",
  'ip netns exec $name sh -c "echo 1 > /proc/sys/net/ipv4/tcp_$setting"; done; done',
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
