import { availableParallelism } from "node:os";

/** @type {import("jest").Config} */
const config = {
  testEnvironment: "node",
  testMatch: ["**/__tests__/**/*.test.ts"],
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "\\.ts$": [
      "<rootDir>/scripts/jest-transform.mjs",
      {
        target: "node20.19",
        tsconfigRaw: { compilerOptions: { target: "ES2022", verbatimModuleSyntax: true } },
      },
    ],
  },
  moduleNameMapper: {
    "^(\\.{1,2}/.*)\\.js$": "$1",
    "^tcp6$": "<rootDir>/src/index.ts",
    "^tcp6/testing$": "<rootDir>/src/testing/index.ts",
  },
  modulePathIgnorePatterns: ["<rootDir>/dist/", "<rootDir>/mutation/"],
  testTimeout: 20_000,
  // Many tests wait for something: as many workers as there are processors would leave these idle.
  maxWorkers: Math.ceil(1.5 * availableParallelism()),
};

export default config;
