import { tally } from "../../stage.js";
import { serveBun } from "../bun.js";

serveBun((_socket, bytes) => {
  tally.operations += bytes.length;
});
