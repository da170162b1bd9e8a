import { playEach } from "./playing.js";
import { ALL_SCENES, SCENES } from "./scenes.js";

test("no two scenes have the same name", () => {
  const names = new Set(ALL_SCENES.map(({ name }) => name));
  expect(names.size).toBe(ALL_SCENES.length);
});

playEach(SCENES);
