//! Our decisions beside those of `http-cache-semantics`, on random exchanges. [`differences`] lists
//! the intended differences with their sections; all other decisions are equal.

mod differences;
mod exchange;
mod grammar;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use fastrand::Rng;
use http::HeaderMap;
use http_cache_semantics::{BeforeRequest, CacheOptions, CachePolicy};

use crate::cache::proxy::lookup::HandlerRun;
use crate::http::lines::Fields;
use crate::http::{Names, RequestControl};
use crate::key::{Key, Selecting};
use crate::memory::{EntryRef, Selected};
use crate::policy::rules::Terms;
use crate::policy::{
    self, Decision, Forwarded, Overrides, ResponseHead, Reuse, Uncacheable, decide, reuse,
};
use crate::response::{Stored, head_of};
use crate::time::UnixMillis;
use differences::{DIFFERENCES, Difference};
use exchange::{Exchange, Message};

/// When the response comes: Sun, 06 Nov 1994 08:49:37 GMT, in milliseconds.
const NOW: UnixMillis = 784_111_777_000;
const EXCHANGES: u32 = 40_000;
const SEED: u64 = 9111;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Aspect {
    /// Whether the response may be stored.
    Stored,
    /// How long it stays fresh from the later request on.
    TimeToLive,
    /// How old it is then.
    Age,
    /// Whether it answers the later request without validation.
    Reuse,
    /// With which validators it is validated.
    Validators,
}

/// What we decide on an exchange.
struct Ours {
    decision: Result<Decision, Uncacheable>,
    /// What becomes of the later request, where the response is stored and selected.
    reuse: Option<Reuse>,
}

