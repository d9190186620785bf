const common = {
  testEnvironment: "node",
  transform: {
    "\\.ts$": ["@swc/jest", { jsc: { parser: { syntax: "typescript" }, target: "es2022" } }],
  },
  modulePathIgnorePatterns: ["<rootDir>/target", "<rootDir>/tarballs"],
  // Otherwise Jest warns of a timer of the cache that fires after the end of a test file.
  testEnvironmentOptions: { globalsCleanup: "off" },
}

const tests = (names) => `<rootDir>/__test__/${names}.test.ts`

/**
 * Test files that run both with memory alone and with a disk under it. The others are about
 * processes, about options and patterns that storage does not change, about requests at the very
 * same moment, or purge more often than a disk can in the time.
 */
const ON_EVERY_STORAGE = [
  "api/!(hit-path|lifetime|observability|observability-sinks|options-own|rule-patterns|sweep|timers-replaced)",
  "concurrency/!(limits|process|stampede|storefront)",
  "http/!(collapsing|crowds|stale|transport-*|unshared)",
  "wrap/@(edges|fences|head|hits|options|unsafe|validation)",
]

/** @type {import("jest").Config} */
module.exports = {
  projects: [
    { ...common, displayName: "memory", testMatch: [tests("*/*")] },
    {
      ...common,
      displayName: "disk",
      testMatch: ON_EVERY_STORAGE.map(tests),
      setupFilesAfterEnv: ["<rootDir>/__test__/helpers/durable.ts"],
    },
  ],
  // One per core, where Jest's default leaves one core to the watch mode's terminal.
  maxWorkers: "100%",
  testTimeout: 30_000,
}
