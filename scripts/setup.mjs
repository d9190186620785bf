/** What has to be there before anything runs: dependencies, the addon, the compiled TypeScript. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { capture, captureNode, captureNpm, ROOT, step } from "./run.mjs"
import { fingerprint, unlessCurrent } from "./stamp.mjs"

export const TSC = "typescript/bin/tsc"
export const NAPI = "@napi-rs/cli/dist/cli.js"

/** Inside what it speaks of, so that it goes when that goes. */
const LOCK_STAMP = join(ROOT, "node_modules/.lock-fingerprint")

export async function setUp() {
  await step("dependencies", installDependencies)
  await step("addon", () => buildAddon())
  await step("TypeScript", compile)
}

/**
 * Installs what the lock file names and leaves the file as it is. Not `npm ci`: a lock file holds
 * only those platform packages that the registry had when it was written, and `npm ci` refuses it
 * wherever one more is found or missed.
 */
export async function installDependencies() {
  const lock = fingerprint(["package-lock.json"])
  if (existsSync(LOCK_STAMP) && readFileSync(LOCK_STAMP, "utf8") === lock) return "unchanged"
  await captureNpm(["install", "--no-save", "--no-audit", "--no-fund"])
  writeFileSync(LOCK_STAMP, lock)
}

/**
 * Builds the addon in release mode, and the two files that are generated with it. With options,
 * which may ask for another platform, it always builds, and what it was for this platform is gone.
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
    await demandRust()
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

async function demandRust() {
  await capture("cargo", ["--version"]).catch(() => {
    throw new Error("cargo was not found: a stable Rust is needed (https://rustup.rs).")
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
