import type { CacheModule } from "@layeron/modules"
import { freshCache, url } from "./cache"
import type { Random } from "./random"
import { advanceSeconds, readerOf, waitUntilIdle } from "./wrap"

const KEYS = 3
const KIB = 1024
const LANGUAGES = ["de", "en"]

/** The shortest and the longest refresh timeout of the wrapped handlers, in milliseconds. */
const TIMEOUTS = [3_000, 40_000]

/** What a run of the handler responds with: a kind of response, or an error. */
type Outcome = "shared" | "vary" | "private" | "error" | "fails" | "answers"
const OUTCOMES: readonly Outcome[] = [
  ...Array<Outcome>(8).fill("shared"),
  ...(["vary", "vary", "private", "error", "error", "fails", "fails", "answers"] as const),
]

/** Outcomes that only the client of the run may get. */
const UNCACHEABLE: readonly (Outcome | undefined)[] = ["private", "error", "answers"]

/** A run of the handler. */
interface Run {
  readonly id: number
  readonly key: number
  readonly client: number
  readonly language: string
  /** Number of purges of the key before the run. */
  readonly epoch: number
  readonly pieces: Uint8Array[]
  /** Resumes the handler, or the function of the options, that waits. */
  resume?: (() => void) | undefined
  outcome?: Outcome
  streamController?: ReadableStreamDefaultController<Uint8Array> | undefined
  /** How its body ended. */
  ended?: "whole" | "broken"
}

/** A call of the wrapped handler. */
interface Client {
  readonly id: number
  readonly key: number
  readonly language: string
  readonly method: string
  /** Whether the client may get the failure of another client's run. */
  readonly mayFail: boolean
  /** Number of purges of the key before the call. */
  readonly epoch: number
  readonly controller: AbortController
  state: "calling" | "reading" | "done"
  run?: Run | undefined
  reader?: ReadableStreamDefaultReader<Uint8Array> | undefined
  busy: boolean
  readonly parts: Uint8Array[]
}

class Failed extends Error {
  constructor(
    readonly run: Run,
    readonly status?: number,
  ) {
    super(`run ${run.id} has failed`)
  }
}

/**
 * Runs clients, handlers, bodies, purges and time in a random order, one step at a time, and
 * records in {@link faults} each response that a client must not get.
 */
export class Model {
  readonly faults: string[] = []
  readonly module: CacheModule
  readonly #random: Random
  /** Number of purges by key. Every round uses new keys. */
  readonly #purges: number[] = []
  readonly #runs: Run[] = []
  readonly #clients: Client[] = []
  readonly #wrapped: ((request: Request, client: Client) => Promise<Response>)[] = []
  #isQuiet = false
  #round = 0

  constructor(random: Random) {
    this.#random = random
    const memory = { maxBytes: 2_048 * KIB, maxEntryBytes: 160 * KIB, maxInFlightBytes: 256 * KIB }
    this.module = freshCache({ storage: { memory } })
    for (const refreshTimeoutMs of TIMEOUTS) this.#wrap(refreshTimeoutMs)
  }

