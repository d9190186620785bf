//! All decisions on one exchange and a later request. Input: a line with the response's status, and
//! in milliseconds the configured lifetime, the duration of the exchange and the time until the
//! later request; then the fields of the request, the response and the later request, separated by
//! empty lines.
#![no_main]

use layeron_cache::fuzzing::lines::Fields;
use layeron_cache::fuzzing::{
    Answer, CacheControl, Decision, Directives, Exchange, Freshness, Mode, RequestControl,
    ResponseHead, Reuse, Scope, State, Stored, Uncacheable, decide, reuse, storable, times,
};
use layeron_cache::{Overrides, Terms};
use layeron_fuzz::{block, number};
use libfuzzer_sys::fuzz_target;

const NOW: i64 = 784_111_777_000;
const ABSENT: &str =
    "authorization\ncache-control\nif-modified-since\nif-none-match\nif-range\npragma\nrange\n";
const BODY: &[u8] = b"0123456789";

fuzz_target!(|text: &str| {
    let (numbers, messages) = text.split_once('\n').unwrap_or((text, ""));
    let mut numbers = numbers.split_whitespace();
    let status = u16::try_from(number(&mut numbers)).unwrap_or(200).clamp(100, 999);
    let ttl = u32::try_from(number(&mut numbers))
        .ok()
        .filter(|ttl| (1..=i32::MAX.unsigned_abs()).contains(ttl));
    let (delay, after) = (number(&mut numbers), number(&mut numbers));
    let mut messages = messages.split("\n\n").map(block);
    let request = messages.next().unwrap_or_default() + ABSENT;
    let response = messages.next().unwrap_or_default();
    let later = messages.next().unwrap_or_default() + ABSENT;
    let (request, response, later) =
        (Fields::new(&request), Fields::new(&response), Fields::new(&later));

    let head = ResponseHead { status, reason: "OK", fields: response };
    let terms = Terms { ttl, ..Terms::default() };
    let asked = RequestControl::of(request).expect("both fields are sent");
    let exchange = Exchange {
        no_store: asked.no_store,
        authorized: request.value("authorization").is_some(),
        cookies: request.value("cookie").is_some(),
        requested_at: NOW - delay,
        responded_at: NOW,
    };
    put(head, &terms);
    match decide(head, Overrides::default(), &terms, exchange) {
        Ok(decision) => {
            may_be_stored(head, exchange);
            let is_configured = decision.cache_control.is_some();
            assert!(!exchange.cookies || !is_configured || may_be_shared(response));
            if ttl.is_some() {
                assert!(decision.cache_control.is_none() || decision.times.initial_age == 0);
            }
            is_reused(&decision.times, later, NOW + after);
            answers(head, &decision, later, NOW + after);
        }
        Err(refused) => assert!(refused != Uncacheable::RequestNoStore || asked.no_store),
    }
});

/// The decision on a put.
fn put(head: ResponseHead<'_>, terms: &Terms) {
    if let Ok(Ok(storable)) = storable(true, head) {
        let Directives { general, targeted, .. } = &storable.directives;
        let is_refused = general.no_store || targeted.as_ref().is_some_and(|it| it.no_store);
        assert!(!is_refused, "a configured lifetime does not override no-store");
        let times = times(Mode::Put(NOW), head, &storable.directives, Overrides::default(), terms);
        let times = times.expect("a put has a lifetime");
        assert!(times.freshness.age(NOW) >= 0);
    }
}

fn may_be_stored(head: ResponseHead<'_>, exchange: Exchange) {
    assert!(head.status >= 200 && head.status != 206 && head.status != 304);
    assert!(!exchange.no_store);
    let targeted = head.fields.value("cdn-cache-control").and_then(CacheControl::parse_targeted);
    let general = || head.fields.value("cache-control").map(CacheControl::parse);
    let governing = targeted.or_else(general).unwrap_or_default();
    assert!(!governing.no_store || governing.must_understand);
    assert_ne!(governing.private, Scope::Whole);
    let is_allowed = governing.public || governing.must_revalidate || governing.s_maxage.is_some();
    assert!(!exchange.authorized || is_allowed);
}

/// Whether a response has a directive that may allow storing it although its request has cookies.
fn may_be_shared(response: Fields<'_>) -> bool {
    ["cache-control", "cdn-cache-control", "expires", "vary"]
        .iter()
        .any(|name| response.value(name).is_some())
}

fn is_reused(times: &Freshness, request: Fields<'_>, now: i64) {
    let asked = RequestControl::of(request).expect("both fields are sent");
    let state = times.state(now);
    match reuse(times, asked, now) {
        Reuse::Serve => {
            assert!(!asked.no_cache);
            assert!(state == State::Fresh || !times.strict && asked.max_stale.is_some());
        }
        Reuse::ServeAndRefresh => assert!(state == State::Stale && !asked.no_cache),
        Reuse::Validate(_) => {}
    }
}

fn answers(head: ResponseHead<'_>, decision: &Decision, request: Fields<'_>, now: i64) {
    let mut text = format!("{}\n", head.reason);
    for (name, value) in head.fields.iter().filter(|(name, _)| decision.storable.keeps(name)) {
        text.extend([name, ":", value, "\n"]);
    }
    let stored = Stored::new(head.status, &text);
    for name in ["connection", "transfer-encoding", "proxy-authenticate", "age"] {
        assert_eq!(stored.fields().value(name), None, "{name} is not stored");
    }
    let stored = stored.with_body(Some(&[BODY]));
    for method in ["GET", "HEAD"] {
        let answer = Answer::new(stored.clone(), decision.times, method, request, now);
        let answer = answer.expect("all fields that decide are sent");
        let mut written = String::new();
        answer.write_head("ns/name", &mut written);
        assert!(written.ends_with('\n') && !written.contains("\n\n"), "a head is lines");
        let (_, fields) = written.split_once('\n').expect("a head begins with its reason phrase");
        let fields = Fields::new(fields);
        let is_age = |(name, _): &(&str, &str)| *name == "age";
        assert_eq!(fields.iter().filter(is_age).count(), 1);
        match answer.status() {
            206 => {
                let length = fields.value("content-length").and_then(|length| length.parse().ok());
                assert_eq!(answer.body().map(<[u8]>::len), length);
            }
            304 | 416 => assert_eq!(answer.body(), None),
            status => assert_eq!((status, answer.body()), (head.status, Some(BODY))),
        }
    }
}
