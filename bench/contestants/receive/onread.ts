import { tally } from "../../stage.js";
import { serveOnread } from "../onread-server.js";

serveOnread((_socket, size) => {
  tally.operations += size;
  return true;
});