  /** Takes one random step. */
  async step(): Promise<void> {
    const steps: [weight: number, step: () => unknown][] = [
      [20, () => this.#start()],
      [15, () => this.#startSeveral()],
      [30, () => this.#resume()],
      [40, () => this.#write()],
      [40, () => this.#read()],
      [8, () => this.#abortOrCancel()],
      [5, () => this.#purge()],
      [5, () => advanceSeconds((1 + this.#random.below(40)) / 10)],
      [1, () => advanceSeconds(this.#random.below(60))],
    ]
    const chosen = this.#pick(steps.flatMap(([weight, step]) => Array(weight).fill(step)))
    await chosen()
    for (let turn = this.#random.below(4); turn > 0; turn--) await new Promise(setImmediate)
  }

  /** Ends all handlers and bodies, and records a fault for every client that does not end. */
  async settle(): Promise<void> {
    this.#isQuiet = true
    for (let round = 0; round < 200 && !this.#isSettled(); round++) {
      for (const run of this.#runs) run.resume?.()
      for (const run of this.#runs) this.#end(run)
      await waitUntilIdle()
      for (const client of this.#clients) this.#readPart(client)
      await waitUntilIdle()
    }
    for (const { id, state } of this.#clients)
      if (state !== "done") this.#fault(`client ${id} is ${state}`)
    await advanceSeconds(Math.max(...TIMEOUTS) / 1000 + 1)
    const { inFlightBytes } = await this.module.inspect()
    if (inFlightBytes !== 0) this.#fault(`${inFlightBytes} bytes are in flight`)
    for (const key of this.#keys()) await this.#expectFree(key)
    this.#isQuiet = false
    this.#round += 1
  }

  #isSettled(): boolean {
    return (
      this.#clients.every(({ state }) => state === "done") &&
      this.#runs.every(({ resume, streamController }) => !resume && !streamController)
    )
  }

  /** Records a fault unless a new request for the key is answered by the store or a new run. */
  async #expectFree(key: number): Promise<void> {
    const before = this.#runs.length
    const client = this.#call(key, "GET", {})
    await waitUntilIdle()
    for (const run of this.#runs.slice(before)) run.resume?.()
    await waitUntilIdle()
    for (const run of this.#runs.slice(before)) run.resume?.()
    await waitUntilIdle()
    if (client.state === "calling") this.#fault(`key ${key} is stuck`)
    for (const run of this.#runs.slice(before)) this.#end(run)
    client.controller.abort()
    await waitUntilIdle()
  }

  #wrap(refreshTimeoutMs: number): void {
    const options = {
      ttlSeconds: 2,
      staleWhileRevalidateSeconds: 3,
      staleIfErrorSeconds: 4,
      refreshTimeoutMs,
      tags: async (request: Request, response: Response) => {
        const run = this.#runOf(response)
        if (this.#chance(10)) await this.#wait(run)
        if (this.#chance(20)) throw new Failed(run)
        return [`key-${this.#keyOf(request)}`]
      },
      shouldStore: () => !this.#chance(40),
    }
    const inner = this.module.wrap(
      (request: Request, client: Client) => this.#handle(request, client),
      options,
    )
    const outer = this.module.wrap(
      (request: Request, client: Client) => inner(request, client),
      options,
    )
    this.#wrapped.push(inner, outer)
  }

  async #handle(request: Request, client: Client): Promise<Response> {
    const key = this.#keyOf(request)
    const language = request.headers.get("accept-language") ?? ""
    const epoch = this.#purgesOf(key)
    const run: Run = { id: this.#runs.length, key, client: client.id, language, epoch, pieces: [] }
    this.#runs.push(run)
    await this.#wait(run)
    run.outcome = this.#isQuiet ? "shared" : this.#pick(OUTCOMES)
    if (run.outcome === "fails") throw new Failed(run)
    if (run.outcome === "answers") throw new Failed(run, 404)
    return this.#responseOf(run, request.method)
  }

  #responseOf(run: Run, method: string): Response {
    const headers: Record<string, string> = { "x-run": String(run.id) }
    if (run.outcome === "private") headers["cache-control"] = "private"
    if (run.outcome === "vary") headers.vary = "accept-language"
    const start = (streamController: ReadableStreamDefaultController<Uint8Array>) => {
      run.streamController = streamController
    }
    const cancel = () => {
      run.streamController = undefined
      run.ended = "broken"
    }
    const body = method === "HEAD" ? null : new ReadableStream<Uint8Array>({ start, cancel })
    return new Response(body, { status: run.outcome === "error" ? 500 : 200, headers })
  }

  async #wait(run: Run): Promise<void> {
    if (this.#isQuiet) return
    await new Promise<void>((resolve) => {
      run.resume = () => {
        run.resume = undefined
        resolve()
      }
    })
  }

  #start(): void {
    const headers: Record<string, string> = { "accept-language": this.#pick(LANGUAGES) }
    if (this.#chance(6)) headers.authorization = "secret"
    if (this.#chance(6)) headers["cache-control"] = "no-cache"
    if (this.#chance(6)) headers.cookie = "a=1"
    this.#call(this.#pick(this.#keys()), this.#chance(10) ? "HEAD" : "GET", headers)
  }

  #startSeveral(): void {
    for (let more = this.#random.below(5); more >= 0; more--) this.#start()
  }

  #call(key: number, method: string, headers: Record<string, string>): Client {
    const client: Client = {
      id: this.#clients.length,
      key,
      language: headers["accept-language"] ?? "",
      method,
      mayFail: headers.authorization === undefined && headers["cache-control"] === undefined,
      epoch: this.#purgesOf(key),
      controller: new AbortController(),
      state: "calling",
      busy: false,
      parts: [],
    }
    this.#clients.push(client)
    const { signal } = client.controller
    const request = new Request(url(`/model/${key}`), { method, headers, signal })
    const answer = this.#pick(this.#wrapped)(request, client)
    answer.then(
      (response) => this.#answered(client, response),
      (error) => this.#rejected(client, error),
    )
    return client
  }

  #answered(client: Client, response: Response): void {
    const run = this.#runOf(response)
    this.#expectFor(client, run)
    const { status, body } = response
    if (status !== (run.outcome === "error" ? 500 : 200))
      this.#fault(`client ${client.id} got a ${status}`)
    client.run = run
    client.state = body === null ? "done" : "reading"
    if (body !== null) client.reader = readerOf(response)
  }

  #rejected(client: Client, error: unknown): void {
    client.state = "done"
    if (client.controller.signal.aborted && error === client.controller.signal.reason) return
    // The failure of a request with cookies comes without its message.
    const shared = /for another caller(: (Error: )?(the background refresh took longer|run).*)?$/
    if (client.mayFail && shared.test(String(error))) return
    if (!(error instanceof Failed)) this.#fault(`client ${client.id} got ${error}`)
    else if (error.run.client !== client.id && (!client.mayFail || error.status !== undefined)) {
      this.#fault(`client ${client.id} got the failure of run ${error.run.id}`)
    }
  }

  #expectFor(client: Client, run: Run): void {
    const { id, key, epoch } = client
    if (run.key !== key)
      this.#fault(`client ${id} for key ${key} got run ${run.id} for key ${run.key}`)
    if (run.epoch < epoch) this.#fault(`client ${id} got run ${run.id} from before a purge`)
    const isOwn = run.client === id
    if (!isOwn && UNCACHEABLE.includes(run.outcome))
      this.#fault(`client ${id} got run ${run.id} of another`)
    if (run.outcome === "vary" && run.language !== client.language) {
      this.#fault(`client ${id} got run ${run.id} in another language`)
    }
  }

  /** Resumes a random handler or function of the options. */
  #resume(): void {
    this.#pickOf(this.#runs, ({ resume }) => resume !== undefined)?.resume?.()
  }

  /** Extends, ends or breaks a random body. */
  #write(): void {
    const run = this.#pickOf(this.#runs, ({ streamController }) => streamController !== undefined)
    if (run?.streamController === undefined) return
    if (this.#chance(8)) this.#end(run)
    else if (this.#chance(20)) this.#break(run)
    else this.#extend(run, run.streamController)
  }

  #break(run: Run): void {
    run.streamController?.error(new Error(`run ${run.id} is broken`))
    run.streamController = undefined
    run.ended = "broken"
  }

  #extend(run: Run, streamController: ReadableStreamDefaultController<Uint8Array>): void {
    const length = 4 + this.#random.below(this.#chance(3) ? 100 * KIB : 100)
    const piece = Buffer.alloc(length, this.#random.below(256))
    piece.writeUInt32LE(run.id)
    run.pieces.push(piece)
    streamController.enqueue(piece)
  }

  #end(run: Run): void {
    if (run.streamController === undefined) return
    run.streamController.close()
    run.streamController = undefined
    run.ended = "whole"
  }

  #read(): void {
    const client = this.#pickOf(this.#clients, ({ state, busy }) => state === "reading" && !busy)
    if (client !== undefined) this.#readPart(client)
  }

  #readPart(client: Client): void {
    const { reader, state, busy } = client
    if (reader === undefined || state !== "reading" || busy) return
    client.busy = true
    reader.read().then(
      ({ done, value }) => {
        client.busy = false
        if (!done) client.parts.push(value)
        else if (client.state === "reading") this.#finish(client)
      },
      (error) => this.#broken(client, error),
    )
  }

  /** Records a fault unless the client's complete body equals the handler's. */
  #finish(client: Client): void {
    client.state = "done"
    const run = client.run as Run
    const whole = Buffer.concat(run.pieces)
    if (run.ended !== "whole")
      this.#fault(`client ${client.id} got a part of run ${run.id} as the whole`)
    else if (client.method === "GET" && !Buffer.concat(client.parts).equals(whole)) {
      this.#fault(`client ${client.id} did not get run ${run.id} as it was`)
    }
  }

  #broken(client: Client, error: unknown): void {
    client.busy = false
    client.state = "done"
    const run = client.run as Run
    const isAborted = client.controller.signal.aborted || run.ended === "broken"
    if (!isAborted && !/too slowly/.test(String(error))) {
      this.#fault(`client ${client.id} lost the body of run ${run.id}: ${error}`)
    }
  }

  /** Aborts a random client or cancels its body. */
  #abortOrCancel(): void {
    const client = this.#pickOf(this.#clients, ({ state }) => state !== "done")
    if (client === undefined) return
    if (this.#chance(2)) client.controller.abort(new Error(`client ${client.id} has left`))
    else if (client.state === "reading") {
      client.state = "done"
      client.reader?.cancel().catch(() => {})
    }
  }

  #purge(): void {
    const key = this.#pick(this.#keys())
    const at = url(`/model/${key}`)
    const selector = this.#pick([{ tags: [`key-${key}`] }, { request: at }, { prefix: `${at}#` }])
    void this.module.purge(selector)
    // The purge of a tag also applies to runs that have not computed their tags yet.
    this.#purges[key] = this.#purgesOf(key) + 1
  }

  #keys(): number[] {
    return Array.from({ length: KEYS }, (_, key) => this.#round * KEYS + key)
  }

  #purgesOf(key: number): number {
    return this.#purges[key] ?? 0
  }

  #runOf(response: Response): Run {
    return this.#runs[Number(response.headers.get("x-run"))] as Run
  }

  #keyOf(request: Request): number {
    return Number(new URL(request.url).pathname.slice("/model/".length))
  }

  #chance(most: number): boolean {
    return !this.#isQuiet && this.#random.below(most) === 0
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#random.below(values.length)] as T
  }

  #pickOf<T>(values: readonly T[], fits: (value: T) => boolean): T | undefined {
    const fitting = values.filter(fits)
    return fitting.length === 0 ? undefined : this.#pick(fitting)
  }

  #fault(fault: string): void {
    this.faults.push(fault)
  }
}
