//! What a request keeps from everybody else: cookies, credentials and directives (RFC 9111,
//! sections 3.5, 4.3.4 and 5.2.1).

use super::{NOW, block, decide_with, hold, request_block, response_block};
use crate::http::lines::{Fields, MissingFields};
use crate::http::{Names, RequestControl};
use crate::policy::Uncacheable::{self, *};
use crate::policy::rules::Terms;
use crate::policy::{Exchange, Overrides, RequestOptions, RequestPolicy, may_update};

const COOKIE: &str = "cookie: a=1";
const STORED: Result<(), Uncacheable> = Ok(());

fn terms(ttl: Option<u32>) -> Terms {
    Terms { ttl, ..Terms::default() }
}

/// Whether a response to a request is stored, under a configured lifetime where there is one.
fn verdict((ttl, request, response): (Option<u32>, &str, &str)) -> Result<(), Uncacheable> {
    decide_with(Overrides::default(), &terms(ttl), request, response, 0).map(|_| ())
}

#[test]
fn a_configured_lifetime_stores_no_response_to_cookies_unless_it_declares_that_it_may_be_shared() {
    let some = Some(60);
    hold(
        &[
            ("9111 3 (ours)", (some, "", "200"), STORED),
            ("9111 3 (ours)", (some, COOKIE, "200"), Err(Cookie)),
            ("9111 3 (ours)", (some, COOKIE, "404"), Err(Cookie)),
            ("9111 3 (ours)", (some, COOKIE, "301"), Err(Cookie)),
            ("9111 5.2.2.9", (some, COOKIE, "200 | cache-control: public"), STORED),
            ("9111 5.2.2.1", (some, COOKIE, "200 | cache-control: max-age=1"), STORED),
            ("9111 5.2.2.10", (some, COOKIE, "200 | cache-control: s-maxage=1"), STORED),
            ("9111 5.3", (some, COOKIE, "200 | expires: {1}"), STORED),
            ("9213 2.2", (some, COOKIE, "200 | cdn-cache-control: max-age=1"), STORED),
            ("9213 2.2", (some, COOKIE, "200 | cdn-cache-control: public"), STORED),
            // What counts is the word for shared caches: s-maxage before max-age, the targeted
            // field before all.
            (
                "9111 5.2.2.10",
                (some, COOKIE, "200 | cache-control: s-maxage=0, max-age=9"),
                Err(Cookie),
            ),
            (
                "9213 2.2",
                (some, COOKIE, "200 | cdn-cache-control: max-age=0 | cache-control: max-age=9"),
                Err(Cookie),
            ),
            ("9213 2.2", (some, COOKIE, "200 | cdn-cache-control: x | expires: {9}"), Err(Cookie)),
            ("9111 5.2.2.1 (ours)", (some, COOKIE, "200 | cache-control: max-age=0"), Err(Cookie)),
            ("9111 4.2.1 (ours)", (some, COOKIE, "200 | cache-control: max-age=x"), Err(Cookie)),
            ("9111 5.3 (ours)", (some, COOKIE, "200 | expires: {0}"), Err(Cookie)),
            ("9111 5.3 (ours)", (some, COOKIE, "200 | expires: 0"), Err(Cookie)),
            ("9111 4.2.2 (ours)", (some, COOKIE, "200 | last-modified: {-1000}"), Err(Cookie)),
            (
                "9111 5.2.2.2 (ours)",
                (some, COOKIE, "200 | cache-control: must-revalidate"),
                Err(Cookie),
            ),
            (
                "5861 3 (ours)",
                (some, COOKIE, "200 | cache-control: stale-while-revalidate=9"),
                Err(Cookie),
            ),
            ("9111 4.1", (some, COOKIE, "200 | vary: cookie"), STORED),
            ("9111 4.1", (some, COOKIE, "200 | vary: accept, Cookie"), STORED),
            ("9111 4.1 (ours)", (some, COOKIE, "200 | vary: accept"), Err(Cookie)),
            ("9111 4.1", (some, COOKIE, "200 | vary: *"), Err(Vary)),
            ("9111 7.3 (ours)", (some, COOKIE, "200 | set-cookie: a=b"), Err(Cookie)),
            (
                "9111 7.3 (ours)",
                (some, COOKIE, "200 | set-cookie: a=b | cache-control: public"),
                Err(SetCookie),
            ),
            (
                "9111 5.2.2.7",
                (some, COOKIE, "200 | cache-control: private, max-age=9"),
                Err(Private),
            ),
        ],
        verdict,
    );
}

#[test]
fn cookies_do_not_matter_where_the_response_alone_decides_on_its_lifetime() {
    hold(
        &[
            ("9111 3", (None, COOKIE, "200 | cache-control: max-age=1"), STORED),
            ("9111 4.2.2", (None, COOKIE, "200 | last-modified: {-1000}"), STORED),
            ("9111 3", (None, COOKIE, "200"), Err(NoFreshness)),
            // No configured lifetime applies to this status.
            ("9111 4.2.2", (Some(60), COOKIE, "405 | last-modified: {-1000}"), STORED),
            ("9111 3", (Some(60), COOKIE, "405"), Err(NoFreshness)),
        ],
        verdict,
    );
}

/// Whether the answer without a body, to a request with cookies or credentials, updates what is
/// stored.
fn updates((ttl, asked, new, stored): (Option<u32>, (bool, bool), &str, &str)) -> bool {
    let (status, stored) = response_block(stored);
    let new = block(new);
    let (authorized, cookies) = asked;
    let exchange = Exchange {
        authorized,
        cookies,
        requested_at: NOW,
        responded_at: NOW,
        ..Exchange::default()
    };
    let known = (status, Fields::new(&stored));
    may_update(Fields::new(&new), known, Overrides::default(), &terms(ttl), exchange)
}

