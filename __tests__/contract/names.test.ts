import { readdirSync, readFileSync } from "node:fs";
import { pairKinds } from "../support/pairs.js";
import { connectionContract } from "../../src/testing/contract/contract.js";

test("every case has a name of its own", () => {
  expect(new Set(connectionContract.map(({ name }) => name)).size).toBe(connectionContract.length);
  expect(connectionContract.length).toBeGreaterThan(100);
});

test("every kind of connection has a file that runs the contract over it", () => {
  const folder = new URL("./", import.meta.url);
  const named = readdirSync(folder)
    .map((file) => /contractHoldsFor\("(.*)"\)/.exec(readFileSync(new URL(file, folder), "utf8"))?.[1])
    .filter((kind) => kind !== undefined);
  expect(named.sort()).toEqual(pairKinds.map(({ name }) => name).sort());
});
