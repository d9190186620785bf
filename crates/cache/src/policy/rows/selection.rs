//! Which requests a stored response with `Vary` answers (RFC 9111, section 4.1).

use super::{block, decide_after, hold};
use crate::http::Names;
use crate::http::lines::Fields;
use crate::key::{Key, Selecting};

/// Whether a response that varies as `vary` says, to a request with the first fields, answers one
/// with the second.
fn answers((vary, first, second): (&str, &str, &str)) -> bool {
    let response = format!("200 | cache-control: max-age=60 | vary: {vary}");
    let names = decide_after("", &response, 0).expect("the response is stored").storable.vary;
    let vary = Selecting { names, loosely: true };
    let key = Key::new("https://x.y/", "ns", "GET", &Names::default(), Fields::new(""))
        .expect("no field selects by the key");
    let variant = |request: &str| {
        let request = block(request) + "accept\naccept-language\ncookie\nx-a\n";
        key.variant(&vary, Fields::new(&request)).expect("the request tells enough")
    };
    variant(first) == variant(second)
}

#[test]
fn the_named_fields_of_both_requests_match_or_are_both_absent() {
    hold(
        &[
            ("9111 4.1", ("", "x-a: 1", "x-a: 2"), true),
            ("9111 4.1", ("x-a", "x-a: 1", "x-a: 1"), true),
            ("9111 4.1", ("x-a", "x-a: 1", "x-a: 2"), false),
            ("9111 4.1", ("X-A", "x-a: 1", "x-a: 2"), false),
            ("9111 4.1", ("x-a", "", ""), true),
            ("9111 4.1", ("x-a", "x-a: 1", ""), false),
            ("9111 4.1", ("x-a", "x-a:", ""), false),
            ("9111 4.1", ("x-a", "x-a: 1 | cookie: 1", "x-a: 1 | cookie: 2"), true),
            ("9111 4.1", ("x-a, cookie", "x-a: 1 | cookie: 1", "x-a: 1 | cookie: 2"), false),
            ("9111 4.1", ("x-a, cookie", "x-a: 1", "cookie: 1"), false),
            ("9111 4.1", ("cookie, x-a", "x-a: 1 | cookie: 1", "cookie: 1 | x-a: 1"), true),
        ],
        answers,
    );
}

#[test]
fn values_that_mean_the_same_match_and_others_do_not() {
    hold(
        &[
            (
                "9111 4.1",
                ("accept-language", "accept-language: en, de", "accept-language: en,de"),
                true,
            ),
            (
                "9111 4.1",
                ("accept-language", "accept-language: en;q=1", "accept-language: en; q=1"),
                true,
            ),
            (
                "9110 12.5.4",
                ("accept-language", "accept-language: EN-us", "accept-language: en-US"),
                true,
            ),
            (
                "9110 5.6.1.2",
                ("accept-language", "accept-language: en,de", "accept-language: en, ,de"),
                true,
            ),
            ("9111 4.1", ("accept", "accept: a/b ;q=1", "accept: a/b; q=1"), true),
            ("9111 4.1", ("accept", "accept: a/b c", "accept: a/bc"), false),
            // The grammar of other fields is not known, so their values match to the letter.
            ("9111 4.1", ("x-a", "x-a: 1,2", "x-a: 1, ,2"), false),
            ("9111 4.1", ("x-a", "x-a: 1,2", "x-a: 1, 2"), false),
            ("9111 4.1", ("x-a", "x-a: 1,2", "x-a:  1,2 "), true),
            ("6265 4.2", ("cookie", "cookie: a,,c", "cookie: a,c"), false),
            ("6265 4.2", ("cookie", "cookie: a=1; b=2", "cookie: a=1;b=2"), false),
            (
                "9111 4.1 (ours)",
                ("accept-language", "accept-language: en,de", "accept-language: de,en"),
                false,
            ),
            ("9111 4.1", ("accept", "accept: a/b;p=\"x, y\"", "accept: a/b;p=\"x,y\""), false),
            ("9111 4.1", ("x-a", "x-a: a", "x-a: A"), false),
            ("9111 4.1", ("x-a", "x-a: a b", "x-a: ab"), false),
            ("9111 4.1", ("x-a", "x-a: 1,2", "x-a: 12"), false),
        ],
        answers,
    );
}
