import { connect, framed, requests } from "../../../src/index.js";
import { askWith } from "./mix.js";
import { resp, type Reply } from "./resp.js";

askWith(async (port) => {
  const redis = requests(framed(await connect("127.0.0.1", port), resp));
  async function ask(...words: readonly string[]): Promise<Reply> {
    const reply = await redis.request(words);
    if (reply instanceof Error) throw reply;
    return reply;
  }
  return {
    set: (key, value) => ask("SET", key, value),
    get: (key) => ask("GET", key),
    incr: (key) => ask("INCR", key),
    close: () => redis.close(),
  };
});
