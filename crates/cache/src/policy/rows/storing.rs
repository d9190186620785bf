//! Whether a response is stored (RFC 9111, section 3).

use super::{decide_after, hold};
use crate::policy::Uncacheable::{self, *};

const STORED: Result<(), Uncacheable> = Ok(());

fn verdict((request, response): (&str, &str)) -> Result<(), Uncacheable> {
    decide_after(request, response, 0).map(|_| ())
}

fn of_response(response: &str) -> Result<(), Uncacheable> {
    verdict(("", response))
}

#[test]
fn a_final_status_is_stored_where_the_response_says_how_long() {
    hold(
        &[
            ("9111 3", "100 | cache-control: max-age=60", Err(Status)),
            ("9111 3", "103 | cache-control: max-age=60", Err(Status)),
            ("9111 3", "199 | cache-control: max-age=60", Err(Status)),
            ("9111 3", "200 | cache-control: max-age=60", STORED),
            ("9111 3", "201 | cache-control: max-age=60", STORED),
            ("9111 3", "202 | cache-control: max-age=60", STORED),
            ("9111 3", "203 | cache-control: max-age=60", STORED),
            ("9111 3", "204 | cache-control: max-age=60", STORED),
            ("9111 3", "205 | cache-control: max-age=60", STORED),
            (
                "9111 3.3",
                "206 | cache-control: max-age=60 | content-range: bytes 0-1/9",
                Err(PartialContent),
            ),
            ("9111 3", "299 | cache-control: max-age=60", STORED),
            ("9111 3", "300 | cache-control: max-age=60", STORED),
            ("9111 3", "301 | cache-control: max-age=60", STORED),
            ("9111 3", "302 | cache-control: max-age=60", STORED),
            ("9111 3", "303 | cache-control: max-age=60", STORED),
            ("9111 4.3.4", "304 | cache-control: max-age=60", Err(Status)),
            ("9111 3", "307 | cache-control: max-age=60", STORED),
            ("9111 3", "308 | cache-control: max-age=60", STORED),
            ("9111 3", "400 | cache-control: max-age=60", STORED),
            ("9111 3", "401 | cache-control: max-age=60", STORED),
            ("9111 3", "404 | cache-control: max-age=60", STORED),
            ("9111 3", "410 | cache-control: max-age=60", STORED),
            ("9111 3", "429 | cache-control: max-age=60", STORED),
            ("9111 3", "500 | cache-control: max-age=60", STORED),
            ("9111 3", "503 | expires: {60}", STORED),
            ("9111 3", "599 | cache-control: s-maxage=60", STORED),
            ("9111 3", "999 | cache-control: max-age=60", STORED),
        ],
        of_response,
    );
}

#[test]
fn a_semicolon_after_a_refusing_directive_does_not_hide_it() {
    hold(
        &[
            (
                "9111 5.2.2.5 (ours)",
                ("", "200 | cache-control: no-store; max-age=60"),
                Err(NoStore),
            ),
            (
                "9111 5.2.2.5 (ours)",
                ("", "200 | cache-control: max-age=60, no-store;"),
                Err(NoStore),
            ),
            ("9111 5.2.2.7 (ours)", ("", "200 | cache-control: private; max-age=60"), Err(Private)),
            (
                "9111 5.2.2.7 (ours)",
                ("", "200 | cache-control: private;x;y, max-age=60"),
                Err(Private),
            ),
            (
                "9111 5.2.1.5 (ours)",
                ("cache-control: no-store; x", "200 | cache-control: max-age=60"),
                Err(RequestNoStore),
            ),
            ("9111 5.2", ("", "200 | cache-control: max-age=60, x; no-store"), STORED),
        ],
        verdict,
    );
}

#[test]
fn freshness_is_guessed_for_statuses_that_are_cacheable_by_themselves_and_where_public_allows_it() {
    hold(
        &[
            ("9110 15.1", "200 | last-modified: {-1000}", STORED),
            ("9110 15.1", "203 | last-modified: {-1000}", STORED),
            ("9110 15.1", "204 | last-modified: {-1000}", STORED),
            ("9110 15.1", "206 | last-modified: {-1000}", Err(PartialContent)),
            ("9110 15.1", "300 | last-modified: {-1000}", STORED),
            ("9110 15.1", "301 | last-modified: {-1000}", STORED),
            ("9110 15.1", "308 | last-modified: {-1000}", STORED),
            ("9110 15.1", "404 | last-modified: {-1000}", STORED),
            ("9110 15.1", "405 | last-modified: {-1000}", STORED),
            ("9110 15.1", "410 | last-modified: {-1000}", STORED),
            ("9110 15.1", "414 | last-modified: {-1000}", STORED),
            ("9110 15.1", "501 | last-modified: {-1000}", STORED),
            ("9111 4.2.2", "201 | last-modified: {-1000}", Err(NoFreshness)),
            ("9111 4.2.2", "302 | last-modified: {-1000}", Err(NoFreshness)),
            ("9111 4.2.2", "307 | last-modified: {-1000}", Err(NoFreshness)),
            ("9111 4.2.2", "400 | last-modified: {-1000}", Err(NoFreshness)),
            ("9111 4.2.2", "403 | last-modified: {-1000}", Err(NoFreshness)),
            ("9111 4.2.2", "500 | last-modified: {-1000}", Err(NoFreshness)),
            ("9111 4.2.2", "503 | last-modified: {-1000}", Err(NoFreshness)),
            ("9111 4.2.2", "201 | last-modified: {-1000} | cache-control: public", STORED),
            ("9111 4.2.2", "302 | last-modified: {-1000} | cache-control: public", STORED),
            ("9111 4.2.2", "500 | last-modified: {-1000} | cache-control: public", STORED),
        ],
        of_response,
    );
}

