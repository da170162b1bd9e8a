import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import type { Connection } from "../index.js";

/** Those that may have left processes that hold their stdout: it is open, whether or not their shell has ended. */
const running = new Set<ChildProcess>();

/**
 * Runs a command of the shell for a client: stdin is what the client sends, what it writes to stdout is sent to the client.
 * It resolves to how the command has ended, when all of its output was sent. If the client goes, or `signal` is aborted before
 * that, the command and all that it has started are sent SIGTERM.
 */
export async function execFor(connection: Connection, command: string, signal: AbortSignal): Promise<string> {
  const child = spawn(command, {
    shell: true,
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...environmentOf(connection) },
    // A group of its own: the shell's children are told as well. Windows has none, and would open a window.
    detached: process.platform !== "win32",
  });
  const ended = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  ended.catch(() => undefined);
  // Without descriptors for its pipes, it has none: it says why at once.
  if (child.pid === undefined) await ended;
  running.add(child);
  child.once("close", () => running.delete(child));
  const { stdin, stdout } = child;
  // A command need not read all that it is sent.
  stdin.on("error", () => undefined);
  const leave = new AbortController();
  const input = feed(connection, stdin, leave.signal);
  let failure: unknown;
  // Writes would fail as well; but the command may not write.
  input.catch((error: unknown) => {
    if (leave.signal.aborted) return;
    failure = error;
    end(child);
  });
  const abort = (): void => end(child);
  signal.addEventListener("abort", abort);
  try {
    for await (const chunk of stdout as AsyncIterable<Uint8Array>) await connection.write(chunk);
    const [status, by] = await ended;
    if (failure !== undefined) throw failure as Error;
    leave.abort();
    await connection.closeWrite();
    return by === null ? `status ${String(status)}` : by;
  } finally {
    signal.removeEventListener("abort", abort);
    end(child);
    leave.abort();
  }
}

/** Ends all commands at once. */
export function endAll(): void {
  for (const child of running) end(child);
}

/** What the client sends, to the command, as fast as the command takes it. */
async function feed(
  connection: Connection,
  stdin: NodeJS.WritableStream,
  signal: AbortSignal,
): Promise<void> {
  for await (const chunk of connection.chunks({ signal })) {
    if (!stdin.writable) continue;
    if (!stdin.write(chunk)) await once(stdin, "drain", { signal }).catch(() => undefined);
  }
  stdin.end();
}

function end(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined || !running.has(child)) return;
  try {
    if (process.platform === "win32") child.kill();
    else if (!hasEnded(child) || !isProcess(pid)) process.kill(-pid, "SIGTERM");
  } catch {
    // It has ended meanwhile.
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/**
 * Whether a process has this id. If the shell that had it has ended, that is another one, and so is the group of that id: no
 * process gets it while one of the shell's group lives.
 */
function isProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is another user's.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** As in ucspi-tcp, https://cr.yp.to/proto/ucspi.txt. */
function environmentOf(connection: Connection): Record<string, string> {
  const { localAddress, localPort, remoteAddress, remotePort } = connection;
  if (localAddress === undefined || remoteAddress === undefined) return { PROTO: "UNIX" };
  return {
    PROTO: connection.tls === undefined ? "TCP" : "SSL",
    TCPLOCALIP: localAddress,
    TCPLOCALPORT: String(localPort),
    TCPREMOTEIP: remoteAddress,
    TCPREMOTEPORT: String(remotePort),
  };
}