#[test]
fn decisions_are_those_of_the_oracle_but_for_the_differences_that_are_meant() {
    let mut rng = Rng::with_seed(SEED);
    let mut compared: BTreeMap<Aspect, u32> = BTreeMap::new();
    let mut wrong = Vec::new();
    for _ in 0..EXCHANGES {
        let exchange = grammar::exchange(&mut rng);
        let ours = ours(&exchange);
        let meant = meant(&exchange, &ours);
        for (aspect, ours, theirs) in judged(&exchange, &ours) {
            if !meant.iter().any(|difference| difference.aspects.contains(&aspect)) {
                *compared.entry(aspect).or_default() += 1;
                if ours != theirs {
                    wrong.push(format!(
                        "{aspect:?}: {ours} here, {theirs} there, of\n    {exchange}"
                    ));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ, among them\n{}",
        wrong.len(),
        wrong[..wrong.len().min(9)].join("\n")
    );
    assert!(
        compared.len() == 5 && compared.values().all(|count| *count > EXCHANGES / 10),
        "{compared:?}"
    );
}

#[test]
fn every_difference_that_is_meant_is_one_in_all_its_aspects() {
    let mut rng = Rng::with_seed(SEED + 1);
    let aspects = |known: &'static Difference| {
        known.aspects.iter().map(|aspect| (known.section, known.what, *aspect))
    };
    let mut unseen: BTreeSet<(&str, &str, Aspect)> = DIFFERENCES.iter().flat_map(aspects).collect();
    for _ in 0..4 * EXCHANGES {
        if unseen.is_empty() {
            break;
        }
        let exchange = grammar::exchange(&mut rng);
        let ours = ours(&exchange);
        let meant = meant(&exchange, &ours);
        for (aspect, ours, theirs) in judged(&exchange, &ours) {
            let mut excused = meant.iter().filter(|known| known.aspects.contains(&aspect));
            if let (Some(only), None) = (excused.next(), excused.next())
                && ours != theirs
            {
                unseen.remove(&(only.section, only.what, aspect));
            }
        }
    }
    assert!(unseen.is_empty(), "Not seen to differ: {unseen:#?}");
}

fn meant(exchange: &Exchange, ours: &Ours) -> Vec<&'static Difference> {
    DIFFERENCES.iter().filter(|difference| (difference.applies)(exchange, ours)).collect()
}

/// Each aspect that both decide: our value and the oracle's.
fn judged(exchange: &Exchange, ours: &Ours) -> Vec<(Aspect, String, String)> {
    let theirs = theirs(exchange);
    let later = time(NOW + exchange.after * 1000);
    let decision = match &ours.decision {
        Ok(decision) if theirs.is_storable() => decision,
        decision => return vec![judged_storing(exchange, decision, &theirs)],
    };
    let left = decision.times.lifetime - decision.times.age(NOW + exchange.after * 1000);
    let before = theirs.before_request(&request(&exchange.later), later);
    let (fresh, forwarded) = match &before {
        BeforeRequest::Fresh(_) => (true, None),
        BeforeRequest::Stale { request, matches } => (false, matches.then_some(&request.headers)),
    };
    let mut judged = vec![
        judged_storing(exchange, &ours.decision, &theirs),
        (
            Aspect::TimeToLive,
            (left.max(0) / 1000).to_string(),
            theirs.time_to_live(later).as_secs().to_string(),
        ),
        (
            Aspect::Age,
            (decision.times.age(NOW + exchange.after * 1000) / 1000).to_string(),
            theirs.age(later).as_secs().to_string(),
        ),
        (Aspect::Reuse, (ours.reuse == Some(Reuse::Serve)).to_string(), fresh.to_string()),
    ];
    if let Some(headers) = forwarded {
        let header = |name| {
            headers.get(name).map(|value| value.to_str().expect("it is one of ours").to_owned())
        };
        let theirs = (header("if-none-match"), header("if-modified-since"));
        judged.push((
            Aspect::Validators,
            format!("{:?}", validators(exchange, decision)),
            format!("{theirs:?}"),
        ));
    }
    judged
}

/// The oracle stores responses without a lifetime, and never serves them, and some that we do not
/// share.
fn judged_storing(
    exchange: &Exchange,
    decision: &Result<Decision, Uncacheable>,
    theirs: &CachePolicy,
) -> (Aspect, String, String) {
    let is_useful = || theirs.time_to_live(time(NOW)) > Duration::ZERO;
    let (ours, theirs) = match decision {
        Ok(_) => (true, theirs.is_storable()),
        Err(
            Uncacheable::NoFreshness
            | Uncacheable::Expired
            | Uncacheable::NoCache
            | Uncacheable::SetCookie
            | Uncacheable::EventStream,
        ) => (false, is_useful()),
        Err(Uncacheable::Vary) => {
            let later = theirs.before_request(&request(&exchange.later), time(NOW));
            (false, matches!(later, BeforeRequest::Fresh(_)))
        }
        Err(_) => (false, theirs.is_storable()),
    };
    (Aspect::Stored, ours.to_string(), theirs.to_string())
}

fn time(ms: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(ms.unsigned_abs())
}

fn theirs(exchange: &Exchange) -> CachePolicy {
    let mut response =
        http::Response::builder().status(exchange.status).body(()).expect("a status is one");
    *response.headers_mut() = headers(&exchange.response);
    CachePolicy::new_options(
        &request(&exchange.request),
        &response,
        time(NOW),
        CacheOptions::default(),
    )
}

fn request(message: &Message) -> http::Request<()> {
    let mut request = http::Request::get("https://x.y/").body(()).expect("a URL is one");
    *request.headers_mut() = headers(message);
    request
}

fn headers(message: &Message) -> HeaderMap {
    let fields = message.fields().into_iter();
    fields
        .map(|(name, value)| {
            let name = http::HeaderName::from_static(name);
            (name, value.parse().expect("a field value is one"))
        })
        .collect()
}

/// The field lines of a message; of a request, with those that it lacks.
fn block(message: &Message) -> String {
    const ABSENT: &str = "accept-language\nauthorization\ncache-control\npragma\nx-a\n";
    let lines = message.fields().into_iter().map(|(name, value)| format!("{name}:{value}\n"));
    lines.collect::<String>() + ABSENT
}

fn ours(exchange: &Exchange) -> Ours {
    let (request, response, later) =
        (block(&exchange.request), block(&exchange.response), block(&exchange.later));
    let (request, later) = (Fields::new(&request), Fields::new(&later));
    let head = ResponseHead { status: exchange.status, reason: "", fields: Fields::new(&response) };
    let asked = |fields| RequestControl::of(fields).expect("a request tells enough");
    let course = policy::Exchange {
        no_store: asked(request).no_store,
        cookies: false,
        authorized: request.value("authorization").is_some(),
        requested_at: NOW - exchange.delay * 1000,
        responded_at: NOW,
    };
    let decision = decide(head, Overrides::default(), &Terms::default(), course);
    let reuse = decision.as_ref().ok().and_then(|decision| {
        let vary = Selecting { names: decision.storable.vary.clone(), loosely: true };
        let key = Key::new("https://x.y/", "ns", "GET", &Names::default(), request)
            .expect("nothing selects");
        let variant = |fields| key.variant(&vary, fields).expect("a request tells enough");
        let selected = variant(request) == variant(later);
        selected.then(|| reuse(&decision.times, asked(later), NOW + exchange.after * 1000))
    });
    Ours { decision, reuse }
}

/// The validators of the response as it would be stored.
fn validators(
    exchange: &Exchange,
    Decision { storable, times, .. }: &Decision,
) -> (Option<String>, Option<String>) {
    let response = block(&exchange.response);
    let head = ResponseHead { status: exchange.status, reason: "", fields: Fields::new(&response) };
    let stored = Stored::new(exchange.status, &head_of(head, |name| storable.keeps(name), &[]));
    let selected = Selected {
        held: EntryRef::of(stored),
        times: *times,
        reuse: Reuse::Validate(Forwarded::Stale),
        holds_lease: false,
    };
    let run = HandlerRun {
        why: Forwarded::Stale,
        since: 0,
        began_at: NOW,
        is_head: false,
        is_get: true,
        lead: None,
        selected: Some(selected),
        background: false,
        without_cookies: false,
    };
    let (tag, date) = run.validators();
    (tag.map(ToOwned::to_owned), date.map(ToOwned::to_owned))
}
