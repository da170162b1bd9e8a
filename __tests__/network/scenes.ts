import { FAILURES } from "./scenes/failures.js";
import { FAMILIES } from "./scenes/families.js";
import { LOCAL_ENDS } from "./scenes/local-ends.js";
import { LOOKUPS } from "./scenes/lookups.js";
import { DEAD_LINKS } from "./scenes/dead-links.js";
import { SILENCES } from "./scenes/silences.js";
import { SLOW_LINKS } from "./scenes/slow-links.js";
import type { Scene } from "./scene.js";

export const SCENES: readonly Scene[] = [
  ...SILENCES,
  ...FAILURES,
  ...SLOW_LINKS,
  ...LOOKUPS,
  ...FAMILIES,
  ...LOCAL_ENDS,
];

/** With those that one release of Node.js plays for all. */
export const ALL_SCENES: readonly Scene[] = [...SCENES, ...DEAD_LINKS];
