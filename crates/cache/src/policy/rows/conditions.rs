//! Conditions of requests on stored responses (RFC 9110, section 13; RFC 9111, section 4.3.2).

use super::{head, hold, request_block, response_block};
use crate::http::ByteRange;
use crate::http::lines::Fields;
use crate::response::Stored;
use crate::response::condition::Condition::{self, NotModified, Part, Unsatisfiable, Whole};

/// The condition for a stored body of ten bytes.
fn condition((method, request, response): (&str, &str, &str)) -> Condition {
    over(b"0123456789", method, request, response)
}

fn over(body: &[u8], method: &str, request: &str, response: &str) -> Condition {
    let block = response_block(response);
    let stored =
        Stored::new(head(&block).status, &format!("\n{}", block.1)).with_body(Some(&[body]));
    let request = request_block(request);
    Condition::of(method, Fields::new(&request), &stored).expect("the request tells enough")
}

const STRONG: &str = "200 | etag: \"a\"";
const WEAK: &str = "200 | etag: W/\"a\"";
const DATED: &str = "200 | last-modified: {-100} | date: {-10}";

#[test]
fn if_none_match_is_true_of_every_tag_but_the_stored_one() {
    hold(
        &[
            ("9110 13.1.2", ("GET", "", STRONG), Whole),
            ("9110 13.1.2", ("GET", "if-none-match: \"a\"", STRONG), NotModified),
            ("9110 13.1.2", ("HEAD", "if-none-match: \"a\"", STRONG), NotModified),
            ("9110 13.1.2", ("GET", "if-none-match: \"b\"", STRONG), Whole),
            ("9110 13.1.2", ("GET", "if-none-match: \"b\", \"a\"", STRONG), NotModified),
            ("9110 13.1.2", ("GET", "if-none-match: \"b\",\"c\",\"a\"", STRONG), NotModified),
            ("9110 13.1.2", ("GET", "if-none-match: \"b\", \"c\"", STRONG), Whole),
            ("9110 5.6.1.2", ("GET", "if-none-match: , \"b\",, \"a\",", STRONG), NotModified),
            ("9110 8.8.3.2", ("GET", "if-none-match: W/\"a\"", STRONG), NotModified),
            ("9110 8.8.3.2", ("GET", "if-none-match: \"a\"", WEAK), NotModified),
            ("9110 8.8.3.2", ("GET", "if-none-match: W/\"a\"", WEAK), NotModified),
            ("9110 8.8.3.2", ("GET", "if-none-match: W/\"b\", W/\"a\"", WEAK), NotModified),
            ("9110 8.8.3", ("GET", "if-none-match: w/\"a\"", WEAK), Whole),
            ("9110 8.8.3.2", ("GET", "if-none-match: \"A\"", STRONG), Whole),
            ("9110 13.1.2", ("GET", "if-none-match: *", STRONG), NotModified),
            ("9110 13.1.2", ("GET", "if-none-match: *", "200"), NotModified),
            ("9110 8.8.3", ("GET", "if-none-match: \"*\"", STRONG), Whole),
            ("9110 13.1.2", ("GET", "if-none-match: \"a\"", "200"), Whole),
            ("9110 8.8.3", ("GET", "if-none-match: a", STRONG), Whole),
            ("9110 8.8.3 (ours)", ("GET", "if-none-match: a", "200 | etag: a"), NotModified),
            ("9110 8.8.3", ("GET", "if-none-match: a, b", "200 | etag: a"), Whole),
            ("9110 8.8.3", ("GET", "if-none-match: \"a", STRONG), Whole),
            ("9110 8.8.3", ("GET", "if-none-match:", STRONG), Whole),
            ("9110 8.8.3", ("GET", "if-none-match: \"\"", "200 | etag: \"\""), NotModified),
            (
                "9110 8.8.3",
                ("GET", "if-none-match: \"x\", \"a, b\"", "200 | etag: \"a, b\""),
                NotModified,
            ),
            ("9110 8.8.3", ("GET", "if-none-match: \"a, b\"", "200 | etag: \"b\""), Whole),
            // A backslash in an entity tag is a character like any other.
            ("9110 8.8.3", ("GET", "if-none-match: \"x\\\", \"a\"", STRONG), NotModified),
            ("9110 8.8.3", ("GET", "if-none-match: \"a\\\"", "200 | etag: \"a\\\""), NotModified),
            (
                "9110 8.8.3",
                ("GET", "if-none-match: \"x,\\\", \"y,\\\", \"a\"", STRONG),
                NotModified,
            ),
            (
                "9110 8.8.3",
                ("GET", "if-none-match: \"x\", \"a,\\\"", "200 | etag: \"a,\\\""),
                NotModified,
            ),
        ],
        condition,
    );
}

