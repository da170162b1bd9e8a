import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { createServer, Server } from "node:net";
import { connect, listen, Listener, setParameters, withParameters } from "../../src/index.js";
import { bundle } from "../support/bundle.js";
import { AUTHORITY } from "../support/certificates.js";
import { failure, microtasks, netError, turn } from "../support/outcomes.js";
import { closeAll, keep, netClient, socketPath, unusedPort } from "../support/peers.js";
import { listenersOf, nothingLeft } from "../support/resources.js";

afterEach(closeAll);

/** Whether a client can reach `port` at `host`. */
async function reaches(host: string, port: number): Promise<boolean> {
  return netClient({ host, port }).then(
    () => true,
    () => false,
  );
}

const onLinux = process.platform === "linux" ? test : test.skip;

function portOf(listener: Listener): number {
  return listener.port;
}

describe("where to listen", () => {
  test("port 0 gives any free port, which the listener names", async () => {
    const listener = keep(await listen(0, { host: "127.0.0.1" }));
    expect(listener).toBeInstanceOf(Listener);
    expect(listener.port).toBeGreaterThan(0);
    expect(listener.address).toEqual({ address: "127.0.0.1", port: listener.port, family: 4 });
    expect(await reaches("127.0.0.1", portOf(listener))).toBe(true);
  });

  test.each([(port: number) => port, (port: number) => String(port)])(
    "a port can be a number or its digits (%#)",
    async (form) => {
      const port = await unusedPort();
      const listener = keep(await listen(form(port), { host: "127.0.0.1" }));
      expect(listener.port).toBe(port);
    },
  );

  test("a service can be named", async () => {
    const names = { "http-alt": 8080, postgresql: 5432, amqp: 5672, "xmpp-client": 5222, sip: 5060 };
    for (const [name, port] of Object.entries(names)) {
      const listener = await listen(name, { host: "127.0.0.1" }).catch((error: unknown) => error);
      if (listener instanceof Listener) {
        expect(keep(listener).port).toBe(port);
        return;
      }
      expect(listener).toMatchObject({ code: "EADDRINUSE", port });
    }
    throw new Error("all of these ports are in use");
  });

  test("{ port, host } listens on that address only", async () => {
    const port = await unusedPort();
    const listener = keep(await listen({ port: String(port), host: "127.0.0.2" }));
    expect(listener.address).toEqual({ address: "127.0.0.2", port, family: 4 });
    expect(await reaches("127.0.0.2", portOf(listener))).toBe(true);
    expect(await reaches("127.0.0.1", portOf(listener))).toBe(false);
  });

  test("{ port } takes its host from the options, and its own where both have one", async () => {
    const byOption = keep(await listen({ port: 0 }, { host: "127.0.0.2" }));
    expect(byOption.address).toMatchObject({ address: "127.0.0.2" });
    const byEndpoint = keep(await listen({ port: 0, host: "127.0.0.1" }, { host: "127.0.0.2" }));
    expect(byEndpoint.address).toMatchObject({ address: "127.0.0.1" });
  });

  test.each([
    ["127.0.0.1", "127.0.0.1", 4],
    ["[::1]", "::1", 6],
    ["[::ffff:127.0.0.1]", "127.0.0.1", 4],
    ["localhost", undefined, undefined],
  ])("%s:PORT is a host and a port", async (host, address, family) => {
    const port = await unusedPort();
    const listener = keep(await listen(`${host}:${port}`));
    expect(listener.address).toMatchObject({ port });
    if (address !== undefined) expect(listener.address).toMatchObject({ address, family });
    const { localAddress } = keep(
      await connect((listener.address as { address: string }).address, listener.port),
    );
    expect(["127.0.0.1", "::1"]).toContain(localAddress);
    // Nor does it listen on all addresses.
    expect(await reaches("127.0.0.2", listener.port)).toBe(false);
  });

  test("its port may be the name of a service, and its host comes before that of the options", async () => {
    const error = await listen("127.0.0.1:no-such-service").catch((failed: unknown) => failed);
    expect(error).toMatchObject({ code: "EAI_SERVICE", host: "127.0.0.1" });
    const listener = keep(await listen("127.0.0.1:0", { host: "127.0.0.2" }));
    expect(listener.address).toMatchObject({ address: "127.0.0.1" });
    const inUse = await listen("127.0.0.1:http").catch((failed: unknown) => failed);
    if (inUse instanceof Listener) expect(keep(inUse).port).toBe(80);
    else expect(inUse).toMatchObject({ port: 80 });
  });

  test.each([
    ["tcp://127.0.0.1:0", "127.0.0.1", 4],
    ["http://user:password@[::1]:0/path", "::1", 6],
  ])("of the URL %s the host and the port are listened on", async (text, address, family) => {
    const url = new URL(text);
    const listener = keep(await listen(url, { host: "127.0.0.2" }));
    expect(listener.address).toEqual({ address, family, port: listener.port });
    url.port = String(listener.port);
    const [client] = await Promise.all([connect(url), listener.accept().then(keep)]);
    expect(keep(client)).toMatchObject({ remoteAddress: address, remotePort: listener.port });
  });

  test("a URL without a port is that of its protocol's service", async () => {
    const url = new URL("http-alt://127.0.0.1");
    const listener = await listen(url).catch((error: unknown) => error);
    if (listener instanceof Listener) expect(keep(listener).port).toBe(8080);
    else expect(listener).toMatchObject({ code: "EADDRINUSE", port: 8080 });
    const unknown = await netError(listen(new URL("no-such-service://127.0.0.1")).then(keep));
    expect(unknown).toMatchObject({ code: "EAI_SERVICE", operation: "resolve", host: "127.0.0.1" });
  });

  test.each([":0", "127.0.0.1", "[::1]", "::1", "::1:0", "127.0.0.1:", "tcp://127.0.0.1:0", "localhost:0:0"])(
    "%j is neither that nor a service",
    async (endpoint) => {
      const error = await failure(listen(endpoint).then(keep));
      if (endpoint.includes(":")) expect(error).toMatchObject({ code: "ERR_INVALID_ARG_VALUE" });
      else expect(error).toMatchObject({ code: "EAI_SERVICE" });
    },
  );

  test("a path is a Unix socket", async () => {
    const path = socketPath();
    const listener = keep(await listen(path));
    expect(listener.address).toEqual({ path });
    const [client] = await Promise.all([connect(path), listener.accept().then(keep)]);
    keep(client);
  });

  onLinux(
    "a name in the abstract namespace is listened on as it is, or refused where Node would change it",
    async () => {
      const name = `tcp6-${String(process.pid)}-${String(Date.now())}`;
      if (Number(process.versions.node.split(".")[0]) < 22) {
        const error = await netError(listen({ path: `\0${name}` }).then(keep));
        expect(error).toMatchObject({ code: "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM", operation: "listen" });
        expect(error.message).toContain("a name in the abstract namespace needs Node 22 or later");
        return;
      }
      const listener = keep(await listen(`\0${name}`));
      const bound = readFileSync("/proc/net/unix", "latin1").split("\n");
      expect(bound.filter((line) => line.includes(name)).map((line) => line.split(" ").at(-1))).toEqual([
        `@${name}`,
      ]);
      const [client] = await Promise.all([connect({ path: `\0${name}` }), listener.accept().then(keep)]);
      keep(client);
    },
  );

  test("an IPv6 address makes an IPv6 listener", async () => {
    const listener = keep(await listen(0, { host: "::1" }));
    expect(listener.address).toEqual({ address: "::1", port: listener.port, family: 6 });
  });

  test.each([undefined, true])(
    "a mapped address is the IPv4 address it maps (ipv6Only: %s)",
    async (ipv6Only) => {
      const listener = keep(await listen(0, { host: "::ffff:127.0.0.1", ipv6Only }));
      const { port } = listener;
      expect(listener.address).toEqual({ address: "127.0.0.1", port, family: 4 });
      expect(await reaches("127.0.0.1", portOf(listener))).toBe(true);
      expect(keep(await listener.accept())).toMatchObject({ localAddress: "127.0.0.1", family: 4 });
      const error = await netError(listen(port, { host: "::ffff:127.0.0.1" }));
      expect(error).toMatchObject({
        code: "EADDRINUSE",
        host: "::ffff:127.0.0.1",
        address: "127.0.0.1",
        port,
      });
    },
  );

  test("a host can be named", async () => {
    const listener = keep(await listen(0, { host: "localhost" }));
    expect(["127.0.0.1", "::1"]).toContain((listener.address as { address: string }).address);
    const connection = keep(await connect("localhost", portOf(listener)));
    expect(connection.remotePort).toBe(listener.port);
  });

  test("a host that is unknown fails with operation resolve", async () => {
    // No name server is asked for a name with an empty label.
    const error = await netError(listen(0, { host: "no..such.host" }));
    expect(error).toMatchObject({ code: "ENOTFOUND", operation: "resolve", host: "no..such.host" });
    expect(error.message).toBe("resolve no..such.host:0: no such host (ENOTFOUND)");
  });

  test("an address that is not this machine's fails with EADDRNOTAVAIL", async () => {
    const error = await netError(listen(0, { host: "192.0.2.77" }));
    expect(error).toMatchObject({ code: "EADDRNOTAVAIL", operation: "listen", host: "192.0.2.77" });
    expect(error.message).toMatch(/^listen 192\.0\.2\.77:0: .+ \(EADDRNOTAVAIL\)$/);
  });

  test("a port in use fails with EADDRINUSE and leaves its listener alone", async () => {
    const first = keep(await listen(0, { host: "127.0.0.1" }));
    const error = await netError(listen(portOf(first), { host: "127.0.0.1" }));
    expect(error).toMatchObject({
      code: "EADDRINUSE",
      operation: "listen",
      syscall: "listen",
      host: "127.0.0.1",
      address: "127.0.0.1",
      port: first.port,
    });
    expect(error.message).toBe(`listen 127.0.0.1:${portOf(first)}: address already in use (EADDRINUSE)`);
    expect(error.cause).toMatchObject({ code: "EADDRINUSE" });
    expect(await reaches("127.0.0.1", portOf(first))).toBe(true);
  });

  test("an error names the host as it was given, the address that was found, and the port of the service", async () => {
    const first = keep(await listen(0, { host: "localhost" }));
    const { address, port } = first.address as { address: string; port: number };
    const error = await netError(listen(port, { host: "localhost" }));
    expect(error).toMatchObject({ code: "EADDRINUSE", host: "localhost", address, port });
    const there = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
    expect(error.message).toBe(`listen localhost:${port}: ${there}: address already in use (EADDRINUSE)`);
    const foreign = await netError(listen("http-alt", { host: "192.0.2.77" }));
    expect(foreign).toMatchObject({ code: "EADDRNOTAVAIL", address: "192.0.2.77", port: 8080 });
  });

  test.each<[string, () => Promise<Listener>, (port: number) => string]>([
    ["all addresses", () => listen(0), (port) => `[::]:${port}`],
    ["all IPv4 addresses", () => listen(0, { ipv6Only: true }), (port) => `0.0.0.0:${port}`],
    ["an IPv6 address", () => listen(0, { host: "::1" }), (port) => `[::1]:${port}`],
  ])("an error of accept names the address and port that were bound: %s", async (_, listening, place) => {
    const listener = keep(await listening());
    const { address, port } = listener.address as { address: string; port: number };
    const error = await netError(listener.accept({ timeout: 1 }));
    expect(error).toMatchObject({ operation: "accept", address, port });
    expect(error.message).toBe(`accept ${place(port)}: timed out after 1 ms (ETIMEDOUT)`);
  });

  test("the listener is the server's, and its descriptor goes when it closes", async () => {
    const listener = keep(await listen(0, { host: "127.0.0.1" }));
    expect(listener.server).toBeInstanceOf(Server);
    expect(listener.server.listening).toBe(true);
    if (process.platform !== "win32") expect(listener.fd).toBeGreaterThan(2);
    await listener.close();
    expect(listener.fd).toBeUndefined();
    expect(listener.server.listening).toBe(false);
    expect(listener.port).toBeGreaterThan(0);
  });
});

