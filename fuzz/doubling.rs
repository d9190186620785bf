//! Checks that the work of every parser grows no faster than its input: for input twice as long, it
//! may take a little more than twice the steps, where a loop inside a loop takes four times as
//! many.
//!
//! A step is a comparison in instrumented code, which is all but the standard library's own: the
//! compiler calls a function for each, as it does for libFuzzer, and here it counts. Counts are the
//! same in every run and on every machine.

mod steps;

use std::hint::black_box;
use std::sync::LazyLock;

use layeron_cache::fuzzing::lines::Fields;
use layeron_cache::fuzzing::{
    CacheControl, FieldIndex, Names, RequestControl, ResponseHead, canonical, cookie_names,
    date_seconds, entity_tags, field_names, members, normal, path, query_names, requested_range,
    storable,
};
use layeron_cache::{Bypass, Policy, Rule, Terms};

/// Input is made of so many pieces, and of twice as many.
const PIECES: usize = 150;

/// Sorting takes this much more than twice the steps for twice the input, and no parser takes more.
const MAX_GROWTH: f64 = 2.5;

/// What input is made of, in all pairs.
const MATERIAL: [&str; 30] = [
    "a",
    "=",
    ",",
    ";",
    " ",
    "\t",
    "\"",
    "\\",
    "\\\"",
    "a=\"",
    "\",",
    "a,",
    "private=\"x\",",
    "no-store;",
    "no-cache",
    "q=1",
    "W/\"",
    "-",
    "0",
    "0-1,",
    "*",
    "/",
    "?",
    "&",
    "%",
    "%FF",
    "%41",
    "+",
    "é",
    "(",
];

/// What stands before the pieces.
const BEGINNINGS: [&str; 7] =
    ["", "\"", "\"\\", "private=\"", "bytes=", "Sun, 06 Nov 1994 ", "https://a.b/?"];

type Parser = (&'static str, fn(&str));

const PARSERS: [Parser; 15] = [
    ("Cache-Control", |value| ignore(CacheControl::parse(value))),
    ("a targeted Cache-Control", |value| ignore(CacheControl::parse_targeted(value))),
    ("Cache-Control of a request", |value| ignore(RequestControl::parse(value))),
    ("a list", |value| ignore(members(value).count())),
    ("a list of field names", |value| ignore(field_names(value))),
    ("Accept", |value| ignore(normal("accept", value))),
    ("If-None-Match", |value| ignore(entity_tags(value).count())),
    ("Range", |value| ignore(requested_range(value, 1_000))),
    ("a date", |value| ignore(date_seconds(value))),
    ("Cookie", |value| ignore(cookie_names(value).count())),
    ("a URL", |value| ignore(canonical(&url(value), true))),
    ("the query of a URL", |value| ignore(query_names(&url(value)).count())),
    ("the path of a URL", |value| ignore(path(&url(value)).len())),
    ("the path of a URL under rules", |value| {
        ignore(POLICY.apply("GET", &url(value), Fields::new("")).rule);
    }),
    ("a block of fields", |value| ignore(Fields::new(&value.replace(',', "\n")).iter().count())),
];

type Family = (&'static str, fn(usize));

/// Input that repetition does not make: of many different names.
const FAMILIES: [Family; 5] = [
    ("a request with many selecting fields", |count| {
        let names: Vec<String> = (0..count).map(|number| format!("x-{number}")).collect();
        let block = many(count, |number| format!("x-{}:1\n", count - 1 - number));
        let names = Names::new(names.iter().map(String::as_str));
        assert_eq!(
            FieldIndex::new(Fields::new(&block))
                .each(&names)
                .filter(|(_, told)| told.value().is_some())
                .count(),
            count
        );
    }),
    ("a Cache-Control that names many fields one by one", |count| {
        let value = many(count, |number| format!("private=\"x-{number}\","));
        ignore(CacheControl::parse(&value));
    }),
    ("a response whose Connection names all of its many fields", |count| {
        let names: Vec<String> = (0..count).map(|number| format!("x-{number}")).collect();
        let lines = many(count, |number| format!("x-{number}:1\n"));
        let block = format!("connection:{}\n{lines}", names.join(","));
        let head = ResponseHead { status: 200, reason: "", fields: Fields::new(&block) };
        let storable = storable(true, head).expect("it may be put").expect("it is stored");
        assert!(!names.iter().any(|name| storable.keeps(name)));
    }),
    ("a response with many tags", |count| {
        let tags = many(count, |number| format!("t{number},"));
        let block = format!("cache-tag:{tags}\n");
        let head = ResponseHead { status: 200, reason: "", fields: Fields::new(&block) };
        assert_eq!(
            storable(true, head).expect("it may be put").expect("it is stored").tags.len(),
            count
        );
    }),
    ("a query of many parameters in the wrong order", |count| {
        let query = many(count, |number| format!("&p{}=%FF", count - number));
        ignore(canonical(&format!("https://a.b/?{query}"), true));
    }),
];

fn many(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect::<Vec<_>>().concat()
}

fn url(value: &str) -> String {
    let url: String = value.chars().filter(char::is_ascii_graphic).collect();
    if url.starts_with("https://") { url } else { format!("https://a.b/{url}") }
}

/// Rules that look at the path and the query.
static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let rule = |pattern: &str| {
        let bypass = Bypass { query: vec!["draft".into()], ..Bypass::default() };
        Rule::new(Some(pattern), vec!["GET".into()], Terms::default(), bypass)
            .expect("the pattern can be used")
    };
    Policy::new(Terms::default(), ["/a/:x{[a-z]+}", "/:x?/:y?", "/x*", "/:x{.*}"].map(rule).into())
});

/// Keeps a result, so that it is computed.
fn ignore<T>(result: T) {
    black_box(result);
}

/// Whether the steps grow faster than the input.
fn grows(run: impl Fn(usize)) -> Option<(u64, u64)> {
    let [once, twice] = [PIECES, 2 * PIECES].map(|pieces| steps::count(|| run(pieces)));
    // What is done once, whatever the input, makes growth small, never large.
    #[allow(clippy::cast_precision_loss)]
    let grows = twice as f64 > MAX_GROWTH * once as f64;
    grows.then_some((once, twice))
}

fn main() {
    let mut found = Vec::new();
    let mut checked = 0;
    for (name, run) in FAMILIES {
        checked += 1;
        found.extend(grows(run).map(|steps| format!("{name}: {steps:?}")));
    }
    for beginning in BEGINNINGS {
        for piece in
            MATERIAL.iter().flat_map(|first| MATERIAL.map(|second| format!("{first}{second}")))
        {
            for (name, parse) in PARSERS {
                checked += 1;
                let run = |pieces| parse(&format!("{beginning}{}", piece.repeat(pieces)));
                let steps = grows(run)
                    .map(|steps| format!("{name} of {beginning:?} and many {piece:?}: {steps:?}"));
                found.extend(steps);
            }
        }
    }
    let quadratic = grows(|pieces| {
        let text = "a".repeat(pieces);
        let same = text.bytes().map(|one| text.bytes().filter(|other| *other == one).count());
        assert_eq!(black_box(same.sum::<usize>()), pieces * pieces);
    });
    assert!(quadratic.is_some(), "a loop inside a loop is found");
    assert!(found.is_empty(), "steps for {PIECES} pieces and twice as many:\n{}", found.join("\n"));
    println!("{checked} kinds of input");
}
