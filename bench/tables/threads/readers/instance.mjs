import { cache } from "../../../../index.mjs"
import { BODY, HEADERS, REQUESTS } from "./world.mjs"

/** The instance that all threads of the process share; the first thread fills it. */
export async function openInstance() {
  const instance = cache({ name: "threads", ttlSeconds: 3_600 })
  for (const request of REQUESTS) {
    if (await instance.match(request)) continue
    await instance.put(request, new Response(BODY, { headers: HEADERS }))
  }
  return instance
}
