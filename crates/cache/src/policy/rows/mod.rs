//! The decisions of this module in tables: a row a decision, under the section that it stands on.
//!
//! A message is written as its fields with ` | ` between them, a response as its status before
//! that. `{60}` is the date 60 seconds after [`NOW`]. Rows that no standard asks for, because it
//! leaves the choice, say "ours".

mod age;
mod answers;
mod conditions;
mod configured;
mod kept;
mod lifetime;
mod puts;
mod reuse;
mod selection;
mod sharing;
mod storing;
mod targeted;
mod windows;

use std::fmt::Debug;

use super::{Decision, Exchange, Overrides, ResponseHead, Uncacheable, decide};
use crate::http::lines::Fields;
use crate::http::{RequestControl, http_date};
use crate::policy::rules::Terms;
use crate::time::{Millis, UnixMillis};

/// Sun, 06 Nov 1994 08:49:37 GMT, in milliseconds: when the response comes.
const NOW: UnixMillis = 784_111_777_000;

/// Asserts that `found` gives what each row expects, and tells of all rows that do not hold.
fn hold<Given: Copy + Debug, Expected: Debug + PartialEq>(
    rows: &[(&str, Given, Expected)],
    found: impl Fn(Given) -> Expected,
) {
    let wrong: Vec<String> = rows
        .iter()
        .map(|(section, given, expected)| (section, given, expected, found(*given)))
        .filter(|(_, _, expected, found)| *expected != found)
        .map(|(section, given, expected, found)| {
            format!("RFC {section}: {given:?}\n    should be {expected:?}, is {found:?}")
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {} rows do not hold:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}

/// The block of field lines that `fields` is short for.
fn block(fields: &str) -> String {
    let mut block = String::new();
    for field in fields.split(" | ").filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once(':').expect("a field has a colon");
        block.extend([name, ":", &dated(value), "\n"]);
    }
    block
}

/// The same for a request, which tells also what it does not have.
fn request_block(fields: &str) -> String {
    const ABSENT: &str =
        "authorization\ncache-control\nif-modified-since\nif-none-match\nif-range\npragma\nrange\n";
    block(fields) + ABSENT
}

fn dated(value: &str) -> String {
    let Some((before, rest)) = value.split_once('{') else {
        return value.to_owned();
    };
    let (seconds, after) = rest.split_once('}').expect("a date is closed");
    let seconds: i64 = seconds.parse().expect("a date is a number of seconds");
    format!("{before}{}{}", http_date(NOW + seconds * 1000), dated(after))
}

/// Status and field lines of `response`.
fn response_block(response: &str) -> (u16, String) {
    let (status, fields) = response.split_once(" | ").unwrap_or((response, ""));
    (status.parse().expect("a response begins with its status"), block(fields))
}

fn head((status, fields): &(u16, String)) -> ResponseHead<'_> {
    ResponseHead { status: *status, reason: "", fields: Fields::new(fields) }
}

/// What is decided where nothing is configured on a `response` that comes `delay` seconds after its
/// `request`.
fn decide_after(request: &str, response: &str, delay: Millis) -> Result<Decision, Uncacheable> {
    decide_with(Overrides::default(), &Terms::default(), request, response, delay)
}

fn decide_with(
    overrides: Overrides,
    terms: &Terms,
    request: &str,
    response: &str,
    delay: Millis,
) -> Result<Decision, Uncacheable> {
    let request = request_block(request);
    let fields = Fields::new(&request);
    let exchange = Exchange {
        no_store: RequestControl::of(fields).expect("the request tells enough").no_store,
        authorized: fields.value("authorization").is_some(),
        cookies: fields.value("cookie").is_some(),
        requested_at: NOW - delay * 1000,
        responded_at: NOW,
    };
    decide(head(&response_block(response)), overrides, terms, exchange)
}
