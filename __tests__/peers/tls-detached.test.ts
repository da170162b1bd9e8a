/** Node's own TLS over the sockets that `detach()` gives, with Node's own TLS at the other end. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect as netConnect, createServer, type Socket } from "node:net";
import { connect as tlsConnect, createServer as createTlsServer, TLSSocket } from "node:tls";
import { connect, type ConnectionOptions } from "../../src/index.js";
import { AUTHORITY, LOCALHOST } from "../support/certificates.js";
import { turn, until } from "../support/outcomes.js";
import { closeAll, keep, loopback } from "../support/peers.js";
import { nothingLeft } from "../support/resources.js";

const BYTES = randomBytes(2 * 1024 * 1024);

const TRUST = { ca: AUTHORITY, servername: "localhost" };

afterEach(async () => {
  await closeAll();
  await nothingLeft();
});

/** When TLS is put over the socket. */
const TIMES = [
  { when: "at once", pass: () => undefined },
  { when: "in a later microtask", pass: () => Promise.resolve() },
  { when: "in a later turn", pass: turn },
];

/** How much is read before the socket is detached, and asked for. */
const SETTINGS: readonly { readonly kind: string; readonly options: ConnectionOptions }[] = [
  { kind: "a connection", options: {} },
  { kind: "a connection that reads nothing ahead", options: { readAhead: 0 } },
];

function echo(socket: Socket): void {
  keep(socket);
  socket.on("error", () => undefined);
  socket.pipe(socket);
}

/** Sends megabytes, and resolves when they have come back. */
async function expectEcho(socket: TLSSocket): Promise<void> {
  keep(socket);
  socket.end(BYTES);
  const received: Buffer[] = [];
  for await (const chunk of socket) received.push(chunk as Buffer);
  expect(Buffer.concat(received).equals(BYTES)).toBe(true);
}

describe.each(SETTINGS)("of $kind", ({ options }) => {
  describe.each(TIMES)("$when", ({ pass }) => {
    test("a client", async () => {
      const server = createTlsServer(LOCALHOST, echo).listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as { port: number };
      const socket = keep((await connect("127.0.0.1", port, options)).detach());
      await pass();
      await expectEcho(tlsConnect({ ...TRUST, socket }));
      server.close();
    });

    test("a client that has talked before, as with STARTTLS", async () => {
      const server = createServer((socket) => {
        keep(socket).write("welcome\n");
        socket.once("data", () => {
          socket.write("go\n");
          echo(new TLSSocket(socket, { isServer: true, ...LOCALHOST }));
        });
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as { port: number };
      const connection = await connect("127.0.0.1", port, options);
      expect(await connection.readLine()).toBe("welcome");
      await connection.writeLine("tls?");
      expect(await connection.readLine()).toBe("go");
      const socket = keep(connection.detach());
      await pass();
      await expectEcho(tlsConnect({ ...TRUST, socket }));
      server.close();
    });

    test.each(["before", "after"] as const)(
      "a server whose client sends its first bytes %s",
      async (time) => {
        const listener = await loopback(options);
        const raw = keep(netConnect(listener.port, "127.0.0.1"));
        await once(raw, "connect");
        const connection = await listener.accept();
        const begin = () => expectEcho(tlsConnect({ ...TRUST, socket: raw }));
        const echoed = time === "before" ? begin() : null;
        if (echoed !== null) await arrived(raw, () => connection.readableLength, options);
        const socket = keep(connection.detach());
        await pass();
        echo(new TLSSocket(socket, { isServer: true, ...LOCALHOST }));
        await (echoed ?? begin());
      },
    );

    test("a server of Node's that is given the socket", async () => {
      const listener = await loopback(options);
      const raw = keep(netConnect(listener.port, "127.0.0.1"));
      const echoed = expectEcho(tlsConnect({ ...TRUST, socket: raw }));
      const connection = await listener.accept();
      const socket = keep(connection.detach());
      await pass();
      createTlsServer(LOCALHOST, echo).emit("connection", socket);
      await echoed;
    });
  });
});

/** Resolves when what the client has sent is unread, in the connection or, where that reads nothing ahead, in the kernel. */
async function arrived(
  client: Socket,
  length: () => number,
  { readAhead }: ConnectionOptions,
): Promise<void> {
  await until(() => client.bytesWritten > 0);
  if (readAhead === 0) await turn();
  else await until(() => length() > 0);
}
