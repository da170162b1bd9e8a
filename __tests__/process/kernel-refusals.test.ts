import { spawnSync } from "node:child_process";
import { bundle } from "../support/bundle.js";
import { endPrograms, Program } from "../support/program.js";
import { describeWherePossible } from "../support/where-possible.js";
import { DONE, type Ended } from "./run.js";

afterEach(endPrograms);

const isHere = process.platform === "linux" && spawnSync("strace", ["-V"]).status === 0;

/**
 * Runs a situation of `programs/kernel-refusals.ts`, whose system calls the kernel refuses.
 *
 * @param which - as in strace(1): `"3"` is the third call of that name, `"3+"` it and all that follow, `"3..5"` three of them
 */
async function refusing(call: string, code: string, which: string, situation: string): Promise<Ended> {
  const program = bundle(new URL("programs/kernel-refusals.ts", import.meta.url));
  const node = [process.execPath, "--unhandled-rejections=strict", program, situation, code];
  const inject = `inject=${call}:error=${code}:when=${which}`;
  const traced = ["-f", "-qq", "-o", "/dev/null", "-e", `trace=${call}`, "-e", inject, ...node];
  const { stdout, ...ended } = await new Program("strace", traced, { NODE_OPTIONS: "" }).ended;
  return { ...ended, stdout: stdout.toString() };
}

describeWherePossible("a kernel that has no memory left", isHere ? undefined : "no strace(1)", () => {
  describe.each(["ENOBUFS", "ENOMEM"])("says %s", (code) => {
    test.each([
      ["socket", "2"],
      ["connect", "1"],
    ])(
      "to %s(2): connect rejects with it, and tries no other address; the next succeeds",
      async (call, which) => {
        expect(await refusing(call, code, which, "connect")).toEqual(DONE);
      },
    );

    test.each(["socket", "bind", "listen"])(
      "to %s(2): listen rejects with it; the next succeeds",
      async (call) => {
        expect(await refusing(call, code, "1", "listen")).toEqual(DONE);
      },
    );

    test("to getsockname(2): listen rejects with it, and listens no longer", async () => {
      // Node.js asks for the names of its own streams, too.
      expect(await refusing("getsockname", code, "12", "listenAgain")).toEqual(DONE);
    });

    test("to accept4(2): no client is lost, and the listener goes on", async () => {
      expect(await refusing("accept4", code, "1..3", "accept")).toEqual(DONE);
    });

    test.each([
      ["getpeername", "1+"],
      // What the listener needs comes first, and with names what Node.js asks for.
      ["setsockopt", "3+"],
      ["getsockname", "12+"],
    ])("to %s(2): connections work", async (call, which) => {
      expect(await refusing(call, code, which, "work")).toEqual(DONE);
    });
  });

  test("says ENOBUFS to writev(2): all is sent later, in order", async () => {
    expect(await refusing("writev", "ENOBUFS", "2+3", "retried")).toEqual(DONE);
  });

  test("says ENOMEM to writev(2): the write rejects with it, and all that follows", async () => {
    expect(await refusing("writev", "ENOMEM", "2", "failed")).toEqual(DONE);
  });
});
