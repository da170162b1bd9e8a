/** The servers of other projects that programs in the documents talk to. */
import { KafkaBroker } from "./kafka-broker.js";
import { LocalServer, type ServerRecipe } from "./local-server.js";
import { POSTGRES, type Peer } from "./machine.js";
import { MARIADB_SERVER } from "./mariadb.js";
import { MOSQUITTO_SERVER } from "./mosquitto.js";
import { Postgres } from "./postgres.js";
import { REDIS_SERVER } from "./redis.js";

/** A server at work. */
export interface RunningServer {
  readonly port: number;
  stop(): Promise<void>;
}

export interface RecipeServer {
  /** What has to be installed; `undefined` for a stub of the tests. */
  readonly peer?: Peer;
  start(): Promise<RunningServer>;
}

function local(recipe: ServerRecipe): RecipeServer {
  return {
    peer: recipe.peer,
    async start() {
      const server = await LocalServer.create(recipe);
      await server.start();
      return { port: server.port, stop: () => server.remove() };
    },
  };
}

export const RECIPE_SERVERS: Readonly<Record<string, RecipeServer>> = {
  mariadb: local(MARIADB_SERVER),
  mosquitto: local(MOSQUITTO_SERVER),
  redis: local(REDIS_SERVER),
  kafka: {
    async start() {
      const broker = await KafkaBroker.start();
      broker.topics = ["greetings"];
      return { port: broker.port, stop: () => broker[Symbol.asyncDispose]() };
    },
  },
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
