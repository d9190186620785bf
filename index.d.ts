/**
 * What a call is about: a `Request`, a `URL`, or an absolute `http:` or `https:` URL string.
 * A URL or a string means GET without headers.
 */
export type CacheRequest = Request | URL | string

/**
 * Names whose presence in a request makes it skip the cache: it is neither looked up nor stored nor
 * deleted.
 */
export interface CacheBypassOptions {
  /** Request header names, in any case. */
  headers?: readonly string[] | undefined
  /** Cookie names of 1 to 256 characters; upper and lower case differ. */
  cookies?: readonly string[] | undefined
  /** Query parameter names, decoded, of 1 to 256 characters; upper and lower case differ. */
  query?: readonly string[] | undefined
}

/**
 * Policy for some routes. The first rule whose path and method match a request applies to it, in
 * `key`, `match`, `put` and `delete` alike. What a rule omits it inherits from the instance; its
 * tags are added to the instance's.
 */
export interface CacheRuleOptions {
  /** Name for diagnostics, 1 to 128 characters. Default: `rule-1`, `rule-2`, … by position. */
  name?: string | undefined
  /**
   * Hono path pattern: `/api/posts/:id`, `/api/docs/*`, `/api/posts/:id{[0-9]+}`; it begins with
   * `/` or is `*`, and has up to 2,048 characters. Default: every path.
   *
   * The rule covers the paths that Hono routes to the pattern, decoded as Hono decodes them. A
   * pattern that Hono's routers match differently is a `TypeError`: `*` or `:` within a segment,
   * `|` outside a group, an expression that may match a slash and is not last. The few paths about
   * which they differ skip the cache. An expression in braces is a JavaScript one without anchors,
   * look-around, back-references and named groups, with ASCII punctuation and `\d \D \w \W \s \S`
   * as its only escapes. Expressions may have 1,000 characters and classes in a pattern and 20,000
   * in a declaration, each counted as often as it is repeated.
   */
  path?: string | undefined
  /**
   * Methods covered, at least one. Default: `["GET", "HEAD"]`. A method other than these can be put
   * only under a rule that lists it.
   */
  methods?: readonly string[] | undefined
  /** As {@link CacheModuleOptions.ttlSeconds}. */
  ttlSeconds?: number | undefined
  /** As {@link CacheModuleOptions.staleWhileRevalidateSeconds}. */
  staleWhileRevalidateSeconds?: number | undefined
  /** As {@link CacheModuleOptions.vary}; replaces the instance's. */
  vary?: readonly string[] | undefined
  /** As {@link CacheModuleOptions.tags}; added to the instance's. */
  tags?: readonly string[] | undefined
  /** As {@link CacheModuleOptions.cookies}. */
  cookies?: "pass" | "ignore" | undefined
  /** As {@link CacheModuleOptions.requestDirectives}. */
  requestDirectives?: "honour" | "ignore" | undefined
  /** Conditions under which a request covered by the rule skips the cache. Default: none. */
  bypass?: CacheBypassOptions | undefined
}

/**
 * Emission of the metrics `cache.hits`, `cache.misses`, `cache.puts`, `cache.deletes`,
 * `cache.purges` (by the number of entries) and `cache.errors` (puts whose body failed), each with
 * the attributes `product` (`cache`), `namespace` and `name`. They are counted through
 * `@opentelemetry/api` where the app has it installed, and written as one line of JSON each to
 * `sink`, there with `time`, `operation`, `outcome`, `reason` and `key` in addition.
 */
export interface ObservabilityConfig {
  /** Shares of metrics emitted, each from 0 to 1: of errors, and of everything else. Default: 1. */
  sampling?: { success?: number | undefined; error?: number | undefined } | undefined
  /**
   * Attributes whose values are replaced by `[redacted]` before they are emitted. Default: none.
   */
  redaction?: { fields?: readonly string[] | undefined } | undefined
  /**
   * Where lines of JSON go; a function gets each without a line feed. One that throws, rejects or
   * fails as a stream does fails no call and is warned of once in the process. Default: nowhere.
   */
  sink?:
    | "stdout"
    | "stderr"
    | ((line: string) => unknown)
    | { write(text: string): unknown }
    | undefined
}

