import { once } from "node:events";
import { PassThrough, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { until } from "../../../src/testing/contract/expectations.js";
import { pattern } from "../../../src/testing/contract/payloads.js";
import type { Script } from "./life.js";

/** Far more than a kernel's buffers and a stream's own take, for a peer that does not read. */
const CLOG_BYTES = 16 * 1024 * 1024;
const MEGABYTE = 1024 * 1024;

/** The silence after which `'timeout'` is emitted in these lives. */
const SILENCE_MS = 60;

/** The lives of a socket. */
export const SCRIPTS: readonly Script[] = [
  {
    name: "ended by the peer",
    run: async ({ it, peer, step, emitted }) => {
      await step("connected");
      it.resume();
      await step("reading");
      peer.end("all of it");
      await emitted("end");
      await step("the peer has ended");
      it.end();
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "ended by us",
    run: async ({ it, peer, step, emitted, told, peerEnded }) => {
      it.resume();
      it.write("first,", told("the write"));
      it.end("last", told("the end"));
      await step("ended");
      await peerEnded();
      peer.write("an answer");
      await emitted("data");
      await step("answered");
      peer.end();
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "ended by both at once",
    run: async ({ it, peer, step, emitted, told }) => {
      it.resume();
      it.end("ours", told("the end"));
      peer.end("theirs");
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "ended by both while it does not read",
    run: async ({ it, peer, step, emitted }) => {
      peer.end("unread");
      await until(() => peer.writableFinished);
      await step("the peer has ended");
      it.end("ours");
      await emitted("finish");
      await step("both have ended");
      it.resume();
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "reset by the peer while it reads",
    run: async ({ it, peer, step, emitted }) => {
      it.resume();
      await step("reading");
      peer.resetAndDestroy();
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "reset by the peer behind data",
    run: async ({ it, peer, step, emitted }) => {
      it.resume();
      peer.write("some data");
      await emitted("data");
      peer.resetAndDestroy();
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "reset by the peer while it is paused",
    run: async ({ it, peer, step, emitted }) => {
      it.once("data", () => it.pause());
      peer.write("some data");
      await emitted("pause");
      peer.write("unread");
      await step("paused");
      peer.resetAndDestroy();
      await step("the peer has reset it");
      it.resume();
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "reset by the peer while it only writes",
    run: async ({ it, peer, step, emitted, told }) => {
      it.write("some data", told("the write"));
      await step("written");
      peer.resetAndDestroy();
      await step("the peer has reset it");
      it.write("more", told("a write after the reset"));
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "reset by the peer while a write waits",
    run: async ({ it, peer, step, emitted, told }) => {
      it.resume();
      peer.pause();
      it.write(pattern(CLOG_BYTES), told("the write"));
      it.write("more", told("the write behind it"));
      it.end(told("the end"));
      peer.resetAndDestroy();
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "reset by us",
    run: async ({ it, step, emitted, peerEnded }) => {
      it.resume();
      it.resetAndDestroy();
      await emitted("close");
      await peerEnded();
      await step("closed");
      it.resetAndDestroy();
      await step("reset again");
    },
  },
  {
    name: "reset by us while a write waits",
    run: async ({ it, peer, step, emitted, told, peerEnded }) => {
      peer.pause();
      it.write(pattern(CLOG_BYTES), told("the write"));
      it.write("more", told("the write behind it"));
      it.resetAndDestroy();
      await emitted("close");
      peer.resume();
      await peerEnded();
      await step("closed");
    },
  },
  {
    name: "its connection reset by us",
    run: async ({ it, connection, step, emitted, peerEnded }) => {
      it.resume();
      await step("reading");
      connection.reset();
      await emitted("close");
      await peerEnded();
      await step("closed");
    },
  },
  {
    name: "its connection closed by us",
    run: async ({ it, peer, connection, step, emitted, peerEnded }) => {
      it.resume();
      await step("reading");
      connection.close();
      await peerEnded();
      peer.end();
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "destroyed without an error",
    run: async ({ it, peer, step, emitted, peerEnded }) => {
      it.resume();
      it.destroy();
      await step("destroyed");
      await peerEnded();
      peer.end();
      await emitted("close");
      await step("closed");
      it.destroy();
      await step("destroyed again");
    },
  },
  {
    name: "destroyed with an error",
    run: async ({ it, step, emitted, peerEnded }) => {
      it.resume();
      it.destroy(new Error("of ours"));
      await emitted("close");
      await peerEnded();
      await step("closed");
    },
  },
  {
    name: "destroyed while writes are queued",
    run: async ({ it, peer, step, emitted, told, peerEnded }) => {
      peer.pause();
      it.write(pattern(CLOG_BYTES), told("the write"));
      it.write("more", told("the write behind it"));
      it.end(told("the end"));
      it.destroy();
      await emitted("close");
      await step("closed");
      peer.resume();
      await peerEnded();
      await step("seen by the peer");
    },
  },
  {
    name: "destroyed in a listener for 'data'",
    run: async ({ it, peer, step, emitted, peerEnded }) => {
      it.once("data", () => it.destroy());
      peer.write("some data");
      await emitted("data");
      await peerEnded();
      peer.end();
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "destroyed with unread bytes",
    run: async ({ it, peer, step, emitted, peerEnded }) => {
      it.on("data", () => it.pause());
      peer.write("some data");
      await emitted("pause");
      peer.write("unread");
      await step("paused");
      it.destroy();
      await peerEnded();
      peer.end();
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "destroySoon() while writes are queued",
    run: async ({ it, peer, step, emitted, received, told, peerEnded }) => {
      peer.pause();
      it.write(pattern(CLOG_BYTES), told("the write"));
      it.write("more", told("the write behind it"));
      it.destroySoon();
      it.destroySoon();
      await step("destroyed soon");
      peer.resume();
      await received(CLOG_BYTES + 4);
      await peerEnded();
      peer.end();
      await emitted("close");
      await step("closed");
      it.destroySoon();
      await step("destroyed soon again");
    },
  },
  {
    name: "timed out",
    run: async ({ it, peer, step, emitted, received }) => {
      it.resume();
      it.setTimeout(SILENCE_MS, () => it.emit("told of the timeout"));
      await step("set");
      await emitted("timeout");
      it.write("a write");
      await received(7);
      await emitted("timeout", 2);
      peer.write("an answer");
      await emitted("timeout", 3);
      it.setTimeout(0);
      await step("turned off");
      it.setTimeout(SILENCE_MS);
      await emitted("timeout", 4);
      it.destroy();
      peer.end();
      await emitted("close");
      await step("closed");
      it.setTimeout(60_000);
      await step("set again");
    },
  },
  {
    name: "paused, and then read to the end",
    run: async ({ it, peer, step, emitted }) => {
      it.once("data", () => it.pause());
      peer.write("first");
      await emitted("pause");
      await step("paused");
      peer.end("last");
      await until(() => peer.writableFinished);
      await step("the peer has ended");
      it.resume();
      await emitted("end");
      await step("read");
      it.end();
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "half-open: a megabyte after the peer's end",
    run: async ({ it, peer, step, emitted, received, told }) => {
      it.resume();
      peer.end("a question");
      await emitted("end");
      await step("the peer has ended");
      it.end(pattern(MEGABYTE), told("the end"));
      await received(MEGABYTE);
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "closed by itself after the peer's end (allowHalfOpen = false)",
    run: async ({ it, peer, step, emitted, received, told }) => {
      it.allowHalfOpen = false;
      it.resume();
      it.write("queued", told("the write"));
      peer.end("a question");
      await received(6);
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "written to after it has closed itself",
    run: async ({ it, peer, step, emitted, told }) => {
      it.allowHalfOpen = false;
      it.resume();
      it.once("finish", () => it.write("too late", told("a write before 'close'")));
      peer.end();
      await emitted("close");
      it.write("too late", told("a write after 'close'"));
      await step("closed");
    },
  },
  {
    name: "written to after its end",
    run: async ({ it, step, emitted, told, peerEnded }) => {
      it.resume();
      it.end("all");
      await peerEnded();
      await step("ended");
      it.write("too late", told("the write"));
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "written to and ended after destroy()",
    run: async ({ it, peer, step, emitted, told }) => {
      it.destroy();
      it.write("too late", told("a write before 'close'"));
      peer.end();
      await emitted("close");
      await step("closed");
      it.write("too late", told("a write after 'close'"));
      it.end("too late", told("an end"));
      await step("written");
    },
  },
  {
    name: "ended twice",
    run: async ({ it, peer, step, emitted, told }) => {
      it.resume();
      it.end("all", told("the end"));
      it.end(told("the second end"));
      await emitted("finish");
      it.end(told("an end after 'finish'"));
      await step("ended");
      peer.end();
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "read after its end",
    run: async ({ it, peer, step, emitted, record }) => {
      it.on("readable", () => {
        let chunk: Buffer | null;
        while ((chunk = it.read() as Buffer | null) !== null) record(`read: ${String(chunk)}`);
      });
      peer.end("all of it");
      await emitted("end");
      await step("ended");
      record(`read: ${String(it.read())}`);
      it.resume();
      it.on("data", () => undefined);
      await step("read again");
      it.end();
      await emitted("close");
      record(`read: ${String(it.read())}`);
      await step("closed");
    },
  },
  {
    name: "one read() for each 'readable'",
    run: async ({ it, peer, step, emitted, record }) => {
      let got = "";
      it.on("readable", () => (got += String(it.read() ?? "")));
      for (const words of ["one ", "two ", "three"]) {
        peer.write(words);
        await until(() => got.endsWith(words));
      }
      record(`read: ${got}`);
      await step("read");
      peer.end();
      await emitted("end");
      await step("the peer has ended");
      it.end();
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "read in records of a fixed size",
    run: async ({ it, peer, step, emitted, record }) => {
      it.on("readable", () => {
        for (let chunk = it.read(4) as Buffer | null; chunk !== null; chunk = it.read(4) as Buffer | null)
          record(`read: ${String(chunk)}`);
      });
      peer.write("one,two,th");
      await until(() => it.readableLength === 2);
      await step("half a record is there");
      peer.end("r,five");
      await emitted("end");
      await step("the peer has ended");
      it.end();
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "decoded",
    run: async ({ it, peer, step, emitted }) => {
      it.setEncoding("utf8");
      it.resume();
      const euro = Buffer.from("€ and ¢");
      peer.write(euro.subarray(0, 2));
      await step("half a character has come");
      peer.end(euro.subarray(2));
      await emitted("end");
      await step("the peer has ended");
      it.end();
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "a large write, and 'drain'",
    run: async ({ it, peer, step, emitted, received, told, record }) => {
      peer.pause();
      record(`write() returns ${String(it.write(pattern(CLOG_BYTES), told("the write")))}`);
      record(`write() returns ${String(it.write("more", told("the write behind it")))}`);
      await step("written");
      peer.resume();
      await received(CLOG_BYTES + 4);
      await emitted("drain");
      await step("drained");
      it.destroy();
      peer.end();
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "many small writes in one turn",
    run: async ({ it, peer, step, emitted, received, told, record }) => {
      const returned = Array.from({ length: 8 }, (_, n) =>
        it.write(pattern(8_000), told(`write ${String(n)}`)),
      );
      record(`write() returns ${returned.join(", ")}`);
      await received(64_000);
      await step("written");
      it.resume().end();
      peer.end();
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "corked",
    run: async ({ it, peer, step, emitted, received, told }) => {
      it.cork();
      it.cork();
      it.write("one,", told("the first write"));
      it.write("two,", told("the second write"));
      await step("corked");
      it.uncork();
      await step("uncorked once");
      it.uncork();
      await received(8);
      await step("uncorked twice");
      it.cork();
      it.write("three", told("the third write"));
      it.end(told("the end"));
      await received(13);
      it.resume();
      peer.end();
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "in a pipeline that fails in the middle",
    run: async ({ it, peer, step, emitted, outcome, peerEnded }) => {
      const broken = new Transform({
        transform: (_chunk, _encoding, done) => done(new Error("in the middle")),
      });
      const through = outcome("the pipeline", pipeline(it, broken, new PassThrough()));
      peer.write("some data");
      await through;
      await emitted("close");
      await peerEnded();
      await step("closed");
    },
  },
  {
    name: "the source of a pipeline that the peer resets",
    run: async ({ it, peer, step, emitted, outcome }) => {
      const through = outcome("the pipeline", pipeline(it, new PassThrough().resume()));
      peer.write("some data");
      await emitted("data");
      peer.resetAndDestroy();
      await through;
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "both ends of a pipeline: an echo",
    run: async ({ it, peer, step, emitted, received, outcome }) => {
      const echo = outcome("the pipeline", pipeline(it, new PassThrough(), it));
      peer.end("echo this");
      await received(9);
      await echo;
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "its connection reset by us in a pipeline",
    run: async ({ it, connection, step, emitted, outcome, peerEnded }) => {
      const source = new PassThrough();
      const into = outcome("the pipeline", pipeline(source, it));
      source.write("some data");
      await step("written");
      connection.reset();
      await into;
      await emitted("close");
      await peerEnded();
      await step("closed");
    },
  },
  {
    name: "a loop left by break",
    run: async ({ it, peer, step, emitted, record, peerEnded }) => {
      peer.write("some data");
      for await (const chunk of it as AsyncIterable<Buffer>) {
        record(`the loop gets: ${String(chunk)}`);
        break;
      }
      await peerEnded();
      peer.end();
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "a loop to the end",
    run: async ({ it, peer, step, emitted, record }) => {
      peer.end("all of it");
      for await (const chunk of it as AsyncIterable<Buffer>) record(`the loop gets: ${String(chunk)}`);
      await step("ended");
      it.end();
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "a loop that the peer resets",
    run: async ({ it, peer, step, emitted, outcome }) => {
      const chunks: unknown[] = [];
      const loop = outcome(
        "the loop",
        (async () => {
          for await (const chunk of it) chunks.push(chunk);
        })(),
      );
      peer.write("some data");
      await once(it, "readable");
      await step("reading");
      peer.resetAndDestroy();
      await loop;
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "ended by the peer while it does not read",
    run: async ({ peer, step }) => {
      peer.end("unread");
      await until(() => peer.writableFinished);
      await step("the peer has ended");
    },
  },
  {
    name: "written to until EPIPE",
    run: async ({ it, peer, step, emitted, told }) => {
      it.resume();
      peer.destroy();
      await emitted("end");
      await step("the peer has gone");
      it.write("answered by a reset", told("the write"));
      await step("written");
      it.write("too late", told("the second write"));
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "unpiped, and read by hand",
    run: async ({ it, peer, step, emitted, record }) => {
      const sink = new PassThrough();
      let got = "";
      sink.on("data", (chunk) => (got += String(chunk)));
      it.pipe(sink);
      peer.write("piped");
      await until(() => got === "piped");
      await step("piped");
      it.unpipe(sink);
      await step("unpiped");
      it.on("data", (chunk) => record(`by hand: ${String(chunk)}`));
      it.resume();
      peer.end("rest");
      await emitted("end");
      it.end();
      await emitted("close");
      await step("closed");
    },
  },
  {
    name: "an empty life",
    run: async ({ it, peer, step, emitted }) => {
      await step("connected");
      it.end();
      it.resume();
      peer.end();
      await emitted("close");
      await step("closed");
    },
  },
];
