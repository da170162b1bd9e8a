import { onStage, tally } from "../../stage.js";

/** How many connections are open at a time. */
const WORKERS = 8;

export const REQUEST = Buffer.from("a request");

/** Puts a client on stage that makes `count` exchanges, each over a connection of its own, when it is asked. */
export function exchangeWith(exchange: (port: number) => Promise<void>): void {
  onStage(
    {},
    {
      run: async ({ port = 0, count = 0 }) => {
        let left = count;
        async function work(): Promise<void> {
          while (left > 0) {
            left -= 1;
            await exchange(port);
            tally.operations += 1;
          }
        }
        await Promise.all(Array.from({ length: WORKERS }, work));
        return {};
      },
    },
  );
}
