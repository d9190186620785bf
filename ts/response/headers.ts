/**
 * The header fields of a stored response, from its head: reason phrase and field lines, a line feed
 * behind each. They are the platform's own, since the methods of `Headers.prototype` read what no
 * subclass can fill in later.
 */
export function headersOf(head: string): Headers {
  const headers = new Headers()
  eachField(head, (name, value) => headers.append(name, value))
  return headers
}

/** The reason phrase of the same. */
export function reasonPhraseOf(head: string): string {
  return head.slice(0, head.indexOf("\n"))
}

/** Names and values of the header fields in turn. */
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
