/** The floor: no cache, a response made from constants. */

export function open({ body, headers }) {
  return {
    match: () => new Response(body),
    notModified: () => new Response(null, { status: 304, headers }),
    put: async () => {},
    leftOut: {
      header: "the response has no headers of its own",
      put: "nothing is stored",
      delete: "nothing is stored",
      miss: "nothing is looked up",
    },
  }
}
