const common = {
  testEnvironment: "node",
  transform: {
    "\\.ts$": ["@swc/jest", { jsc: { parser: { syntax: "typescript" }, target: "es2022" } }],
  },
  modulePathIgnorePatterns: ["<rootDir>/target", "<rootDir>/tarballs"],
  // A timer of the cache may fire once more after a test file has ended, which Jest would remark
  // upon.
  testEnvironmentOptions: { globalsCleanup: "off" },
}

const tests = (names) => `<rootDir>/__test__/${names}.test.ts`

/**
 * Tests that run on memory and with a disk below it. The others are about a process of their own,
 * have callers come at the very same moment, or purge more often than a disk has patience for.
 */
const ON_EVERY_STORAGE = [
  "api/!(hit-path|lifetime|observability|observability-sinks|options-own|sweep|timers-replaced)",
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
  testTimeout: 30_000,
}
