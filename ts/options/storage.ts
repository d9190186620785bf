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

const VARIABLE = "LAYERON_CACHE_STORAGE"
const IN_WORDS = '"memory", "file:<folder>"'

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

/** Storage options from one source; `undefined` for what it leaves to the next source. */
interface Said {
  /** The folder, or `null` for memory alone. */
  readonly folder: string | null | undefined
  readonly maxDiskBytes: number | undefined
  readonly maxBytes: number | undefined
  readonly maxEntryBytes: number | undefined
  readonly maxInFlightBytes: number | undefined
}

const NOTHING: Said = {
  folder: undefined,
  maxDiskBytes: undefined,
  maxBytes: undefined,
  maxEntryBytes: undefined,
  maxInFlightBytes: undefined,
}

/** Key by which a worker thread finds the configuration of its parent. */
const CONFIGURED = "@layeron/modules configure"

let configured: Said = isMainThread
  ? NOTHING
  : ((getEnvironmentData(CONFIGURED) as Said | undefined) ?? NOTHING)

export function configure(options: CacheConfiguration): void {
  const fields = check.options("configure()", check.object("configure()", options), ["storage"])
  configured = readSaid("configure().storage", fields.storage)
  setEnvironmentData(CONFIGURED, { ...configured })
}

/**
 * The storage of a declaration: its own option, else `configure`, else the environment, else
 * memory.
 */
export function readStorage(path: string, value: unknown): Storage {
  const said = [readSaid(path, value, configured.maxBytes), configured, ofEnvironment()]
  const first = <Name extends keyof Said>(name: Name) =>
    said.map((each) => each[name]).find((each) => each !== undefined)
  const maxBytes = first("maxBytes") ?? DEFAULT_MAX_BYTES
  const defaultEntryBytes = Math.max(Math.floor(maxBytes / ENTRY_SHARE), 1)
  const maxEntryBytes = Math.min(
    first("maxEntryBytes") ?? defaultEntryBytes,
    maxBytes,
    check.INT32_MAX,
  )
  const defaultInFlightBytes = Math.max(Math.floor(maxBytes / IN_FLIGHT_SHARE), maxEntryBytes)
  return {
    maxBytes,
    maxEntryBytes,
    maxInFlightBytes: first("maxInFlightBytes") ?? defaultInFlightBytes,
    folder: first("folder") ?? undefined,
    maxDiskBytes: first("maxDiskBytes") ?? DEFAULT_MAX_DISK_BYTES,
  }
}

function ofEnvironment(): Said {
  const value = process.env[VARIABLE]
  return value === undefined || value === "" ? NOTHING : readWords(VARIABLE, value, IN_WORDS)
}

/** Reads storage options; `elsewhere` bounds the memory if they do not. */
function readSaid(path: string, value: unknown, elsewhere = DEFAULT_MAX_BYTES): Said {
  if (typeof value === "string") return readWords(path, value, `${IN_WORDS} or an object`)
  const fields = check.options(path, value, ["path", "maxDiskBytes", "memory"])
  const memory = check.options(`${path}.memory`, fields.memory, [
    "maxBytes",
    "maxEntryBytes",
    "maxInFlightBytes",
  ])
  const bytes = (name: string, value: unknown, least: number, most: number) =>
    value === undefined ? undefined : check.integer(`${path}.${name}`, value, least, most)
  const maxBytes = bytes("memory.maxBytes", memory.maxBytes, 1, Number.MAX_SAFE_INTEGER)
  const mostEntryBytes = Math.min(maxBytes ?? elsewhere, check.INT32_MAX)
  return {
    folder: readFolder(`${path}.path`, fields.path),
    maxDiskBytes: bytes("maxDiskBytes", fields.maxDiskBytes, MIB, Number.MAX_SAFE_INTEGER),
    maxBytes,
    maxEntryBytes: bytes("memory.maxEntryBytes", memory.maxEntryBytes, 1, mostEntryBytes),
    maxInFlightBytes: bytes(
      "memory.maxInFlightBytes",
      memory.maxInFlightBytes,
      1,
      Number.MAX_SAFE_INTEGER,
    ),
  }
}

/** Reads a storage from one string. */
function readWords(path: string, value: string, allowed: string): Said {
  if (value === "memory") return { ...NOTHING, folder: null }
  const folder = value.startsWith("file:") ? value.slice("file:".length) : ""
  if (folder === "") throw check.wrong(path, allowed, value)
  return { ...NOTHING, folder: readFolder(path, folder) }
}

function readFolder(path: string, value: unknown): string | undefined {
  if (value === undefined) return undefined
  const folder = check.text(path, value, 4096)
  if (folder.includes("\0")) throw check.wrong(path, "the path of a folder", value)
  return resolve(folder)
}