#[test]
fn a_response_without_a_lifetime_is_not_stored_unless_it_can_be_validated() {
    hold(
        &[
            ("9111 3 (ours)", "200", Err(NoFreshness)),
            ("9111 3 (ours)", "200 | etag: \"a\"", Err(NoFreshness)),
            ("9111 3 (ours)", "200 | cache-control: public", Err(NoFreshness)),
            ("9111 3 (ours)", "200 | cache-control: no-transform", Err(NoFreshness)),
            ("9111 3 (ours)", "200 | cache-control: must-revalidate", Err(NoFreshness)),
            ("9111 3 (ours)", "200 | cache-control: stale-while-revalidate=60", Err(NoFreshness)),
            ("8246 2", "200 | cache-control: immutable", Err(NoFreshness)),
            ("8246 2", "200 | cache-control: immutable, max-age=60", STORED),
            ("9111 5.4", "200 | cache-control: max-age=60 | pragma: no-cache", STORED),
            ("9111 5.2.2.6", "200 | cache-control: no-transform, max-age=60", STORED),
            ("9111 5.2.3", "200 | cache-control: community=\"UCI\", max-age=60", STORED),
            ("9111 5.3", "200 | expires: {60}", STORED),
            ("9111 4 (ours)", "200 | expires: 0", Err(Expired)),
            ("9111 4", "200 | expires: 0 | etag: \"a\"", STORED),
            ("9111 4 (ours)", "200 | cache-control: max-age=0", Err(Expired)),
            ("9111 4.3.1", "200 | cache-control: max-age=0 | etag: \"a\"", STORED),
            ("9111 4.3.1", "200 | cache-control: max-age=0 | etag: W/\"a\"", STORED),
            ("9111 4.3.1", "200 | cache-control: max-age=0 | last-modified: {-9}", STORED),
            ("5861 3", "200 | cache-control: max-age=0, stale-while-revalidate=9", STORED),
            ("5861 4", "200 | cache-control: max-age=0, stale-if-error=9", STORED),
            ("9111 4.2", "200 | cache-control: max-age=60 | age: 59", STORED),
            ("9111 4.2 (ours)", "200 | cache-control: max-age=60 | age: 120", Err(Expired)),
            ("9111 4.2", "200 | cache-control: max-age=60 | age: 60 | etag: \"a\"", STORED),
            ("9111 4.2 (ours)", "200 | cache-control: max-age=60 | date: {-120}", Err(Expired)),
            (
                "5861 3",
                "200 | cache-control: max-age=60, stale-while-revalidate=30 | age: 70",
                STORED,
            ),
            (
                "5861 3 (ours)",
                "200 | cache-control: max-age=60, stale-while-revalidate=30 | age: 120",
                Err(Expired),
            ),
        ],
        of_response,
    );
}

#[test]
fn no_store_is_found_where_it_is_a_directive_and_nowhere_else() {
    hold(
        &[
            ("9111 5.2.2.5", "200 | cache-control: no-store", Err(NoStore)),
            ("9111 5.2.2.5", "200 | cache-control: no-store, max-age=60", Err(NoStore)),
            ("9111 5.2.2.5", "200 | cache-control: max-age=60,no-store", Err(NoStore)),
            ("9111 5.2", "200 | cache-control: No-STORE, max-age=60", Err(NoStore)),
            ("9111 5.2", "200 | cache-control: no-store=1, max-age=60", Err(NoStore)),
            ("9110 5.6.1.2", "200 | cache-control: , ,no-store,,max-age=60,", Err(NoStore)),
            ("9111 5.2.3", "200 | cache-control: no-storex, max-age=60", STORED),
            ("9111 5.2.3", "200 | cache-control: x-no-store, max-age=60", STORED),
            ("9110 5.6.4", "200 | cache-control: x=\"no-store\", max-age=60", STORED),
            ("9110 5.6.4", "200 | cache-control: x=\"a, no-store\", max-age=60", STORED),
            ("9110 5.6.4", "200 | cache-control: x=\"a\\\", no-store\", max-age=60", STORED),
            ("9110 5.6.4", "200 | cache-control: x=\"a\\\\\", no-store, max-age=60", Err(NoStore)),
            ("9110 5.6.4 (ours)", "200 | cache-control: max-age=60, x=\"a, no-store", Err(NoStore)),
            ("9111 5.2.2.5", "404 | cache-control: no-store, max-age=60", Err(NoStore)),
            ("9111 5.2.2.5", "500 | cache-control: no-store, max-age=60", Err(NoStore)),
        ],
        of_response,
    );
}

