import { once } from "node:events";
import { connect } from "node:net";
import { askWith } from "./mix.js";
import { replyAt, written, type Reply } from "./resp.js";

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

const NOTHING = Buffer.alloc(0);

/**
 * The least that a request and its reply can cost: written and parsed by hand, with one promise for each. What is asked in
 * one turn goes out in one write.
 */
askWith(async (port) => {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  const waiting: Waiting[] = [];
  let first = 0;
  let text = "";
  let rest: Buffer = NOTHING;
  socket.on("data", (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (at < bytes.length) {
      const found = replyAt(bytes, at);
      if (typeof found !== "object") break;
      at = found.size;
      answer(found.message);
    }
    rest = bytes.subarray(at);
  });
  function answer(reply: Reply): void {
    const { resolve, reject } = waiting[first++] ?? {};
    if (first === waiting.length) waiting.length = first = 0;
    if (reply instanceof Error) reject?.(reply);
    else resolve?.(reply);
  }
  function flush(): void {
    socket.write(text);
    text = "";
  }
  function ask(words: readonly string[]): Promise<Reply> {
    if (text === "") setImmediate(flush);
    text += written(words);
    return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  }
  return {
    set: (key, value) => ask(["SET", key, value]),
    get: (key) => ask(["GET", key]),
    incr: (key) => ask(["INCR", key]),
    close: async () => {
      socket.end();
      await once(socket, "close");
    },
  };
});
