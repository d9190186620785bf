/**
 * The request of a call: a `Request`, a `URL`, or an absolute `http:` or `https:` URL string. A URL
 * or a string means GET without headers.
 */
export type CacheRequest = Request | URL | string

/** A request that has one of these names skips the cache: no lookup, no storing, no deleting. */
export interface CacheBypassOptions {
  /** Request header names, in any case. */
  headers?: readonly string[] | undefined
  /** Cookie names of 1 to 256 characters; upper and lower case differ. */
  cookies?: readonly string[] | undefined
  /** Query parameter names, decoded, of 1 to 256 characters; upper and lower case differ. */
  query?: readonly string[] | undefined
}

/**
 * The policy of some routes. To each request, the first rule that matches its path and method
 * applies, in all calls. A rule inherits options that it omits from the instance, and adds its tags
 * to those of the instance.
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
   * `|` outside a group, an expression that may match a slash and is not last. The few paths that
   * the routers match differently skip the cache.
   *
   * An expression in braces is a JavaScript regular expression without anchors, look-around,
   * back-references and named groups, whose only escapes are ASCII punctuation and
   * `\d \D \w \W \s \S`. All expressions of a pattern may have 1,000 characters and classes, and
   * those of a declaration 20,000. A repeated character counts as often as it is repeated.
   */
  path?: string | undefined
  /**
   * Methods covered, at least one. `put` takes other methods than GET and HEAD only under a rule
   * that lists them. Default: `["GET", "HEAD"]`.
   */
  methods?: readonly string[] | undefined
  /** As {@link CacheModuleOptions.ttlSeconds}. Default: that of the instance. */
  ttlSeconds?: number | undefined
  /** As {@link CacheModuleOptions.staleWhileRevalidateSeconds}. Default: that of the instance. */
  staleWhileRevalidateSeconds?: number | undefined
  /** As {@link CacheModuleOptions.vary}. Replaces the instance's, which is the default. */
  vary?: readonly string[] | undefined
  /** As {@link CacheModuleOptions.tags}. Added to the instance's. Default: none. */
  tags?: readonly string[] | undefined
  /** As {@link CacheModuleOptions.cookies}. Default: that of the instance. */
  cookies?: "pass" | "ignore" | undefined
  /** As {@link CacheModuleOptions.requestDirectives}. Default: that of the instance. */
  requestDirectives?: "honour" | "ignore" | undefined
  /** Names that make a request covered by the rule skip the cache. Default: none. */
  bypass?: CacheBypassOptions | undefined
}

/**
 * Emission of the metrics `cache.hits`, `cache.misses`, `cache.puts`, `cache.deletes`,
 * `cache.purges` (the number of entries) and `cache.errors` (puts whose body failed, and background
 * refreshes that failed), each with the attributes `product` (`cache`), `namespace` and `name`. The
 * cache counts them through `@opentelemetry/api` if the application has installed it. It also
 * writes each as a line of JSON to `sink`, with `time`, `operation`, `outcome`, `reason` and `key`
 * in addition.
 */
export interface ObservabilityConfig {
  /**
   * The share of metrics that is emitted, from 0 to 1: `error` of errors, `success` of all others.
   * Default: 1 each.
   */
  sampling?: { success?: number | undefined; error?: number | undefined } | undefined
  /** Attributes whose values `[redacted]` replaces before they are emitted. Default: none. */
  redaction?: { fields?: readonly string[] | undefined } | undefined
  /**
   * The receiver of lines of JSON. A function gets each line without its line feed. A sink that
   * throws or rejects, or a stream that fails, fails no call; the process warns once. Default:
   * none.
   */
  sink?:
    | "stdout"
    | "stderr"
    | ((line: string) => unknown)
    | { write(text: string): unknown }
    | undefined
}

