/**
 * A Modbus TCP client: reads and writes what a device has. A device may answer in any order, and requests are told apart by their
 * transaction ids. Any number of callers share the connection, and each may give up by itself.
 *
 *     npx tsx examples/modbus-client.ts ENDPOINT UNIT read-registers ADDRESS COUNT
 *     npx tsx examples/modbus-client.ts ENDPOINT UNIT read-coils ADDRESS COUNT
 *     npx tsx examples/modbus-client.ts ENDPOINT UNIT write ADDRESS VALUE
 */
import { fileURLToPath } from "node:url";
import {
  connect,
  framed,
  lengthPrefix,
  NetError,
  requests,
  type Connection,
  type OperationOptions,
} from "tcp6";

/** A device refuses: https://modbus.org/docs/Modbus_Application_Protocol_V1_1b3.pdf, section 7, has the codes. */
export class ModbusError extends Error {
  constructor(readonly code: number) {
    super(`the device refuses, with the exception code ${code}`);
  }
}

/** Of a frame: transaction (2 bytes), protocol (2), length of the rest (2), unit (1), function (1), and what belongs to that. */
const FRAMES = lengthPrefix({ offset: 4, bytes: 2, skip: 0 });
/** Most bytes of a frame. */
const LIMIT = 260;
const TRANSACTIONS = 0x1_0000;

/** Replies are told apart by the transaction that the request had, which is 16 bits. */
const transactionOf = (frame: Uint8Array): number => Buffer.from(frame.slice(0, 2)).readUInt16BE();

export class Modbus implements AsyncDisposable {
  readonly #requests;
  #transaction = 0;
  /** The transactions that no reply has ended: a late reply must not be taken for that of another request. */
  readonly #unanswered = new Set<number>();

  constructor(connection: Connection) {
    const reply = (frame: Buffer) => {
      this.#unanswered.delete(transactionOf(frame));
      return transactionOf(frame);
    };
    this.#requests = requests<Buffer, Buffer>(framed(connection, FRAMES, { limit: LIMIT }), {
      match: { request: transactionOf, reply },
      concurrency: 1_000,
    });
  }

  async readHoldingRegisters(
    unit: number,
    address: number,
    count: number,
    options?: OperationOptions,
  ): Promise<number[]> {
    const values = await this.call(unit, 3, [address, count], options);
    checkSize(values, 2 * count);
    return Array.from({ length: count }, (_, i) => values.readUInt16BE(1 + 2 * i));
  }

  async readCoils(
    unit: number,
    address: number,
    count: number,
    options?: OperationOptions,
  ): Promise<boolean[]> {
    const bits = await this.call(unit, 1, [address, count], options);
    checkSize(bits, Math.ceil(count / 8));
    return Array.from({ length: count }, (_, i) => (bits.readUInt8(1 + (i >> 3)) & (1 << (i & 7))) !== 0);
  }

  async writeRegister(
    unit: number,
    address: number,
    value: number,
    options?: OperationOptions,
  ): Promise<void> {
    await this.call(unit, 6, [address, value], options);
  }

  async writeCoil(unit: number, address: number, isOn: boolean, options?: OperationOptions): Promise<void> {
    await this.call(unit, 5, [address, isOn ? 0xff00 : 0], options);
  }

  close(): Promise<void> {
    return this.#requests.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Calls any function that takes words of 16 bits; resolves to what the reply has behind the code of the function. */
  async call(unit: number, code: number, words: number[], options?: OperationOptions): Promise<Buffer> {
    options?.signal?.throwIfAborted();
    const frame = Buffer.alloc(8 + 2 * words.length);
    const transaction = this.#begin();
    frame.writeUInt16BE(transaction);
    frame.writeUInt8(unit, 6);
    frame.writeUInt8(code, 7);
    words.forEach((word, i) => frame.writeUInt16BE(word, 8 + 2 * i));
    const reply = await this.#requests.request(frame, options).catch((error: unknown) => {
      // No reply will come. An abort does not say so: its transaction is not used again.
      if (error instanceof NetError && error.written === "nothing") this.#unanswered.delete(transaction);
      throw error;
    });
    if (reply[7] === (code | 0x80)) throw new ModbusError(reply.readUInt8(8));
    if (reply[6] !== unit || reply[7] !== code) throw new Error("the reply is not to what was asked");
    return reply.subarray(8);
  }

  /** The next transaction that is free. */
  #begin(): number {
    if (this.#unanswered.size === TRANSACTIONS) throw new Error("no transaction is free: connect again");
    do this.#transaction = (this.#transaction + 1) % TRANSACTIONS;
    while (this.#unanswered.has(this.#transaction));
    this.#unanswered.add(this.#transaction);
    return this.#transaction;
  }
}

/** A device may answer with fewer values than it was asked for. */
function checkSize(values: Buffer, size: number): void {
  if (values[0] !== size || values.length !== 1 + size)
    throw new Error("the device has not sent what was asked for");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [endpoint = "localhost:502", unit = "1", what = "read-registers", ...numbers] = process.argv.slice(2);
  try {
    await using device = new Modbus(await connect(endpoint, { timeout: 5_000 }));
    const [address = 0, value = 1] = numbers.map(Number);
    if (what === "read-registers")
      console.log(await device.readHoldingRegisters(Number(unit), address, value));
    else if (what === "read-coils") console.log(await device.readCoils(Number(unit), address, value));
    else await device.writeRegister(Number(unit), address, value);
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
