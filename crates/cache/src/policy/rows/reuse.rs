//! Whether a stored response answers a request as it is (RFC 9111, sections 4 and 5.2.1).

use super::{NOW, decide_after, hold, request_block};
use crate::http::RequestControl;
use crate::http::lines::Fields;
use crate::policy::Forwarded::{Request, Stale};
use crate::policy::Reuse::{self, Serve, ServeAndRefresh, Validate};
use crate::policy::reuse;

/// What becomes of a request that comes a number of seconds after the response.
fn reused((request, response, later): (&str, &str, i64)) -> Reuse {
    let times = decide_after("", response, 0).expect("the response is stored").times;
    let request = request_block(request);
    let asked = RequestControl::of(Fields::new(&request)).expect("the request tells enough");
    reuse(&times, asked, NOW + later * 1000)
}

/// Fresh for a minute; with a validator, so that it is kept.
const MINUTE: &str = "200 | cache-control: max-age=60 | etag: \"a\"";
/// The same, served stale for another half.
const WINDOW: &str = "200 | cache-control: max-age=60, stale-while-revalidate=30 | etag: \"a\"";

#[test]
fn a_response_is_served_while_it_is_fresh_and_in_its_window() {
    hold(
        &[
            ("9111 4.2", ("", MINUTE, 0), Serve),
            ("9111 4.2", ("", MINUTE, 59), Serve),
            ("9111 4.2", ("", MINUTE, 60), Validate(Stale)),
            ("9111 4.2", ("", "200 | cache-control: max-age=60 | age: 50 | etag: \"a\"", 9), Serve),
            (
                "9111 4.2",
                ("", "200 | cache-control: max-age=60 | age: 50 | etag: \"a\"", 10),
                Validate(Stale),
            ),
            (
                "9111 4.2",
                ("", "200 | cache-control: max-age=60 | date: {-50} | etag: \"a\"", 9),
                Serve,
            ),
            (
                "9111 4.2",
                ("", "200 | cache-control: max-age=60 | date: {-50} | etag: \"a\"", 10),
                Validate(Stale),
            ),
            (
                "9111 5.2.2.4",
                ("", "200 | cache-control: no-cache | etag: \"a\"", 0),
                Validate(Stale),
            ),
            (
                "9111 5.2.2.4",
                ("", "200 | cache-control: no-cache, max-age=60 | etag: \"a\"", 0),
                Validate(Stale),
            ),
            ("9111 5.2.2.4", ("", "200 | cache-control: no-cache=\"x-a\", max-age=60", 0), Serve),
            ("9111 5.2.2.2", ("", "200 | cache-control: must-revalidate, max-age=60", 59), Serve),
            (
                "9111 5.2.2.2",
                ("", "200 | cache-control: must-revalidate, max-age=60 | etag: \"a\"", 60),
                Validate(Stale),
            ),
            (
                "9111 5.2.2.4 (ours)",
                ("", "200 | cache-control: no-cache; max-age=60 | etag: \"a\"", 0),
                Validate(Stale),
            ),
            (
                "9111 5.2.1.4 (ours)",
                ("cache-control: no-cache; max-age=60", MINUTE, 0),
                Validate(Request),
            ),
            ("9111 5.4 (ours)", ("pragma: no-cache; foo", MINUTE, 0), Validate(Request)),
            ("9111 5.2.1.4", ("cache-control: x; no-cache", MINUTE, 0), Serve),
            ("5861 3", ("", WINDOW, 59), Serve),
            ("5861 3", ("", WINDOW, 60), ServeAndRefresh),
            ("5861 3", ("", WINDOW, 89), ServeAndRefresh),
            ("5861 3", ("", WINDOW, 90), Validate(Stale)),
            ("9111 4.2 (ours)", ("", MINUTE, -5), Serve),
            ("9111 4.2 (ours)", ("", MINUTE, -6), Validate(Stale)),
            ("5861 3 (ours)", ("", WINDOW, -6), ServeAndRefresh),
        ],
        reused,
    );
}

