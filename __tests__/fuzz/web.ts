/** The connection as web streams. */
import { ReadableStream, WritableStream } from "node:stream/web";
import type { End } from "./end.js";
import { ABORTED_WRITABLE } from "./failures.js";
import type { Operation } from "./operation.js";
import type { CallOf } from "./scenario.js";
import { pass } from "./turns.js";
import { note, settle } from "./writing.js";

const STOPPED = new Error("the pipe was stopped");

/** Reads with a reader of its own, which is released when the read has settled, or while it waits. */
async function webRead(end: End, operation: Operation, { release }: CallOf<"webRead">): Promise<void> {
  end.viewed.add(end.connection);
  const { readable } = end.connection;
  if (readable.locked) return;
  const reader = readable.getReader();
  const reading = observe(operation, () => reader.read());
  if (release === "waiting") {
    end.mayHaveLeftBytes = true;
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
  if (!keep && end.mayHaveLeftBytes) return;
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

/** Pipes it somewhere for some turns. */
async function webPipe(end: End, operation: Operation, { turns }: CallOf<"webPipe">): Promise<void> {
  end.viewed.add(end.connection);
  const { readable } = end.connection;
  if (readable.locked) return;
  end.readViews.add(readable);
  const sink = new WritableStream<Uint8Array>({
    write: ({ buffer, byteOffset, length }) => {
      end.take(Buffer.from(buffer, byteOffset, length), { lane: "web", by: operation.text, startedAt: 0 });
    },
  });
  end.mayHaveLeftBytes = true;
  const stop = new AbortController();
  end.signals.add(stop.signal);
  const piping = readable.pipeTo(sink, { preventCancel: true, signal: stop.signal });
  void pass(turns).then(() => stop.abort(STOPPED));
  end.reading++;
  try {
    await piping;
    end.readEnd(operation.text);
  } catch (error) {
    if (error !== STOPPED) operation.failed(error, "web");
  } finally {
    end.reading--;
  }
}

/** A stream made of the connection's own loop, which is cancelled while it waits. */
async function webFrom(end: End, operation: Operation, { times }: CallOf<"webFrom">): Promise<void> {
  const reader = ReadableStream.from(end.connection).getReader();
  let isCancelled = false;
  const next = async () => {
    const startedAt = end.shared.tick();
    end.reading++;
    try {
      const { value, done } = await reader.read();
      if (done && !isCancelled) end.readEnd(operation.text);
      if (done) return false;
      // The stream asks the connection a little later than its reader asks it.
      end.take(value, { lane: "from", by: operation.text, startedAt });
      return true;
    } catch (error) {
      operation.failed(error, "read");
      return false;
    } finally {
      end.reading--;
    }
  };
  for (let count = 0; count < times; count++) if (!(await next())) return;
  const pending = next();
  // What has been given to the stream already is thrown away with it.
  await pass(1);
  isCancelled = true;
  await reader.cancel().catch((error: unknown) => operation.failed(error, "read"));
  await pending;
}

async function webCancel(end: End, operation: Operation): Promise<void> {
  end.viewed.add(end.connection);
  const { readable } = end.connection;
  if (readable.locked || end.mayHaveLeftBytes) return;
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
  // One that has failed already is left as it is.
  end.do("destroy");
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
  webPipe,
  webFrom,
  webCancel,
  webWrite,
  webClose,
  webAbort,
};
