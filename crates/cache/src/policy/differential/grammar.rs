//! Random exchanges: mostly well-formed, with everything that a message may say about caching.

use fastrand::Rng;

use super::NOW;
use super::exchange::{Directive, Exchange, Message};
use crate::http::http_date;

const STATUSES: [u16; 24] = [
    200, 200, 200, 200, 200, 200, 200, 203, 204, 206, 299, 301, 302, 302, 303, 304, 308, 404, 404,
    410, 500, 501, 503, 999,
];

pub fn exchange(rng: &mut Rng) -> Exchange {
    Exchange {
        request: request(rng, false),
        status: pick(rng, &STATUSES),
        response: response(rng),
        delay: if in_hundred(rng, 10) { rng.i64(1..20) } else { 0 },
        after: pick(rng, &[0, 0, 1, 5, 10, 30, 59, 60, 61, 65, 90, 100, 101, 600, 4000, 90_000]),
        later: request(rng, true),
    }
}

fn pick<T: Copy>(rng: &mut Rng, choices: &[T]) -> T {
    choices[rng.usize(..choices.len())]
}

fn in_hundred(rng: &mut Rng, often: u32) -> bool {
    rng.u32(..100) < often
}

fn request(rng: &mut Rng, later: bool) -> Message {
    const LATER: [&str; 12] = [
        "no-cache",
        "max-age",
        "max-age",
        "min-fresh",
        "min-fresh",
        "max-stale",
        "max-stale",
        "max-stale",
        "only-if-cached",
        "no-transform",
        "no-store",
        "x",
    ];
    let cache_control = if later && in_hundred(rng, 60) {
        let count = rng.usize(1..3);
        Some((0..count).map(|_| directive(rng, &LATER)).collect())
    } else if in_hundred(rng, 10) {
        Some(vec![directive(rng, &["no-store", "no-cache", "max-age", "x"])])
    } else {
        None
    };
    let mut others = Vec::new();
    if in_hundred(rng, 15) {
        others.push(("authorization", "Basic YTpi".to_owned()));
    }
    if in_hundred(rng, 8) {
        others.push(("pragma", pick(rng, &["no-cache", "no-cache", "x-no-cache", "x"]).to_owned()));
    }
    if in_hundred(rng, 30) {
        others.push((
            "accept-language",
            pick(rng, &["en", "de", "EN", "en, de", "en,de"]).to_owned(),
        ));
    }
    Message { cache_control, others }
}

fn response(rng: &mut Rng) -> Message {
    const DIRECTIVES: [&str; 27] = [
        "max-age",
        "max-age",
        "max-age",
        "max-age",
        "max-age",
        "max-age",
        "s-maxage",
        "s-maxage",
        "public",
        "public",
        "private",
        "no-cache",
        "no-cache",
        "no-store",
        "must-revalidate",
        "must-revalidate",
        "proxy-revalidate",
        "must-understand",
        "immutable",
        "no-transform",
        "stale-while-revalidate",
        "stale-if-error",
        "private=",
        "no-cache=",
        "x",
        "x=",
        "x=",
    ];
    let cache_control = in_hundred(rng, 85).then(|| {
        let count = rng.usize(1..4);
        (0..count).map(|_| directive(rng, &DIRECTIVES)).collect()
    });
    Message { cache_control, others: response_fields(rng) }
}

fn response_fields(rng: &mut Rng) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    let mut sometimes = |often, name, value: &dyn Fn(&mut Rng) -> String| {
        if in_hundred(rng, often) {
            fields.push((name, value(rng)));
        }
    };
    let any = |values: &'static [&'static str]| move |rng: &mut Rng| pick(rng, values).to_owned();
    sometimes(40, "date", &|rng| date(rng, &[0, 0, 0, -5, -30, 20]));
    sometimes(
        20,
        "age",
        &any(&["0", "5", "5", "30", "70", "abc", "-5", "5, 9", "+5", "99999999999"]),
    );
    sometimes(20, "expires", &|rng| {
        if in_hundred(rng, 15) {
            return pick(rng, &["0", "tomorrow", ""]).to_owned();
        }
        date(rng, &[-60, 0, 10, 60, 100, 4000])
    });
    sometimes(40, "last-modified", &|rng| {
        date(rng, &[-10, -100, -1000, -9999, -100_000, -90_000_000, 10])
    });
    sometimes(40, "etag", &any(&["\"a\"", "W/\"a\"", "\"a,b\""]));
    sometimes(
        15,
        "vary",
        &any(&["accept-language", "Accept-Language", "*", "accept-language, *", "x-a"]),
    );
    sometimes(8, "set-cookie", &any(&["a=b"]));
    sometimes(5, "pragma", &any(&["no-cache", "x"]));
    sometimes(
        10,
        "content-type",
        &any(&["text/html", "text/plain; charset=utf-8", "text/event-stream"]),
    );
    sometimes(
        8,
        "cdn-cache-control",
        &any(&["max-age=20", "no-store", "none", "Max-Age=20", "max-age=20,", ""]),
    );
    fields
}

/// The date of a moment near now, in the form that everybody writes or, rarely, in another.
fn date(rng: &mut Rng, offsets: &[i64]) -> String {
    let date = http_date(NOW + pick(rng, offsets) * 1000);
    if !in_hundred(rng, 5) {
        return date;
    }
    match rng.u32(..3) {
        0 => date.replace("GMT", "+0000"),
        1 => date.to_ascii_lowercase(),
        _ => "Sun Nov  6 08:49:27 1994".to_owned(),
    }
}

/// One of the directives. A name that ends with `=` has an argument which is no number.
fn directive(rng: &mut Rng, names: &[&str]) -> Directive {
    let name = pick(rng, names);
    let argument = match name.strip_suffix('=') {
        Some("x") => {
            Some(pick(rng, &["1", "\"a\"", "\"a, no-store, b\"", "\"a, max-age=1, b\""]).to_owned())
        }
        Some(_) => {
            Some(pick(rng, &["\"x-a\"", "x-a", "\"x-a, set-cookie\"", "\"etag\""]).to_owned())
        }
        None => seconds(rng, name),
    };
    let name = name.trim_end_matches('=');
    let name = if in_hundred(rng, 2) { name.to_ascii_uppercase() } else { name.to_owned() };
    Directive { name, argument }
}

fn seconds(rng: &mut Rng, name: &str) -> Option<String> {
    const GOOD: [&str; 9] = ["0", "1", "5", "10", "60", "60", "100", "\"60\"", "3600"];
    const BAD: [&str; 7] =
        ["abc", "-60", "+60", "", "\"60", "2147483649", "99999999999999999999999"];
    let directive = Directive { name: name.to_owned(), argument: None };
    if !directive.takes_seconds()
        || (name == "max-stale" && in_hundred(rng, 40))
        || in_hundred(rng, 2)
    {
        return None;
    }
    Some(if in_hundred(rng, 10) { pick(rng, &BAD) } else { pick(rng, &GOOD) }.to_owned())
}
