/** Folders that are removed after the table. */
import { mkdtemp, readdir, rm, stat } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Calls a function with a new folder, and removes it afterwards. */
export async function inFolder(work) {
  const folder = await mkdtemp(join(tmpdir(), "layeron-bench-"))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Bytes of the disk blocks of all files below a folder. */
export async function bytesIn(folder) {
  /** Unit of `stat`'s blocks. */
  const block = 512
  let total = 0
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    total += entry.isDirectory() ? await bytesIn(path) : (await stat(path)).blocks * block
  }
  return total
}
