/** The servers of other projects that programs in the documents talk to. */
import { POSTGRES, type Peer } from "./machine.js";
import { Postgres } from "./postgres.js";

/** A server at work. */
export interface RunningServer {
  readonly port: number;
  stop(): Promise<void>;
}

export interface RecipeServer {
  readonly peer: Peer;
  start(): Promise<RunningServer>;
}

export const RECIPE_SERVERS: Readonly<Record<string, RecipeServer>> = {
  postgres: {
    peer: POSTGRES,
    async start() {
      const postgres = await Postgres.create();
      await postgres.start();
      return {
        port: postgres.port,
        async stop() {
          await postgres.stop("SIGINT");
          await postgres.remove();
        },
      };
    },
  },
};