describe("Unix sockets", () => {
  test("a path takes clients, and is unlinked by close", async () => {
    const path = socketPath();
    const listener = keep(await listen({ path }));
    expect(listener.address).toEqual({ path });
    expect(listener.port).toBe(0);
    const client = await netClient({ path });
    const server = keep(await listener.accept());
    client.write("by path\n");
    expect(await server.readLine()).toBe("by path");
    expect(server.remoteAddress).toBeUndefined();
    await listener.close();
    expect(existsSync(path)).toBe(false);
    keep(await listen({ path }));
  });

  test("a path in use fails with EADDRINUSE and stays", async () => {
    const path = socketPath();
    keep(await listen({ path }));
    const error = await netError(listen({ path }));
    expect(error).toMatchObject({ code: "EADDRINUSE", operation: "listen", address: path });
    expect(error.message).toBe(`listen ${path}: address already in use (EADDRINUSE)`);
    expect(existsSync(path)).toBe(true);
    await netClient({ path });
  });

  test("a file that is no socket is not touched", async () => {
    const path = socketPath();
    writeFileSync(path, "mine");
    expect(await netError(listen({ path }))).toMatchObject({ code: "EADDRINUSE" });
    expect(existsSync(path)).toBe(true);
  });
});

describe("descriptors", () => {
  const ON_DESCRIPTOR_3 = `
    const { createServer } = require("node:net");
    const server = createServer().listen({ host: "127.0.0.1", port: 0 }, () => {
      const child = require("node:child_process").spawn(process.argv[1], process.argv.slice(2), {
        stdio: ["ignore", "inherit", "inherit", server._handle.fd],
      });
      server.close();
      child.on("exit", (status) => (process.exitCode = status));
    });
  `;

  test.each([
    ["", [], {}],
    [", over TLS", ["tls"], { tls: { ca: AUTHORITY, servername: "localhost" } }],
  ])("{ fd } accepts on a descriptor that another process has opened%s", async (_, args, options) => {
    const program = bundle(new URL("../process/programs/listen-on-descriptor.ts", import.meta.url));
    const child = spawn(process.execPath, ["-e", ON_DESCRIPTOR_3, process.execPath, program, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NODE_OPTIONS: "" },
    });
    const exited = once(child, "exit");
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    const connection = keep(await connect("127.0.0.1", Number(line.toString()), options));
    expect(await connection.readLine()).toBe("on descriptor 3");
    await connection.close();
    expect(await exited).toEqual([0, null]);
  });

  test("a descriptor that is none fails with EBADF", async () => {
    const error = await netError(listen({ fd: 999_999 }));
    expect(error).toMatchObject({ code: "EBADF", operation: "listen" });
    expect(error.message).toBe("listen descriptor 999999: bad file descriptor (EBADF)");
    await nothingLeft();
  });

  test("a descriptor of a file fails with ENOTSOCK, and stays open", async () => {
    const file = await open(process.execPath);
    const error = await netError(listen({ fd: file.fd }));
    expect(error).toMatchObject({ code: "ENOTSOCK", operation: "listen" });
    expect((await file.stat()).isFile()).toBe(true);
    await file.close();
  });

  test("a descriptor of a connected socket fails with EINVAL", async () => {
    const program = bundle(new URL("../process/programs/listen-on-descriptor.ts", import.meta.url));
    // A pipe of Node's is a pair of Unix sockets.
    const child = spawn(process.execPath, [program], {
      stdio: ["ignore", "ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_OPTIONS: "" },
    });
    let said = "";
    child.stderr?.on("data", (some: Buffer) => (said += some.toString()));
    await once(child, "close");
    expect(said).toContain("listen descriptor 3: this socket cannot listen: it is connected");
    expect(said).toContain("code: 'EINVAL'");
  });
});