#[test]
fn no_cache_and_pragma_have_a_fresh_response_validated() {
    hold(
        &[
            ("9111 5.2.1.4", ("cache-control: no-cache", MINUTE, 0), Validate(Request)),
            ("9111 5.2.1.4", ("cache-control: No-Cache", MINUTE, 0), Validate(Request)),
            ("9111 5.2.1.4", ("cache-control: no-cache", MINUTE, 60), Validate(Stale)),
            ("9111 5.2.1.4", ("cache-control: no-cache", WINDOW, 70), Validate(Stale)),
            ("9111 5.2.1.4", ("cache-control: no-cache, max-stale", MINUTE, 70), Validate(Stale)),
            ("9111 5.2.1.4", ("cache-control: x=\"no-cache\"", MINUTE, 0), Serve),
            (
                "8246 2",
                ("cache-control: no-cache", "200 | cache-control: immutable, max-age=9", 0),
                Validate(Request),
            ),
            ("9111 5.4", ("pragma: no-cache", MINUTE, 0), Validate(Request)),
            ("9111 5.4", ("pragma: x, No-Cache", MINUTE, 0), Validate(Request)),
            ("9111 5.4", ("pragma: x-no-cache", MINUTE, 0), Serve),
            ("9111 5.4", ("pragma: no-store", MINUTE, 0), Serve),
            ("9111 5.4", ("cache-control: max-age=60 | pragma: no-cache", MINUTE, 0), Serve),
            ("9111 5.4", ("cache-control: x | pragma: no-cache", MINUTE, 0), Serve),
            ("9111 5.2.1.5", ("cache-control: no-store", MINUTE, 0), Serve),
            ("9111 5.2.1.6", ("cache-control: no-transform", MINUTE, 0), Serve),
            ("9111 5.2.1.7", ("cache-control: only-if-cached", MINUTE, 0), Serve),
        ],
        reused,
    );
}

#[test]
fn max_age_wants_a_response_that_is_no_older() {
    hold(
        &[
            ("9111 5.2.1.1", ("cache-control: max-age=30", MINUTE, 29), Serve),
            ("9111 5.2.1.1", ("cache-control: max-age=30", MINUTE, 30), Serve),
            ("9111 5.2.1.1", ("cache-control: max-age=30", MINUTE, 31), Validate(Request)),
            ("9111 5.2.1.1", ("cache-control: max-age=\"30\"", MINUTE, 31), Validate(Request)),
            ("9111 5.2.1.1", ("cache-control: Max-Age=30, x", MINUTE, 31), Validate(Request)),
            ("9111 5.2.1.1", ("cache-control: max-age=3600", MINUTE, 59), Serve),
            ("9111 5.2.1.1", ("cache-control: max-age=3600", MINUTE, 60), Validate(Stale)),
            // A client that reloads means it, also in the second in which the response has come.
            ("9111 5.2.1.1 (ours)", ("cache-control: max-age=0", MINUTE, 0), Validate(Request)),
            ("9111 4.2.1 (ours)", ("cache-control: max-age=x", MINUTE, 0), Validate(Request)),
            ("9111 4.2.1 (ours)", ("cache-control: max-age", MINUTE, 0), Validate(Request)),
            // Without max-stale, the client does not wish to receive a stale response.
            ("9111 5.2.1.1", ("cache-control: max-age=3600", WINDOW, 70), Validate(Stale)),
            (
                "9111 5.2.1.1",
                ("cache-control: max-age=3600, max-stale", WINDOW, 70),
                ServeAndRefresh,
            ),
            ("9111 5.2.1.1", ("cache-control: max-age=65, max-stale", MINUTE, 65), Serve),
            ("9111 5.2.1.1", ("cache-control: max-age=65, max-stale", MINUTE, 66), Validate(Stale)),
        ],
        reused,
    );
}

