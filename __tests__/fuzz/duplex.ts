/** The connection as a Duplex of Node's. */
import type { Socket } from "node:net";
import { Readable, type Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { NetError } from "../../src/index.js";
import type { End } from "./end.js";
import { DESTROYED_DUPLEX } from "./failures.js";
import type { Operation } from "./operation.js";
import type { CallOf } from "./scenario.js";
import { pass } from "./turns.js";
import { note, settle } from "./writing.js";

/** Duplexes that are watched already. */
const watched = new WeakSet<Duplex>();

/** The end's Duplex. What it fails with is judged once, for all its calls. */
function duplexOf(operation: Operation): Duplex {
  const { end } = operation;
  const { duplex } = end.connection;
  end.viewed.add(end.connection);
  if (watched.has(duplex)) return duplex;
  watched.add(duplex);
  // Each pipeline and loop listens to it.
  duplex.setMaxListeners(0);
  duplex.on("error", (error) => {
    operation.failed(error, "duplex");
    // A second reader is refused, and the connection goes on.
    if (!(error instanceof NetError && error.code === "ERR_BUSY")) end.do("destroy");
  });
  const noteEnd = () => {
    if (duplex.readableEnded && duplex.writableEnded) end.do("over");
  };
  duplex.on("end", () => {
    end.readEnd(`the Duplex of ${end.name}`);
    noteEnd();
  });
  duplex.on("finish", noteEnd);
  duplex.on("close", () => {
    // Only the view is over when the stream was handed over.
    if (end.detached !== null) return;
    if (!duplex.readableEnded || !duplex.writableFinished) end.do("destroy");
  });
  return duplex;
}

/** Duplexes that a pipeline has ended, or will. */
const piped = new WeakSet<Duplex>();

/** Duplexes that are being read: two readers of one Duplex would each be shown what the other takes. */
const read = new Set<Duplex>();

async function reading(operation: Operation, body: (duplex: Duplex) => Promise<void>): Promise<void> {
  const duplex = duplexOf(operation);
  if (read.has(duplex)) return;
  read.add(duplex);
  operation.end.readViews.add(duplex);
  try {
    await body(duplex);
  } finally {
    read.delete(duplex);
  }
}

/** Lets the Duplex flow for some turns, and pauses it. */
function duplexFlow(end: End, operation: Operation, { turns }: CallOf<"duplexFlow">): Promise<void> {
  return reading(operation, async (duplex) => {
    const onData = taking(end, operation);
    duplex.on("data", onData);
    duplex.resume();
    await pass(turns);
    duplex.pause();
    duplex.off("data", onData);
  });
}

/** Reads whenever the Duplex says that something is there. */
function duplexRead(end: End, operation: Operation, { turns }: CallOf<"duplexRead">): Promise<void> {
  return reading(operation, async (duplex) => {
    const take = taking(end, operation);
    const onReadable = () => {
      for (let chunk = duplex.read() as Buffer | null; chunk !== null; chunk = duplex.read() as Buffer | null)
        take(chunk);
    };
    duplex.on("readable", onReadable);
    onReadable();
    await pass(turns);
    duplex.off("readable", onReadable);
  });
}

function duplexLoop(end: End, operation: Operation, { times, keep }: CallOf<"duplexLoop">): Promise<void> {
  return reading(operation, async (duplex) => {
    if (times === 0) return;
    const take = taking(end, operation);
    if (!keep) end.do("destroy");
    let left = times;
    try {
      for await (const chunk of duplex.iterator({ destroyOnReturn: !keep }) as AsyncIterable<Buffer>) {
        take(chunk);
        if (--left === 0) break;
      }
    } catch (error) {
      operation.failed(error, "duplex");
    }
  });
}

async function duplexWrite(end: End, operation: Operation, call: CallOf<"duplexWrite">): Promise<void> {
  const duplex = duplexOf(operation);
  const bytes = end.payloads.next(call.size);
  const data = call.data === "text" ? bytes.toString() : Buffer.from(bytes);
  await settle(operation, note(end, operation, bytes, "duplex"), "duplex", () => written(duplex, data));
}

/** Pieces, and then the end. */
async function duplexPipeline(end: End, operation: Operation, call: CallOf<"duplexPipeline">): Promise<void> {
  const duplex = duplexOf(operation);
  // Node 20's own pipeline() into a stream that is destroyed never settles, nor does the first of two into one stream.
  if (duplex.destroyed || duplex.writableEnded || piped.has(duplex)) return;
  piped.add(duplex);
  end.do("closeWrite");
  const pieces = Array.from({ length: call.pieces }, () =>
    end.payloads.next(Math.ceil(call.size / call.pieces)),
  );
  const writes = pieces.map((bytes) => note(end, operation, bytes, operation.text));
  try {
    await pipeline(Readable.from(pieces.map((bytes) => Buffer.from(bytes))), duplex);
    // Node's own pipeline() also resolves when a socket is destroyed before the first piece is written to it.
    if (!duplex.writableFinished) {
      end.do("destroy");
      return;
    }
    for (const write of writes) write.fate = "whole";
    end.endedWell = true;
  } catch (error) {
    // It destroys what it has written to.
    end.do("destroy");
    operation.failed(error, "duplex");
  }
}

async function duplexEnd(end: End, operation: Operation): Promise<void> {
  const duplex = duplexOf(operation);
  end.do("closeWrite");
  await new Promise<void>((resolve) => {
    duplex.once("finish", () => {
      end.endedWell = true;
      resolve();
    });
    duplex.once("close", resolve);
    duplex.once("error", () => resolve());
    if (duplex.writableFinished || duplex.destroyed) resolve();
    duplex.end();
  });
}

async function duplexDestroy(
  end: End,
  operation: Operation,
  { error }: CallOf<"duplexDestroy">,
): Promise<void> {
  const duplex = duplexOf(operation);
  end.do("destroy");
  const closed = duplex.closed ? undefined : new Promise((resolve) => duplex.once("close", resolve));
  duplex.destroy(error ? DESTROYED_DUPLEX : undefined);
  await closed;
}

export function written(stream: Duplex, data: string | Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => (error ? reject(error) : resolve()));
  });
}

function taking(end: End, operation: Operation): (chunk: Buffer) => void {
  // It may have read ahead before.
  return (bytes) => end.take(bytes, { lane: "duplex", by: operation.text, startedAt: 0 });
}

/** Sets a timeout for silence, which lasts as long as the connection. */
function duplexTimeout(_end: End, operation: Operation, { ms }: CallOf<"duplexTimeout">): void {
  (duplexOf(operation) as Duplex & Pick<Socket, "setTimeout">).setTimeout(ms);
}

export const duplexCalls = {
  duplexFlow,
  duplexRead,
  duplexLoop,
  duplexWrite,
  duplexPipeline,
  duplexTimeout,
  duplexEnd,
  duplexDestroy,
};
