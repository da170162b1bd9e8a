import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { kill } from "node:process";
import type { Duplex } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { Client as SshClient, type ClientChannel } from "ssh2";
import { asSocket, MEGABYTES } from "../support/client-library.js";
import { testLibraryWith } from "../support/library-of-server.js";
import { emitted, noted, type Session } from "../support/sessions.js";
import { LOGIN, SSH_SERVER } from "../support/sshd.js";

interface SshSession extends Session {
  /** The process of the server for this session. */
  readonly pid: number;
}

/** Starts a command at the server; its streams are the channel's. */
function start(client: SshClient, command: string): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error === undefined) resolve(channel);
      else reject(error);
    });
  });
}

/** What a command prints. Rejects unless it has succeeded. */
async function run(client: SshClient, command: string, input?: Buffer): Promise<Buffer> {
  const channel = await start(client, command);
  const closed = once(channel, "close");
  channel.end(input);
  const output = await buffer(channel);
  const [status] = (await closed) as [number | null];
  if (status !== 0) throw new Error(`${command}: status ${String(status)}`);
  return output;
}

function sessionOver(stream: Duplex): SshSession {
  const client = new SshClient();
  const told = noted(client, "end", "close");
  const ready = once(client, "ready");
  ready.catch(() => undefined);
  // Each message is an answer to the one before.
  client.once("connect", () => client.setNoDelay(true));
  client.connect({ ...LOGIN, sock: asSocket(stream) });
  let pid = NaN;
  return {
    async exchange() {
      await ready;
      expect(String(await run(client, "echo hello"))).toBe("hello\n");
    },
    async transfer() {
      await ready;
      const bytes = randomBytes(MEGABYTES);
      const received = await run(client, "cat", bytes);
      expect(received.equals(bytes)).toBe(true);
    },
    async begin() {
      await ready;
      const channel = await start(client, "echo $PPID; exec cat");
      const [line] = (await once(channel, "data")) as [Buffer];
      pid = Number(line);
      const request = emitted(channel, "exit", "close").then((status) => {
        throw new Error(`status ${String(status)}`);
      });
      request.catch(() => undefined);
      return { request };
    },
    get pid() {
      return pid;
    },
    told,
    over: emitted(client, "close"),
    close: () => void client.destroy(),
  };
}

/** Ends a process of the server. A SIGTERM that comes just before sshd begins to wait has no effect until it is woken. */
async function terminate(pid: number, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  while (isSent(pid, signal)) await setTimeout(5);
}

/** Sends a signal; `false` if the process is gone. */
function isSent(pid: number, signal: "SIGTERM" | "SIGKILL"): boolean {
  try {
    return kill(pid, signal);
  } catch {
    return false;
  }
}

const closed = { request: "status undefined", told: ["end", "close"] };

testLibraryWith(SSH_SERVER, "ssh2 and OpenSSH", {
  sessionOver,
  end: (ending, { pid }) => terminate(pid, ending === "stops" ? "SIGTERM" : "SIGKILL"),
  farewells: {
    stops: closed,
    "is killed": closed,
    "sends FIN": closed,
    "sends RST": { ...closed, told: ["error: ECONNRESET", "close"] },
  },
  toldAtHalfOpenEnd: ["end"],
});
