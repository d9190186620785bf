//! Heads of answers from the store (RFC 9110, section 15; RFC 9111, section 5.1).

use super::{NOW, hold, request_block, response_block};
use crate::http::lines::Fields;
use crate::policy::Freshness;
use crate::response::{Answer, Stored};

const RESPONSE: &str = "200 | cache-control: max-age=60 | content-encoding: gzip | content-length: 10 \
                        | content-location: /b | content-type: text/plain | date: {0} | etag: \"a\" | expires: {60} \
                        | last-modified: {-100} | vary: accept | x-a: 1";
const UNTAGGED: &str = "200 | content-type: text/plain | date: {0} | last-modified: {-100}";
const NOT_MODIFIED: &str = "if-none-match: \"a\"";
const NOT_MODIFIED_SINCE: &str = "if-modified-since: {0}";
const PART: &str = "range: bytes=2-4";
const UNSATISFIABLE: &str = "range: bytes=10-";

/// The answer to a request 7.9 seconds after the response: its status and head.
fn answer(method: &str, request: &str, response: &str) -> (u16, String) {
    let (status, fields) = response_block(response);
    let stored = Stored::new(status, &format!("\n{fields}")).with_body(Some(&[b"0123456789"]));
    let times =
        Freshness { stored_at: NOW, initial_age: 5_000, lifetime: 60_000, ..Freshness::default() };
    let request = request_block(request);
    let answer = Answer::new(stored, times, method, Fields::new(&request), NOW + 7_900)
        .expect("the request tells enough");
    let answer = if method == "HEAD" { answer.without_body() } else { answer };
    let mut head = String::new();
    answer.write_head("ns/name", &mut head);
    (answer.status(), head)
}

/// The value of a field in the answer to a GET.
fn field((request, response, name): (&str, &str, &str)) -> Option<String> {
    let (_, head) = answer("GET", request, response);
    let (_, fields) = head.split_once('\n').expect("a head begins with its reason phrase");
    Fields::new(fields).value(name).map(ToOwned::to_owned)
}

#[test]
fn conditions_decide_the_status() {
    hold(
        &[
            ("9110 15.3.1", ("GET", "", RESPONSE), 200),
            ("9110 15.4.5", ("GET", NOT_MODIFIED, RESPONSE), 304),
            ("9110 15.4.5", ("HEAD", NOT_MODIFIED, RESPONSE), 304),
            ("9110 15.4.5", ("GET", NOT_MODIFIED_SINCE, UNTAGGED), 304),
            ("9110 15.3.7", ("GET", PART, RESPONSE), 206),
            ("9110 14.2", ("HEAD", PART, RESPONSE), 200),
            ("9110 15.5.17", ("GET", UNSATISFIABLE, RESPONSE), 416),
            ("9110 15.5.5", ("GET", "", "404"), 404),
        ],
        |(method, request, response)| answer(method, request, response).0,
    );
}

#[test]
fn an_answer_has_the_fields_that_its_status_asks_for() {
    let some = |value: &str| Some(value.to_owned());
    hold(
        &[
            ("9111 5.1", ("", RESPONSE, "age"), some("12")),
            ("9111 5.1", (NOT_MODIFIED, RESPONSE, "age"), some("12")),
            ("9111 5.1", (PART, RESPONSE, "age"), some("12")),
            ("9211 2.4", ("", RESPONSE, "cache-status"), some("ns/name; hit; ttl=47")),
            ("9110 6.6.1", ("", UNTAGGED, "date"), some("Sun, 06 Nov 1994 08:49:37 GMT")),
            ("9110 8.6", ("", RESPONSE, "content-length"), some("10")),
            ("9110 15.4.5", (NOT_MODIFIED, RESPONSE, "etag"), some("\"a\"")),
            ("9110 15.4.5", (NOT_MODIFIED, RESPONSE, "cache-control"), some("max-age=60")),
            ("9110 15.4.5", (NOT_MODIFIED, RESPONSE, "content-location"), some("/b")),
            (
                "9110 15.4.5",
                (NOT_MODIFIED, RESPONSE, "date"),
                some("Sun, 06 Nov 1994 08:49:37 GMT"),
            ),
            (
                "9110 15.4.5",
                (NOT_MODIFIED, RESPONSE, "expires"),
                some("Sun, 06 Nov 1994 08:50:37 GMT"),
            ),
            ("9110 15.4.5", (NOT_MODIFIED, RESPONSE, "vary"), some("accept")),
            ("9110 15.4.5", (NOT_MODIFIED, RESPONSE, "last-modified"), None),
            ("9110 15.4.5", (NOT_MODIFIED, RESPONSE, "content-type"), None),
            ("9110 15.4.5", (NOT_MODIFIED, RESPONSE, "content-length"), None),
            ("9110 15.4.5", (NOT_MODIFIED, RESPONSE, "content-encoding"), None),
            (
                "9110 15.4.5",
                (NOT_MODIFIED_SINCE, UNTAGGED, "last-modified"),
                some("Sun, 06 Nov 1994 08:47:57 GMT"),
            ),
            ("9110 15.3.7", (PART, RESPONSE, "content-range"), some("bytes 2-4/10")),
            ("9110 15.3.7", (PART, RESPONSE, "content-length"), some("3")),
            ("9110 15.3.7", (PART, RESPONSE, "etag"), some("\"a\"")),
            ("9110 15.3.7", (PART, RESPONSE, "cache-control"), some("max-age=60")),
            ("9110 15.3.7", (PART, RESPONSE, "content-location"), some("/b")),
            ("9110 15.3.7", (PART, RESPONSE, "date"), some("Sun, 06 Nov 1994 08:49:37 GMT")),
            ("9110 15.3.7", (PART, RESPONSE, "vary"), some("accept")),
            ("9110 15.5.17", (UNSATISFIABLE, RESPONSE, "content-range"), some("bytes */10")),
            ("9110 15.5.17 (ours)", (UNSATISFIABLE, RESPONSE, "etag"), None),
            ("9110 15.5.17 (ours)", (UNSATISFIABLE, RESPONSE, "cache-control"), None),
            ("9110 15.5.17 (ours)", (UNSATISFIABLE, RESPONSE, "content-type"), None),
        ],
        field,
    );
}

#[test]
fn an_answer_to_head_has_the_length_of_the_body_that_it_omits() {
    let length = |response: &str| {
        let (_, head) = answer("HEAD", "", response);
        let fields = Fields::new(&head).iter().filter(|(name, _)| *name == "content-length");
        fields.map(|(_, value)| value.to_owned()).collect::<Vec<_>>()
    };
    hold(
        &[
            ("9110 9.3.2", RESPONSE, vec!["10".to_owned()]),
            ("9110 9.3.2", UNTAGGED, vec!["10".to_owned()]),
        ],
        length,
    );
}
