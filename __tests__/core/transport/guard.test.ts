import { guard } from "../../../src/core/transport/guard.js";

class Owner {
  readonly name = "owner";

  greet(...words: string[]): string {
    if (words.length === 0) throw new Error("nothing to say");
    return `${this.name}: ${words.join(" ")}`;
  }
}

test("an error of the method is reported, and a substitute returned; a result of the method is returned", () => {
  const owner = new Owner();
  const caught: unknown[] = [];
  guard(owner, "greet", (cause) => {
    caught.push(cause);
    return "instead";
  });
  expect(owner.greet("hello", "there")).toBe("owner: hello there");
  expect(owner.greet()).toBe("instead");
  expect(caught).toEqual([new Error("nothing to say")]);
});

test.each([
  ["inherited", new Owner()],
  [
    "own",
    Object.defineProperty(new Owner(), "greet", { value: () => "own", configurable: true, writable: true }),
  ],
])("an %s method is given back as it was", (_, owner) => {
  const before = Object.getOwnPropertyDescriptor(owner, "greet");
  const giveBack = guard(owner, "greet", () => undefined);
  expect(Object.getOwnPropertyDescriptor(owner, "greet")).not.toEqual(before);
  giveBack();
  expect(Object.getOwnPropertyDescriptor(owner, "greet")).toEqual(before);
});

test("where there is no such method nothing is changed", () => {
  const owner = new Owner();
  guard(owner, "leave", () => "never")();
  expect(owner).not.toHaveProperty("leave");
});
