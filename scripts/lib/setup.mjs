/** Installs the dependencies, builds the addon and compiles the TypeScript, if out of date. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { capture, captureNode, captureNpm, ROOT } from "./run.mjs"
import { fingerprint, unlessCurrent } from "./stamp.mjs"
import { step } from "./steps.mjs"

export const TSC = "typescript/bin/tsc"
const NAPI = "@napi-rs/cli/dist/cli.js"

/** In `node_modules`, so that it is removed together with it. */
const LOCK_STAMP = join(ROOT, "node_modules/.lock-fingerprint")

export async function setUp() {
  await step("dependencies", installDependencies)
  await step("addon", () => buildAddon())
  await step("TypeScript", compile)
}

/**
 * Installs the packages of the lock file and leaves the file unchanged. Not by `npm ci`: a lock
 * file has only those optional platform packages that the registry had when it was written, and
 * `npm ci` refuses it if the registry has more or fewer.
 */
export async function installDependencies() {
  const lock = fingerprint(["package-lock.json"])
  if (existsSync(LOCK_STAMP) && readFileSync(LOCK_STAMP, "utf8") === lock) return "unchanged"
  await captureNpm(["install", "--no-save", "--no-audit", "--no-fund"])
  writeFileSync(LOCK_STAMP, lock)
}

/**
 * Builds the addon in release mode, and its two generated files. With options it builds even if
 * nothing changed, and first removes the addon of this platform, since the options may name
 * another.
 */
export function buildAddon(options = []) {
  const { name, version, napi } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"))
  const addon = `${napi.binaryName}.${platform()}.node`
  const task = {
    name: "addon",
    inputs: rustInputs(),
    outputs: [addon, "native.js", "native.d.ts"],
    salt: JSON.stringify({ name, version, napi, platform: platform() }),
  }
  if (options.length > 0) rmSync(join(ROOT, addon), { force: true })
  return unlessCurrent(task, async () => {
    await requireRust()
    await captureNode(NAPI, [
      ...["build", "--platform", "--release", "--js", "native.js", "--dts", "native.d.ts"],
      ...options,
    ])
  })
}

function rustInputs() {
  const crates = readdirSync(join(ROOT, "crates")).map((name) => join("crates", name))
  return [
    ...["Cargo.toml", "Cargo.lock", "build.rs", "src", "node_modules/@napi-rs/cli/package.json"],
    ...crates.flatMap((crate) => [join(crate, "Cargo.toml"), join(crate, "src")]),
  ]
}

async function requireRust() {
  await capture("cargo", ["--version"]).catch(() => {
    throw new Error("cargo was not found. Install a stable Rust: https://rustup.rs")
  })
}

/** The platform of this Node, as napi-rs names it. */
export function platform() {
  const { platform: system, arch } = process
  if (system === "win32") return `${system}-${arch}-msvc`
  if (system !== "linux") return `${system}-${arch}`
  const isGlibc = process.report.getReport().header.glibcVersionRuntime !== undefined
  return `${system}-${arch}-${isGlibc ? "gnu" : "musl"}`
}

/** Compiles the TypeScript of both packages. */
export async function compile() {
  const outcomes = [await compilePackage("."), await compilePackage("packages/core")]
  return outcomes.every((outcome) => outcome === "unchanged") ? "unchanged" : undefined
}

function compilePackage(folder) {
  const dist = join(folder, "dist")
  const task = {
    name: folder === "." ? "modules" : folder.replace("/", "-"),
    inputs: [
      ...["package-lock.json", "tsconfig.base.json", "index.d.ts", "native.d.ts"],
      ...["ts", "tsconfig.json", "index.d.ts", "package.json"].map((path) => join(folder, path)),
    ],
    outputs: [dist],
  }
  return unlessCurrent(task, async () => {
    rmSync(join(ROOT, dist), { recursive: true, force: true })
    await captureNode(TSC, ["-p", folder])
  })
}
