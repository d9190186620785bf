//! Ages and lifetimes. Input: a line with the times of the request, of the response and of two
//! later moments; then the response's fields.
#![no_main]

use layeron_cache::fuzzing::lines::Fields;
use layeron_cache::fuzzing::{
    Directives, Exchange, Freshness, Mode, ResponseHead, State, decide, is_dated, times,
};
use layeron_cache::{Overrides, Terms};
use layeron_fuzz::{MAX_SECONDS, block, number};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (moments, fields) = text.split_once('\n').unwrap_or((text, ""));
    let mut moments = moments.split_whitespace();
    let (requested_at, responded_at) = (number(&mut moments), number(&mut moments));
    let (one, other) = (number(&mut moments), number(&mut moments));
    let (sooner, later) = (one.min(other), one.max(other));
    let fields = block(fields);
    let fields = Fields::new(&fields);
    let head = ResponseHead { status: 200, reason: "", fields };
    let exchange = Exchange { requested_at, responded_at, ..Exchange::default() };
    if let Ok(decision) = decide(head, Overrides::default(), &Terms::default(), exchange) {
        let times = decision.times;
        assert_eq!(times.stored_at, responded_at);
        assert_ne!(times.state(responded_at), State::Expired);
        assert!(
            !is_dated(fields) || times.initial_age >= responded_at.saturating_sub(requested_at)
        );
        hold(&times, sooner, later);
    }
    let directives = Directives::of(fields);
    let (mode, overrides) = (Mode::Put(responded_at), Overrides::default());
    let put = times(mode, head, &directives, overrides, &Terms::default());
    hold(&put.expect("a put has a lifetime").freshness, sooner, later);
});

fn hold(times: &Freshness, sooner: i64, later: i64) {
    if times.is_from_future(sooner) {
        assert_ne!(times.state(sooner), State::Fresh, "the clock was ahead");
        let restarted = times.restarted(sooner);
        assert_eq!(restarted.state(sooner), times.state(sooner));
        return hold(&restarted, sooner, later);
    }
    assert!((0..=i64::from(MAX_SECONDS) * 1000).contains(&times.lifetime));
    assert!(
        times.age(sooner) >= 0 && times.age(sooner) <= times.age(later),
        "the age does not decrease"
    );
    assert!(
        rank(times.state(sooner)) <= rank(times.state(later)),
        "the state does not become fresher"
    );
    if times.outlives_errors(later) {
        let [state, before] = [later, sooner].map(|now| times.state(now));
        assert!(state != State::Fresh && (before == State::Fresh || times.outlives_errors(sooner)));
    }
    let deadline = times.deadline();
    if deadline > times.stored_at {
        assert_eq!(times.state(deadline), State::Expired);
        assert_ne!(times.state(deadline - 1), State::Expired);
    }
    let ended = times.stale_from(sooner);
    assert_ne!(ended.state(sooner), State::Fresh);
    assert_eq!(ended.stale_from(sooner), ended);
}

fn rank(state: State) -> u8 {
    match state {
        State::Fresh => 0,
        State::Stale => 1,
        State::Retained => 2,
        State::Expired => 3,
    }
}
