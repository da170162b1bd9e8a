/** Pairs in memory that are broken on purpose, each in one way, to show that the contract finds it. */
import { Buffer } from "node:buffer";
import { Addresses } from "../../src/address/addresses.js";
import { connectionOver } from "../../src/connection.js";
import { clock } from "../../src/core/timing/clock.js";
import { memoryTransports } from "../../src/core/transport/memory.js";
import { systemError } from "../../src/core/transport/system-error.js";
import type { Sink, Transport, TransportEvents } from "../../src/core/transport/transport.js";
import type { Connection, NetError, OperationOptions } from "../../src/index.js";
import { settingsOf } from "../../src/options/connection.js";
import type { MakePair } from "../../src/testing/index.js";

/** Puts a fault into an end that is about to be made, or that was made. */
export interface Breakage {
  readonly transport?: (transport: Transport) => void;
  readonly connection?: (connection: Connection) => void;
}

/** Pairs in memory, with a fault in both ends. */
export function brokenPairs({ transport, connection }: Breakage): MakePair {
  return (options = {}) => {
    const transports = memoryTransports();
    transports.forEach((one) => transport?.(one));
    const [near, far] = transports;
    const settings = settingsOf(options);
    const subject = { text: "memory" };
    const a = connectionOver("connect", near, new Addresses({}), settings, subject);
    const b = connectionOver("accept", far, new Addresses({}), settings, subject);
    connection?.(a);
    connection?.(b);
    return [a, b];
  };
}

type Arrive = Sink["arrive"];

/** Has what arrives pass `change`, which is given how to pass it on. */
function onArrival(change: (arrive: Arrive, ...arrived: Parameters<Arrive>) => boolean): Breakage {
  return onAttach((sink, events) => {
    const arrive = sink.arrive.bind(sink);
    return [replaced(sink, { arrive: (...arrived) => change(arrive, ...arrived) }), events];
  });
}

/** What "never settles on close" keeps from connections, whose waits hold the process. */
const held: (() => void)[] = [];

/** Settles what was never to settle. */
export function settleHeld(): void {
  for (const settle of held.splice(0)) settle();
}

/** Has the events of a transport changed. */
function onEvents(change: (events: TransportEvents) => Partial<TransportEvents>): Breakage {
  return onAttach((sink, events) => [sink, replaced(events, change(events))]);
}

function onAttach(change: (sink: Sink, events: TransportEvents) => [Sink, TransportEvents]): Breakage {
  return {
    transport: (transport) => {
      const attach = transport.attach.bind(transport);
      transport.attach = (sink, events) => attach(...change(sink, events));
    },
  };
}

/** `object`, with some methods of its own. */
function replaced<T extends object>(object: T, methods: Partial<T>): T {
  return new Proxy(object, {
    get: (target, name) => {
      const value: unknown = Reflect.get(methods, name) ?? Reflect.get(target, name);
      return typeof value === "function" && !(name in methods) ? (value.bind(target) as unknown) : value;
    },
  });
}

/** Has `read` called in another way. */
function onRead(
  change: (read: Connection["read"], options: OperationOptions) => Promise<Buffer | null>,
): Breakage {
  return {
    connection: (connection) => {
      const read = connection.read.bind(connection);
      connection.read = ((options: OperationOptions = {}) => change(read, options)) as never;
    },
  };
}

const ignore = (): void => undefined;

/** The faults, by what a broken connection does. */
export const breakages = {
  "loses a byte": onArrival((arrive, memory, size, lent) => arrive(memory, size > 1 ? size - 1 : size, lent)),

  "doubles a byte": onArrival((arrive, memory, size) =>
    arrive(Buffer.concat([memory.subarray(0, size), memory.subarray(size - 1, size)]), size + 1, false),
  ),

  "reorders chunks": onArrival((arrive, memory, size) => {
    const half = size >> 1;
    const swapped = [memory.subarray(half, size), memory.subarray(0, half)];
    return arrive(Buffer.concat(swapped), size, false);
  }),

  "gives memory that it still writes to": (() => {
    const shared = Buffer.alloc(64 * 1024);
    return onArrival((arrive, memory, size) => {
      memory.copy(shared, 0, 0, size);
      return arrive(shared, size, false);
    });
  })(),

  "swallows an error": onEvents(() => ({ failed: ignore })),

  "reports a reset as an end": onEvents((events) => ({ failed: () => events.peerEnded() })),

  "reports an end as a reset": onEvents((events) => ({
    peerEnded: () => events.failed(systemError("ECONNRESET", "read")),
  })),

  "never settles on close": onEvents((events) => ({
    streamClosed: (...args) => void held.push(() => events.streamClosed(...args)),
  })),

  // A link refuses what its transport brings then, so this is done above it.
  "delivers after close": onRead((read, options) =>
    read(options).catch((error: unknown) => {
      if ((error as NetError).code === "ERR_CLOSED") return Buffer.from("late");
      throw error;
    }),
  ),

  "says that it has written what it has cut short": {
    transport: (transport) => {
      const send = transport.send.bind(transport);
      transport.send = (payload, taken) =>
        send(Buffer.isBuffer(payload) && payload.length > 1 ? payload.subarray(1) : payload, taken);
    },
  },

  "leaves a listener on a signal": onRead((read, options) => {
    options.signal?.addEventListener("abort", ignore);
    return read(options);
  }),

  "leaves a listener on the stream beneath": {
    connection: (connection) => {
      const read = connection.read.bind(connection);
      connection.read = (options: OperationOptions) => {
        // Node would warn of the eleventh.
        connection.socket.setMaxListeners(Infinity).on("end", ignore);
        return read(options);
      };
    },
  },

  "leaves a timer": onRead((read, options) => {
    clock.setTimeout(ignore, 60_000).unref();
    return read(options);
  }),

  "ignores a timeout": onRead((read, options) => read({ ...options, timeout: undefined })),

  "ignores an abort": onRead((read, options) => read({ ...options, signal: undefined })),
} satisfies Record<string, Breakage>;
