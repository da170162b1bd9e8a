import type { Scene } from "../scene.js";
import { connections } from "./connections.js";
import { descriptors, fewerThanDescriptors } from "./descriptors.js";
import { flood } from "./flood.js";
import { idle } from "./idle.js";
import { never, throws, writes } from "./handlers.js";
import { fullOfHandshakes, slowHandshakes, slowLines } from "./slow-loris.js";

export const scenes: readonly Scene[] = [
  connections,
  idle,
  flood,
  slowHandshakes,
  fullOfHandshakes,
  slowLines,
  descriptors,
  fewerThanDescriptors,
  never,
  throws,
  writes,
];