#[test]
fn a_304_to_credentials_or_cookies_updates_what_it_might_have_been_stored_as() {
    const AUTHORIZED: (bool, bool) = (true, false);
    const COOKIES: (bool, bool) = (false, true);
    let (some, own) = (Some(60), "200 | cache-control: public, max-age=9");
    hold(
        &[
            ("9111 4.3.4", (None, (false, false), "etag: \"a\"", "200"), true),
            ("9111 3.5", (None, AUTHORIZED, "etag: \"a\"", "200"), false),
            ("9111 3.5", (None, AUTHORIZED, "cache-control: max-age=9", "200"), false),
            ("9111 3.5", (None, AUTHORIZED, "cache-control: public", "200"), true),
            ("9111 3.5", (None, AUTHORIZED, "cache-control: s-maxage=9", "200"), true),
            ("9111 3.5", (None, AUTHORIZED, "cache-control: must-revalidate", "200"), true),
            ("9213 2.2", (None, AUTHORIZED, "cdn-cache-control: public", "200"), true),
            (
                "9111 5.2.2.7",
                (None, AUTHORIZED, "cache-control: private, must-revalidate", "200"),
                false,
            ),
            (
                "9111 5.2.2.5",
                (None, AUTHORIZED, "cache-control: no-store, s-maxage=9", "200"),
                false,
            ),
            ("9111 5.2.2.7", (some, COOKIES, "cache-control: private, max-age=9", own), false),
            ("9111 5.2.2.7", (None, (false, false), "cache-control: private", own), true),
            (
                "9213 2.2",
                (None, AUTHORIZED, "cdn-cache-control: x | cache-control: public", "200"),
                false,
            ),
            // One without Cache-Control means that of the stored response, if that is the
            // response's own.
            ("9111 3.2", (None, AUTHORIZED, "etag: \"a\"", own), true),
            ("9111 3.2", (None, AUTHORIZED, "cache-control: max-age=9", own), false),
            ("9111 3.2 (ours)", (some, AUTHORIZED, "etag: \"a\"", own), false),
            ("9111 3.2 (ours)", (some, AUTHORIZED, "cache-control: public", own), true),
            ("9111 4.3.4 (ours)", (None, COOKIES, "etag: \"a\"", "200"), true),
            ("9111 4.3.4 (ours)", (some, COOKIES, "etag: \"a\"", own), false),
            ("9111 4.3.4 (ours)", (some, COOKIES, "cache-control: max-age=9", own), true),
            ("9111 4.3.4 (ours)", (some, COOKIES, "vary: cookie", own), true),
            ("9111 4.3.4 (ours)", (some, (true, true), "cache-control: s-maxage=9", own), true),
            ("9111 4.3.4 (ours)", (some, (true, true), "cache-control: max-age=9", own), false),
        ],
        updates,
    );
}

/// The policy of `wrap`'s options over those of a rule: cookies first, directives second.
fn policy(wrap: [Option<bool>; 2], rule: [bool; 2], in_key: &Names) -> RequestPolicy<'_> {
    let options =
        RequestOptions { has_ttl: true, ignores_cookies: wrap[0], ignores_directives: wrap[1] };
    let terms = Terms { ignores_cookies: rule[0], ignores_directives: rule[1], ..Terms::default() };
    RequestPolicy::new(options, &terms, in_key)
}

#[test]
fn of_ignored_directives_only_if_cached_alone_counts() {
    let in_key = Names::default();
    let control = |(wrap, rule, request): (Option<bool>, bool, &str)| {
        let request = request_block(request);
        let policy = policy([None, wrap], [false, rule], &in_key);
        policy.control(Fields::new(&request)).expect("the request tells enough")
    };
    let none = RequestControl::default();
    let only = RequestControl { only_if_cached: true, ..none };
    let no_cache = RequestControl { no_cache: true, ..none };
    let all =
        "cache-control: no-cache, no-store, max-age=0, min-fresh=9, max-stale, only-if-cached";
    hold(
        &[
            ("9111 5.2.1 (ours)", (Some(true), false, all), only),
            ("9111 5.2.1 (ours)", (None, true, all), only),
            ("9111 5.2.1 (ours)", (None, true, "cache-control: no-cache"), none),
            ("9111 5.4 (ours)", (None, true, "pragma: no-cache"), none),
            ("9111 5.4", (None, false, "pragma: no-cache"), no_cache),
            ("9111 5.2.1.4", (Some(false), true, "cache-control: no-cache"), no_cache),
        ],
        control,
    );
}

#[test]
fn cookies_count_unless_they_are_ignored_in_the_key_or_empty() {
    let (nothing, cookie) = (Names::default(), Names::new(["cookie"]));
    let has_cookies = |(wrap, rule, in_key, request): (Option<bool>, bool, bool, &str)| {
        let policy = policy([wrap, None], [rule, false], if in_key { &cookie } else { &nothing });
        policy.has_cookies(Fields::new(request))
    };
    let missing = Err(MissingFields(Names::new(["cookie"])));
    hold(
        &[
            ("9111 3 (ours)", (None, false, false, "cookie:a=1\n"), Ok(true)),
            ("9111 3 (ours)", (None, false, false, "cookie: \n"), Ok(false)),
            ("9111 3 (ours)", (None, false, false, "cookie\n"), Ok(false)),
            ("9111 3 (ours)", (None, false, false, ""), missing.clone()),
            ("9111 3 (ours)", (None, false, true, ""), Ok(false)),
            ("9111 3 (ours)", (None, true, false, ""), Ok(false)),
            ("9111 3 (ours)", (Some(true), false, false, ""), Ok(false)),
            ("9111 3 (ours)", (Some(false), true, false, ""), missing),
        ],
        has_cookies,
    );
}
