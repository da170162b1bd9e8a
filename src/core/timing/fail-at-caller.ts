const DONE = Promise.resolve();

/**
 * Rejects the promise that `resolve` belongs to with the error that `make` returns, and has the error made where its
 * stack shows the functions that await the promise.
 *
 * V8 adds async frames to an error made inside a promise reaction, by following the reaction's own promise to the function
 * that awaits it (https://v8.dev/docs/stack-trace-api#async-stack-traces). So the pending promise is first resolved with
 * that of a reaction, which links the two a microtask later; only then is the reaction let run, and after another
 * microtask, since that is when `await` begins to listen to a promise of a class of our own. Nothing of this happens to a
 * promise that succeeds.
 *
 * @param quiet - the promise itself, if its rejection may stay unhandled
 */
export function failAtCaller<T>(
  resolve: (value: Promise<T>) => void,
  make: () => unknown,
  quiet?: Promise<unknown> | null,
): void {
  let run!: () => void;
  const held = new Promise<void>((resolveHeld) => {
    run = resolveHeld;
  });
  resolve(
    held.then(() => {
      const error = make();
      if (quiet) markHandled(quiet);
      throw error;
    }),
  );
  void DONE.then(run);
}

/** Calls back when the caller who was given a promise just now has had the time to await it. */
export function whenAwaited(callback: () => void): void {
  void DONE.then(ignore).then(callback);
}

/**
 * Keeps an unhandled rejection of the promise from failing the process. To be called when the promise fails, after the
 * error was made: V8 finds the function that awaits a promise only while the promise has no other reaction.
 */
export function markHandled(promise: Promise<unknown>): void {
  // Not by the method of the promise itself, which may take note of a listener.
  void Promise.prototype.then.call(promise, undefined, ignore);
}

function ignore(): void {
  // The callers who wait have the error.
}
