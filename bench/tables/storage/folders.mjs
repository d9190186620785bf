/** Folders that are gone with the table. */
import { mkdtemp, readdir, rm, stat } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Does some work with a new folder, and removes it. */
export async function inFolder(work) {
  const folder = await mkdtemp(join(tmpdir(), "layeron-bench-"))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Bytes that all files below a folder take on the disk, in whole blocks. */
export async function bytesIn(folder) {
  /** What `stat` counts in, whatever the disk does. */
  const block = 512
  let total = 0
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    total += entry.isDirectory() ? await bytesIn(path) : (await stat(path)).blocks * block
  }
  return total
}