/** Where an instance keeps its entries. */
export interface CacheStorageOptions {
  /**
   * The folder of a disk under the memory, made where there is none, for its owner alone. What is
   * stored outlives the process, memory evicts to it, and all processes of the machine that open
   * the same folder are one cache. Relative to the working directory. Default: none.
   */
  path?: string | undefined
  /**
   * Bytes that the file of one instance may take there; what was put first leaves first. A log
   * beside it takes some megabytes more. An integer from 1048576 (1 MiB) to 2^53 - 1. Default:
   * 1073741824 (1 GiB).
   */
  maxDiskBytes?: number | undefined
  /** In the memory of this process, shared by all of its threads. */
  memory?:
    | {
        /**
         * Bytes that all entries may take: bodies, headers, keys, tags and indexes. Never exceeded.
         * An integer from 1 to 2^53 - 1. Default: 134217728 (128 MiB).
         */
        maxBytes?: number | undefined
        /**
         * Bytes that one entry's body, headers, key and tags may take together. A larger one is not
         * stored and evicts nothing. An integer from 1 to 2147483647, at most `maxBytes`. Default:
         * an eighth of `maxBytes`.
         */
        maxEntryBytes?: number | undefined
        /**
         * Bytes that bodies may take together while they are received or streamed to waiters,
         * beside `maxBytes`. Beyond it, responses of wrapped handlers are streamed through without
         * being stored, and a `put` of a body in several chunks stores nothing; both count as
         * `in-flight` in
         * {@link CacheInspection.refusedWrites}. An integer from 1 to 2^53 - 1. Default: a quarter of
         * `maxBytes`, and at least `maxEntryBytes`.
         */
        maxInFlightBytes?: number | undefined
      }
    | undefined
}

/** A storage in one word: memory alone, or a folder of a disk under it. */
export type CacheStorageName = "memory" | `file:${string}`

/** Options of {@link cache}. */
export interface CacheModuleOptions {
  /** Stable name of the instance: 1 to 128 of letters, digits, `.`, `_`, `-`. */
  name: string
  /** Namespace of the instance, of the same form; `layeron` is reserved. Default: `"default"`. */
  namespace?: string | undefined
  /**
   * Fresh lifetime in seconds, an int32 from 0. Default: what the response's `CDN-Cache-Control`,
   * `Cache-Control` (`s-maxage` before `max-age`) or `Expires` says, else 60.
   */
  ttlSeconds?: number | undefined
  /**
   * Seconds after the fresh lifetime during which the stale response is served, an int32 from 0
   * (RFC 5861). Default: the response's own `stale-while-revalidate`, else 0.
   */
  staleWhileRevalidateSeconds?: number | undefined
  /**
   * Names of the request headers that are part of the key. Default: none. Values of
   * `authorization`, `proxy-authorization` and `cookie` are in the key as `~` and the base64url of
   * their SHA-256.
   */
  vary?: readonly string[] | undefined
  /**
   * Invalidation tags of every stored response: 1 to 1,024 characters, no comma, no control
   * character. Default: none.
   */
  tags?: readonly string[] | undefined
  /**
   * Whether wrapped handlers get the cookies of requests. `"ignore"` removes `Cookie` before the
   * handler runs: requests with cookies are then served and coalesced as those without. A request
   * that a rule's `bypass` selects, or whose response is not stored because of its method, keeps
   * its cookies. No effect on `match` and `put`. Default: `"pass"`; then, under a configured
   * lifetime, the response to a request with cookies is stored only if it declares that it may be
   * shared. See "What may be shared" in the documentation.
   */
  cookies?: "pass" | "ignore" | undefined
  /**
   * Whether wrapped handlers' caches act on `Cache-Control` and `Pragma` of requests (RFC 9111,
   * sections 5.2.1 and 5.4). `"ignore"` takes from clients the means to have the handler run:
   * `no-cache`, `no-store`, `max-age`, `min-fresh` and `max-stale` do not count then;
   * `only-if-cached` always does. No effect on `match` and `put`. Default: `"honour"`.
   */
  requestDirectives?: "honour" | "ignore" | undefined
  /**
   * Policies for routes, the first that matches applies. An instance with rules caches, in wrapped
   * handlers, only what a rule covers; see
   * {@link CacheWrapOptions.ttlSeconds}. Default: none.
   */
  rules?: readonly CacheRuleOptions[] | undefined
  /** Settings for the emission of hits, misses, writes and purges. Default: nothing is emitted. */
  observability?: ObservabilityConfig | undefined
  /**
   * Where entries live: options, or one of `"memory"` and `"file:<folder>"`. What is left out comes
   * from {@link configure}, else from `LAYERON_CACHE_STORAGE` in the environment, which has one of
   * these two words. One identity has one storage. Default: 128 MiB of memory.
   */
  storage?: CacheStorageOptions | CacheStorageName | undefined
}

/** Options of `key`, `match` and `delete`. */
export interface CacheKeyOptions {
  /** Names of the request headers in the key, in place of the rule's or the instance's. */
  vary?: readonly string[] | undefined
}

