//! `CDN-Cache-Control` before `Cache-Control` (RFC 9213): which of them counts, and how the former
//! is read.

use fastrand::Rng;

use super::{decide_after, hold};
use crate::policy::Uncacheable::{self, *};

/// The freshness lifetime in seconds.
fn lifetime(response: &str) -> Result<i64, Uncacheable> {
    decide_after("", response, 0).map(|decision| decision.times.lifetime / 1000)
}

#[test]
fn a_valid_targeted_field_counts_alone() {
    hold(
        &[
            ("9213 2.2", "200 | cdn-cache-control: max-age=60 | cache-control: max-age=10", Ok(60)),
            ("9213 2.2", "200 | cdn-cache-control: max-age=10 | cache-control: max-age=60", Ok(10)),
            (
                "9213 2.2",
                "200 | cdn-cache-control: max-age=60 | cache-control: s-maxage=10",
                Ok(60),
            ),
            ("9213 2.2", "200 | cdn-cache-control: max-age=60 | expires: 0", Ok(60)),
            ("9213 3.1", "200 | cdn-cache-control: max-age=600 | cache-control: no-store", Ok(600)),
            ("9213 2.2", "200 | cdn-cache-control: max-age=600 | cache-control: private", Ok(600)),
            (
                "9213 2.2",
                "200 | cdn-cache-control: max-age=600 | cache-control: no-cache, must-revalidate",
                Ok(600),
            ),
            (
                "9213 2.2",
                "200 | cdn-cache-control: no-store | cache-control: max-age=60",
                Err(NoStore),
            ),
            (
                "9213 2.2",
                "200 | cdn-cache-control: private | cache-control: max-age=60",
                Err(Private),
            ),
            (
                "9213 2.2",
                "200 | cdn-cache-control: no-cache, max-age=9 | cache-control: max-age=60",
                Err(NoCache),
            ),
            ("9213 2.2", "200 | cdn-cache-control: no-cache, max-age=9 | etag: \"a\"", Ok(0)),
            ("9213 2.2", "200 | cdn-cache-control: no-store, max-age=9", Err(NoStore)),
            ("9213 2.2", "200 | cdn-cache-control: s-maxage=60, max-age=10", Ok(60)),
            (
                "9213 3.1",
                "200 | cdn-cache-control: none | cache-control: no-store | last-modified: {-1000}",
                Ok(100),
            ),
            (
                "9213 2.2",
                "200 | cdn-cache-control: none | cache-control: max-age=60",
                Err(NoFreshness),
            ),
            ("9213 2.2", "200 | cdn-cache-control: none | expires: {60}", Err(NoFreshness)),
            ("9213 2.2", "299 | cdn-cache-control: must-understand, max-age=60", Err(Status)),
            ("9213 2.2", "200 | cdn-cache-control: must-understand, no-store, max-age=60", Ok(60)),
            ("9213 2.2", "302 | cdn-cache-control: public | last-modified: {-1000}", Ok(100)),
        ],
        lifetime,
    );
}

#[test]
fn a_targeted_field_that_cannot_be_read_does_not_count() {
    hold(
        &[
            ("9213 2.1", "200 | cdn-cache-control: | cache-control: max-age=10", Ok(10)),
            ("9213 2.1", "200 | cdn-cache-control: | cache-control: no-store", Err(NoStore)),
            ("9213 2.1", "200 | cdn-cache-control: Max-Age=60 | cache-control: max-age=10", Ok(10)),
            (
                "9213 2.1",
                "200 | cdn-cache-control: max-age=60, &&& | cache-control: max-age=10",
                Ok(10),
            ),
            (
                "9213 2.1",
                "200 | cdn-cache-control: max-age=60, | cache-control: max-age=10",
                Ok(10),
            ),
            (
                "9213 2.1",
                "200 | cdn-cache-control: ,max-age=60 | cache-control: max-age=10",
                Ok(10),
            ),
            (
                "9213 2.1",
                "200 | cdn-cache-control: max-age =60 | cache-control: max-age=10",
                Ok(10),
            ),
            (
                "9213 2.1",
                "200 | cdn-cache-control: max-age=60; | cache-control: max-age=10",
                Ok(10),
            ),
            ("9213 2.1", "200 | cdn-cache-control: max-age= | cache-control: max-age=10", Ok(10)),
            (
                "9213 2.1",
                "200 | cdn-cache-control: max-age=\"60 | cache-control: no-store",
                Err(NoStore),
            ),
            (
                "9213 2.1",
                "200 | cdn-cache-control: no-store, A | cache-control: max-age=10",
                Ok(10),
            ),
            (
                "9213 2.1",
                "200 | cdn-cache-control: max-age=1234567890123456 | expires: {10}",
                Ok(10),
            ),
        ],
        lifetime,
    );
}

