const DONE = Promise.resolve();

/**
 * Rejects the promise that `resolve` belongs to with the error that `make` returns, and has the error made where its
 * stack shows the functions that await the promise.
 *
 * V8 adds async frames to an error made inside a promise reaction, by following the reaction's own promise to the one
 * who awaits it (https://v8.dev/docs/stack-trace-api#async-stack-traces). So the pending promise is first resolved with
 * that of a reaction, which links the two a microtask later; only then is the reaction let run, and after another
 * microtask, since that is when `await` begins to listen to a promise of a class of our own. Nothing of this happens to a
 * promise that succeeds.
 *
 * @param quiet - the promise itself, if nobody has to handle it
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

/** Calls back when those who were given a promise just now have had the time to await it. */
export function whenAwaited(callback: () => void): void {
  void DONE.then(ignore).then(callback);
}

/**
 * Makes a rejection that nobody handles no failure of the process. To be called when it fails, after the error was made:
 * whom V8 would name as the one who awaits is found only while there is no other reaction.
 */
export function markHandled(promise: Promise<unknown>): void {
  // Not by a method of its own: a promise may know by that who listens.
  void Promise.prototype.then.call(promise, undefined, ignore);
}

function ignore(): void {
  // It is delivered to those who wait.
}
