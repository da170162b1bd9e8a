import type { Known } from "./differences.js";

/** Why the Duplex differs. */
const WHY = {
  keepsAddresses:
    "The addresses of a connection are noted when it is made: logs need them most when it has failed.",
  readsOnDemand:
    "The Duplex reads only while it has a reader: what none has asked for stays with the connection.",
  dataFirst: "A failure comes after the bytes that arrived before it, also for a reader that has paused.",
  resets: "destroy() with an error, or with unsent bytes, resets: the peer must not take half for the whole.",
  cutOff:
    "Writes that the program itself cuts off fail with the connection's ERR_CLOSED, behind 'close'; none is told success.",
  callbacksFirst:
    "The failure of a write is told to its callback first, as all of Node's streams but sockets do.",
  counts: "Bytes that were cut off are not counted: bytesWritten is then what the kernel has taken.",
  oneTurn:
    "'error' and 'close' come in one turn, as with all of Node's streams but sockets, when the connection is closed.",
} as const;

/** In every life, once the socket is closed. */
const addresses: readonly Known[] = [
  { what: "address()", socket: "  ", duplex: "127.0.0.1 IPv4 own port" },
  { what: "localAddress", socket: undefined, duplex: "127.0.0.1" },
  { what: "localFamily", socket: undefined, duplex: "IPv4" },
  { what: "localPort", socket: undefined, duplex: "own port" },
  { what: "remoteAddress", socket: undefined, duplex: "127.0.0.1" },
  { what: "remoteFamily", socket: undefined, duplex: "IPv4" },
  { what: "remotePort", socket: undefined, duplex: "peer's port" },
].map((row) => ({ life: "destroyed with an error", ...row, why: WHY.keepsAddresses }));

const unread = (life: string, step: string, size: number): Known => ({
  ...{ life, step, what: "readableLength", socket: size, duplex: 0 },
  why: WHY.readsOnDemand,
});

const PAUSED = { life: "reset by the peer while it is paused", why: WHY.dataFirst };
const RESET_WHILE_PAUSED = { ...PAUSED, step: "the peer has reset it" };

