// A read for which there is no memory left, since this process may have only so much address space.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect, listen, NetError } from "../../../src/index.js";

const MIB = 1024 * 1024;
const SIZE = 128 * MIB;

/** Bounds the address space of this process. */
function limit(bytes: number | "unlimited"): void {
  execFileSync("prlimit", ["--pid", String(process.pid), `--as=${bytes}:`]);
}

function used(): number {
  const [, kib] = /^VmSize:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return Number(kib) * 1024;
}

const listener = await listen(0, { host: "127.0.0.1" });
const [reader, sender] = await Promise.all([connect("127.0.0.1", listener.port), listener.accept()]);
const bytes = Buffer.alloc(SIZE, "0123456789a");
const writing = sender.write(bytes);
// Enough for what arrives, not for one piece of memory with all of it.
limit(used() + SIZE + SIZE / 2);
const error: unknown = await reader.readExactly(SIZE).catch((reason: unknown) => reason);
assert(error instanceof NetError, error as Error);
assert.equal(error.code, "ERR_LIMIT");
assert.match(error.message, /Array buffer allocation failed/);
// All of it stays unread, and the connection can be used.
assert.equal(reader.readableLength, SIZE);
assert.deepEqual(await reader.readExactly(MIB), bytes.subarray(0, MIB));
limit("unlimited");
assert.ok((await reader.readExactly(SIZE - MIB)).equals(bytes.subarray(MIB)));
await writing;
await Promise.all([reader.close(), sender.close(), listener.close()]);
console.log("done");
