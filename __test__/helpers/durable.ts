/**
 * Set-up of the Jest project `disk`: gives every instance that a test file declares a disk store,
 * in a folder per file.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import modules, { type CacheModule } from "@layeron/modules"

const folder = mkdtempSync(join(tmpdir(), "layeron-durable-"))
process.env.LAYERON_CACHE_STORAGE = `file:${folder}`

const open = new Set<CacheModule>()
let isInTest = false

const declare = modules.cache
modules.cache = (options) => {
  const module = declare(options)
  if (isInTest) open.add(module)
  return module
}

beforeEach(() => {
  isInTest = true
})

// Thousands of instances with open files would exceed the limit of open files.
afterEach(async () => {
  isInTest = false
  await Promise.all([...open].map((module) => module.close()))
  open.clear()
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))