/** Options of `put`. What is given here comes before the rule, the rule before the instance. */
export interface CachePutOptions extends CacheKeyOptions {
  /** As {@link CacheModuleOptions.ttlSeconds}. */
  ttlSeconds?: number | undefined
  /** As {@link CacheModuleOptions.staleWhileRevalidateSeconds}. */
  staleWhileRevalidateSeconds?: number | undefined
  /**
   * Tags beside those of the rule, the instance and the response's `Cache-Tag`, whose bytes are
   * read as UTF-8, and as Latin-1 if they are not UTF-8.
   */
  tags?: readonly string[] | undefined
}

/** What `purge` removes: the union of what its fields select, of which at least one is needed. */
export interface CachePurgeSelector {
  /**
   * The entry with the request's key, in all variants that the responses' own `Vary` made. The key
   * is the one that `key()` gives without options: an entry put with a `vary` of its own is not
   * among them.
   */
  request?: CacheRequest | undefined
  /** Entries that have one of these tags. An empty list selects nothing. */
  tags?: readonly string[] | undefined
  /**
   * Entries whose key begins so, e.g. `https://api.example.com/api/`. One that begins with `/`
   * means that path on every host. 1 to 65,536 characters. It is normalised as keys are: host in
   * lower case, no default port, percent-encoded with escapes in upper case, query parameters in
   * order. It may end anywhere, within a host or an escape, too; `https://a.exam` includes
   * `https://a.example/`. One with which no key can begin, such as `api/`, is a `TypeError`.
   */
  prefix?: string | undefined
  /** Every entry of the instance. */
  everything?: boolean | undefined
  /**
   * Makes the entries stale instead of removing them: they are served for the rest of their stale
   * window while one caller refreshes each. An entry without a stale window is removed. Default:
   * false.
   */
  soft?: boolean | undefined
}

/** Counters of an instance, over all threads. */
export interface CacheStats {
  /** `match` found an entry. */
  hits: number
  /** `match` found none. */
  misses: number
  /** Responses stored. */
  puts: number
  /** `delete` calls, whatever they found. */
  deletes: number
  /** Entries removed by `purge`. */
  purges: number
}

/** Why a response was not stored although it may be put. */
export type CacheRefusal =
  | "no-store"
  | "no-cache"
  | "private"
  | "set-cookie"
  /**
   * A 1xx or 304. Of wrapped handlers also a 412 or 416, and a status that `must-understand`
   * demands to be understood.
   */
  | "status"
  | "event-stream"
  /** Neither lifetime nor stale window is left. */
  | "expired"
  /** A `Cache-Tag` that cannot be a tag. */
  | "cache-tag"
  /**
   * A `Vary` that is no list of field names, or longer than 4 KiB, or has more than 128 names; of
   * wrapped handlers also `*`.
   */
  | "vary"
  /** Over `maxEntryBytes` or `maxBytes`, or more than 65,535 tags. */
  | "too-large"
  /** Wrapped handlers only, as the following: nobody says how long the response is fresh. */
  | "no-freshness"
  /** The request has `Authorization` and the response is not for all (RFC 9111, section 3.5). */
  | "authorization"
  /** The request says `no-store`. */
  | "request-no-store"
  /** A 206. */
  | "partial-content"
  /** `shouldStore` of the wrapped handler said so. */
  | "should-store"
  /**
   * Bodies in flight took all of `maxInFlightBytes`, the body made no progress for
   * `refreshTimeoutMs`, or a refresh took longer. Of `put` too.
   */
  | "in-flight"
  /** A response that the handler made later was stored first. */
  | "superseded"
  /**
   * The request has cookies, the lifetime is a configured one, and the response does not declare
   * that it may be shared.
   */
  | "cookie"

