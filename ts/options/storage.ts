import { resolve } from "node:path"
import { getEnvironmentData, isMainThread, setEnvironmentData } from "node:worker_threads"
import type { CacheConfiguration } from "../../index.js"
import * as check from "./check.js"

const MIB = 1024 * 1024
const DEFAULT_MAX_BYTES = 128 * MIB
const DEFAULT_MAX_DISK_BYTES = 1024 * MIB

/** Share of the memory that one entry may take by default. */
const ENTRY_SHARE = 8
/** Share of the memory that all bodies in flight may take by default. */
const IN_FLIGHT_SHARE = 4

const ENVIRONMENT_VARIABLE = "LAYERON_CACHE_STORAGE"
const TEXT_FORMS = '"memory", "file:<folder>"'

/** A resolved storage. */
export interface Storage {
  readonly maxBytes: number
  readonly maxEntryBytes: number
  /** Bytes of bodies that are received or streamed to waiters. */
  readonly maxInFlightBytes: number
  /** Folder of the disk, absolute. */
  readonly folder: string | undefined
  readonly maxDiskBytes: number
}

/** Storage options from one source; `undefined` for what it does not set. */
interface PartialStorage {
  /** The folder, or `null` for memory alone. */
  readonly folder: string | null | undefined
  readonly maxDiskBytes: number | undefined
  readonly maxBytes: number | undefined
  readonly maxEntryBytes: number | undefined
  readonly maxInFlightBytes: number | undefined
}

const UNSET: PartialStorage = {
  folder: undefined,
  maxDiskBytes: undefined,
  maxBytes: undefined,
  maxEntryBytes: undefined,
  maxInFlightBytes: undefined,
}

/** Key by which a worker thread finds the configuration of its parent. */
const ENVIRONMENT_DATA_KEY = "@layeron/modules configure"

let configured: PartialStorage = isMainThread
  ? UNSET
  : ((getEnvironmentData(ENVIRONMENT_DATA_KEY) as PartialStorage | undefined) ?? UNSET)

export function configure(options: CacheConfiguration): void {
  const fields = check.options("configure()", check.object("configure()", options), ["storage"])
  configured = readPartial("configure().storage", fields.storage)
  setEnvironmentData(ENVIRONMENT_DATA_KEY, { ...configured })
}

/**
 * The storage of a declaration: its own option, else `configure`, else the environment, else
 * memory.
 */
export function readStorage(path: string, value: unknown): Storage {
  const sources = [readPartial(path, value, configured.maxBytes), configured, fromEnvironment()]
  const firstSet = <Name extends keyof PartialStorage>(name: Name) =>
    sources.map((source) => source[name]).find((value) => value !== undefined)
  const maxBytes = firstSet("maxBytes") ?? DEFAULT_MAX_BYTES
  const defaultEntryBytes = Math.max(Math.floor(maxBytes / ENTRY_SHARE), 1)
  const maxEntryBytes = Math.min(
    firstSet("maxEntryBytes") ?? defaultEntryBytes,
    maxBytes,
    check.INT32_MAX,
  )
  const defaultInFlightBytes = Math.max(Math.floor(maxBytes / IN_FLIGHT_SHARE), maxEntryBytes)
  return {
    maxBytes,
    maxEntryBytes,
    maxInFlightBytes: firstSet("maxInFlightBytes") ?? defaultInFlightBytes,
    folder: firstSet("folder") ?? undefined,
    maxDiskBytes: firstSet("maxDiskBytes") ?? DEFAULT_MAX_DISK_BYTES,
  }
}

function fromEnvironment(): PartialStorage {
  const value = process.env[ENVIRONMENT_VARIABLE]
  return value === undefined || value === ""
    ? UNSET
    : parseText(ENVIRONMENT_VARIABLE, value, TEXT_FORMS)
}

/** Reads storage options. `defaultMaxBytes` is the bound of the memory if they set none. */
function readPartial(
  path: string,
  value: unknown,
  defaultMaxBytes = DEFAULT_MAX_BYTES,
): PartialStorage {
  if (typeof value === "string") return parseText(path, value, `${TEXT_FORMS} or an object`)
  const fields = check.options(path, value, ["path", "maxDiskBytes", "memory"])
  const memory = check.options(`${path}.memory`, fields.memory, [
    "maxBytes",
    "maxEntryBytes",
    "maxInFlightBytes",
  ])
  const bytes = (name: string, value: unknown, min: number, max: number) =>
    value === undefined ? undefined : check.integer(`${path}.${name}`, value, min, max)
  const maxBytes = bytes("memory.maxBytes", memory.maxBytes, 1, Number.MAX_SAFE_INTEGER)
  const entryBytesLimit = Math.min(maxBytes ?? defaultMaxBytes, check.INT32_MAX)
  return {
    folder: readFolder(`${path}.path`, fields.path),
    maxDiskBytes: bytes("maxDiskBytes", fields.maxDiskBytes, MIB, Number.MAX_SAFE_INTEGER),
    maxBytes,
    maxEntryBytes: bytes("memory.maxEntryBytes", memory.maxEntryBytes, 1, entryBytesLimit),
    maxInFlightBytes: bytes(
      "memory.maxInFlightBytes",
      memory.maxInFlightBytes,
      1,
      Number.MAX_SAFE_INTEGER,
    ),
  }
}

/** Parses the text form of a storage. */
function parseText(path: string, value: string, allowed: string): PartialStorage {
  if (value === "memory") return { ...UNSET, folder: null }
  const folder = value.startsWith("file:") ? value.slice("file:".length) : ""
  if (folder === "") throw check.wrong(path, allowed, value)
  return { ...UNSET, folder: readFolder(path, folder) }
}

function readFolder(path: string, value: unknown): string | undefined {
  if (value === undefined) return undefined
  const folder = check.text(path, value, 4096)
  if (folder.includes("\0")) throw check.wrong(path, "the path of a folder", value)
  return resolve(folder)
}
