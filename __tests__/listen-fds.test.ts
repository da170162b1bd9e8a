import { listen, listenFds } from "../src/index.js";
import { netError } from "./support/outcomes.js";

const NAMES = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] as const;
type Variables = Partial<Record<(typeof NAMES)[number], string>>;

function setVariables(variables: Variables): void {
  for (const name of NAMES) {
    const value = variables[name];
    if (value === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = value;
  }
}

/** Variables for this process. */
function own(variables: Variables): Variables {
  return { LISTEN_PID: String(process.pid), ...variables };
}

afterEach(() => setVariables({}));

describe("listenFds", () => {
  test.each<[string, Variables, readonly [fd: number, name: string][]]>([
    [
      "are numbered from 3, with their names",
      { LISTEN_FDS: "2", LISTEN_FDNAMES: "web:admin" },
      [
        [3, "web"],
        [4, "admin"],
      ],
    ],
    ["have an unknown name if no names were given", { LISTEN_FDS: "1" }, [[3, "unknown"]]],
    ["may have an empty name", { LISTEN_FDS: "1", LISTEN_FDNAMES: "" }, [[3, ""]]],
    ["are none if their number is not given", { LISTEN_FDNAMES: "web" }, []],
  ])("descriptors %s", (_, variables, expected) => {
    setVariables(own(variables));
    const sockets = listenFds();
    expect(sockets).toEqual(expected.map(([fd, name]) => ({ fd, name })));
    expect([sockets, ...sockets].every(Object.isFrozen)).toBe(true);
    expect(listenFds()).toEqual(sockets);
  });

  test("there are none for a process that was started in another way", () => {
    expect(listenFds()).toEqual([]);
  });

  test.each([process.pid + 1, process.ppid])("there are none for another process (case %#)", (pid) => {
    // A wrong value is for the process that it is meant for.
    setVariables({ LISTEN_PID: String(pid), LISTEN_FDS: "many", LISTEN_FDNAMES: "web:admin" });
    expect(listenFds()).toEqual([]);
  });

  test.each<[string, Variables, string]>([
    [
      "LISTEN_PID",
      { LISTEN_PID: "init", LISTEN_FDS: "1" },
      "the id of a process; it is a string of 4 characters",
    ],
    ["LISTEN_PID", { LISTEN_PID: "", LISTEN_FDS: "1" }, "the id of a process; it is an empty string"],
    ...["0", "-1", "1.5", "1e1", " 1", "three", "99999999999", "2000000000"].map(
      (count): [string, Variables, string] => [
        "LISTEN_FDS",
        own({ LISTEN_FDS: count }),
        `a number of descriptors, 1 or more; it is a string of ${count.length} character${count.length === 1 ? "" : "s"}`,
      ],
    ),
    [
      "LISTEN_FDNAMES",
      own({ LISTEN_FDS: "2", LISTEN_FDNAMES: "web" }),
      "2 names, as LISTEN_FDS says; it is a string of 3 characters",
    ],
  ])("a %s without sense is EINVAL (case %#)", async (name, variables, expected) => {
    setVariables(variables);
    const error = await netError(Promise.resolve().then(() => listenFds({ unsetEnvironment: true })));
    expect(error).toMatchObject({
      code: "EINVAL",
      operation: "listen",
      message: `listen ${name}: the variable must be ${expected} (EINVAL)`,
    });
    // The variables go all the same, as sd_listen_fds(3) has it.
    expect(listenFds()).toEqual([]);
  });

  test("unsetEnvironment removes the variables, whose ever they are", () => {
    setVariables(own({ LISTEN_FDS: "1", LISTEN_FDNAMES: "web" }));
    expect(listenFds({ unsetEnvironment: true })).toHaveLength(1);
    expect(NAMES.filter((name) => name in process.env)).toEqual([]);
    setVariables({ LISTEN_PID: "1", LISTEN_FDS: "1" });
    expect(listenFds({ unsetEnvironment: true })).toEqual([]);
    expect(NAMES.filter((name) => name in process.env)).toEqual([]);
  });

  test("wrong options are a TypeError", () => {
    expect(() => listenFds({ unset: true } as object)).toThrow(/^"unset" is no option/);
    expect(() => listenFds({ unsetEnvironment: 1 } as object)).toThrow(TypeError);
  });

  test("what it answers is an endpoint for listen", async () => {
    setVariables(own({ LISTEN_FDS: "1000000" }));
    const last = listenFds().at(-1);
    expect(last).toEqual({ fd: 1_000_002, name: "unknown" });
    expect(await netError(listen(last ?? 0))).toMatchObject({ code: "EBADF", operation: "listen" });
  });
});