/** What can be seen of an instance. */
export interface CacheInspection {
  /**
   * Entries held, expired ones left out. What a wrapped handler may only serve after it has been
   * validated counts too, here and in a purge.
   */
  entries: number
  /** Bytes held: bodies, headers, keys, tags and indexes. */
  bytes: number
  /** The bound on `bytes`. */
  maxBytes: number
  /**
   * Bytes of bodies that are received or streamed to waiters, beside `bytes`; see
   * `maxInFlightBytes`.
   */
  inFlightBytes: number
  /** Different tags that entries have. */
  tags: number
  /** Seconds since the oldest entry was put, or `null` where there is none. */
  oldestEntrySeconds: number | null
  /** Hits that were served after their fresh lifetime. */
  staleHits: number
  /** Callers that got a miss to refresh a stale entry while others were served it. */
  elections: number
  /**
   * Stale responses that wrapped handlers' callers got because the handler failed (RFC 5861,
   * section 4).
   */
  staleIfErrorHits: number
  /** Requests to wrapped handlers that waited for the run of another. */
  collapsed: number
  /**
   * Stored responses of which a wrapped handler has said, with a 304, that they are still right.
   */
  revalidations: number
  /** Refreshes in the background that have failed. */
  failedRefreshes: number
  /**
   * Entries removed because a request to a wrapped handler has changed something at their URL (RFC
   * 9111, section 4.4).
   */
  invalidations: number
  /** Entries that left to make room. */
  evictions: number
  /** Entries that left because they had expired. */
  expirations: number
  /**
   * Puts held back because something of them was purged or deleted after the miss that led to them.
   */
  fencedWrites: number
  /** Responses not stored, by reason. Every reason is there. */
  refusedWrites: Record<CacheRefusal, number>
  /**
   * Calls of `match`, `put` and `delete` that a rule made skip the cache, and such requests to
   * wrapped handlers; of these also the ones that no rule covers.
   */
  bypasses: number
  /** The disk under the memory, or `null` where the instance has none. */
  disk: CacheDiskInspection | null
}

/** What can be seen of the disk of an instance. */
export interface CacheDiskInspection {
  /** The folder, absolute. */
  path: string
  /** Entries in the file, of all processes. */
  entries: number
  /** Bytes that the file uses, with everything that it keeps beside the entries. */
  bytes: number
  /** The bound on `bytes`. */
  maxBytes: number
  /** Entries that this process has removed from the file to make room. */
  evictions: number
  /**
   * Puts that this process has not written, because too many waited or one was too large. They are
   * in memory all the same.
   */
  droppedWrites: number
  /**
   * How often this process has read an entry that was not as it was written, which is as good as
   * none.
   */
  damagedReads: number
  /**
   * Where the file is now that was there when this process opened the folder, if it was damaged, or
   * `null`.
   */
  setAside: string | null
  /** The error that has stopped reads and writes, or `null`. Memory still works; purges reject. */
  fault: string | null
  /**
   * The kind of that error, or `null`: `busy` (another process holds a lock), `full` (no space),
   * `damaged`, `incompatible` (another format, cache, bound or owner), `closed`, or `io`.
   */
  faultCode: CacheStorageFault | null
}

/** Kinds of errors of a disk. */
export type CacheStorageFault = "busy" | "full" | "damaged" | "incompatible" | "closed" | "io"

/**
 * The codes of a {@link CacheTypeError}: an option, a request or a response is not allowed. The
 * message names it and says what is allowed.
 */
export type CacheTypeErrorCode =
  | "LAYERON_INVALID_OPTION"
  | "LAYERON_INVALID_REQUEST"
  | "LAYERON_INVALID_RESPONSE"

/** The codes of all errors that the cache makes. */
export type CacheErrorCode =
  | CacheTypeErrorCode
  /** The instance is open with another storage. */
  | "LAYERON_STORAGE_CONFLICT"
  /** The disk could not store a purge or delete: see {@link CacheStorageFault}. */
  | "LAYERON_STORAGE_BUSY"
  | "LAYERON_STORAGE_FULL"
  | "LAYERON_STORAGE_DAMAGED"
  | "LAYERON_STORAGE_INCOMPATIBLE"
  /** The disk could not store a purge or delete for another reason. */
  | "LAYERON_STORAGE_FAILED"
  /** The instance is closed. */
  | "LAYERON_CLOSED"
  /** The handler failed for another caller, in another thread. */
  | "LAYERON_HANDLER_FAILED"
  /** A background refresh exceeded `refreshTimeoutMs`. */
  | "LAYERON_REFRESH_TIMEOUT"

/** A call with an argument that is not allowed. Its `name` is `TypeError`. Nothing has changed. */
export declare class CacheTypeError extends TypeError {
  private constructor()
  readonly code: CacheTypeErrorCode
}

/** A call that failed although its arguments are allowed. Its `name` is `Error`. */
export declare class CacheError extends Error {
  private constructor()
  readonly code: Exclude<CacheErrorCode, CacheTypeErrorCode>
}

