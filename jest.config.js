/** @type {import("jest").Config} */
module.exports = {
  testEnvironment: "node",
  testMatch: ["<rootDir>/__test__/**/*.test.ts"],
  transform: { "\\.ts$": ["@swc/jest", { jsc: { parser: { syntax: "typescript" }, target: "es2022" } }] },
  modulePathIgnorePatterns: ["<rootDir>/target", "<rootDir>/tarballs"],
  // A timer of the cache may fire once more after a test file has ended, which Jest would remark upon.
  testEnvironmentOptions: { globalsCleanup: "off" },
  testTimeout: 30_000,
}