#[test]
fn private_keeps_a_response_out_unless_it_names_fields() {
    hold(
        &[
            ("9111 5.2.2.7", "200 | cache-control: private", Err(Private)),
            ("9111 5.2.2.7", "200 | cache-control: max-age=60, Private", Err(Private)),
            ("9111 5.2.2.7", "200 | cache-control: public, private, max-age=60", Err(Private)),
            ("9111 5.2.2.7", "200 | cache-control: s-maxage=60, private", Err(Private)),
            ("9111 5.2.2.7", "200 | cache-control: private=\"x-a\", max-age=60", STORED),
            ("9111 5.2.2.7", "200 | cache-control: private=\"x-a, x-b\", max-age=60", STORED),
            ("9111 5.2.2.7", "200 | cache-control: private=x-a, max-age=60", STORED),
            (
                "9111 5.2.2.7",
                "200 | cache-control: private=\"x-a\", private, max-age=60",
                Err(Private),
            ),
            (
                "9111 5.2.2.7",
                "200 | cache-control: private, private=\"x-a\", max-age=60",
                Err(Private),
            ),
            ("9111 5.2.2.7 (ours)", "200 | cache-control: private=\"\", max-age=60", Err(Private)),
            ("9111 5.2.2.7 (ours)", "200 | cache-control: private=, max-age=60", Err(Private)),
            ("9111 5.2.3", "200 | cache-control: x=private, max-age=60", STORED),
        ],
        of_response,
    );
}

#[test]
fn no_cache_is_stored_only_to_be_validated() {
    hold(
        &[
            ("9111 5.2.2.4", "200 | cache-control: no-cache | etag: \"a\"", STORED),
            ("9111 5.2.2.4", "200 | cache-control: no-cache | last-modified: {-9}", STORED),
            ("9111 5.2.2.4 (ours)", "200 | cache-control: no-cache", Err(NoCache)),
            ("9111 5.2.2.4 (ours)", "200 | cache-control: no-cache, max-age=60", Err(NoCache)),
            ("9111 5.2.2.4", "200 | cache-control: no-cache=\"x-a\", max-age=60", STORED),
            ("9111 5.2.2.4 (ours)", "200 | cache-control: no-cache=\"\", max-age=60", Err(NoCache)),
            ("9111 5.2.2.4", "201 | cache-control: no-cache, max-age=60 | etag: \"a\"", STORED),
            // Nothing in the last item of the list in section 3 applies: no expiration, not public,
            // no status that is cacheable by itself.
            ("9111 3", "201 | cache-control: no-cache | etag: \"a\"", Err(NoFreshness)),
            ("9111 3", "302 | cache-control: no-cache | etag: \"a\"", Err(NoFreshness)),
            ("9111 3", "500 | cache-control: no-cache | etag: \"a\"", Err(NoFreshness)),
            ("9111 3", "302 | cache-control: no-cache, public | etag: \"a\"", STORED),
        ],
        of_response,
    );
}

#[test]
fn must_understand_counts_before_no_store() {
    hold(
        &[
            ("9111 5.2.2.3", "200 | cache-control: must-understand, no-store, max-age=60", STORED),
            ("9111 5.2.2.3", "404 | cache-control: no-store, must-understand, max-age=60", STORED),
            ("9111 5.2.2.3", "200 | cache-control: must-understand, max-age=60", STORED),
            ("9111 5.2.2.3", "299 | cache-control: must-understand, max-age=60", Err(Status)),
            (
                "9111 5.2.2.3",
                "299 | cache-control: must-understand, no-store, max-age=60",
                Err(Status),
            ),
            ("9111 5.2.2.3", "999 | cache-control: must-understand, max-age=60", Err(Status)),
            ("9111 3", "206 | cache-control: must-understand, max-age=60", Err(PartialContent)),
            ("9111 3", "304 | cache-control: must-understand, max-age=60", Err(Status)),
            (
                "9111 5.2.2.3",
                "200 | cache-control: must-understand, private, max-age=60",
                Err(Private),
            ),
            ("9111 3 (ours)", "200 | cache-control: must-understand, no-store", Err(NoFreshness)),
        ],
        of_response,
    );
}

