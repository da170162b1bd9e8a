import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { server as modbus } from "jsmodbus";
import { connect, NetTimeoutError } from "tcp6";
import { Modbus, ModbusError } from "../../examples/modbus-client.js";
import { example, sayingsOf } from "../repository/example.js";
import { endPrograms } from "../support/program.js";
import { until } from "../support/outcomes.js";
import { nothingLeft } from "../support/resources.js";

const REGISTERS = 1_000;
/** What this device refuses, and with which code. */
const READ_INPUT_REGISTERS = 4;
const DEVICE_IS_BUSY = 6;

let device: Server;
let port: number;
let holding: Buffer;
const sockets = new Set<Socket>();

beforeEach(async () => {
  holding = Buffer.alloc(2 * REGISTERS);
  for (let i = 0; i < REGISTERS; i++) holding.writeUInt16BE(i, 2 * i);
  device = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  // It answers what comes in one segment in the opposite order.
  const coils = Buffer.of(0b1010_0101, 0b1);
  // Without the buffer `input`, it asks for the reply.
  const served = new modbus.TCP(device, { holding, coils, input: undefined as never });
  served.on("readInputRegisters", (request, reply) => {
    const { id, unitId } = request as unknown as { id: number; unitId: number };
    reply(Buffer.of(id >> 8, id, 0, 0, 0, 3, unitId, READ_INPUT_REGISTERS | 0x80, DEVICE_IS_BUSY));
  });
  await once(device.listen(0, "127.0.0.1"), "listening");
  ({ port } = device.address() as AddressInfo);
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => device.close(resolve));
  await endPrograms();
  await nothingLeft();
});

describe("a Modbus client with requests, to jsmodbus's server", () => {
  test("registers and coils are read and written, of any unit", async () => {
    await using client = new Modbus(await connect("127.0.0.1", port));
    expect(await client.readHoldingRegisters(1, 10, 4)).toEqual([10, 11, 12, 13]);
    expect(await client.readCoils(255, 0, 9)).toEqual([
      true,
      false,
      true,
      false,
      false,
      true,
      false,
      true,
      true,
    ]);
    await client.writeRegister(7, 10, 0xbeef);
    expect(await client.readHoldingRegisters(7, 10, 1)).toEqual([0xbeef]);
    await client.writeCoil(1, 1, true);
    await client.writeCoil(1, 0, false);
    expect(await client.readCoils(1, 0, 3)).toEqual([false, true, true]);
  });

  test("an exception, and a short reply, reject one call and no other", async () => {
    await using client = new Modbus(await connect("127.0.0.1", port));
    const outcomes = await Promise.allSettled([
      client.readHoldingRegisters(1, 1, 1),
      client.call(1, READ_INPUT_REGISTERS, [0, 1]),
      client.readHoldingRegisters(1, 60_000, 1),
      client.readHoldingRegisters(1, 2, 1),
    ]);
    expect(outcomes).toMatchObject([
      { value: [1] },
      { reason: new ModbusError(DEVICE_IS_BUSY) },
      { reason: new Error("the device has not sent what was asked for") },
      { value: [2] },
    ]);
  });

  test("many calls at once, of which some are given up, get their own replies", async () => {
    await using client = new Modbus(await connect("127.0.0.1", port));
    const outcomes = await Promise.allSettled(
      Array.from({ length: 2_000 }, async (_, i) => {
        const options =
          i % 7 === 0 ? { timeout: i % 3 } : i % 5 === 0 ? { signal: AbortSignal.timeout(1) } : {};
        const values = await client.readHoldingRegisters(i % 256, i % REGISTERS, 1, options);
        if (values[0] !== i % REGISTERS) throw new Error(`register ${i % REGISTERS} is ${String(values)}`);
      }),
    );
    const failures = outcomes.flatMap((outcome) =>
      outcome.status === "rejected" ? [outcome.reason as Error] : [],
    );
    expect(failures.filter((error) => !(error instanceof NetTimeoutError))).toEqual([]);
    expect(failures.length).toBeGreaterThan(50);
    expect(await client.readHoldingRegisters(1, 3, 2)).toEqual([3, 4]);
  });

  test("a transaction whose reply is still missing is not used again", async () => {
    const transactions: number[] = [];
    let late: (() => void) | undefined;
    /** Answers each request with the register's address; the first one with 1, when the test says so. */
    const slow = createServer((socket) => {
      // Each of the test's requests comes alone.
      socket.on("data", (request) => {
        const id = request.readUInt16BE();
        const answer = (value: number) =>
          socket.write(Buffer.of(id >> 8, id, 0, 0, 0, 5, 1, 3, 2, value >> 8, value));
        if (transactions.push(id) === 1) late = () => answer(1);
        else answer(request.readUInt16BE(8));
      });
    });
    await once(slow.listen(0, "127.0.0.1"), "listening");
    await using client = new Modbus(await connect("127.0.0.1", (slow.address() as AddressInfo).port));
    const given = client.readHoldingRegisters(1, 0, 1, { timeout: 1_000 });
    await expect(given).rejects.toBeInstanceOf(NetTimeoutError);
    // These are never sent, so their transactions are free again. Their errors need no stacks, which take long to make.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    const unsent = Array.from({ length: 65_535 }, () => client.call(1, 3, [0, 1], { timeout: 0 }));
    const outcomes = await Promise.allSettled(unsent);
    Error.stackTraceLimit = stackTraceLimit;
    expect(outcomes.every(({ status }) => status === "rejected")).toBe(true);
    const next = client.readHoldingRegisters(1, 7, 1);
    await until(() => transactions.length === 2);
    expect(await client.readHoldingRegisters(1, 8, 1)).toEqual([8]);
    late?.();
    expect(await next).toEqual([7]);
    expect(transactions).toEqual([1, 2, 3]);
    slow.close();
  });

  test("the program prints what it has read", async () => {
    const endpoint = `127.0.0.1:${String(port)}`;
    expect(await sayingsOf(example("modbus-client", endpoint, 1, "read-registers", 5, 2))).toBe("[ 5, 6 ]\n");
  });
});