/** The storage of an instance. */
export interface CacheStorageOptions {
  /**
   * Folder of a disk tier under the memory, relative to the working directory. The cache creates
   * it, readable by its owner only. Entries survive the process, entries that memory evicts stay on
   * disk, and all processes of the machine that open the folder are one cache. Default: none.
   */
  path?: string | undefined
  /**
   * Maximum size in bytes of the file of one instance. The entries that were put first are evicted
   * first. A write-ahead log takes some megabytes more. An integer from 1048576 (1 MiB) to 2^53 -
   * 1. Default: 1073741824 (1 GiB).
   */
  maxDiskBytes?: number | undefined
  /** Limits of the memory, which all threads of the process share. */
  memory?:
    | {
        /**
         * Maximum bytes of all entries: bodies, headers, keys, tags and indexes. Never exceeded. An
         * integer from 1 to 2^53 - 1. Default: 134217728 (128 MiB).
         */
        maxBytes?: number | undefined
        /**
         * Maximum bytes of one entry: body, headers, key and tags. A larger entry is not stored and
         * evicts nothing. An integer from 1 to 2147483647, at most `maxBytes`. Default: an eighth
         * of `maxBytes`.
         */
        maxEntryBytes?: number | undefined
        /**
         * Maximum bytes, beside `maxBytes`, of bodies while they are received or streamed to
         * waiters. Beyond it, responses of wrapped handlers are streamed through without being
         * stored, and a `put` of a body in several chunks stores nothing. Both count as `in-flight`
         * in {@link CacheInspection.refusedWrites}. An integer from 1 to 2^53 - 1. Default: a
         * quarter of `maxBytes`, at least `maxEntryBytes`.
         */
        maxInFlightBytes?: number | undefined
      }
    | undefined
}

/** A storage as text: memory alone, or memory over the disk tier in a folder. */
export type CacheStorageName = "memory" | `file:${string}`

/** Options of {@link cache}. */
export interface CacheModuleOptions {
  /** Stable name of the instance: 1 to 128 of letters, digits, `.`, `_`, `-`. */
  name: string
  /** Namespace of the name, of the same form; `layeron` is reserved. Default: `"default"`. */
  namespace?: string | undefined
  /**
   * Freshness lifetime in seconds, an int32 from 0. Default: that of the response's
   * `CDN-Cache-Control`, `Cache-Control` (`s-maxage` before `max-age`) or `Expires`, else 60.
   */
  ttlSeconds?: number | undefined
  /**
   * Seconds after the freshness lifetime during which the stale response is served, an int32 from 0
   * (RFC 5861, section 3). Default: the response's `stale-while-revalidate`, else 0.
   */
  staleWhileRevalidateSeconds?: number | undefined
  /**
   * Names of the request headers in the key. The key has the values of `authorization`,
   * `proxy-authorization` and `cookie` as `~` and the base64url of their SHA-256. Default: none.
   */
  vary?: readonly string[] | undefined
  /**
   * Tags of every stored response, for {@link CacheModule.purge}: 1 to 1,024 characters each, no
   * comma, no control character. Default: none.
   */
  tags?: readonly string[] | undefined
  /**
   * Whether wrapped handlers get the cookies of requests.
   *
   * - `"pass"`: they do. Under a configured lifetime, the response to a request with cookies is
   *   stored only if it declares that it may be shared. See docs/sharing.md.
   * - `"ignore"`: the cache removes `Cookie` before the handler runs, and serves and coalesces
   *   requests with cookies as those without. A request that a rule's `bypass` selects, or whose
   *   response is not stored because of its method, keeps its cookies.
   *
   * No effect on `match` and `put`. Default: `"pass"`.
   */
  cookies?: "pass" | "ignore" | undefined
  /**
   * Whether `wrap` honours `Cache-Control` and `Pragma` of requests (RFC 9111, sections 5.2.1 and
   * 5.4). With `"ignore"` clients cannot make the handler run: `no-cache`, `no-store`, `max-age`,
   * `min-fresh` and `max-stale` have no effect. `only-if-cached` always has. No effect on `match`
   * and `put`. Default: `"honour"`.
   */
  requestDirectives?: "honour" | "ignore" | undefined
  /**
   * Policies of routes. The first rule that matches a request applies. If an instance has rules,
   * `wrap` caches only requests that a rule covers: see {@link CacheWrapOptions.ttlSeconds}.
   * Default: none.
   */
  rules?: readonly CacheRuleOptions[] | undefined
  /** Emission of metrics. Default: none are emitted. */
  observability?: ObservabilityConfig | undefined
  /**
   * The storage: options, `"memory"` or `"file:<folder>"`. {@link configure} and then the
   * environment variable `LAYERON_CACHE_STORAGE` (one of the two texts) have the options that are
   * omitted here. All declarations of one identity have the same storage. Default: 128 MiB of
   * memory.
   */
  storage?: CacheStorageOptions | CacheStorageName | undefined
}

