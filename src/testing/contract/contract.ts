import type { ContractCase } from "./contract-case.js";
import { clogged } from "./clogged.js";
import { closeOn } from "./close-on.js";
import { closing } from "./closing.js";
import { corking } from "./corking.js";
import { dialectsInTurns } from "./dialects.js";
import { duplex } from "./duplex.js";
import { duplexFailures } from "./duplex-failures.js";
import { duplexHttp } from "./duplex-http.js";
import { duplexLocalEnds } from "./duplex-local-ends.js";
import { duplexReading } from "./duplex-reading.js";
import { duplexSocket } from "./duplex-socket.js";
import { duplexWriting } from "./duplex-writing.js";
import { errors } from "./errors.js";
import { fairness } from "./fairness.js";
import { frames } from "./frames.js";
import { gathering } from "./gathering.js";
import { halfClose } from "./half-close.js";
import { handOver } from "./hand-over.js";
import { integrity } from "./integrity.js";
import { leftLoops } from "./left-loops.js";
import { leftUnread } from "./left-unread.js";
import { leftovers } from "./leftovers.js";
import { limits } from "./limits.js";
import { lineTerminators } from "./line-terminators.js";
import { batches } from "./batches.js";
import { lines } from "./lines.js";
import { loops } from "./loops.js";
import { memory } from "./memory.js";
import { messages } from "./messages.js";
import { ownership, resizing } from "./ownership.js";
import { readAhead } from "./read-ahead.js";
import { reading } from "./reading.js";
import { records } from "./records.js";
import { relays } from "./relay.js";
import { replies } from "./replies.js";
import { resets } from "./resets.js";
import { sharedSocket } from "./shared-socket.js";
import { signals } from "./signals.js";
import { stacks } from "./stacks.js";
import { timeouts } from "./timeouts.js";
import { unawaitedWrites } from "./unawaited-writes.js";
import { unread } from "./unread.js";
import { webStreams } from "./web-streams.js";
import { writing } from "./writing.js";
import { writtenText } from "./written-text.js";

/** The cases that hold for every kind of connection. They need no test runner: each resolves, or rejects with the fault. */
export const connectionContract: readonly ContractCase[] = [
  ...reading,
  ...readAhead,
  ...limits,
  ...ownership,
  ...lineTerminators,
  ...lines,
  ...batches,
  ...loops,
  ...leftLoops,
  ...records,
  ...unread,
  ...writing,
  ...writtenText,
  ...memory,
  ...clogged,
  ...unawaitedWrites,
  ...gathering,
  ...corking,
  ...timeouts,
  ...signals,
  ...leftovers,
  ...halfClose,
  ...closing,
  ...leftUnread,
  ...resets,
  ...closeOn,
  ...replies,
  ...handOver,
  ...sharedSocket,
  ...integrity,
  ...fairness,
  ...errors,
  ...stacks,
  ...duplex,
  ...duplexFailures,
  ...duplexHttp,
  ...duplexLocalEnds,
  ...duplexReading,
  ...duplexSocket,
  ...duplexWriting,
  ...relays,
  ...webStreams,
  ...frames,
  ...messages,
  ...dialectsInTurns,
  ...resizing,
];
