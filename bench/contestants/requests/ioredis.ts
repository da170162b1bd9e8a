import { Redis } from "ioredis";
import { askWith } from "./mix.js";

askWith((port) => {
  const redis = new Redis(port, "127.0.0.1");
  return Promise.resolve({
    set: (key, value) => redis.set(key, value),
    get: (key) => redis.get(key),
    incr: (key) => redis.incr(key),
    close: () => redis.quit(),
  });
});
