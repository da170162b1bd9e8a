import process from "node:process";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Calls `stop` at the first signal that asks to end. The next one ends the process at once, after `abandon`. */
export function onShutdown(stop: () => void, abandon: () => void = () => undefined): Disposable {
  let isStopping = false;
  const told = (signal: NodeJS.Signals): void => {
    if (!isStopping) {
      isStopping = true;
      stop();
      return;
    }
    abandon();
    leave();
    process.kill(process.pid, signal);
  };
  const leave = (): void => {
    for (const signal of SIGNALS) process.off(signal, told);
  };
  for (const signal of SIGNALS) process.on(signal, told);
  return { [Symbol.dispose]: leave };
}
