/** Reads the environment variables. @throws Error that names the variable and what is allowed */
function readSettings(env) {
  return {
    host: env.HOST || "127.0.0.1",
    port: readInteger("PORT", env.PORT || "8080", 0, 65_535),
    upstream: readUpstream(env.UPSTREAM),
    timeoutMs: readInteger(
      "UPSTREAM_TIMEOUT_MS",
      env.UPSTREAM_TIMEOUT_MS || "30000",
      1,
      2_147_483_647,
    ),
  }
}

function readInteger(name, text, least, most) {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && value <= most) return value
  throw new Error(`${name} must be a whole number from ${least} to ${most}, not "${text}"`)
}

/**
 * An origin without a path: redirects, cookies and links of the upstream would contain the path,
 * and the proxy does not rewrite them.
 */
function readUpstream(text) {
  if (!text) throw new Error("UPSTREAM must be set, for example UPSTREAM=http://127.0.0.1:8000")
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isHttp = url?.protocol === "http:" || url?.protocol === "https:"
  if (isHttp && url.href === `${url.origin}/`) return url
  throw new Error(
    `UPSTREAM must be an http: or https: URL without path, query and credentials, not "${text}"`,
  )
}

module.exports = { readSettings, readUpstream }
