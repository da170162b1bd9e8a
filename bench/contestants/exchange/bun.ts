import { serveBun } from "../bun.js";
import { answerTo } from "./response.js";

serveBun((socket, request) => socket.write(answerTo(request.length)));
