//! A freshness lifetime that is configured: for which responses it counts before their own, and which it cannot make storable.

use super::{decide_with, hold};
use crate::policy::Overrides;
use crate::policy::Refused::{self, *};
use crate::rule::Terms;

const AUTHORIZED: &str = "authorization: Basic YTpi";

/// Lifetime and age in seconds and the written `Cache-Control`, with a configured lifetime.
fn by_configuration(
    (ttl, request, response): (u32, &str, &str),
) -> Result<(i64, i64, Option<String>), Refused> {
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
            ("9111 4.2.1 (ours)", (90, "", "200 | cache-control: max-age=5"), Ok((90, 0, written(90)))),
            ("9111 4.2.1 (ours)", (90, "", "200 | cdn-cache-control: max-age=5"), Ok((90, 0, written(90)))),
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
fn no_configuration_makes_storable_what_may_not_be_stored() {
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
