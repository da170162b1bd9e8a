import { FRAME_BYTES, frame } from "../frame.js";
import { onStage } from "../stage.js";
import { sending } from "./sending.js";

const FRAMES = 4_000;

const chunk = Buffer.concat(Array.from({ length: FRAMES }, frame));
if (chunk.length !== FRAMES * FRAME_BYTES) throw new Error("a frame has another size");

onStage({}, { send: sending(chunk) });
