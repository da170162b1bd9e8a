/** What we use of `promise-socket`, so that the types can be checked where the peers are not installed. */
declare module "promise-socket" {
  import type { Socket } from "node:net";

  export class PromiseSocket {
    constructor(socket: Socket);
    read(): Promise<Buffer | string | undefined>;
    write(chunk: Buffer): Promise<number>;
    end(): Promise<void>;
  }
}