/** Why a request is a hit, a miss or a bypass. */
export interface CacheExplanation {
  /**
   * What `match` would come to; `stale` is a hit for all but the one caller who refreshes the
   * entry.
   */
  outcome: "hit" | "stale" | "miss" | "bypass"
  /** The whole in one sentence. */
  sentence: string
  key: string
  /** The URL part of the key. */
  url: string
  method: string
  namespace: string
  /**
   * The headers in the key with the values that the key has of them, `null` where the request lacks
   * one.
   */
  vary: Record<string, string | null>
  /** The rule that applies, and why. */
  rule: { name: string; because: string } | null
  /**
   * What makes the request skip the cache: a header, cookie or query parameter of its rule, or a
   * `path` about which Hono's routers differ;
   * `name` is then the pattern.
   */
  bypass: { by: "header" | "cookie" | "query" | "path"; name: string } | null
  /** The entry that answers the request. */
  entry: {
    stale: boolean
    ageSeconds: number
    /** Freshness lifetime. */
    lifetimeSeconds: number
    /** What is left of the stale window; all of it while the entry is fresh. */
    staleWindowLeftSeconds: number
    tags: string[]
    /** Bytes that the entry takes in the store. */
    bytes: number
  } | null
}

/** Names of the `node:diagnostics_channel` channels of {@link CacheEvent}s. */
export type CacheChannel = `layeron:cache:${CacheEvent["operation"]}`

/** What all events have. */
export interface CacheEventBase {
  /** `namespace/name` of the instance. */
  identity: string
  namespace: string
  name: string
}

/** A `match`, or a lookup of a wrapped handler. */
export interface CacheMatchEvent extends CacheEventBase {
  operation: "match"
  outcome: "hit" | "stale" | "miss" | "bypass"
  /**
   * Of a miss `elected` (the caller refreshes a stale entry) or `absent`; of a miss of a wrapped
   * handler why the handler ran (`uri-miss`, `vary-miss`, `stale`, `request`), or `collapsed`,
   * `failed` or `only-if-cached`; of a bypass `header`, `cookie` or `query` and the name, `path` and
   * the pattern, or `no-rule`.
   */
  reason?: string | undefined
  /** The key. */
  key: string
}

/** A `put`, or the response of a wrapped handler. */
export interface CachePutEvent extends CacheEventBase {
  operation: "put"
  outcome: "stored" | "refused" | "fenced" | "bypass" | "error"
  /**
   * Of a refused response a {@link CacheRefusal}; of a fenced one `purged`; of an error what the
   * body failed with; of a bypass as for {@link CacheMatchEvent}.
   */
  reason?: string | undefined
  /** The key. */
  key: string
}

/** A `delete`. */
export interface CacheDeleteEvent extends CacheEventBase {
  operation: "delete"
  outcome: "deleted" | "absent" | "bypass"
  /** Of a bypass as for {@link CacheMatchEvent}. */
  reason?: string | undefined
  /** The key. */
  key: string
}

/** A `purge`. */
export interface CachePurgeEvent extends CacheEventBase {
  operation: "purge"
  /** `softened` if the entries were made stale. */
  outcome: "purged" | "softened"
  reason?: undefined
  /** Number of live entries selected. */
  purged: number
  /** The key that the selector's `request` selects. */
  key?: string | undefined
  /** What else the purge selected by. */
  selected: { tags: readonly string[]; prefix?: string | undefined; everything: boolean }
}

/** A background refresh of a wrapped handler. */
export interface CacheRefreshEvent extends CacheEventBase {
  operation: "refresh"
  outcome: "refreshed" | "failed"
  /** Of a failed refresh the error. */
  reason?: string | undefined
  /** The key. */
  key: string
}

/**
 * What the channels `layeron:cache:<operation>` of `node:diagnostics_channel` publish: a union that
 * narrows by `operation`. Requests to a wrapped handler are matches and puts too. Calls that are
 * refused for their arguments publish nothing. Nothing is built for a channel without subscribers.
 */
export type CacheEvent =
  | CacheMatchEvent
  | CachePutEvent
  | CacheDeleteEvent
  | CachePurgeEvent
  | CacheRefreshEvent

/**
 * A handler to wrap: whatever answers a `Request`, with any further arguments its callers pass.
 *
 * The request is not always the caller's own object. What is run for all who want the same has no
 * conditions and no range of one client, has `If-None-Match` and `If-Modified-Since` of what is
 * stored, and a signal of its own.
 *
 * `Incoming` is the class of the requests: `Request`, or one that extends it, such as
 * `NextRequest`.
 */
export type CacheHandler<Rest extends unknown[] = [], Incoming extends Request = Request> = (
  request: Incoming,
  ...rest: Rest
) => Response | Promise<Response>

/**
 * Options of `wrap`. What is given here comes before the rule, the rule before the instance, and
 * that before the response's own word.
 */
