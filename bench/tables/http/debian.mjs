/** Programs of the system. */
import { capture } from "../../../scripts/lib/run.mjs"

export function isInstalled(command) {
  return capture(command, ["-v"]).then(
    () => true,
    // wrk has nothing to say of itself without failing.
    (error) => !error.message.includes("ENOENT"),
  )
}

/** Installs a package of Debian, where that can be done without asking. @returns whether it has */
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