/** Options of `key`, `match` and `delete`. */
export interface CacheKeyOptions {
  /**
   * Names of the request headers in the key. Replaces those of the rule or the instance, which are
   * the default.
   */
  vary?: readonly string[] | undefined
}

/** Options of `put`. They take precedence over the rule, and the rule over the instance. */
export interface CachePutOptions extends CacheKeyOptions {
  /** As {@link CacheModuleOptions.ttlSeconds}. Default: that of the rule or the instance. */
  ttlSeconds?: number | undefined
  /**
   * As {@link CacheModuleOptions.staleWhileRevalidateSeconds}. Default: that of the rule or the
   * instance.
   */
  staleWhileRevalidateSeconds?: number | undefined
  /**
   * Tags in addition to those of the rule, the instance and the response's `Cache-Tag`, which is
   * read as UTF-8, or as Latin-1 if it is not UTF-8. Default: none.
   */
  tags?: readonly string[] | undefined
}

/**
 * The entries that `purge` removes: all that one of its fields selects. At least one is needed;
 * none has a default.
 */
export interface CachePurgeSelector {
  /**
   * The entry with the key that {@link CacheModule.key} returns for the request without options, in
   * all variants by the responses' `Vary`. An entry put with the option `vary` has another key.
   */
  request?: CacheRequest | undefined
  /** Entries that have one of these tags. An empty list selects nothing. */
  tags?: readonly string[] | undefined
  /**
   * Entries whose key begins with this text, e.g. `https://api.example.com/api/`. A prefix that
   * begins with `/` means this path on every host. 1 to 65,536 characters. It is normalised as keys
   * are: host in lower case, no default port, percent-encoded with escapes in upper case, sorted
   * query parameters. It may end anywhere, even within a host or an escape: `https://a.exam`
   * includes `https://a.example/`. A text with which no key can begin, such as `api/`, is a
   * `TypeError`.
   */
  prefix?: string | undefined
  /** Every entry of the instance. Default: false. */
  everything?: boolean | undefined
  /**
   * Makes the entries stale instead of removing them. Each is served for the rest of its stale
   * window while one caller refreshes it. An entry without a stale window is removed. Default:
   * false.
   */
  soft?: boolean | undefined
}

/** Counters of an instance, over all threads. */
export interface CacheStats {
  /** `match` found an entry. */
  hits: number
  /** `match` found no entry. */
  misses: number
  /** Responses stored. */
  puts: number
  /** Calls of `delete`, also those that found no entry or that a rule made skip the cache. */
  deletes: number
  /** Entries removed by `purge`. */
  purges: number
}

/** Why a response was not stored. */
export type CacheRefusal =
  | "no-store"
  | "no-cache"
  | "private"
  | "set-cookie"
  /**
   * A 1xx or 304. From wrapped handlers also a 412, a 416, and any status that the cache does not
   * understand if the response has `must-understand` (RFC 9111, section 5.2.2.3).
   */
  | "status"
  | "event-stream"
  /** Neither lifetime nor stale window is left. */
  | "expired"
  /** `Cache-Tag` has a text that cannot be a tag. */
  | "cache-tag"
  /**
   * `Vary` is no list of field names, is longer than 4 KiB or has more than 128 names. From wrapped
   * handlers also `*`.
   */
  | "vary"
  /** Larger than `maxEntryBytes` or `maxBytes`, or more than 65,535 tags. */
  | "too-large"
  /** No lifetime is configured and the response has none. This and all that follow: `wrap` only. */
  | "no-freshness"
  /** The request has `Authorization` and the response may not be shared (RFC 9111, section 3.5). */
  | "authorization"
  /** The request has `no-store`. */
  | "request-no-store"
  /** A 206. */
  | "partial-content"
  /** {@link CacheWrapOptions.shouldStore} returned false. */
  | "should-store"
  /**
   * Bodies in flight took all of `maxInFlightBytes` (also of `put`), the body made no progress for
   * `refreshTimeoutMs`, or a refresh took longer.
   */
  | "in-flight"
  /** A later response of the handler was stored first. */
  | "superseded"
  /**
   * The request has cookies, the lifetime is configured, and the response does not declare that it
   * may be shared.
   */
  | "cookie"