#[test]
fn if_modified_since_is_false_of_a_date_from_the_modification_on() {
    hold(
        &[
            ("9110 13.1.3", ("GET", "if-modified-since: {-100}", DATED), NotModified),
            ("9110 13.1.3", ("HEAD", "if-modified-since: {-100}", DATED), NotModified),
            ("9110 13.1.3", ("GET", "if-modified-since: {-50}", DATED), NotModified),
            ("9110 13.1.3", ("GET", "if-modified-since: {-101}", DATED), Whole),
            ("9110 13.1.3", ("GET", "if-modified-since: yesterday", DATED), Whole),
            ("9110 13.1.3", ("GET", "if-modified-since:", DATED), Whole),
            ("9110 13.1.3", ("GET", "if-modified-since: {-50}, {-50}", DATED), Whole),
            (
                "9110 5.6.7",
                ("GET", "if-modified-since: Sunday, 06-Nov-94 08:49:37 GMT", DATED),
                NotModified,
            ),
            (
                "9110 5.6.7",
                ("GET", "if-modified-since: Sun Nov  6 08:49:37 1994", DATED),
                NotModified,
            ),
            ("9111 4.3.2", ("GET", "if-modified-since: {-10}", "200 | date: {-10}"), NotModified),
            ("9111 4.3.2", ("GET", "if-modified-since: {-11}", "200 | date: {-10}"), Whole),
            (
                "9110 13.1.3",
                ("GET", "if-modified-since: {0}", "200 | last-modified: yesterday"),
                Whole,
            ),
            // Both conditions are for GET and HEAD; of another method they make no 304.
            ("9110 13.1.3", ("POST", "if-modified-since: {-50}", DATED), Whole),
            ("9110 13.2.2", ("POST", "if-none-match: \"a\"", STRONG), Whole),
        ],
        condition,
    );
}

#[test]
fn conditions_have_an_order() {
    const BOTH: &str = "200 | etag: \"a\" | last-modified: {-100} | date: {-10}";
    let part = Part(ByteRange { first: 0, last: 1 });
    hold(
        &[
            ("9110 13.2.2", ("GET", "if-none-match: \"b\" | if-modified-since: {0}", BOTH), Whole),
            (
                "9110 13.2.2",
                ("GET", "if-none-match: \"a\" | if-modified-since: {-999}", BOTH),
                NotModified,
            ),
            ("9110 13.1.3", ("GET", "if-none-match: b | if-modified-since: {0}", BOTH), Whole),
            ("9110 13.2.2", ("GET", "if-none-match: \"a\" | range: bytes=0-1", BOTH), NotModified),
            (
                "9110 13.2.2",
                ("GET", "if-modified-since: {0} | range: bytes=0-1", BOTH),
                NotModified,
            ),
            ("9110 13.2.2", ("GET", "if-none-match: \"b\" | range: bytes=0-1", BOTH), part),
            (
                "9110 13.2.2",
                ("GET", "if-none-match: \"b\" | if-range: \"a\" | range: bytes=0-1", BOTH),
                part,
            ),
            ("9111 4.3.2", ("GET", "if-match: \"b\"", BOTH), Whole),
            ("9111 4.3.2", ("GET", "if-unmodified-since: {-999}", BOTH), Whole),
            ("9111 4.3.2", ("GET", "if-match: \"b\" | if-none-match: \"a\"", BOTH), NotModified),
            ("9111 4.3.2", ("GET", "if-none-match: \"a\"", "203 | etag: \"a\""), Whole),
            ("9111 4.3.2", ("GET", "if-none-match: \"a\"", "404 | etag: \"a\""), Whole),
            ("9110 13.2.1", ("GET", "if-none-match: *", "404"), Whole),
            ("9110 14.2", ("GET", "range: bytes=0-1", "404"), Whole),
        ],
        condition,
    );
}

