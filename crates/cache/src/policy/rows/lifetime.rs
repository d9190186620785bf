//! Lifetimes that a response declares itself (RFC 9111, sections 4.2.1 and 4.2.2), in seconds.

use super::{decide_after, hold};
use crate::policy::Uncacheable::{self, *};

fn lifetime(response: &str) -> Result<i64, Uncacheable> {
    decide_after("", response, 0).map(|decision| decision.times.lifetime / 1000)
}

#[test]
fn s_maxage_comes_before_max_age_before_expires() {
    hold(
        &[
            ("9111 5.2.2.10", "200 | cache-control: max-age=10, s-maxage=60", Ok(60)),
            ("9111 5.2.2.10", "200 | cache-control: s-maxage=10, max-age=60", Ok(10)),
            ("9111 5.2.2.10", "200 | cache-control: s-maxage=60 | expires: 0", Ok(60)),
            ("9111 5.2.2.10", "200 | cache-control: max-age=60, s-maxage=0 | etag: \"a\"", Ok(0)),
            ("9111 5.2.2.1", "200 | cache-control: max-age=60", Ok(60)),
            ("9111 5.3", "200 | cache-control: max-age=60 | expires: {10}", Ok(60)),
            ("9111 5.3", "200 | cache-control: max-age=10 | expires: {60}", Ok(10)),
            ("9111 5.3", "200 | cache-control: max-age=60 | expires: 0", Ok(60)),
            ("9111 5.3", "200 | cache-control: max-age=0 | expires: {60} | etag: \"a\"", Ok(0)),
            ("9111 5.3", "200 | cache-control: public | expires: {60}", Ok(60)),
            ("9111 5.2.2.4", "200 | cache-control: no-cache, max-age=60 | etag: \"a\"", Ok(0)),
            (
                "9111 5.2.2.4",
                "200 | cache-control: no-cache=\"x\", max-age=60 | etag: \"a\"",
                Ok(60),
            ),
            ("9111 5.2.2.2", "200 | cache-control: must-revalidate, max-age=60", Ok(60)),
            ("9111 5.2.2.8", "200 | cache-control: proxy-revalidate, max-age=60", Ok(60)),
        ],
        lifetime,
    );
}

#[test]
fn seconds_are_digits_in_quotes_or_not_and_anything_else_is_stale() {
    hold(
        &[
            ("9111 5.2", "200 | cache-control: MAX-AGE=60", Ok(60)),
            ("9111 5.2", "200 | cache-control: max-age=\"60\"", Ok(60)),
            ("9111 5.2", "200 | cache-control: s-maxage=\"60\", max-age=\"10\"", Ok(60)),
            ("9110 5.6.4", "200 | cache-control: max-age=\"6\\0\"", Ok(60)),
            ("9111 1.2.2", "200 | cache-control: max-age=0060", Ok(60)),
            ("9111 1.2.2", "200 | cache-control: max-age=2147483647", Ok(2_147_483_647)),
            ("9111 1.2.2", "200 | cache-control: max-age=2147483648", Ok(2_147_483_647)),
            ("9111 1.2.2", "200 | cache-control: max-age=4294967296", Ok(2_147_483_647)),
            ("9111 1.2.2", "200 | cache-control: max-age=99999999999999999999", Ok(2_147_483_647)),
            ("9111 4.2.1", "200 | cache-control: max-age=abc | etag: \"a\"", Ok(0)),
            ("9111 4.2.1", "200 | cache-control: max-age=-60 | etag: \"a\"", Ok(0)),
            ("9111 4.2.1", "200 | cache-control: max-age=+60 | etag: \"a\"", Ok(0)),
            ("9111 4.2.1", "200 | cache-control: max-age=60.5 | etag: \"a\"", Ok(0)),
            ("9111 4.2.1", "200 | cache-control: max-age=60s | etag: \"a\"", Ok(0)),
            ("9111 4.2.1", "200 | cache-control: max-age=6 0 | etag: \"a\"", Ok(0)),
            ("9111 4.2.1", "200 | cache-control: max-age='60' | etag: \"a\"", Ok(0)),
            ("9111 4.2.1", "200 | cache-control: max-age=\"60 | etag: \"a\"", Ok(0)),
            ("9111 4.2.1", "200 | cache-control: max-age=\" 60\" | etag: \"a\"", Ok(0)),
            ("9111 4.2.1", "200 | cache-control: max-age=\"\" | etag: \"a\"", Ok(0)),
            ("9111 4.2.1", "200 | cache-control: max-age= | etag: \"a\"", Ok(0)),
            ("9111 4.2.1", "200 | cache-control: max-age | etag: \"a\"", Ok(0)),
            ("9111 4.2.1", "200 | cache-control: max-age=abc | expires: {60} | etag: \"a\"", Ok(0)),
            ("9111 4.2.1", "200 | cache-control: s-maxage=abc, max-age=60 | etag: \"a\"", Ok(0)),
            ("9111 5.2.3", "200 | cache-control: x-max-age=60", Err(NoFreshness)),
            ("9111 5.2.3", "200 | cache-control: max-age-x=60", Err(NoFreshness)),
        ],
        lifetime,
    );
}