/** The state of an instance. */
export interface CacheInspection {
  /**
   * Entries that have not expired, including those that a wrapped handler has to validate before it
   * serves them.
   */
  entries: number
  /** Bytes of all entries: bodies, headers, keys, tags and indexes. */
  bytes: number
  /** The limit of `bytes`. */
  maxBytes: number
  /** Bytes, beside `bytes`, of bodies that are being received or streamed to waiters. */
  inFlightBytes: number
  /** Number of different tags. */
  tags: number
  /** Seconds since the oldest entry was put, or `null` without entries. */
  oldestEntrySeconds: number | null
  /** Hits after the freshness lifetime. */
  staleHits: number
  /** Misses of callers elected to refresh a stale entry that all others are served. */
  elections: number
  /**
   * Stale responses served because the wrapped handler failed (RFC 5861, section 4).
   */
  staleIfErrorHits: number
  /** Requests to wrapped handlers that waited for the handler run of another request. */
  collapsed: number
  /** Stored responses that a wrapped handler validated with a 304. */
  revalidations: number
  /** Background refreshes that failed. */
  failedRefreshes: number
  /**
   * Entries removed because an unsafe request to a wrapped handler succeeded at their URL (RFC
   * 9111, section 4.4).
   */
  invalidations: number
  /** Entries removed to make room. */
  evictions: number
  /** Entries removed because they expired. */
  expirations: number
  /** Puts dropped because their key, prefix or a tag was purged or deleted after their miss. */
  fencedWrites: number
  /** Number of responses not stored, for every reason. */
  refusedWrites: Record<CacheRefusal, number>
  /**
   * Calls of `match`, `put` and `delete`, and requests to wrapped handlers, that a rule's `bypass`
   * made skip the cache; also requests to wrapped handlers that no rule covers.
   */
  bypasses: number
  /** The disk tier, or `null` without one. */
  disk: CacheDiskInspection | null
}

/** The state of the disk tier of an instance. */
export interface CacheDiskInspection {
  /** The folder, absolute. */
  path: string
  /** Entries in the file, of all processes. */
  entries: number
  /** Bytes of the file that are in use, for entries and everything else. */
  bytes: number
  /** The limit of `bytes`. */
  maxBytes: number
  /** Entries that this process removed from the file to make room. */
  evictions: number
  /**
   * Puts that this process did not write, because too many waited, the entry was too large, or the
   * disk could not be opened. They are in memory.
   */
  droppedWrites: number
  /**
   * Damaged entries that this process read. They count as misses.
   */
  damagedReads: number
  /**
   * The path to which this process moved a damaged file when it opened the folder, or `null`.
   */
  setAside: string | null
  /**
   * The error because of which the disk is neither read nor written at present, or `null`. Memory
   * still works; purges reject. The cache tries again unless the code is `damaged`, `closed` or
   * `panicked`.
   */
  fault: string | null
  /**
   * The kind of that error, or `null`: `busy` (another process holds a lock), `full` (no space),
   * `damaged`, `incompatible` (another format, cache, bound or owner, or accessible to others),
   * `removed` (the files were removed while they were open), `closed`, `panicked` (a fault of this
   * library), or `io`.
   */
  faultCode: CacheStorageFault | null
}

