import { connectionContract } from "./contract.js";

test("every case has a name of its own", () => {
  expect(new Set(connectionContract.map(({ name }) => name)).size).toBe(connectionContract.length);
  expect(connectionContract.length).toBeGreaterThan(100);
});
