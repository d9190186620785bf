//! Configured lifetimes: for which responses they count before their own, and which stay
//! uncacheable.

use super::{decide_with, hold};
use crate::policy::Uncacheable::{self, *};
use crate::policy::rules::Terms;
use crate::policy::{Decision, Overrides};

const AUTHORIZED: &str = "authorization: Basic YTpi";

/// Lifetime and age in seconds and the written `Cache-Control`, with a configured lifetime.
fn by_configuration(
    (ttl, request, response): (u32, &str, &str),
) -> Result<(i64, i64, Option<String>), Uncacheable> {
    let terms = Terms { ttl: Some(ttl), ..Terms::default() };
    decide_with(Overrides::default(), &terms, request, response, 0).map(|decision| {
        let times = decision.times;
        (times.lifetime / 1000, times.initial_age / 1000, decision.cache_control)
    })
}

#[test]
fn a_configured_lifetime_counts_before_the_responses_own_but_for_errors_of_the_moment() {
    let written = |ttl: u32| Some(format!("public, max-age={ttl}"));
    hold(
        &[
            ("9111 4.2.2 (ours)", (90, "", "200"), Ok((90, 0, written(90)))),
            (
                "9111 4.2.1 (ours)",
                (90, "", "200 | cache-control: max-age=5"),
                Ok((90, 0, written(90))),
            ),
            (
                "9111 4.2.1 (ours)",
                (90, "", "200 | cdn-cache-control: max-age=5"),
                Ok((90, 0, written(90))),
            ),
            ("9111 5.3 (ours)", (90, "", "200 | expires: 0"), Ok((90, 0, written(90)))),
            ("9111 5.1 (ours)", (90, "", "200 | age: 50 | date: {-50}"), Ok((90, 0, written(90)))),
            ("9110 15.1 (ours)", (90, "", "404"), Ok((90, 0, written(90)))),
            ("9110 15.1 (ours)", (90, "", "302"), Ok((90, 0, written(90)))),
            ("9110 15.1 (ours)", (90, "", "500"), Err(NoFreshness)),
            ("9110 15.1 (ours)", (90, "", "503 | cache-control: max-age=5"), Ok((5, 0, None))),
            ("9110 15.1 (ours)", (90, "", "201"), Err(NoFreshness)),
            ("9110 15.1 (ours)", (90, "", "429"), Err(NoFreshness)),
            ("9111 4 (ours)", (0, "", "200"), Err(Expired)),
            ("9111 4.3.1", (0, "", "200 | etag: \"a\""), Ok((0, 0, written(0)))),
            (
                "5861 3 (ours)",
                (90, "", "200 | cache-control: max-age=5, stale-while-revalidate=7"),
                Ok((90, 0, Some("public, max-age=90, stale-while-revalidate=7".into()))),
            ),
        ],
        by_configuration,
    );
}

#[test]
fn a_configured_lifetime_applies_to_eleven_statuses_only() {
    const APPLIES: [u16; 11] = [200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 410];
    let lifetime = |status: u16, fields: &str| {
        by_configuration((90, "", &format!("{status}{fields}"))).map(|(lifetime, ..)| lifetime)
    };
    for status in (200..=599).filter(|status| ![206, 304, 412, 416].contains(status)) {
        let applies = APPLIES.contains(&status);
        let expected = if applies { Ok(90) } else { Err(NoFreshness) };
        assert_eq!(lifetime(status, ""), expected, "{status}");
        let expected = if applies { 90 } else { 5 };
        assert_eq!(lifetime(status, " | cache-control: max-age=5"), Ok(expected), "{status}");
    }
    for status in [405, 414, 501] {
        let guessed = lifetime(status, " | last-modified: {-1000}");
        assert_eq!(
            guessed,
            Ok(100),
            "RFC 9110, section 15.1, allows heuristic freshness for {status}"
        );
    }
}

#[test]
fn configured_windows_do_not_lengthen_the_life_of_other_statuses() {
    type Windows = (Option<u32>, Option<u32>);
    let windows = |(response, (stale, error)): (&str, Windows)| {
        let terms = Terms { ttl: Some(90), stale_while_revalidate: stale, ..Terms::default() };
        let overrides = Overrides { stale_if_error: error, ..Overrides::default() };
        decide_with(overrides, &terms, "", response, 0)
            .map(|Decision { times, .. }| (times.stale_window, times.error_window))
    };
    let own = "503 | cache-control: max-age=5, stale-while-revalidate=6, stale-if-error=7";
    hold(
        &[
            ("5861 3 (ours)", ("200", (Some(30), Some(40))), Ok((30, 40))),
            ("5861 3 (ours)", ("503 | cache-control: max-age=5", (Some(30), Some(40))), Ok((0, 0))),
            ("5861 3 (ours)", ("405 | last-modified: {-1000}", (Some(30), Some(40))), Ok((0, 0))),
            ("5861 3", (own, (None, None)), Ok((6, 7))),
            ("5861 3 (ours)", (own, (Some(30), Some(40))), Ok((6, 7))),
            ("5861 3 (ours)", (own, (Some(1), Some(0))), Ok((1, 0))),
        ],
        windows,
    );
}

#[test]
fn no_configuration_makes_an_uncacheable_response_cacheable() {
    hold(
        &[
            ("9111 5.2.2.5", (90, "", "200 | cache-control: no-store"), Err(NoStore)),
            ("9111 5.2.2.7", (90, "", "200 | cache-control: private"), Err(Private)),
            ("9111 5.2.2.4", (90, "", "200 | cache-control: no-cache"), Err(NoCache)),
            ("9111 5.2.2.4", (90, "", "200 | cache-control: no-cache | etag: \"a\""), Err(NoCache)),
            ("9213 2.2", (90, "", "200 | cdn-cache-control: no-store"), Err(NoStore)),
            ("9111 3.5", (90, AUTHORIZED, "200"), Err(Authorization)),
            ("9111 5.2.1.5", (90, "cache-control: no-store", "200"), Err(RequestNoStore)),
            ("9111 5.2.2.3", (90, "", "299 | cache-control: must-understand"), Err(Status)),
            ("9111 3", (90, "", "100"), Err(Status)),
            ("9111 4.3.4", (90, "", "304"), Err(Status)),
            ("9111 3.3", (90, "", "206"), Err(PartialContent)),
            ("9111 4.1", (90, "", "200 | vary: *"), Err(Vary)),
            ("9111 7.3 (ours)", (90, "", "200 | set-cookie: a=b"), Err(SetCookie)),
        ],
        by_configuration,
    );
}

#[test]
fn the_calls_word_counts_before_the_configured_one() {
    let given = |(call, configured): (Option<u32>, Option<u32>)| {
        let overrides = Overrides { ttl: call, ..Overrides::default() };
        let terms = Terms { ttl: configured, ..Terms::default() };
        decide_with(overrides, &terms, "", "200 | cache-control: max-age=1", 0)
            .map(|decision| decision.times.lifetime / 1000)
    };
    hold(
        &[
            ("9111 4.2.1 (ours)", (Some(3), Some(2)), Ok(3)),
            ("9111 4.2.1 (ours)", (None, Some(2)), Ok(2)),
            ("9111 4.2.1", (None, None), Ok(1)),
        ],
        given,
    );
}