#[test]
fn the_first_of_a_repeated_directive_counts() {
    hold(
        &[
            ("9111 4.2.1", "200 | cache-control: max-age=60, max-age=10", Ok(60)),
            ("9111 4.2.1", "200 | cache-control: max-age=10, max-age=60", Ok(10)),
            ("9111 4.2.1", "200 | cache-control: max-age=10, Max-Age=60", Ok(10)),
            ("9111 4.2.1", "200 | cache-control: s-maxage=10, max-age=30, s-maxage=60", Ok(10)),
            ("9111 4.2.1", "200 | cache-control: max-age=abc, max-age=60 | etag: \"a\"", Ok(0)),
            ("9111 4.2.1 (ours)", "200 | expires: {60}, {60} | etag: \"a\"", Ok(0)),
            ("9110 5.6.1.2", "200 | cache-control: ,, max-age=60 ,,", Ok(60)),
            ("9110 5.6.4", "200 | cache-control: x=\", max-age=10, \", max-age=60", Ok(60)),
        ],
        lifetime,
    );
}

#[test]
fn expires_counts_from_date_and_is_past_where_it_is_no_date() {
    hold(
        &[
            ("9111 4.2.1", "200 | expires: {60} | date: {0}", Ok(60)),
            ("9111 4.2.1", "200 | expires: {60} | date: {-10}", Ok(70)),
            ("9111 4.2.1", "200 | expires: {60} | date: {10}", Ok(50)),
            ("9110 6.6.1", "200 | expires: {60}", Ok(60)),
            ("9110 6.6.1", "200 | expires: {60} | date: yesterday", Ok(60)),
            ("9111 5.3", "200 | expires: {0} | date: {0} | etag: \"a\"", Ok(0)),
            ("9111 5.3", "200 | expires: {-60} | etag: \"a\"", Ok(0)),
            ("9111 5.3", "200 | expires: 0 | etag: \"a\"", Ok(0)),
            ("9111 5.3", "200 | expires: -1 | etag: \"a\"", Ok(0)),
            ("9111 5.3", "200 | expires: | etag: \"a\"", Ok(0)),
            ("9111 5.3", "200 | expires: tomorrow | etag: \"a\"", Ok(0)),
            ("9111 5.3", "200 | expires: Thu, 01 Jan 1960 00:00:00 GMT | etag: \"a\"", Ok(0)),
            ("9111 5.3", "200 | expires: Thu, 31 Nov 1994 08:50:37 GMT | etag: \"a\"", Ok(0)),
            ("9110 5.6.7", "200 | expires: Sunday, 06-Nov-94 08:50:37 GMT", Ok(60)),
            ("9110 5.6.7", "200 | expires: Sun Nov  6 08:50:37 1994", Ok(60)),
            ("9111 4.2", "200 | expires: sun, 06 nov 1994 08:50:37 gmt", Ok(60)),
            ("9111 4.2", "200 | expires: Sun, 06 Nov 1994 08:50:37 PST | etag: \"a\"", Ok(0)),
            ("9111 4.2", "200 | expires: Sun, 06 Nov 1994 08:50:37 UTC | etag: \"a\"", Ok(0)),
            ("9111 4.2", "200 | expires: Sun, 06 Nov 1994 08:50:37 +0000 | etag: \"a\"", Ok(0)),
            ("9111 1.2.2", "200 | expires: Fri, 31 Dec 9999 23:59:59 GMT", Ok(2_147_483_647)),
        ],
        lifetime,
    );
}

#[test]
fn freshness_is_guessed_where_nothing_else_is_said_as_a_tenth_and_a_day_at_most() {
    hold(
        &[
            ("9111 4.2.2", "200 | last-modified: {-1000}", Ok(100)),
            ("9111 4.2.2", "200 | last-modified: {-1000} | date: {-10}", Ok(99)),
            ("9111 4.2.2", "200 | last-modified: {-1000} | date: yesterday", Ok(100)),
            ("9111 4.2.2 (ours)", "200 | last-modified: {-864000}", Ok(86_400)),
            ("9111 4.2.2 (ours)", "200 | last-modified: {-8640000}", Ok(86_400)),
            ("9111 4.2.2", "200 | last-modified: {0}", Ok(0)),
            ("9111 4.2.2", "200 | last-modified: {1000}", Ok(0)),
            ("9111 4.2.2", "200 | last-modified: yesterday", Err(NoFreshness)),
            ("9111 4.2.2", "200 | last-modified: {-1000} | cache-control: max-age=5", Ok(5)),
            ("9111 4.2.2", "200 | last-modified: {-1000} | expires: {5}", Ok(5)),
            ("9111 4.2.2", "200 | last-modified: {-1000} | expires: 0", Ok(0)),
            ("9111 4.2.2", "200 | last-modified: {-1000} | cache-control: max-age=abc", Ok(0)),
            ("9111 5.2.2.4", "200 | last-modified: {-1000} | cache-control: no-cache", Ok(0)),
            ("9111 5.2.2.9", "302 | last-modified: {-1000} | cache-control: public", Ok(100)),
        ],
        lifetime,
    );
}