describe("without a host", () => {
  test("it takes IPv6 and IPv4 clients", async () => {
    const listener = keep(await listen(0));
    expect(listener.address).toEqual({ address: "::", port: listener.port, family: 6 });
    const byFour = keep(await connect("127.0.0.1", portOf(listener)));
    const four = keep(await listener.accept());
    expect(four.remoteAddress).toBe("127.0.0.1");
    expect(four.localAddress).toBe("127.0.0.1");
    expect(four.family).toBe(4);
    expect(four.remotePort).toBe(byFour.localPort);
    keep(await connect("::1", portOf(listener)));
    const six = keep(await listener.accept());
    expect(six.remoteAddress).toBe("::1");
    expect(six.family).toBe(6);
  });

  test.each(["option", "parameter", "setParameters"])(
    "and ipv6Only (%s) it listens on 0.0.0.0: a caller who names no host expects IPv4 at least",
    async (how) => {
      const port = await unusedPort();
      if (how === "setParameters") setParameters({ ipv6Only: true });
      try {
        const listener = keep(
          how === "option"
            ? await listen(port, { ipv6Only: true })
            : how === "parameter"
              ? await withParameters({ ipv6Only: true }, () => listen({ port }))
              : await listen(port),
        );
        expect(listener.address).toEqual({ address: "0.0.0.0", port, family: 4 });
        expect(await reaches("127.0.0.1", portOf(listener))).toBe(true);
        expect(await reaches("::1", portOf(listener))).toBe(false);
      } finally {
        setParameters({ ipv6Only: false });
      }
    },
  );
});