#[test]
fn members_of_a_targeted_field_have_types() {
    hold(
        &[
            (
                "9213 2.1",
                "200 | cdn-cache-control: max-age=60;x=1, foo | cache-control: max-age=9",
                Ok(60),
            ),
            (
                "9213 2.1",
                "200 | cdn-cache-control: max-age=60 \t,  foo | cache-control: max-age=9",
                Ok(60),
            ),
            ("9213 2.1", "200 | cdn-cache-control: no-store;x=1, max-age=60", Err(NoStore)),
            ("9213 2.1", "200 | cdn-cache-control: no-store=?1, max-age=60", Err(NoStore)),
            ("9213 2.1", "200 | cdn-cache-control: no-store=?0, max-age=60", Ok(60)),
            (
                "9213 2.1",
                "200 | cdn-cache-control: max-age=60.5 | cache-control: max-age=9",
                Err(NoFreshness),
            ),
            (
                "9213 2.1",
                "200 | cdn-cache-control: max-age=\"60\" | cache-control: max-age=9",
                Err(NoFreshness),
            ),
            (
                "9213 2.1",
                "200 | cdn-cache-control: max-age=abc | cache-control: max-age=9",
                Err(NoFreshness),
            ),
            (
                "9213 2.1",
                "200 | cdn-cache-control: max-age | cache-control: max-age=9",
                Err(NoFreshness),
            ),
            (
                "9213 2.1",
                "200 | cdn-cache-control: max-age=(60) | cache-control: max-age=9",
                Err(NoFreshness),
            ),
            ("9213 2.1", "200 | cdn-cache-control: s-maxage=\"1\", max-age=60", Ok(60)),
            ("9111 4.2.1", "200 | cdn-cache-control: max-age=-60 | etag: \"a\"", Ok(0)),
            ("9111 1.2.2", "200 | cdn-cache-control: max-age=9999999999", Ok(2_147_483_647)),
            ("8941 4.2.2", "200 | cdn-cache-control: max-age=60, max-age=10", Ok(10)),
            ("8941 4.2.2", "200 | cdn-cache-control: max-age=60, max-age=\"x\"", Err(NoFreshness)),
            ("9213 2.1", "200 | cdn-cache-control: private=\"x-a\", max-age=60", Ok(60)),
            ("9213 2.1", "200 | cdn-cache-control: no-cache=\"x-a\", max-age=60", Ok(60)),
        ],
        lifetime,
    );
}

#[test]
fn a_targeted_field_decides_as_cache_control_would_by_itself() {
    const DIRECTIVES: [&str; 12] = [
        "max-age=60",
        "s-maxage=30",
        "public",
        "private",
        "no-cache",
        "no-store",
        "must-revalidate",
        "proxy-revalidate",
        "must-understand",
        "stale-while-revalidate=20",
        "stale-if-error=40",
        "x=\"no-store, a\"",
    ];
    let mut rng = Rng::with_seed(9213);
    let decided = |request: &str, response: &str| {
        decide_after(request, response, 0).map(|decision| decision.times)
    };
    for _ in 0..2_000 {
        let [targeted, general] = [(); 2].map(|()| rng.choose_multiple(DIRECTIVES, 3).join(", "));
        let request = rng.choice(["", "authorization: Basic YTpi"]).expect("there are two");
        let status = rng.choice([200, 299, 302, 404]).expect("there are some");
        let others = rng
            .choice(["", " | etag: \"a\"", " | last-modified: {-1000}", " | age: 70"])
            .expect("there are some");
        let beside = format!(
            "{status} | cdn-cache-control: {targeted} | cache-control: {general} | expires: {{9}}{others}"
        );
        let alone = format!("{status} | cache-control: {targeted}{others}");
        assert_eq!(
            decided(request, &beside),
            decided(request, &alone),
            "RFC 9213 2.2: {request}, {beside}"
        );
    }
}
