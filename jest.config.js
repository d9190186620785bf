const common = {
  testEnvironment: "node",
  transform: { "\\.ts$": ["@swc/jest", { jsc: { parser: { syntax: "typescript" }, target: "es2022" } }] },
  modulePathIgnorePatterns: ["<rootDir>/target", "<rootDir>/tarballs"],
  // A timer of the cache may fire once more after a test file has ended, which Jest would remark upon.
  testEnvironmentOptions: { globalsCleanup: "off" },
}

const tests = (names) => `<rootDir>/__test__/${names}.test.ts`

/** Nothing in these is about a process of its own, has callers come at the very same moment, or purges more often than a disk has patience for. */
const ON_EVERY_STORAGE = [
  ...[
    "cache-!(lifetime|sweep)",
    "flight-!(limits|stampede|storefront)",
    "events",
    "explain",
    "guide",
    "rule-patterns",
  ],
  ...[
    "proxy-cache-!(collapsing|crowds|stale|unshared)",
    "wrap-@(edges|fences|head|hits|options|unsafe|validation)",
  ],
]

/** @type {import("jest").Config} */
module.exports = {
  projects: [
    { ...common, displayName: "memory", testMatch: [tests("*")] },
    {
      ...common,
      displayName: "disk",
      testMatch: ON_EVERY_STORAGE.map(tests),
      setupFilesAfterEnv: ["<rootDir>/__test__/helpers/durable.ts"],
    },
  ],
  testTimeout: 30_000,
}
