//! How long a response is served stale (RFC 5861), and what forbids it (RFC 9111, section 4.2.4).
//! In seconds.

use super::{NOW, decide_after, decide_with, hold};
use crate::policy::rules::Terms;
use crate::policy::{Decision, Freshness, Overrides, State};

/// The windows for refreshes and for errors, and whether `max-stale` counts for nothing.
fn windows(decision: &Decision) -> (u32, u32, bool) {
    let Freshness { stale_window, error_window, strict, .. } = decision.times;
    (stale_window, error_window, strict)
}

fn own_windows(response: &str) -> (u32, u32, bool) {
    windows(&decide_after("", response, 0).expect("the response is stored"))
}

#[test]
fn a_response_opens_windows_unless_it_demands_to_be_validated() {
    hold(
        &[
            ("9111 4.2.4", "200 | cache-control: max-age=60", (0, 0, false)),
            (
                "5861 3",
                "200 | cache-control: max-age=60, stale-while-revalidate=30",
                (30, 0, false),
            ),
            ("5861 4", "200 | cache-control: max-age=60, stale-if-error=30", (0, 30, false)),
            (
                "5861 5",
                "200 | cache-control: max-age=6, stale-while-revalidate=3, stale-if-error=9",
                (3, 9, false),
            ),
            (
                "5861 3",
                "200 | expires: {60} | cache-control: stale-while-revalidate=30",
                (30, 0, false),
            ),
            (
                "5861 3",
                "200 | last-modified: {-99} | cache-control: stale-while-revalidate=30",
                (30, 0, false),
            ),
            (
                "9111 5.2",
                "200 | cache-control: max-age=60, Stale-While-Revalidate=\"30\"",
                (30, 0, false),
            ),
            ("9111 5.2", "200 | cache-control: max-age=60, STALE-IF-ERROR=\"30\"", (0, 30, false)),
            (
                "9111 1.2.2",
                "200 | cache-control: max-age=60, stale-if-error=9999999999",
                (0, 2_147_483_647, false),
            ),
            (
                "9111 4.2.1",
                "200 | cache-control: max-age=60, stale-while-revalidate=x",
                (0, 0, false),
            ),
            (
                "9111 4.2.1",
                "200 | cache-control: max-age=60, stale-while-revalidate",
                (0, 0, false),
            ),
            ("9111 4.2.1", "200 | cache-control: max-age=60, stale-if-error=-1", (0, 0, false)),
            (
                "9111 4.2.1",
                "200 | cache-control: max-age=6, stale-while-revalidate=3, stale-while-revalidate=9",
                (3, 0, false),
            ),
            ("9111 5.2.2.2", "200 | cache-control: max-age=60, must-revalidate", (0, 0, true)),
            (
                "9111 5.2.2.2",
                "200 | cache-control: max-age=6, must-revalidate, stale-while-revalidate=3",
                (0, 0, true),
            ),
            (
                "9111 5.2.2.2",
                "200 | cache-control: max-age=6, must-revalidate, stale-if-error=3",
                (0, 0, true),
            ),
            ("9111 5.2.2.8", "200 | cache-control: max-age=60, proxy-revalidate", (0, 0, true)),
            (
                "9111 5.2.2.8",
                "200 | cache-control: max-age=6, proxy-revalidate, stale-while-revalidate=3",
                (0, 0, true),
            ),
            (
                "9111 5.2.2.8",
                "200 | cache-control: max-age=6, proxy-revalidate, stale-if-error=3",
                (0, 0, true),
            ),
            (
                "9111 5.2.2.4",
                "200 | cache-control: no-cache, stale-while-revalidate=3 | etag: \"a\"",
                (0, 0, true),
            ),
            (
                "9111 5.2.2.4",
                "200 | cache-control: no-cache, stale-if-error=3 | etag: \"a\"",
                (0, 0, true),
            ),
            (
                "9111 5.2.2.4",
                "200 | cache-control: max-age=6, no-cache=\"x\", stale-if-error=3",
                (0, 3, false),
            ),
            ("9111 5.2.2.10", "200 | cache-control: s-maxage=60", (0, 0, true)),
            // A response that gives a window to shared caches cannot mean at the same time that
            // they have none.
            (
                "5861 3 (ours)",
                "200 | cache-control: s-maxage=60, stale-while-revalidate=30",
                (30, 0, true),
            ),
            ("5861 4 (ours)", "200 | cache-control: s-maxage=60, stale-if-error=30", (0, 30, true)),
        ],
        own_windows,
    );
}

