import { NetError } from "../../src/index.js";
import type { End } from "./end.js";

/** Checks what a connection says of itself once it is over. */
export async function checkAfterwards(end: End): Promise<void> {
  const { connection, name, shared } = end;
  const complain = (text: string) => shared.complain(`${name} is over, and ${text}`);
  await connection.closed.catch((error: unknown) => {
    if (!(error instanceof NetError && mayFail(end))) complain(`closed has rejected with ${String(error)}`);
  });
  if (connection.writableLength > 0)
    complain(`${String(connection.writableLength)} bytes are still to be sent`);
  if (connection.fd !== undefined) complain("still has a descriptor");
  const reading: unknown = await connection.read({ timeout: 0 }).catch((error: unknown) => error);
  if (end.has("close", "reset")) {
    const isRefused = reading instanceof NetError && reading.code === "ERR_CLOSED";
    if (!isRefused) complain(`a read gives ${String(reading)} instead of ERR_CLOSED`);
  } else if (reading instanceof NetError && reading.code === "ETIMEDOUT" && mayNotTimeOut(end)) {
    complain("a read waits for more");
  }
  const writing: unknown = await connection.write("x").catch((error: unknown) => error);
  if (!(writing instanceof NetError && writing.written === "nothing"))
    complain(`a write gives ${String(writing)}`);
}

function mayFail(end: End): boolean {
  return !(end.isGentle && end.peer.isGentle);
}

/** Whether a read cannot have failed with a timeout that another call or view has had. */
function mayNotTimeOut(end: End): boolean {
  return end.isGentle && end.peer.isGentle;
}
