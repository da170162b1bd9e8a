/** One listener on each signal, however many services it stops: Node warns of a leak at eleven. */
interface Listening {
  readonly calls: Set<() => void>;
  readonly onAbort: () => void;
}

const listening = new WeakMap<AbortSignal, Listening>();

/** Has `call` called at every `'abort'` event of a signal, which may be emitted again. Returns what takes this back. */
export function onEachAbort(signal: AbortSignal, call: () => void): () => void {
  const all = listening.get(signal) ?? listenTo(signal);
  const { calls, onAbort } = all;
  calls.add(call);
  return () => {
    if (!calls.delete(call) || calls.size > 0) return;
    listening.delete(signal);
    try {
      signal.removeEventListener("abort", onAbort);
    } catch {
      // The signal is not one of Node's. Its listener stays and finds no calls.
    }
  };
}

function listenTo(signal: AbortSignal): Listening {
  const calls = new Set<() => void>();
  // Not those that are added meanwhile: they are for the next event.
  const onAbort = (): void => [...calls].forEach((call) => call());
  signal.addEventListener("abort", onAbort);
  const all = { calls, onAbort };
  listening.set(signal, all);
  return all;
}
