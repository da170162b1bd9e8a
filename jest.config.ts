import { availableParallelism } from "node:os";
import type { Config } from "jest";

const config: Config = {
  testEnvironment: "<rootDir>/__tests__/support/test-environment.mjs",
  testMatch: ["**/__tests__/**/*.test.ts"],
  extensionsToTreatAsEsm: [".ts"],
  transform: { "\\.ts$": ["ts-jest", { useESM: true, diagnostics: false }] },
  moduleNameMapper: {
    "^(\\.{1,2}/.*)\\.js$": "$1",
    "^tcp6$": "<rootDir>/src/index.ts",
    "^tcp6/testing$": "<rootDir>/src/testing/index.ts",
  },
  modulePathIgnorePatterns: ["<rootDir>/dist/", "<rootDir>/mutation/"],
  // A hang is a fault, and a slow machine is none.
  testTimeout: 60_000,
  // Many tests wait for something: as many workers as there are processors would leave these idle.
  maxWorkers: Math.ceil(1.5 * availableParallelism()),
};

export default config;