export interface CacheWrapOptions<Rest extends unknown[] = [], Incoming extends Request = Request> {
  /**
   * As {@link CacheModuleOptions.ttlSeconds}. A configured lifetime applies to the statuses 200,
   * 203, 204, 300, 301, 302, 303, 307, 308, 404 and 410 only, and so do configured stale windows; a
   * response of another status is stored only if it declares or allows a lifetime itself. With a
   * lifetime here, requests are cached that no rule of the instance covers; without, they run the
   * handler and nothing is looked up, stored or waited for (`Cache-Status: …; fwd=bypass;
   * detail=no-rule`). Default: what the rule or the instance says, else the response itself; one
   * that says nothing is not stored.
   */
  ttlSeconds?: number | undefined
  /** As {@link CacheModuleOptions.staleWhileRevalidateSeconds}. */
  staleWhileRevalidateSeconds?: number | undefined
  /**
   * Seconds after the fresh lifetime during which the stale response is served where the handler
   * throws or answers 500, 502, 503 or 504 (RFC 5861, section 4), an int32 from 0.
   * `must-revalidate` and `proxy-revalidate` forbid it. Default: the response's own
   * `stale-if-error`, else 0.
   */
  staleIfErrorSeconds?: number | undefined
  /** Names of the request headers in the key, in place of the rule's or the instance's. */
  vary?: readonly string[] | undefined
  /**
   * Tags beside those of the rule, the instance and the response's `Cache-Tag`, or a function that
   * returns them. It is called with the arguments of the wrapped handler and the response, whose
   * body it may read from a `clone()` only. One that throws fails the run. Default: none.
   */
  tags?:
    | readonly string[]
    | ((
        request: Incoming,
        response: Response,
        ...rest: Rest
      ) => readonly string[] | Promise<readonly string[]>)
    | undefined
  /** As {@link CacheModuleOptions.cookies}. */
  cookies?: "pass" | "ignore" | undefined
  /** As {@link CacheModuleOptions.requestDirectives}. */
  requestDirectives?: "honour" | "ignore" | undefined
  /**
   * Whether a response that may be stored is stored. Called like a `tags` function. A response that
   * it refuses goes to its own client alone. One that throws fails the run. Default: every response
   * is stored.
   */
  shouldStore?:
    | ((request: Incoming, response: Response, ...rest: Rest) => boolean | Promise<boolean>)
    | undefined
  /**
   * Called with a promise for work that continues after the response is returned, which never
   * rejects, and with the arguments of the wrapped handler. Default: none.
   */
  waitUntil?: ((work: Promise<unknown>, request: Incoming, ...rest: Rest) => void) | undefined
  /**
   * Milliseconds after which a refresh in the background has failed and its request is aborted,
   * with a reason of code `LAYERON_REFRESH_TIMEOUT`; a body that clients read already goes on for
   * them and is not stored. After the same time a caller no longer waits for another's run, and a
   * body that makes no progress is neither stored nor joined by others. An integer from 1 to
   * 2147483647. Default: 30000.
   */
  refreshTimeoutMs?: number | undefined
}

/** A rule with everything it inherits. See {@link CacheRuleOptions}. */
export interface ResolvedCacheRule {
  /** As given, or `rule-1`, `rule-2`, … by position. */
  readonly name: string
  /** `undefined` covers every path. */
  readonly path: string | undefined
  /** Upper case. */
  readonly methods: readonly string[]
  /** Seconds; `undefined` leaves it to the response. */
  readonly ttlSeconds: number | undefined
  /** Seconds; `undefined` leaves it to the response. */
  readonly staleWhileRevalidateSeconds: number | undefined
  /** Lower case. */
  readonly vary: readonly string[]
  /** The instance's and the rule's. */
  readonly tags: readonly string[]
  readonly cookies: "pass" | "ignore"
  readonly requestDirectives: "honour" | "ignore"
  readonly bypass: Readonly<Required<CacheBypassOptions>>
}

/**
 * The key of `Symbol.asyncDispose`, where the compiler's `lib` knows it: it is in
 * `esnext.disposable`, and not every project has that.
 */
type AsyncDisposeKey<Symbols> = Symbols extends { readonly asyncDispose: infer Key extends symbol }
  ? Key
  : never

/** What `await using` calls at the end of its block; as `AsyncDisposable`, for every `lib`. */
type Disposed = { [Key in AsyncDisposeKey<SymbolConstructor>]: () => Promise<void> }

/**
 * A cache instance.
 *
 * Every call that is given bad input throws, or rejects with, a `TypeError` that names the option
 * and what is allowed and has a `code`: `LAYERON_INVALID_OPTION`, `LAYERON_INVALID_REQUEST` or
 * `LAYERON_INVALID_RESPONSE`. Nothing has changed then. Options are what the given object itself
 * has; what it inherits is not read. After {@link CacheModule.close}, every call but `close()`
 * throws or rejects with an `Error` of code `LAYERON_CLOSED`.
 */
