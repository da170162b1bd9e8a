import { playEach } from "./playing.js";
import { DEAD_LINKS } from "./scenes/dead-links.js";

playEach(DEAD_LINKS);
