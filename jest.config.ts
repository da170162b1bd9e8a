import type { Config } from "jest";

const config: Config = {
  testEnvironment: "node",
  testMatch: ["**/__tests__/**/*.test.ts"],
  extensionsToTreatAsEsm: [".ts"],
  transform: { "\\.ts$": ["ts-jest", { useESM: true, diagnostics: false }] },
  moduleNameMapper: { "^(\\.{1,2}/.*)\\.js$": "$1", "^tcp6$": "<rootDir>/src/index.ts" },
  modulePathIgnorePatterns: ["<rootDir>/dist/"],
  testTimeout: 20_000,
  // Most tests wait for something: one fewer than there are processors, the default, would leave them idle.
  maxWorkers: "100%",
};

export default config;