export interface CacheModule extends Disposed {
  /** What the module is, for `app.use()`. */
  readonly kind: "cache"
  readonly name: string
  readonly namespace: string
  /**
   * `namespace/name`. Declarations of one identity share entries and counters, across all threads
   * of the process.
   */
  readonly identity: string
  /** The rules, with what they inherit. */
  readonly rules: readonly ResolvedCacheRule[]

  /**
   * The key of a request: its URL without fragment and with sorted query parameters, then `#`, the
   * namespace, the method and the selected headers with their values. Parts are percent-encoded:
   * `https://a.example/?x=1#shop;GET;accept-language=de`. A query parameter that is not UTF-8 keeps
   * its escapes. Values of `authorization`, `proxy-authorization` and `cookie` are replaced by `~`
   * and the base64url of their SHA-256.
   */
  key(request: CacheRequest, options?: CacheKeyOptions): string

  /**
   * The stored response for a request, or `undefined`.
   *
   * The response is a real `Response` and the caller's own. It says how old it is in `Age` (RFC
   * 9111, section 5.1) and where it comes from in `Cache-Status` (RFC 9211). To `If-None-Match` and
   * `If-Modified-Since` it may be a 304, to `Range` a 206 or 416. Counts a hit or a miss; a bypass
   * counts as neither. Costs a few microseconds, and never waits for a network or another caller's
   * build. What is not in memory is waited for where the instance has a disk, for two seconds at a
   * time.
   *
   * Inside the stale window one caller, of all threads, gets a miss and is to put a new response;
   * everyone else is served the stale one, which says so (`Cache-Status: shop/api; hit; ttl=-3;
   * detail=stale`). A caller that has not put within 30 s is replaced.
   */
  match(request: CacheRequest, options?: CacheKeyOptions): Promise<Response | undefined>

  /**
   * Stores a response, and resolves when it can be found.
   *
   * Takes the response's body: clone a response that is also returned. GET and HEAD are stored,
   * other methods where a rule that covers the request lists them. A response that is private
   * (`no-store`, `no-cache`, `private`, `Set-Cookie` that `private=Set-Cookie` does not take out),
   * or that cannot be kept (a 1xx, a 304, `text/event-stream`, too large, no lifetime left, a
   * `Vary` or `Cache-Tag` that cannot be read) is not stored: the put resolves, and the reason is
   * counted in
   * {@link CacheModule.inspect}.
   *
   * A purge is never undone: where something that concerns the response - its key, its URL's
   * prefix, one of its tags - was purged or deleted after the `match` miss that led to this put, it
   * is not stored either. Pass the same `Request` to both, so that the cache knows which miss that
   * was. For strings and URLs it goes by the key: each put ends one of the builds under way for it,
   * all count as the oldest, and one that has been under way for 30 s may be given up when another
   * begins.
   *
   * A response of another library will do where it has the members of a `Response` and its body is
   * a `ReadableStream` or a `Readable` of Node.
   *
   * Rejects with a `TypeError` for a 206, for `Vary: *`, for a used body, for one of another kind,
   * for a status, reason phrase or header that no response can have, and for a body that is not as
   * long as `Content-Length` says; and with the body's own error, whatever value that is, where the
   * body fails. Nothing is stored then.
   */
  put(request: CacheRequest, response: Response, options?: CachePutOptions): Promise<void>

  /**
   * Removes the entry that `match` would find. Resolves to whether there was one. Whatever it
   * finds, puts of the key that a `match` before it has led to are not stored. Where the instance
   * has a disk it resolves once that is on disk, and rejects with an `Error` whose code begins with
   * `LAYERON_STORAGE_` if that fails ({@link CacheErrorCode}).
   */
  delete(request: CacheRequest, options?: CacheKeyOptions): Promise<boolean>

  /**
   * Removes what is selected, each entry counted once. Costs what it removes, not what the store
   * holds; a prefix that begins with `/` costs a step for each host in addition. Other threads wait
   * for it.
   *
   * Where the instance has a disk, memory is purged when this is called, and it resolves once the
   * purge is on disk and holds in all processes: nothing of what is selected comes back then.
   * Rejects with an `Error` whose code begins with `LAYERON_STORAGE_` if that fails
   * ({@link CacheErrorCode}).
   */
  purge(selector: CachePurgeSelector): Promise<{ purged: number }>

