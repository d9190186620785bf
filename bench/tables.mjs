/**
 * The tables by name, in the order in which they run. Each is loaded when it runs, after the rivals
 * are installed.
 */
export const TABLES = {
  "in-process": () => import("./tables/in-process/table.mjs"),
  scale: () => import("./tables/scale/table.mjs"),
  invalidation: () => import("./tables/invalidation/table.mjs"),
  threads: () => import("./tables/threads/table.mjs"),
  http: () => import("./tables/http/table.mjs"),
  "hit-ratio": () => import("./tables/hit-ratio/table.mjs"),
  core: () => import("./tables/core/table.mjs"),
  storage: () => import("./tables/storage/table.mjs"),
  elections: () => import("./tables/elections/table.mjs"),
}