describe("ipv6Only", () => {
  test(":: takes IPv4 clients without it and refuses them with it", async () => {
    const both = keep(await listen(0, { host: "::" }));
    expect(await reaches("127.0.0.1", portOf(both))).toBe(true);
    const six = keep(await listen(await unusedPort(), { host: "::", ipv6Only: true }));
    expect(six.address).toMatchObject({ address: "::" });
    expect(await reaches("::1", portOf(six))).toBe(true);
    expect(await reaches("127.0.0.1", portOf(six))).toBe(false);
  });

  test("the option goes before the parameter", async () => {
    await withParameters({ ipv6Only: true }, async () => {
      const six = keep(await listen(await unusedPort(), { host: "::" }));
      expect(await reaches("127.0.0.1", portOf(six))).toBe(false);
      const both = keep(await listen(0, { host: "::", ipv6Only: false }));
      expect(await reaches("127.0.0.1", portOf(both))).toBe(true);
      expect(keep(await listen(0, { ipv6Only: false })).address).toMatchObject({ address: "::" });
    });
  });

  test("it has no effect on an IPv4 address", async () => {
    const listener = keep(await listen(0, { host: "127.0.0.1", ipv6Only: true }));
    expect(await reaches("127.0.0.1", portOf(listener))).toBe(true);
  });
});

