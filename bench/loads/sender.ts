import { onStage } from "../stage.js";
import { sending } from "./sending.js";

onStage({}, { send: sending(Buffer.alloc(256 * 1024, "tcp6")) });
