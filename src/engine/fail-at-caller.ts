/**
 * Rejects the promise that `resolve` belongs to with the error that `make` returns, and has the error made where its
 * stack shows the functions that await the promise.
 *
 * V8 adds async frames to an error made inside a promise reaction, by following the reaction's own promise to whoever
 * awaits it (https://v8.dev/docs/stack-trace-api#async-stack-traces). So the pending promise is first resolved with
 * that of a reaction, which links the two a microtask later; only then is the reaction let run. Nothing of this
 * happens to a promise that succeeds.
 */
export function failAtCaller<T>(resolve: (value: Promise<T>) => void, make: () => unknown): void {
  let run!: () => void;
  const held = new Promise<void>((resolveHeld) => {
    run = resolveHeld;
  });
  resolve(
    held.then(() => {
      throw make();
    }),
  );
  run();
}