/** All differences between the Duplex of a connection and a `net.Socket` in its lives. */
export const KNOWN: readonly Known[] = [
  ...addresses,

  unread("ended by both while it does not read", "the peer has ended", 6),
  unread("ended by both while it does not read", "both have ended", 6),
  unread("reset by the peer while it is paused", "paused", 6),
  unread("reset by the peer while it is paused", "the peer has reset it", 6),
  unread("destroyed with unread bytes", "paused", 6),
  unread("destroyed with unread bytes", "closed", 6),
  unread("paused, and then read to the end", "the peer has ended", 4),
  unread("ended by the peer while it does not read", "the peer has ended", 6),

  { ...RESET_WHILE_PAUSED, what: "events", socket: "error ECONNRESET · close true", duplex: "" },
  { ...RESET_WHILE_PAUSED, what: "bufferSize", socket: undefined, duplex: 0 },
  { ...RESET_WHILE_PAUSED, what: "closed", socket: true, duplex: false },
  { ...RESET_WHILE_PAUSED, what: "destroyed", socket: true, duplex: false },
  { ...RESET_WHILE_PAUSED, what: "errored", socket: "ECONNRESET", duplex: null },
  { ...RESET_WHILE_PAUSED, what: "pending", socket: true, duplex: false },
  { ...RESET_WHILE_PAUSED, what: "readable", socket: false, duplex: true },
  { ...RESET_WHILE_PAUSED, what: "readableAborted", socket: true, duplex: false },
  { ...RESET_WHILE_PAUSED, what: "readyState", socket: "closed", duplex: "open" },
  { ...RESET_WHILE_PAUSED, what: "writable", socket: false, duplex: true },
  {
    ...PAUSED,
    step: "closed",
    what: "events",
    socket: ["resume", ""],
    duplex: "resume · data: 6 bytes · error ECONNRESET · close true",
  },
  { ...PAUSED, step: "closed", what: "readableFlowing", since: 26, socket: false, duplex: true },
  { ...PAUSED, step: "closed", what: "readableLength", since: 26, socket: 6, duplex: 0 },

  {
    life: "reset by the peer while a write waits",
    step: "closed",
    what: "events",
    socket: [
      "resume · error ECONNRESET · the write is told of success · the write behind it is told ECONNRESET · the end is told ECONNRESET · close true",
      "resume · error ECONNRESET · the write is told ECANCELED · the write behind it is told ECONNRESET · the end is told ECONNRESET · close true",
    ],
    duplex:
      "resume · the write is told ECONNRESET · the write behind it is told ECONNRESET · the end is told ECONNRESET · error ECONNRESET · close true",
    why: WHY.callbacksFirst,
  },
  ...(
    [
      ["reset by the peer while a write waits", "closed"],
      ["reset by us while a write waits", "closed"],
      ["destroyed while writes are queued", "closed"],
      ["destroyed while writes are queued", "seen by the peer"],
    ] as const
  ).map(([life, step]) => ({
    ...{ life, step, what: "bytesWritten", socket: 16 * 1024 * 1024, duplex: "a part" },
    why: WHY.counts,
  })),

  {
    life: "reset by us while a write waits",
    step: "closed",
    what: "events",
    socket: [
      "the write is told of success · the write behind it is told ERR_STREAM_DESTROYED · close false",
      "the write is told ECANCELED · the write behind it is told ECANCELED · close false",
    ],
    duplex: "close false · the write is told ERR_CLOSED · the write behind it is told ERR_CLOSED",
    why: WHY.cutOff,
  },
  {
    life: "destroyed while writes are queued",
    step: "closed",
    what: "events",
    socket: [
      "the write is told of success · the write behind it is told ERR_STREAM_DESTROYED · the end is told ERR_STREAM_DESTROYED · close false",
      "the write is told ECANCELED · the write behind it is told ECANCELED · the end is told ECANCELED · close false",
    ],
    duplex:
      "close false · the write is told ERR_CLOSED · the write behind it is told ERR_CLOSED · the end is told ERR_CLOSED",
    why: WHY.cutOff,
  },
  ...(
    [
      ["reset by us while a write waits", "closed"],
      ["destroyed while writes are queued", "closed"],
      ["destroyed while writes are queued", "seen by the peer"],
    ] as const
  ).map(([life, step]) => ({
    ...{ life, step, what: "errored", socket: [null, "ECANCELED"], duplex: "ERR_CLOSED" },
    why: WHY.cutOff,
  })),

  {
    ...{ life: "destroyed with an error", step: "closed", what: "the peer", why: WHY.resets },
    ...{ socket: "end", duplex: "error ECONNRESET" },
  },
  {
    ...{ life: "in a pipeline that fails in the middle", step: "closed", what: "the peer", why: WHY.resets },
    ...{ socket: "end", duplex: "error ECONNRESET" },
  },
  {
    // Where data and a reset come at once, Node 20 and 22 tell of an end.
    ...{ life: "destroyed while writes are queued", step: "seen by the peer", what: "the peer", since: 24 },
    ...{ socket: "data: many bytes · end", duplex: "data: many bytes · error ECONNRESET", why: WHY.resets },
  },

  {
    life: "in a pipeline that fails in the middle",
    step: "closed",
    what: "events",
    socket:
      "resume · data: 9 bytes · pause · error in the middle · the pipeline rejects with in the middle · close true",
    duplex: [
      "resume · data: 9 bytes · pause · the pipeline rejects with in the middle · error in the middle · close true",
      "resume · data: 9 bytes · pause · error in the middle · close true · the pipeline rejects with in the middle",
    ],
    why: WHY.oneTurn,
  },
  {
    life: "the source of a pipeline that the peer resets",
    step: "closed",
    what: "events",
    socket: [
      "resume · data: 9 bytes · error ECONNRESET · pause · the pipeline rejects with ECONNRESET · close true",
      "resume · data: 9 bytes · error ECONNRESET · the pipeline rejects with ECONNRESET · close true",
    ],
    duplex: [
      "resume · data: 9 bytes · error ECONNRESET · close true · pause · the pipeline rejects with ECONNRESET",
      "resume · data: 9 bytes · error ECONNRESET · close true · the pipeline rejects with ECONNRESET",
    ],
    why: WHY.oneTurn,
  },
  {
    life: "a loop that the peer resets",
    step: "closed",
    what: "events",
    socket: "error ECONNRESET · the loop rejects with ECONNRESET · close true",
    duplex: "error ECONNRESET · close true · the loop rejects with ECONNRESET",
    why: WHY.oneTurn,
  },
];