#[test]
fn a_targeted_field_opens_and_forbids_windows_alone() {
    hold(
        &[
            (
                "9213 2.2",
                "200 | cdn-cache-control: max-age=60, stale-while-revalidate=30",
                (30, 0, false),
            ),
            (
                "9213 2.2",
                "200 | cdn-cache-control: max-age=60, must-revalidate, stale-if-error=9",
                (0, 0, true),
            ),
            (
                "9213 2.2",
                "200 | cdn-cache-control: max-age=6 | cache-control: stale-while-revalidate=9",
                (0, 0, false),
            ),
            (
                "9213 2.2",
                "200 | cdn-cache-control: max-age=6, stale-if-error=9 | cache-control: must-revalidate",
                (0, 9, false),
            ),
            (
                "9213 2.1",
                "200 | cdn-cache-control: stale-if-error=9, | cache-control: max-age=6, stale-if-error=3",
                (0, 3, false),
            ),
            (
                "9213 2.1",
                "200 | cdn-cache-control: max-age=60, stale-if-error=\"30\"",
                (0, 0, false),
            ),
            ("9213 2.1", "200 | cdn-cache-control: max-age=60, stale-if-error=30.5", (0, 0, false)),
        ],
        own_windows,
    );
}

#[test]
fn configured_windows_count_before_the_responses_own_but_none_serves_what_no_cache_forbids() {
    type Set = (Option<u32>, Option<u32>, Option<u32>);
    let configured = |(response, (configured, called, error)): (&str, Set)| {
        let terms = Terms { stale_while_revalidate: configured, ..Terms::default() };
        let overrides =
            Overrides { ttl: None, stale_while_revalidate: called, stale_if_error: error };
        windows(&decide_with(overrides, &terms, "", response, 0).expect("the response is stored"))
    };
    let own = "200 | cache-control: max-age=60, stale-while-revalidate=30, stale-if-error=40";
    let must = "200 | cache-control: max-age=60, must-revalidate";
    let no_cache = "200 | cache-control: no-cache | etag: \"a\"";
    hold(
        &[
            ("5861 3", (own, (None, None, None)), (30, 40, false)),
            ("5861 3 (ours)", (own, (Some(5), None, None)), (5, 40, false)),
            ("5861 3 (ours)", (own, (Some(5), Some(6), None)), (6, 40, false)),
            ("5861 3 (ours)", (own, (None, Some(0), None)), (0, 40, false)),
            ("5861 4 (ours)", (own, (None, None, Some(7))), (30, 7, false)),
            ("5861 4 (ours)", (own, (None, None, Some(0))), (30, 0, false)),
            ("9111 5.2.2.2", (must, (None, None, Some(7))), (0, 0, true)),
            ("9111 5.2.2.4", (no_cache, (Some(5), None, Some(7))), (0, 0, true)),
        ],
        configured,
    );
}

#[test]
fn windows_begin_where_freshness_ends() {
    let at = |(response, later): (&str, i64)| {
        let times = decide_after("", response, 0).expect("the response is stored").times;
        let now = NOW + later * 1000;
        (times.state(now), times.outlives_errors(now))
    };
    let both =
        "200 | cache-control: max-age=60, stale-while-revalidate=30, stale-if-error=90 | age: 10";
    let errors = "200 | cache-control: max-age=60, stale-if-error=90";
    let strict = "200 | cache-control: max-age=60, must-revalidate";
    hold(
        &[
            ("9111 4.2", (both, 49), (State::Fresh, false)),
            ("5861 3", (both, 50), (State::Stale, true)),
            ("5861 3", (both, 79), (State::Stale, true)),
            ("5861 3", (both, 80), (State::Retained, true)),
            ("5861 4", (both, 139), (State::Retained, true)),
            ("5861 4", (both, 140), (State::Expired, false)),
            ("5861 4", (errors, 60), (State::Retained, true)),
            ("5861 4", (errors, 149), (State::Retained, true)),
            ("5861 4", (errors, 150), (State::Expired, false)),
            ("9111 5.2.2.2", (strict, 59), (State::Fresh, false)),
            ("9111 5.2.2.2", (strict, 60), (State::Expired, false)),
        ],
        at,
    );
}
