/**
 * The header fields of a stored response, from reason phrase and field lines. A platform `Headers`,
 * because methods of `Headers.prototype` read private fields that a subclass cannot fill.
 */
export function headersOf(head: string): Headers {
  const headers = new Headers()
  eachField(head, (name, value) => headers.append(name, value))
  return headers
}

/** The reason phrase of a head. */
export function reasonPhraseOf(head: string): string {
  return head.slice(0, head.indexOf("\n"))
}

/** Names and values of header fields, alternating. */
export function fieldsOf(head: string): string[] {
  const fields: string[] = []
  eachField(head, (name, value) => fields.push(name, value))
  return fields
}

function eachField(head: string, take: (name: string, value: string) => void): void {
  for (let start = head.indexOf("\n") + 1; start < head.length; ) {
    const colon = head.indexOf(":", start)
    const end = head.indexOf("\n", colon)
    take(head.slice(start, colon), head.slice(colon + 1, end))
    start = end + 1
  }
}