#[test]
fn a_range_is_one_part_of_the_body() {
    let part = |first, last| Part(ByteRange { first, last });
    hold(
        &[
            ("9110 14.1.2", ("GET", "range: bytes=0-0", "200"), part(0, 0)),
            ("9110 14.1.2", ("GET", "range: bytes=2-4", "200"), part(2, 4)),
            ("9110 14.1.2", ("GET", "range: bytes=9-9", "200"), part(9, 9)),
            ("9110 14.1.2", ("GET", "range: bytes=7-", "200"), part(7, 9)),
            ("9110 14.1.2", ("GET", "range: bytes=0-", "200"), part(0, 9)),
            ("9110 14.1.2", ("GET", "range: bytes=5-99", "200"), part(5, 9)),
            ("9110 14.1.2", ("GET", "range: bytes=-3", "200"), part(7, 9)),
            ("9110 14.1.2", ("GET", "range: bytes=-99", "200"), part(0, 9)),
            ("9110 14.1", ("GET", "range: BYTES=2-4", "200"), part(2, 4)),
            ("9110 15.5.17", ("GET", "range: bytes=10-", "200"), Unsatisfiable),
            ("9110 15.5.17", ("GET", "range: bytes=10-20", "200"), Unsatisfiable),
            ("9110 14.1.2", ("GET", "range: bytes=-0", "200"), Unsatisfiable),
            ("9110 14.1.1", ("GET", "range: bytes=4-2", "200"), Whole),
            ("9110 14.2", ("GET", "range: bytes=", "200"), Whole),
            ("9110 14.2", ("GET", "range: bytes=a-b", "200"), Whole),
            ("9110 14.2", ("GET", "range: bytes=--1", "200"), Whole),
            ("9110 14.2", ("GET", "range: 0-1", "200"), Whole),
            ("9110 14.2", ("GET", "range: lines=0-1", "200"), Whole),
            ("9110 14.2 (ours)", ("GET", "range: bytes=0-1, 4-5", "200"), Whole),
            ("9110 14.2", ("HEAD", "range: bytes=0-1", "200"), Whole),
            ("9110 14.2", ("POST", "range: bytes=0-1", "200"), Whole),
        ],
        condition,
    );
}

#[test]
fn a_body_without_bytes_has_no_part() {
    hold(
        &[
            ("9110 14.1.2", "range: bytes=0-", Unsatisfiable),
            ("9110 14.1.2", "range: bytes=0-0", Unsatisfiable),
            ("9110 14.1.2", "range: bytes=-0", Unsatisfiable),
        ],
        |request| over(b"", "GET", request, "200"),
    );
}

#[test]
fn if_range_wants_a_strong_validator() {
    let part = Part(ByteRange { first: 0, last: 1 });
    let ranged = |(if_range, response): (&str, &str)| {
        condition(("GET", &format!("range: bytes=0-1 | if-range: {if_range}"), response))
    };
    hold(
        &[
            ("9110 13.1.5", ("\"a\"", STRONG), part),
            ("9110 13.1.5", ("\"b\"", STRONG), Whole),
            ("9110 8.8.3.2", ("W/\"a\"", WEAK), Whole),
            ("9110 8.8.3.2", ("\"a\"", WEAK), Whole),
            ("9110 8.8.3.2", ("W/\"a\"", STRONG), Whole),
            ("9110 13.1.5", ("\"a\"", "200"), Whole),
            ("9110 13.1.5", ("{-100}", DATED), part),
            ("9110 13.1.5", ("{-99}", DATED), Whole),
            ("9110 13.1.5", ("{-101}", DATED), Whole),
            ("9110 13.1.5", ("{-100}", STRONG), Whole),
            ("9110 13.1.5", ("yesterday", DATED), Whole),
            // Modified in the second in which it was sent, it may have been modified again in the
            // same.
            ("9110 8.8.2.2", ("{-100}", "200 | last-modified: {-100} | date: {-100}"), Whole),
        ],
        ranged,
    );
}
