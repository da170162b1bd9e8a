/** The connection as web streams. */
import type { End } from "./end.js";
import { ABORTED_WRITABLE } from "./failures.js";
import type { Operation } from "./operation.js";
import type { CallOf } from "./scenario.js";
import { note, settle } from "./writing.js";

/** Reads with a reader of its own, which is released when the read has settled, or while it waits. */
async function webRead(end: End, operation: Operation, { release }: CallOf<"webRead">): Promise<void> {
  end.viewed.add(end.connection);
  const { readable } = end.connection;
  if (readable.locked) return;
  const reader = readable.getReader();
  const reading = observe(operation, () => reader.read());
  if (release === "waiting") {
    reader.releaseLock();
    await reading;
  } else {
    await reading;
    reader.releaseLock();
  }
}

async function webReadInto(end: End, operation: Operation, { size }: CallOf<"webReadInto">): Promise<void> {
  end.viewed.add(end.connection);
  const { readable } = end.connection;
  if (readable.locked) return;
  const reader = readable.getReader({ mode: "byob" });
  await observe(operation, () => reader.read(new Uint8Array(size)));
  reader.releaseLock();
}

async function webLoop(end: End, operation: Operation, { times, keep }: CallOf<"webLoop">): Promise<void> {
  end.viewed.add(end.connection);
  const { readable } = end.connection;
  if (readable.locked) return;
  const iterator = readable.values({ preventCancel: keep });
  if (!keep) end.do("closeRead");
  for (let count = 0; count < times; count++) {
    if (!(await observe(operation, () => iterator.next()))) return;
  }
  try {
    await iterator.return?.();
  } catch (error) {
    operation.failed(error, "web");
  }
}

async function webCancel(end: End, operation: Operation): Promise<void> {
  end.viewed.add(end.connection);
  const { readable } = end.connection;
  if (readable.locked) return;
  end.do("closeRead");
  await readable.cancel().catch((error: unknown) => operation.failed(error, "web"));
}

async function webWrite(end: End, operation: Operation, call: CallOf<"webWrite">): Promise<void> {
  end.viewed.add(end.connection);
  const { writable } = end.connection;
  if (writable.locked) return;
  const writer = writable.getWriter();
  writer.closed.catch(() => undefined);
  writer.ready.catch(() => undefined);
  const bytes = end.payloads.next(call.size);
  const data = (call.data === "text" ? bytes.toString() : Buffer.from(bytes)) as Uint8Array;
  const writing = settle(operation, note(end, operation, bytes, "web"), "web", () => writer.write(data));
  writer.releaseLock();
  await writing;
}

async function webClose(end: End, operation: Operation): Promise<void> {
  end.viewed.add(end.connection);
  const { writable } = end.connection;
  if (writable.locked) return;
  end.do("closeWrite");
  try {
    await writable.close();
    end.endedWell = true;
  } catch (error) {
    operation.failed(error, "web");
  }
}

async function webAbort(end: End, operation: Operation): Promise<void> {
  end.viewed.add(end.connection);
  const { writable } = end.connection;
  if (writable.locked) return;
  end.do("reset");
  await writable.abort(ABORTED_WRITABLE).catch((error: unknown) => operation.failed(error, "web"));
}

/** Whether a read has taken something. */
async function observe(
  operation: Operation,
  ask: () => Promise<{ readonly done?: boolean; readonly value?: Uint8Array | undefined }>,
): Promise<boolean> {
  const { end, text } = operation;
  end.readViews.add(end.connection.readable);
  end.reading++;
  try {
    const { value, done } = await ask();
    if (done === true || value === undefined) {
      end.readEnd(text);
      return false;
    }
    const { buffer, byteOffset, length } = value;
    if (length === 0) operation.complain("gave no bytes, and not the end");
    // A reader that went away may have left bytes in the stream.
    end.take(Buffer.from(buffer, byteOffset, length), { lane: "web", by: text, startedAt: 0 });
    return true;
  } catch (error) {
    operation.failed(error, "web");
    return false;
  } finally {
    end.reading--;
  }
}

export const webCalls = {
  webRead,
  webReadInto,
  webLoop,
  webCancel,
  webWrite,
  webClose,
  webAbort,
};
