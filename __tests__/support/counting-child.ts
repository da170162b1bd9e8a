import type { Socket } from "node:net";

/** In a child process: counts the lines of each client that the parent sends, and answers the client with their number. */
export function countLinesOfClients(): void {
  process.on("message", (_message: unknown, client: Socket) => {
    const text: string[] = [];
    client.setEncoding("utf8").on("data", (some: string) => text.push(some));
    client.on("end", () => client.end(`${text.join("").split("\n").length - 1} lines`));
  });
  process.send?.("ready");
}