describe("reusePort", () => {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const known = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);

  test("is refused where Node would ignore it, and shares the port elsewhere", async () => {
    const options = { host: "127.0.0.1", reusePort: true };
    if (!known) {
      expect(await netError(listen(0, options))).toMatchObject({
        code: "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM",
        operation: "listen",
      });
      await nothingLeft();
      return;
    }
    const first = keep(await listen(0, options));
    expect(keep(await listen(portOf(first), options)).port).toBe(first.port);
  });

  test("is refused for a path and a descriptor, which cannot be shared", async () => {
    const path = socketPath();
    const refusals = [listen({ path }, { reusePort: true }), listen({ fd: 999_999 }, { reusePort: true })];
    for (const error of await Promise.all(refusals.map(netError))) {
      expect(error).toMatchObject({
        code: "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM",
        operation: "listen",
        message: expect.stringContaining("reusePort is for ports only") as string,
      });
    }
    expect(existsSync(path)).toBe(false);
    expect(keep(await listen({ path }, { reusePort: false })).address).toEqual({ path });
  });

  test("false is the same as leaving it out", async () => {
    expect(keep(await listen(0, { host: "127.0.0.1", reusePort: false })).port).toBeGreaterThan(0);
  });
});

describe("a signal", () => {
  test("aborted before leaves nothing listening and rejects with its reason", async () => {
    const port = await unusedPort();
    const reason = new Error("not today");
    expect(await failure(listen(port, { host: "127.0.0.1", signal: AbortSignal.abort(reason) }))).toBe(
      reason,
    );
    expect(await reaches("127.0.0.1", port)).toBe(false);
  });

  test.each(["127.0.0.1", "localhost", undefined])(
    "aborted at any moment during the call leaves nothing listening (host %s)",
    async (host) => {
      const port = await unusedPort();
      const reason = new Error("changed my mind");
      let aborts = 0;
      for (let moment = 0; moment < 80; moment++) {
        const controller = new AbortController();
        const { signal } = controller;
        const outcome = listen(port, { ...(host === undefined ? {} : { host }), signal }).catch(
          (error: unknown) => error,
        );
        // First microtask by microtask, then turn by turn.
        if (moment < 60) await microtasks(moment);
        else for (let i = 60; i <= moment; i++) await turn();
        controller.abort(reason);
        const result = await outcome;
        expect(listenersOf(signal)).toBe(0);
        if (result instanceof Listener) {
          expect(result.server.listening).toBe(true);
          await result.close();
        } else {
          expect(result).toBe(reason);
          aborts++;
        }
        await nothingLeft();
      }
      expect(aborts).toBeGreaterThan(0);
    },
  );

  test("aborted during the call leaves no path behind", async () => {
    const path = socketPath();
    for (let moment = 0; moment < 40; moment++) {
      const controller = new AbortController();
      const outcome = listen({ path }, { signal: controller.signal }).catch((error: unknown) => error);
      await microtasks(moment);
      controller.abort();
      const result = await outcome;
      if (result instanceof Listener) await result.close();
      await turn();
      await turn();
      expect({ moment, left: existsSync(path) }).toEqual({ moment, left: false });
    }
  });

  test("aborted afterwards does not affect the listener, and has no listener left", async () => {
    const controller = new AbortController();
    const listener = keep(await listen(0, { host: "127.0.0.1", signal: controller.signal }));
    expect(listenersOf(controller.signal)).toBe(0);
    controller.abort();
    await turn();
    expect(await reaches("127.0.0.1", portOf(listener))).toBe(true);
    keep(await listener.accept());
  });
});

test("a server of Node's own and a listener do not get the same port", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const { port } = server.address() as { port: number };
    expect(await netError(listen(port, { host: "127.0.0.1" }))).toMatchObject({ code: "EADDRINUSE" });
  } finally {
    server.close();
    await once(server, "close");
  }
});