#[test]
fn the_response_to_authorization_is_stored_only_if_it_declares_that_it_may_be() {
    const AUTHORIZED: &str = "authorization: Basic YTpi";
    hold(
        &[
            ("9111 3.5", (AUTHORIZED, "200 | cache-control: max-age=60"), Err(Authorization)),
            ("9111 3.5", (AUTHORIZED, "200 | expires: {60}"), Err(Authorization)),
            ("9111 3.5", (AUTHORIZED, "200 | last-modified: {-1000}"), Err(Authorization)),
            ("9111 3.5", (AUTHORIZED, "200 | cache-control: public, max-age=60"), STORED),
            ("9111 3.5", (AUTHORIZED, "200 | cache-control: must-revalidate, max-age=60"), STORED),
            ("9111 3.5", (AUTHORIZED, "200 | cache-control: s-maxage=60"), STORED),
            (
                "9111 3.5",
                (AUTHORIZED, "200 | cache-control: proxy-revalidate, max-age=60"),
                Err(Authorization),
            ),
            (
                "9111 3.5",
                (AUTHORIZED, "200 | cache-control: x=\"public\", max-age=60"),
                Err(Authorization),
            ),
            (
                "9111 3.5",
                (AUTHORIZED, "200 | cache-control: public, private, max-age=60"),
                Err(Private),
            ),
            (
                "9111 3.5",
                (AUTHORIZED, "200 | cache-control: no-store, public, max-age=60"),
                Err(NoStore),
            ),
            ("9111 3.5", ("authorization:", "200 | cache-control: max-age=60"), Err(Authorization)),
            ("9213 2.2", (AUTHORIZED, "200 | cdn-cache-control: public, max-age=60"), STORED),
            (
                "9213 2.2",
                (AUTHORIZED, "200 | cdn-cache-control: max-age=60 | cache-control: public"),
                Err(Authorization),
            ),
        ],
        verdict,
    );
}

#[test]
fn a_request_forbids_to_store_by_no_store_alone() {
    const FRESH: &str = "200 | cache-control: public, max-age=60";
    hold(
        &[
            ("9111 5.2.1.5", ("cache-control: no-store", FRESH), Err(RequestNoStore)),
            ("9111 5.2.1.5", ("cache-control: max-age=0, No-Store", FRESH), Err(RequestNoStore)),
            ("9111 5.2.1.5", ("cache-control: x=\"no-store\"", FRESH), STORED),
            ("9111 5.2.1.4", ("cache-control: no-cache", FRESH), STORED),
            ("9111 5.2.1.1", ("cache-control: max-age=0", FRESH), STORED),
            ("9111 5.4", ("pragma: no-cache", FRESH), STORED),
            ("9111 5.4", ("pragma: no-store", FRESH), STORED),
        ],
        verdict,
    );
}

#[test]
fn a_vary_that_no_request_can_match_keeps_a_response_out() {
    hold(
        &[
            ("9111 4.1", "200 | cache-control: max-age=60 | vary: *", Err(Vary)),
            ("9111 4.1", "200 | cache-control: max-age=60 | vary: accept, *", Err(Vary)),
            ("9110 12.5.5", "200 | cache-control: max-age=60 | vary: accept language", Err(Vary)),
            ("9111 4.1", "200 | cache-control: max-age=60 | vary: Accept,,accept-language", STORED),
            ("9111 4.1", "200 | cache-control: max-age=60 | vary:", STORED),
        ],
        of_response,
    );
}

#[test]
fn cookies_and_streams_of_events_are_not_shared() {
    hold(
        &[
            (
                "9111 7.3 (ours)",
                "200 | cache-control: max-age=60 | set-cookie: a=b",
                Err(SetCookie),
            ),
            (
                "9111 7.3 (ours)",
                "200 | cache-control: public, max-age=60 | set-cookie: a=b",
                Err(SetCookie),
            ),
            (
                "9111 5.2.2.7",
                "200 | cache-control: private=Set-Cookie, max-age=60 | set-cookie: a=b",
                STORED,
            ),
            (
                "9111 5.2.2.7",
                "200 | cache-control: private=\"x, set-cookie\", max-age=60 | set-cookie: a=b",
                STORED,
            ),
            (
                "9111 5.2.2.4 (ours)",
                "200 | cache-control: no-cache=\"set-cookie\", max-age=60 | set-cookie: a=b",
                Err(SetCookie),
            ),
            (
                "9111 3.3 (ours)",
                "200 | cache-control: max-age=60 | content-type: Text/Event-Stream",
                Err(EventStream),
            ),
            (
                "9111 3",
                "200 | cache-control: max-age=60 | content-type: text/event-stream-x",
                STORED,
            ),
        ],
        of_response,
    );
}