/** Kinds of errors of a disk. */
export type CacheStorageFault =
  | "busy"
  | "full"
  | "damaged"
  | "incompatible"
  | "removed"
  | "closed"
  | "panicked"
  | "io"

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
   * The outcome of `match`. `stale` is a hit for all callers but the one that refreshes the entry.
   */
  outcome: "hit" | "stale" | "miss" | "bypass"
  /** The explanation in one sentence. */
  sentence: string
  /** The key, as {@link CacheModule.key} returns it. */
  key: string
  /** The URL part of the key. */
  url: string
  method: string
  namespace: string
  /**
   * The headers in the key, each with its value in the key, or `null` if the request lacks it.
   */
  vary: Record<string, string | null>
  /** The rule that applies, and why, or `null`. */
  rule: { name: string; because: string } | null
  /**
   * What makes the request skip the cache, or `null`: a header, cookie or query parameter of its
   * rule, or a `path` that Hono's routers match differently, with the pattern as `name`.
   */
  bypass: { by: "header" | "cookie" | "query" | "path"; name: string } | null
  /** The entry that answers the request, or `null`. */
  entry: {
    stale: boolean
    ageSeconds: number
    /** Freshness lifetime in seconds. */
    lifetimeSeconds: number
    /** Rest of the stale window in seconds: all of it while the entry is fresh. */
    staleWindowLeftSeconds: number
    tags: string[]
    /** Bytes of the entry in memory. */
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
   * `failed` or `only-if-cached`; of a bypass `header`, `cookie` or `query` and the name, `path`
   * and the pattern, or `no-rule`.
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
 * A handler to wrap: a function that answers a `Request`, with any further arguments.
 *
 * The request may be another object than the caller's. Since one handler run answers several
 * clients, its request has no conditions and no range of a client, has `If-None-Match` and
 * `If-Modified-Since` of the stored response, and a signal of its own.
 *
 * `Incoming` is the class of the requests: `Request`, or a class that extends it, such as
 * `NextRequest`.
 */
export type CacheHandler<Rest extends unknown[] = [], Incoming extends Request = Request> = (
  request: Incoming,
  ...rest: Rest
) => Response | Promise<Response>

/**
 * Options of `wrap`. They take precedence over the rule, the rule over the instance, and the
 * instance over the response.
 */
export interface CacheWrapOptions<Rest extends unknown[] = [], Incoming extends Request = Request> {
  /**
   * As {@link CacheModuleOptions.ttlSeconds}. A configured lifetime and configured stale windows
   * apply only to the statuses 200, 203, 204, 300, 301, 302, 303, 307, 308, 404 and 410. A response
   * of another status is stored only if it declares or allows a lifetime itself.
   *
   * With a lifetime here, requests that no rule of the instance covers are cached too. Without one,
   * they only run the handler (`Cache-Status: …; fwd=bypass; detail=no-rule`).
   *
   * Default: that of the rule or the instance, else of the response. A response without a lifetime
   * is not stored.
   */
  ttlSeconds?: number | undefined
  /**
   * As {@link CacheModuleOptions.staleWhileRevalidateSeconds}. Default: that of the rule or the
   * instance.
   */
  staleWhileRevalidateSeconds?: number | undefined
  /**
   * Seconds after the freshness lifetime during which the stale response is served if the handler
   * throws or answers 500, 502, 503 or 504 (RFC 5861, section 4), an int32 from 0.
   * `must-revalidate` and `proxy-revalidate` forbid it. Default: the response's `stale-if-error`,
   * else 0.
   */
  staleIfErrorSeconds?: number | undefined
  /**
   * Names of the request headers in the key. Replaces those of the rule or the instance, which are
   * the default.
   */
  vary?: readonly string[] | undefined
  /**
   * Tags in addition to those of the rule, the instance and the response's `Cache-Tag`, or a
   * function that returns them. The function gets the arguments of the wrapped handler and the
   * response, and may read the body from a `clone()` only. If it throws, the handler run fails.
   * Default: none.
   */
  tags?:
    | readonly string[]
    | ((
        request: Incoming,
        response: Response,
        ...rest: Rest
      ) => readonly string[] | Promise<readonly string[]>)
    | undefined
  /** As {@link CacheModuleOptions.cookies}. Default: that of the rule or the instance. */
  cookies?: "pass" | "ignore" | undefined
  /** As {@link CacheModuleOptions.requestDirectives}. Default: that of the rule or the instance. */
  requestDirectives?: "honour" | "ignore" | undefined
  /**
   * Whether a cacheable response is stored, called like a `tags` function. A response for which it
   * returns false goes only to its own client. If it throws, the handler run fails. Default: every
   * cacheable response is stored.
   */
  shouldStore?:
    | ((request: Incoming, response: Response, ...rest: Rest) => boolean | Promise<boolean>)
    | undefined
  /**
   * Called with a promise for work that continues after the response is returned, and with the
   * arguments of the wrapped handler. The promise never rejects. Default: none.
   */
  waitUntil?: ((work: Promise<unknown>, request: Incoming, ...rest: Rest) => void) | undefined
  /**
   * Milliseconds after which a background refresh fails. Its request is aborted with a
   * {@link CacheError} of code `LAYERON_REFRESH_TIMEOUT`; a body that clients read already
   * continues for them and is not stored. After the same time, a caller stops waiting for the
   * handler run of another, and a body without progress is neither stored nor joined. An integer
   * from 1 to 2147483647. Default: 30000.
   */
  refreshTimeoutMs?: number | undefined
}

/** A rule with the options that it inherits. See {@link CacheRuleOptions}. */
export interface ResolvedCacheRule {
  /** The given name, or `rule-1`, `rule-2`, … by position. */
  readonly name: string
  /** `undefined` covers every path. */
  readonly path: string | undefined
  /** Upper case. */
  readonly methods: readonly string[]
  /** Seconds; if `undefined`, the response decides. */
  readonly ttlSeconds: number | undefined
  /** Seconds; if `undefined`, the response decides. */
  readonly staleWhileRevalidateSeconds: number | undefined
  /** Lower case. */
  readonly vary: readonly string[]
  /** Those of the instance and the rule. */
  readonly tags: readonly string[]
  readonly cookies: "pass" | "ignore"
  readonly requestDirectives: "honour" | "ignore"
  readonly bypass: Readonly<Required<CacheBypassOptions>>
}

/**
 * The type of `Symbol.asyncDispose`, if the compiler's `lib` has it: not every project has
 * `esnext.disposable`.
 */
type AsyncDisposeKey<Symbols> = Symbols extends { readonly asyncDispose: infer Key extends symbol }
  ? Key
  : never

/** `AsyncDisposable`, for every `lib`. */
type Disposed = { [Key in AsyncDisposeKey<SymbolConstructor>]: () => Promise<void> }

/**
 * A cache instance.
 *
 * A call with an argument that is not allowed changes nothing and throws, or rejects with, a
 * {@link CacheTypeError} that names the argument and what is allowed. Options are the own
 * properties of the given object, not inherited ones. After {@link CacheModule.close}, every call
 * but `close()` throws or rejects with a {@link CacheError} of code `LAYERON_CLOSED`.
 */
export interface CacheModule extends Disposed {
  /** The kind of module, for `app.use()` of `@layeron/core`. */
  readonly kind: "cache"
  readonly name: string
  readonly namespace: string
  /**
   * `namespace/name`. Declarations of one identity share entries and counters in all threads of the
   * process.
   */
  readonly identity: string
  /** The rules, with the options that they inherit. */
  readonly rules: readonly ResolvedCacheRule[]

  /**
   * The key of a request: its URL without fragment and with sorted query parameters, then `#`, the
   * namespace, the method and the headers of `vary` with their values, each percent-encoded:
   * `https://a.example/?x=1#shop;GET;accept-language=de`. A query parameter that is not UTF-8 keeps
   * its escapes. `~` and the base64url of the SHA-256 replace the values of `authorization`,
   * `proxy-authorization` and `cookie`.
   */
  key(request: CacheRequest, options?: CacheKeyOptions): string

  /**
   * The stored response for a request, or `undefined`.
   *
   * The response is a new `Response` for each caller, with `Age` (RFC 9111, section 5.1) and
   * `Cache-Status` (RFC 9211). It may be a 304 to `If-None-Match` and `If-Modified-Since`, and a
   * 206 or 416 to `Range`. The call counts as a hit, a miss or a bypass. It costs a few
   * microseconds and never waits for a network or for another caller's build. With a disk tier, it
   * waits at most two seconds for each read of the disk; a read that takes longer is a miss. The
   * lookup is repeated if memory has evicted the entry meanwhile.
   *
   * Within the stale window, one caller of all threads gets a miss and has to put a new response.
   * All others are served the stale one (`Cache-Status: shop/api; hit; ttl=-3; detail=stale`). If
   * that caller does not put within 30 s, another caller gets the miss.
   */
  match(request: CacheRequest, options?: CacheKeyOptions): Promise<Response | undefined>

  /**
   * Stores a response. Resolves when `match` can find it.
   *
   * Uses the response's body: clone a response that is also returned. GET and HEAD are stored,
   * other methods only if a rule that covers the request lists them. A response that is private
   * (`no-store`, `no-cache`, `private`, `Set-Cookie` without `private=Set-Cookie`) or cannot be
   * stored (1xx, 304, `text/event-stream`, too large, no lifetime left, an invalid `Vary` or
   * `Cache-Tag`) is not stored: the put resolves, and {@link CacheInspection.refusedWrites} counts
   * the reason.
   *
   * A purge is never undone: if the key, its URL's prefix or a tag of the response was purged or
   * deleted after the `match` miss that led to this put, the response is not stored. Pass the same
   * `Request` to both calls, so that the cache knows the miss. For strings and URLs the cache knows
   * only the key: each put ends one of the builds for it, all of them count as old as the oldest,
   * and the cache may forget a build of more than 30 s when another one begins.
   *
   * Responses of other libraries work too, if they have the members of a `Response` and their body
   * is a `ReadableStream` or a `Readable` of Node.
   *
   * Rejects, and stores nothing, with a {@link CacheTypeError} for a 206, `Vary: *`, a used body, a
   * body of another kind, a status, reason phrase or header that no response can have, and a body
   * whose length is not `Content-Length`. If the body fails, rejects with the body's own error.
   */
  put(request: CacheRequest, response: Response, options?: CachePutOptions): Promise<void>

  /**
   * Removes the entry that `match` would find. Resolves to whether there was one. In either case,
   * puts that an earlier `match` miss of the key led to are not stored.
   *
   * With a disk tier, resolves once this is on disk, and rejects with a {@link CacheError} whose
   * code begins with `LAYERON_STORAGE_` if that fails.
   */
  delete(request: CacheRequest, options?: CacheKeyOptions): Promise<boolean>

  /**
   * Removes the selected entries and resolves to their number once all of them are removed. From
   * the call on, none of them is served. The cost depends on the number of removed entries, not of
   * all entries; a prefix that begins with `/` adds a step for each host. A background thread
   * removes more than about a thousand entries in slices, between which other threads continue.
   *
   * With a disk tier, memory is purged at once, and the call resolves when the purge is on disk and
   * holds in all processes: no selected entry comes back. Rejects with a {@link CacheError} whose
   * code begins with `LAYERON_STORAGE_` if that fails.
   */
  purge(selector: CachePurgeSelector): Promise<{ purged: number }>

  /**
   * Puts an HTTP shared cache (RFC 9111) in front of a handler. The cache answers from the store if
   * it can. Otherwise it runs the handler, once for all requests for the same response at the same
   * time, in all threads, and streams the response to all of them while it stores it.
   *
   * - Stale within `stale-while-revalidate`: the stale response is served at once, and one handler
   *   run in the background refreshes it. A refresh that fails is counted, published as an event
   *   and a warning, and tried again after a pause that grows from 1 s to 60 s.
   * - Stale otherwise: the handler runs with `If-None-Match` and `If-Modified-Since`, and may
   *   answer 304.
   * - If a handler throws, one of the requests that wait runs it once more. If that throws too, all
   *   requests that still wait fail with it, and for 200 ms to 2 s the handler does not run again
   *   for a request with the same header fields and no credentials. If `stale-if-error` allows, the
   *   stale response is served instead.
   * - A thrown `Response`, and an error with `getResponse()` or a `status` or `statusCode` from 400
   *   to 499, is an answer and no failure: the call rejects with it, unchanged, and no stale
   *   response replaces it.
   * - A server error (status from 500) that is not stored goes only to its own client. Each request
   *   that waits runs the handler itself.
   * - A call rejects with the reason of its `request.signal` when that aborts. The signal of the
   *   handler's request aborts a run that no client waits for any more, except refreshes and runs
   *   whose response has begun: that response is stored.
   * - A wrapped handler that is called within a handler run of the same instance for the same key
   *   runs its handler directly, and adds its tags and lifetimes to the stored response.
   * - A response that may not be shared (`private`, `Set-Cookie`, …) goes only to its own client.
   *   For 60 s, requests for the key are not coalesced (hit-for-miss).
   * - Under a configured lifetime, the response to a request with cookies is stored and shared only
   *   if it declares that it may be shared or varies by `Cookie`: see
   *   {@link CacheModuleOptions.cookies}.
   * - An unsafe request that succeeds removes the stored responses for its URL, its `Location` and
   *   its `Content-Location`. A method that a rule lists counts as safe.
   * - `Cache-Status` (RFC 9211) of every answer says how the cache handled it.
   *
   * GET is stored, other methods only if a rule that covers the request lists them. The stored GET
   * answers HEAD. Within a run, `match` of the handler's request finds nothing and counts nothing,
   * and a `put` for it does not store the response a second time. After {@link CacheModule.close}
   * the handler runs without a cache.
   *
   * @throws CacheTypeError for an option that is not allowed. The wrapped handler rejects with what
   *   the handler throws; a caller in another thread that waited for it gets a {@link CacheError}
   *   of code `LAYERON_HANDLER_FAILED`.
   */
  wrap<Rest extends unknown[] = [], Incoming extends Request = Request>(
    handler: CacheHandler<Rest, Incoming>,
    options?: CacheWrapOptions<Rest, Incoming>,
  ): (request: Incoming, ...rest: Rest) => Promise<Response>

  /**
   * Whether a rule covers a request, or, if its method is unsafe, would cover a GET of its URL.
   */
  covers(request: CacheRequest): boolean

  /** The counters of the instance. */
  stats(): Promise<CacheStats>

  /**
   * The state of the instance. Removes expired entries and visits all others, while other threads
   * wait.
   */
  inspect(): Promise<CacheInspection>

  /** Explains why a request is a hit, a miss or a bypass. Changes and counts nothing. */
  explain(request: CacheRequest, options?: CacheKeyOptions): Promise<CacheExplanation>

  /**
   * Closes this declaration. The last declaration of an identity, in any thread, frees its entries
   * and counters when it is closed or garbage-collected or its worker thread ends. With a disk
   * tier, resolves when all pending writes are on disk, unless the disk fails.
   */
  close(): Promise<void>
}

/** Options of {@link configure}. */
export interface CacheConfiguration {
  /** The storage of instances that do not declare another. */
  storage?: CacheStorageOptions | CacheStorageName | undefined
}

/**
 * Configures the instances that are declared later, in this thread and in threads that it starts.
 * Call it once at the start of a process; a second call replaces the first.
 *
 * @throws CacheTypeError of code `LAYERON_INVALID_OPTION` for an option that is not allowed.
 */
export declare function configure(options: CacheConfiguration): void

/**
 * Declares a cache instance. Equal declarations, in any file or thread of the process, are the same
 * instance. A declaration with another policy (TTL, vary, tags, rules) has its own policy over the
 * same entries.
 *
 * @throws CacheTypeError of code `LAYERON_INVALID_OPTION` for an option that is not allowed. An
 *   unknown option causes one warning.
 * @throws CacheError of code `LAYERON_STORAGE_CONFLICT` if the identity is open with another
 *   `storage`.
 */
export declare function cache(options: CacheModuleOptions): CacheModule
