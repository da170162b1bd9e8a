import { endPrograms } from "../support/program.js";
import { example, sayingsOf } from "./example.js";

afterEach(endPrograms);

test("the TLS echo: words come back, and a client that does not know the certificate is told so", async () => {
  const said = await sayingsOf(example("tls-echo"));
  const [listening, ...lines] = said.trimEnd().split("\n");
  const port = /^listening on port (\d+)$/.exec(listening ?? "")?.[1];
  expect(lines).toEqual([
    "connected: TLSv1.3, to CN=localhost",
    "echoed: Hello!",
    "echoed: Good Bye!",
    `tls localhost:${port}: the certificate of the peer is signed by itself and not trusted here: if it is the right one, ` +
      "give it as tls: { ca } (DEPTH_ZERO_SELF_SIGNED_CERT)",
  ]);
});

test("ALPN: the client speaks the protocol that the server has", async () => {
  expect(await sayingsOf(example("tls-alpn"))).toBe(
    "TLSv1.3, h2: 9 characters\nTLSv1.3, http/1.1: 11 characters\n",
  );
});

test("ALPN: a host that there is none of ends it with an error", async () => {
  const { status, stderr } = await example("tls-alpn", "127.0.0.1", 1).ended;
  expect(stderr).toMatch(/connect 127\.0\.0\.1:1: .*connection refused \(ECONNREFUSED\)/);
  expect(status).toBe(1);
});

test("STARTTLS: what was said in the clear ends with STARTTLS, and the mail is sent over TLS", async () => {
  const lines = (await sayingsOf(example("starttls-smtp"))).trimEnd().split("\n");
  expect(lines.slice(0, 3)).toEqual([
    "in the clear: (connected) -> 220 ready",
    "in the clear: EHLO localhost -> 250 STARTTLS",
    "in the clear: STARTTLS -> 220 go ahead",
  ]);
  expect(lines).toContain("received over TLSv1.3: Hello by TLS!");
  const sent = lines.slice(3).filter((line) => !line.startsWith("received"));
  expect(sent).toHaveLength(6);
  expect(sent.every((line) => line.startsWith("over TLS: "))).toBe(true);
  expect(sent.at(-1)).toBe("over TLS: QUIT -> 221 bye");
});
