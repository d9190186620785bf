/** Programs of the operating system. */
import { capture } from "../../../scripts/lib/run.mjs"

export function isInstalled(command) {
  return capture(command, ["-v"]).then(
    () => true,
    // wrk exits with an error after it has printed its version.
    (error) => !error.message.includes("ENOENT"),
  )
}

/** Installs a Debian package, if that needs no confirmation. @returns whether it did */
export async function install(name) {
  if (process.getuid?.() !== 0) return false
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
  try {
    await capture("apt-get", ["update"], { env })
    await capture("apt-get", ["install", "-y", "--no-install-recommends", name], { env })
    return true
  } catch {
    return false
  }
}
