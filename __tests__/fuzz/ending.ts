/** Endings, and what follows `detach()`. */
import type { Duplex } from "node:stream";
import { Connection } from "../../src/index.js";
import { written } from "./duplex.js";
import type { Deed, End } from "./end.js";
import { reasonOf, type Operation } from "./operation.js";
import type { CallOf, Op } from "./scenario.js";
import { tracesLeftOn, tracesOn } from "./traces.js";
import { note, settle } from "./writing.js";

function closeWrite(end: End, operation: Operation): Promise<void> {
  return ending(operation, "closeWrite", () => end.connection.closeWrite(operation.options));
}

function close(end: End, operation: Operation): Promise<void> {
  return ending(operation, "close", () => end.connection.close(operation.options));
}

async function ending(operation: Operation, deed: Deed, ask: () => Promise<void>): Promise<void> {
  const { end, options } = operation;
  // A signal that is aborted already: nothing is done.
  if (options?.signal?.aborted !== true) end.do(deed);
  try {
    const asked = ask();
    operation.started();
    await asked;
    end.endedWell = true;
  } catch (error) {
    operation.failed(error, "close");
  }
}

function closeRead(end: End): void {
  end.do("closeRead");
  end.connection.closeRead();
}

function reset(end: End): void {
  end.do("reset");
  end.connection.reset();
}

function abandon(end: End, _operation: Operation, { side }: CallOf<"abandon">): void {
  end.do("abandon");
  end.connection.abandon(side);
}

function abort(end: End): void {
  end.common.abort(reasonOf("shared"));
  end.common = new AbortController();
}

/** Resets the connection that this end was made with; does nothing to one that is over, or that was handed over. */
async function closeOn(end: End): Promise<void> {
  const its = { isOver: false };
  const over = () => (its.isOver = true);
  end.connection.closed.then(over, over);
  for (let count = 0; count < 3; count++) await Promise.resolve();
  const isItsOwn = end.shared.pair.hasCloseOn === true && !end.wasDetached;
  if (isItsOwn && !its.isOver) end.do("reset");
  end.closing.abort(reasonOf("closing"));
}

/** Hands the stream over: it goes on by hand. */
function detach(end: End, operation: Operation, { allowHalfOpen }: CallOf<"detach">): void {
  // What was thrown away before cannot be told from what is missing then.
  if (end.detached !== null || end.has("closeRead")) return;
  let stream: Duplex;
  try {
    stream = end.connection.detach({ allowHalfOpen });
  } catch (error) {
    operation.failed(error, "close");
    return;
  }
  end.do("detach");
  const bare = end.shared.bare[end.name];
  for (const trace of tracesOn(stream, bare)) operation.complain(`left ${trace}`);
  end.shared.whenOver(() => {
    for (const trace of tracesLeftOn(stream, bare)) operation.complain(`left ${trace}`);
  });
  end.detached = stream;
  end.wasDetached = true;
  // It ends itself then.
  if (end.sawEnd && !allowHalfOpen) end.do("closeWrite");
  end.byHand = {
    error: (error) => {
      end.do("destroy");
      operation.failed(error, "detached");
    },
    end: () => {
      end.readEnd(`the detached stream of ${end.name}`);
      if (!allowHalfOpen) end.do("closeWrite");
    },
    finish: () => (end.endedWell = true),
    data: (bytes) => {
      const { startedAt, text: by } = operation;
      // The other side of a pair in memory may have the same.
      end.take(bytes as Buffer, { lane: "detached", by: `the stream of ${by}`, startedAt }, true);
    },
  };
  for (const [event, listener] of Object.entries(end.byHand)) stream.on(event, listener);
  // Each write by hand listens to it.
  stream.setMaxListeners(0);
}

/** Makes a connection of what was detached. */
function adopt(end: End): void {
  const stream = end.detached;
  if (stream === null || stream.destroyed) return;
  stream.pause();
  for (const [event, listener] of Object.entries(end.byHand)) stream.off(event, listener);
  end.undo("detach");
  end.detached = null;
  end.connection = Connection.from(stream, end.shared.settings);
}

async function writeByHand(
  end: End,
  operation: Operation,
  { size }: { readonly size: number },
): Promise<void> {
  const bytes = end.payloads.next(size);
  const stream = end.detached as Duplex;
  const writing = () => beforeClose(stream, written(stream, Buffer.from(bytes)));
  await settle(operation, note(end, operation, bytes, "detached"), "detached", writing);
}

/** Not every stream calls back for what it was writing when it was destroyed. */
function beforeClose(stream: Duplex, written: Promise<void>): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const error = Object.assign(new Error("the stream has closed"), { code: "ERR_STREAM_DESTROYED" });
    const fail = () => reject(error);
    stream.once("close", fail);
    if (stream.closed) fail();
    written.finally(() => stream.off("close", fail)).then(resolve, reject);
  });
}

async function endByHand(end: End): Promise<void> {
  end.do("closeWrite");
  const stream = end.detached as Duplex;
  await new Promise<void>((resolve) => {
    stream.once("finish", () => {
      end.endedWell = true;
      resolve();
    });
    stream.once("close", resolve);
    if (stream.writableFinished || stream.destroyed) resolve();
    stream.end();
  });
}

function destroyByHand(end: End): void {
  end.do("destroy");
  end.detached?.destroy();
}

export const endingCalls = {
  closeWrite,
  closeRead,
  close,
  reset,
  abandon,
  detach,
  adopt,
  abort,
  closeOn,
};

/** The same for what was detached; other calls are made on the connection, which refuses them. */
export const callsByHand: {
  readonly [O in Op]?: (end: End, operation: Operation, call: CallOf<O>) => Promise<void> | void;
} = {
  write: writeByHand,
  chop: writeByHand,
  writeLine: writeByHand,
  send: writeByHand,
  duplexWrite: writeByHand,
  duplexPipeline: writeByHand,
  webWrite: writeByHand,
  closeWrite: endByHand,
  close: endByHand,
  duplexEnd: endByHand,
  webClose: endByHand,
  reset: destroyByHand,
  duplexDestroy: destroyByHand,
  webAbort: destroyByHand,
};
