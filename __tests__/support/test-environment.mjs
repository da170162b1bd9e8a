import { AsyncLocalStorage } from "node:async_hooks";
import { TestEnvironment } from "jest-environment-node";

/**
 * Disables the `AsyncLocalStorage`s that a test file has used when it has ended. jest-circus makes one for each file and leaves
 * it enabled; Node.js 20 and 22 ask each that is enabled whenever a promise is made, so that the tests of a worker's later
 * files took a fifth more processor time.
 */
export default class extends TestEnvironment {
  #run = AsyncLocalStorage.prototype.run;
  #used = new Set();

  async setup() {
    await super.setup();
    const [run, used] = [this.#run, this.#used];
    AsyncLocalStorage.prototype.run = function (...args) {
      used.add(this);
      return run.apply(this, args);
    };
  }

  async teardown() {
    AsyncLocalStorage.prototype.run = this.#run;
    for (const storage of this.#used) storage.disable();
    await super.teardown();
  }
}
