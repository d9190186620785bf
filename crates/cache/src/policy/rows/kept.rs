//! Which fields of a response are stored with it (RFC 9111, section 3.1).

use super::{decide_after, hold};

fn is_kept((fields, name): (&str, &str)) -> bool {
    let response = format!("200 | {fields}");
    decide_after("", &response, 0).expect("the response is stored").storable.keeps(name)
}

#[test]
fn fields_are_kept_but_for_those_of_a_connection_a_proxy_or_one_user() {
    const FRESH: &str = "cache-control: max-age=60";
    hold(
        &[
            ("9111 3.1", (FRESH, "cache-control"), true),
            ("9111 3.1", (FRESH, "content-type"), true),
            ("9111 3.1", (FRESH, "date"), true),
            ("9111 3.1", (FRESH, "etag"), true),
            ("9111 3.1", (FRESH, "expires"), true),
            ("9111 3.1", (FRESH, "vary"), true),
            ("9111 3.1", (FRESH, "www-authenticate"), true),
            ("9111 3.1", (FRESH, "x-unknown"), true),
            ("9110 7.6.1", (FRESH, "connection"), false),
            ("9110 7.6.1", (FRESH, "keep-alive"), false),
            ("9110 7.6.1", (FRESH, "proxy-connection"), false),
            ("9110 7.6.1", (FRESH, "te"), false),
            ("9110 7.6.1", (FRESH, "transfer-encoding"), false),
            ("9110 7.6.1", (FRESH, "upgrade"), false),
            ("9110 6.6.2", (FRESH, "trailer"), false),
            ("9111 3.1", (FRESH, "proxy-authenticate"), false),
            ("9111 3.1", (FRESH, "proxy-authentication-info"), false),
            ("9111 3.1", (FRESH, "proxy-authorization"), false),
            ("9111 5.1", (FRESH, "age"), false),
            (
                "9110 7.6.1",
                ("cache-control: max-age=60 | connection: close, X-Hop", "x-hop"),
                false,
            ),
            (
                "9110 7.6.1",
                ("cache-control: max-age=60 | connection: close, X-Hop", "x-hop-2"),
                true,
            ),
            ("9111 5.2.2.7", ("cache-control: max-age=60, private=\"X-A, x-b\"", "x-a"), false),
            ("9111 5.2.2.7", ("cache-control: max-age=60, private=\"X-A, x-b\"", "x-b"), false),
            ("9111 5.2.2.7", ("cache-control: max-age=60, private=\"X-A, x-b\"", "x-c"), true),
            ("9111 5.2.2.7", ("cache-control: max-age=60, private=x-a", "x-a"), false),
            (
                "9111 5.2.2.7",
                ("cache-control: max-age=60, private=\"x-a\", private=x-b", "x-b"),
                false,
            ),
            // A quoted pair stands for what is behind its backslash.
            ("9110 5.6.4", ("cache-control: max-age=60, private=\"x\\-a\"", "x-a"), false),
            ("9111 5.2.2.4", ("cache-control: max-age=60, no-cache=\"x-a\"", "x-a"), false),
            ("9111 5.2.2.4", ("cache-control: max-age=60, no-cache=\"x-a\"", "x-b"), true),
            (
                "9111 5.2.2.7",
                ("cache-control: max-age=60, private=set-cookie | set-cookie: a=b", "set-cookie"),
                false,
            ),
            ("9213 2.2", ("cdn-cache-control: max-age=60, private=\"x-a\"", "x-a"), false),
            ("9213 2.2", ("cdn-cache-control: max-age=60, no-cache=\"x-a\"", "x-a"), false),
            ("9213 2.2", ("cdn-cache-control: max-age=60, no-cache=x-a", "x-a"), false),
        ],
        is_kept,
    );
}
