/** Tests of a client library with the server that it was written for. */
import type { Duplex } from "node:stream";
import { testClientsOf, type Client } from "./client-library.js";
import { LocalServer, type ServerRecipe } from "./local-server.js";
import { describeWith } from "./machine.js";
import { endPrograms } from "./program.js";
import { testEndingsFor, type SessionLibrary } from "./server-endings.js";
import { clientOfSessions, type Session } from "./sessions.js";
import type { Place } from "./stream-sources.js";

interface LibraryOfServer<S extends Session> extends Omit<SessionLibrary<S>, "place" | "start" | "end"> {
  /** Gets the server once it runs. */
  begin?(server: LocalServer): void;
  /** A client that makes its streams by `open`; without it, each connection has a client of its own. */
  clientOf?(open: () => Duplex): Client;
  /** Has the server end; without it, all of its processes get a signal. */
  end?: SessionLibrary<S>["end"];
  /** Adds tests of its own, with the same server and what is known of its ends. */
  addTests?(endings: Omit<SessionLibrary<S>, "sessionOver">): void;
}

/** Starts the server, and takes the library through all that can become of its connections, and all ends of the server. */
export function testLibraryWith<S extends Session>(
  recipe: ServerRecipe,
  name: string,
  library: LibraryOfServer<S>,
): void {
  describeWith(recipe.peer, name, () => {
    let server: LocalServer;
    const place = (): Place => ({ port: server.port, host: "127.0.0.1" });
    const clientOfReady = (open: () => Duplex | Promise<Duplex>): Client =>
      clientOfSessions(open, (stream) => library.sessionOver(stream));

    beforeAll(async () => {
      server = await LocalServer.create(recipe);
      await server.start();
      library.begin?.(server);
    });

    afterAll(async () => {
      await server.remove();
      await endPrograms();
    });

    testClientsOf({
      server: place,
      clientOf: (open) => library.clientOf?.(open) ?? clientOfReady(open),
      clientOfReady,
      ...(library.sources !== undefined && { sources: library.sources }),
      staysHalfOpen: "always",
    });

    const endings: SessionLibrary<S> = {
      end: (ending) => server.stop(ending === "stops" ? "SIGTERM" : "SIGKILL"),
      ...library,
      place,
      start: () => server.start(),
    };
    testEndingsFor(endings);

    library.addTests?.(endings);
  });
}
