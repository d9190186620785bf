/** @param head `status` from 200 to 999, `statusText` and `headers` */
function responseOf(body, head) {
  return head.status > 599 ? responseBeyond(body, head) : new Response(body, head)
}

/** A response with a status that `Response` does not accept. */
function responseBeyond(body, { status, statusText, headers }) {
  const response = new Response(body, { statusText, headers })
  const clone = () => responseBeyond(Response.prototype.clone.call(response).body, response)
  return Object.defineProperties(response, {
    status: { value: status },
    ok: { value: false },
    clone: { value: clone },
  })
}

/** Whether a response has no content, whatever its length fields (RFC 9110, section 6.4.1). */
function hasNoContent(method, status) {
  return method === "HEAD" || status === 204 || status === 205 || status === 304
}

module.exports = { hasNoContent, responseOf }
