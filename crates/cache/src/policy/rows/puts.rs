//! Responses that the application puts: privacy beats configuration, and a response without a
//! lifetime is fresh for a minute.

use super::{NOW, head, hold, response_block};
use crate::policy::rules::Terms;
use crate::policy::{
    Directives, InvalidPut, Mode, Overrides, Uncacheable, storable, times as decide_times,
};

fn verdict(response: &str) -> Result<Option<Uncacheable>, InvalidPut> {
    storable(true, head(&response_block(response))).map(Result::err)
}

#[test]
fn an_invalid_put_is_an_error_and_an_uncacheable_response_is_not() {
    const STORED: Result<Option<Uncacheable>, InvalidPut> = Ok(None);
    let refused = |reason| Ok(Some(reason));
    hold(
        &[
            ("9111 3", "200", STORED),
            ("9111 3", "201", STORED),
            ("9111 3", "500", STORED),
            ("9111 3", "100", refused(Uncacheable::Status)),
            ("9111 4.3.4", "304", refused(Uncacheable::Status)),
            ("9111 3.3", "206", Err(InvalidPut::PartialContent)),
            ("9111 4.1", "200 | vary: *", Err(InvalidPut::VaryAny)),
            ("9111 4.1", "200 | vary: a, *", Err(InvalidPut::VaryAny)),
            (
                "9111 5.2.2.5",
                "200 | cache-control: no-store, max-age=60",
                refused(Uncacheable::NoStore),
            ),
            (
                "9111 5.2.2.4",
                "200 | cache-control: no-cache | etag: \"a\"",
                refused(Uncacheable::NoCache),
            ),
            (
                "9111 5.2.2.7",
                "200 | cache-control: private, max-age=60",
                refused(Uncacheable::Private),
            ),
            ("9111 5.2.2.7", "200 | cache-control: private=\"x\", max-age=60", STORED),
            (
                "9111 5.2.2.5 (ours)",
                "200 | cache-control: no-store; max-age=0",
                refused(Uncacheable::NoStore),
            ),
            (
                "9111 5.2.2.4 (ours)",
                "200 | cache-control: no-cache;foo",
                refused(Uncacheable::NoCache),
            ),
            (
                "9111 5.2.2.7 (ours)",
                "200 | cache-control: private; max-age=60",
                refused(Uncacheable::Private),
            ),
            (
                "9111 5.2.2.7 (ours)",
                "200 | cache-control: public, PRIVATE ;x",
                refused(Uncacheable::Private),
            ),
            (
                "9111 5.2.2.7 (ours)",
                "200 | cache-control: private=\"x\"; no-store",
                refused(Uncacheable::NoStore),
            ),
            ("9111 5.2", "200 | cache-control: x=\"no-store; private\"", STORED),
            ("9111 5.2", "200 | cache-control: x-no-store; private", STORED),
            (
                "9213 2.1",
                "200 | cdn-cache-control: private; max-age=60",
                refused(Uncacheable::Private),
            ),
            ("9213 2.2", "200 | cdn-cache-control: no-store", refused(Uncacheable::NoStore)),
            (
                "9213 2.2 (ours)",
                "200 | cdn-cache-control: max-age=9 | cache-control: private",
                refused(Uncacheable::Private),
            ),
            ("9111 7.3 (ours)", "200 | set-cookie: a=b", refused(Uncacheable::SetCookie)),
            ("9111 5.2.2.7", "200 | set-cookie: a=b | cache-control: private=Set-Cookie", STORED),
        ],
        verdict,
    );
}

#[test]
fn a_put_without_a_word_on_freshness_is_fresh_for_a_minute() {
    let times = |response: &str| {
        let block = response_block(response);
        let (overrides, terms) = (Overrides::default(), Terms::default());
        let directives = Directives::of(head(&block).fields);
        let decided = decide_times(Mode::Put(NOW), head(&block), &directives, overrides, &terms);
        let times = decided.expect("a put has a lifetime").freshness;
        (times.lifetime / 1000, times.age(NOW) / 1000, times.stale_window)
    };
    hold(
        &[
            ("9111 4.2.2 (ours)", "200", (60, 0, 0)),
            ("9111 4.2.2 (ours)", "500 | cache-control: public", (60, 0, 0)),
            ("9111 4.2.2 (ours)", "200 | last-modified: {-10}", (60, 0, 0)),
            ("9111 4.2.1", "200 | cache-control: max-age=5, s-maxage=9", (9, 0, 0)),
            ("9111 4.2.1", "200 | cache-control: max-age=5 | expires: {9}", (5, 0, 0)),
            ("9111 4.2.1", "200 | expires: {9}", (9, 0, 0)),
            ("9111 5.3", "200 | expires: 0", (0, 0, 0)),
            (
                "9213 2.2",
                "200 | cdn-cache-control: max-age=7 | cache-control: max-age=5",
                (7, 0, 0),
            ),
            ("9111 5.1", "200 | cache-control: max-age=5 | age: 3", (5, 3, 0)),
            ("9111 5.1 (ours)", "200 | age: 3", (60, 0, 0)),
            ("5861 3", "200 | cache-control: max-age=5, stale-while-revalidate=4", (5, 0, 4)),
            (
                "9111 5.2.2.2",
                "200 | cache-control: max-age=5, must-revalidate, stale-while-revalidate=4",
                (5, 0, 0),
            ),
        ],
        times,
    );
}
