import { inspect } from "node:util"

type Pairs = ReturnType<Headers["entries"]>

/** The members of the platform's headers as methods: they are declared as properties, which methods cannot override. */
interface HeadersMethods {
  get(name: string): string | null
  has(name: string): boolean
  set(name: string, value: string): void
  append(name: string, value: string): void
  delete(name: string): void
  getSetCookie(): string[]
  forEach(...rest: Parameters<Headers["forEach"]>): void
  keys(): ReturnType<Headers["keys"]>
  values(): ReturnType<Headers["values"]>
  entries(): Pairs
  [Symbol.iterator](): Pairs
}

const Base = Headers as unknown as new () => HeadersMethods

/**
 * The header fields of a stored response. Making platform headers costs as much as the lookup, and most readers want one field: that
 * is looked up in the text in which the fields are kept. The first call that wants more makes the rest.
 */
export class StoredHeaders extends Base implements Headers {
  /** The field lines with a line feed before and behind each, until they are made. */
  #lines: string | undefined

  /** @param head reason phrase and field lines, a line feed behind each */
  constructor(head: string) {
    super()
    this.#lines = head.slice(head.indexOf("\n"))
  }

  override get(name: string): string | null {
    return this.#find(name) ?? this.#made(() => super.get(name))
  }

  override append(name: string, value: string): void {
    this.#made(() => super.append(name, value))
  }

  override delete(name: string): void {
    this.#made(() => super.delete(name))
  }

  override set(name: string, value: string): void {
    this.#made(() => super.set(name, value))
  }

  override has(name: string): boolean {
    return this.#made(() => super.has(name))
  }

  override getSetCookie(): string[] {
    return this.#made(() => super.getSetCookie())
  }

  override forEach(...rest: Parameters<Headers["forEach"]>): void {
    this.#made(() => super.forEach(...rest))
  }

  override keys(): ReturnType<Headers["keys"]> {
    return this.#made(() => super.keys())
  }

  override values(): ReturnType<Headers["values"]> {
    return this.#made(() => super.values())
  }

  override entries(): Pairs {
    return this.#made(() => super.entries())
  }

  override [Symbol.iterator](): Pairs {
    return this.entries()
  }

  /** The platform's way of showing headers reads them from the inside. */
  [inspect.custom](_depth: number, options: object): string {
    return `Headers ${inspect(Object.fromEntries(this), options)}`
  }

  /** Names and values in turn. */
  fields(): string[] {
    return this.#lines === undefined ? [...this].flat() : split(this.#lines)
  }

  /** The value of a field that has exactly one line and is asked for by its name in lower case. */
  #find(name: string): string | undefined {
    if (this.#lines === undefined || typeof name !== "string") return undefined
    const line = `\n${name}:`
    const at = this.#lines.indexOf(line)
    if (at === -1 || this.#lines.indexOf(line, at + 1) !== -1) return undefined
    const start = at + line.length
    return this.#lines.slice(start, this.#lines.indexOf("\n", start))
  }

  #made<T>(use: () => T): T {
    const lines = this.#lines
    if (lines !== undefined) {
      this.#lines = undefined
      const fields = split(lines)
      for (let at = 0; at < fields.length; at += 2) {
        super.append(fields[at] as string, fields[at + 1] as string)
      }
    }
    return use()
  }
}

/** Names and values of a response's header fields in turn. */
export function fieldsOf(headers: Headers): string[] {
  return headers instanceof StoredHeaders ? headers.fields() : [...headers].flat()
}

/** Names and values in turn, of field lines with a line feed before and behind each. */
function split(lines: string): string[] {
  const fields: string[] = []
  for (let start = 1; start < lines.length; ) {
    const colon = lines.indexOf(":", start)
    const end = lines.indexOf("\n", colon)
    fields.push(lines.slice(start, colon), lines.slice(colon + 1, end))
    start = end + 1
  }
  return fields
}