  /**
   * Turns a handler into a cached one: an HTTP shared cache (RFC 9111) in front of it. What can be
   * answered from the store is; else the handler is run, once for all who want the same at the same
   * time, in all threads. Its response streams to whoever waits while it is stored.
   *
   * - Stale inside the window: served at once, and one run in the background refreshes it. One that
   *   fails is counted, reported as an event and a warning, and tried again after a pause that
   *   grows from 1 s to 60 s.
   * - Stale otherwise: the handler is run with `If-None-Match` and `If-Modified-Since`, and may
   *   answer 304.
   * - Where a handler throws, one of the requests that wait runs it once more; if that throws too,
   *   all who still wait fail with it. For 200 ms to 2 s the handler is not run again for a request
   *   with the same header fields and no credentials. A stale response is served instead where
   *   `stale-if-error` allows. A thrown `Response`, and an error with `getResponse()` or a `status`
   *   or `statusCode` from 400 to 499, is an answer rather than a failure: the call rejects with
   *   it, unchanged, and with nothing stale in its place.
   * - An error of the server (a status from 500) that is not stored goes to its own client; the
   *   requests that wait run the handler on their own.
   * - A call whose `request.signal` aborts rejects with its reason. A run that no client waits for
   *   any more, and that is no refresh, is aborted by the signal of the handler's request; once its
   *   response has begun, it is stored.
   * - A wrapped handler that is called inside of a run of the same instance for the same key runs
   *   its handler directly, and adds its tags and lifetimes to what is stored.
   * - What is not for all (`private`, `Set-Cookie`, …) goes to its caller alone, and for a minute
   *   nobody waits for the key.
   * - Under a configured lifetime, the response to a request with cookies is stored and shared only
   *   if it declares that it may be, or varies by `Cookie`; see {@link CacheModuleOptions.cookies}.
   * - A request that changes something and succeeds removes what is stored for its URL, and for its
   *   `Location` and `Content-Location`. One whose method a rule lists is a read and removes
   *   nothing.
   * - Every answer says in `Cache-Status` (RFC 9211) how it came about.
   *
   * GET is stored, other methods only where a rule that covers the request lists them; HEAD is
   * answered from what is stored for GET. Inside of a run, `match` of the request that the handler
   * is given finds nothing and counts nothing, and what the handler `put`s for it is not stored a
   * second time. After {@link CacheModule.close} the handler is run as it is.
   *
   * @throws TypeError with code `LAYERON_INVALID_OPTION` for an option that is not allowed. The
   *   wrapped handler rejects with what the handler throws; a caller of another thread that has
   *   waited for it gets an `Error` of code `LAYERON_HANDLER_FAILED`.
   */
  wrap<Rest extends unknown[] = [], Incoming extends Request = Request>(
    handler: CacheHandler<Rest, Incoming>,
    options?: CacheWrapOptions<Rest, Incoming>,
  ): (request: Incoming, ...rest: Rest) => Promise<Response>

  /**
   * Whether a rule covers a request, or would cover a GET of its URL where its method is one that
   * changes something.
   */
  covers(request: CacheRequest): boolean

  /** The counters of the instance. */
  stats(): Promise<CacheStats>

  /**
   * What the instance holds and what became of what it no longer does. Removes expired entries
   * first and looks at every other, while other threads wait.
   */
  inspect(): Promise<CacheInspection>

  /** Why a request is a hit, a miss or a bypass. Changes and counts nothing. */
  explain(request: CacheRequest, options?: CacheKeyOptions): Promise<CacheExplanation>

  /**
   * Closes this declaration. Entries and counters are freed with the last declaration of the
   * identity, in any thread, that is closed, garbage-collected or lost with its worker thread. What
   * is to be on disk is there once it resolves, where the disk can be written to.
   */
  close(): Promise<void>
}

/** Options of {@link configure}. */
export interface CacheConfiguration {
  /** What instances have that do not say otherwise. */
  storage?: CacheStorageOptions | CacheStorageName | undefined
}

/**
 * Configures the instances that are declared from now on, in this thread and in those that it
 * starts. Meant to be called once, where a process begins; a second call takes the place of the
 * first.
 *
 * @throws TypeError with code `LAYERON_INVALID_OPTION` for an option that is not allowed.
 */
export declare function configure(options: CacheConfiguration): void

/**
 * Declares a cache instance. Equal declarations, in any file or thread of the process, are the same
 * instance; one with another policy (TTL, vary, tags, rules) keeps its own policy over the same
 * entries.
 *
 * @throws TypeError with code `LAYERON_INVALID_OPTION` for an option that is not allowed. An
 *   unknown option is warned of once.
 * @throws Error with code `LAYERON_STORAGE_CONFLICT` where the identity is open with another
 *   `storage`.
 */
export declare function cache(options: CacheModuleOptions): CacheModule
