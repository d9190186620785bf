import { NO_BODY } from "./body.js"

/** Content codings that `fetch` decodes (Fetch standard, section "HTTP-network fetch"). */
const DECODED = new Set(["gzip", "x-gzip", "deflate", "br"])
if (decodesZstd(process.versions.undici)) DECODED.add("zstd")

/** The platform's `fetch` decodes `zstd` since undici 7.11. */
function decodesZstd(undici = "0.0"): boolean {
  const [major = 0, minor = 0] = undici.split(".").map(Number)
  return major > 7 || (major === 7 && minor >= 11)
}

/** Fields that describe the coded body, which is gone once it is decoded. */
export const OF_CODED_BODY: readonly string[] = ["content-encoding", "content-length"]

/**
 * Whether `fetch` has decoded the body of a response whose fields still describe the coded one.
 * Only a response as `fetch` returned it has a URL; a copy looks like a response that the handler
 * encoded itself.
 */
export function isDecoded(response: Response, method: string): boolean {
  if (typeof response.url !== "string" || response.url === "" || method === "HEAD") return false
  const codings = response.headers.get("content-encoding")
  if (codings === null || NO_BODY.includes(response.status)) return false
  return codings.split(",").every((coding) => DECODED.has(coding.trim().toLowerCase()))
}
