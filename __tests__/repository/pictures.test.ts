/** The pictures of the documents show what the library does: each is drawn anew, and is the file that is there. */
import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import { fileOf, pictureNamed, PICTURES } from "../support/pictures/pictures.js";

test("docs/pictures/ has the pictures that are drawn, and no others", () => {
  expect(readdirSync(dirname(fileOf("any"))).sort()).toEqual([...PICTURES.keys()].sort());
});

test.each([...PICTURES.keys()])(
  "%s is what the library makes now (npm run pictures draws it)",
  async (name) => {
    const { is, shouldBe } = await pictureNamed(name);
    expect(is.split("\n")).toEqual(shouldBe?.split("\n"));
  },
);