#[test]
fn min_fresh_wants_a_response_that_stays_fresh() {
    hold(
        &[
            ("9111 5.2.1.3", ("cache-control: min-fresh=30", MINUTE, 30), Serve),
            ("9111 5.2.1.3", ("cache-control: min-fresh=30", MINUTE, 31), Validate(Request)),
            ("9111 5.2.1.3", ("cache-control: min-fresh=0", MINUTE, 59), Serve),
            ("9111 5.2.1.3", ("cache-control: min-fresh=0", MINUTE, 60), Validate(Stale)),
            ("9111 5.2.1.3", ("cache-control: min-fresh=61", MINUTE, 0), Validate(Request)),
            ("9111 5.2.1.3", ("cache-control: min-fresh=\"61\"", MINUTE, 0), Validate(Request)),
            (
                "9111 5.2.1.3",
                ("cache-control: min-fresh=99999999999999999999", MINUTE, 0),
                Validate(Request),
            ),
            ("9111 5.2.1.3", ("cache-control: min-fresh=1", WINDOW, 70), Validate(Stale)),
            ("9111 5.2.1.3", ("cache-control: min-fresh=10, max-age=40", MINUTE, 40), Serve),
            (
                "9111 5.2.1.3",
                ("cache-control: min-fresh=10, max-age=40", MINUTE, 41),
                Validate(Request),
            ),
        ],
        reused,
    );
}

#[test]
fn max_stale_takes_a_stale_response_that_nothing_forbids() {
    let kept = |directives: &str| format!("200 | cache-control: {directives} | etag: \"a\"");
    let [must, proxy, shared, no_cache, plain_shared] = [
        kept("max-age=60, must-revalidate"),
        kept("max-age=60, proxy-revalidate"),
        kept("s-maxage=60"),
        kept("no-cache"),
        kept("s-maxage=60, stale-while-revalidate=30"),
    ];
    hold(
        &[
            ("9111 5.2.1.2", ("cache-control: max-stale", MINUTE, 60), Serve),
            ("9111 5.2.1.2", ("cache-control: max-stale", MINUTE, 3000), Serve),
            ("9111 5.2.1.2", ("cache-control: max-stale=10", MINUTE, 70), Serve),
            ("9111 5.2.1.2", ("cache-control: max-stale=10", MINUTE, 71), Validate(Stale)),
            ("9111 5.2.1.2", ("cache-control: max-stale=\"10\"", MINUTE, 70), Serve),
            ("9111 5.2.1.2", ("cache-control: Max-Stale=10", MINUTE, 70), Serve),
            ("9111 5.2.1.2", ("cache-control: max-stale=0", MINUTE, 61), Validate(Stale)),
            ("9111 5.2.1.2 (ours)", ("cache-control: max-stale=x", MINUTE, 61), Validate(Stale)),
            ("9111 5.2.1.2", ("cache-control: max-stale=10", MINUTE, 30), Serve),
            ("9111 4.2.1", ("cache-control: max-stale=10, max-stale", MINUTE, 71), Validate(Stale)),
            ("9111 4.2.1", ("cache-control: max-stale, max-stale=10", MINUTE, 71), Serve),
            ("9111 5.2.1.2", ("cache-control: max-stale=10", WINDOW, 65), ServeAndRefresh),
            // The client takes one that is stale for 10 seconds, and no more.
            ("9111 5.2.1.2", ("cache-control: max-stale=10", WINDOW, 80), Validate(Stale)),
            ("9111 5.2.2.2", ("cache-control: max-stale", &must, 60), Validate(Stale)),
            ("9111 5.2.2.8", ("cache-control: max-stale", &proxy, 60), Validate(Stale)),
            ("9111 5.2.2.10", ("cache-control: max-stale", &shared, 60), Validate(Stale)),
            ("9111 5.2.2.4", ("cache-control: max-stale", &no_cache, 0), Validate(Stale)),
            ("5861 3", ("cache-control: max-stale", &plain_shared, 60), ServeAndRefresh),
            ("9111 5.2.2.10", ("cache-control: max-stale", &plain_shared, 90), Validate(Stale)),
            (
                "9111 5.2.1.3",
                ("cache-control: max-stale, min-fresh=1", MINUTE, 60),
                Validate(Stale),
            ),
        ],
        reused,
    );
}
