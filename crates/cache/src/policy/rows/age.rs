//! Age of a response (RFC 9111, section 4.2.3), in seconds.

use super::{NOW, decide_after, decide_with, hold};
use crate::policy::rules::Terms;
use crate::policy::{Overrides, State};
use crate::time::Millis;

/// The age, a number of seconds after a response that took a number of seconds to come.
fn age((response, delay, later): (&str, i64, i64)) -> Millis {
    // Fresh for as long as can be, so that every age is stored.
    let response = format!("200 | cache-control: max-age=2147483647 | etag: \"a\"{response}");
    let decision = decide_after("", &response, delay).expect("the response is stored");
    decision.times.age(NOW + later * 1000) / 1000
}

#[test]
fn the_age_is_the_larger_of_age_and_apparent_age_and_grows_in_the_store() {
    hold(
        &[
            ("9111 4.2.3", ("", 0, 0), 0),
            ("9111 4.2.3", ("", 0, 30), 30),
            ("9111 4.2.3", (" | age: 10", 0, 0), 10),
            ("9111 4.2.3", (" | age: 10", 0, 30), 40),
            ("9111 4.2.3", (" | age: 0", 0, 30), 30),
            // The time that the response took counts as if it had been old before.
            ("9111 4.2.3", (" | age: 10", 5, 30), 45),
            ("9111 4.2.3", (" | age: 0", 5, 0), 5),
            ("9111 4.2.3", (" | date: {0}", 5, 0), 5),
            ("9111 4.2.3", (" | date: {0}", 0, 0), 0),
            ("9111 4.2.3", (" | date: {-20}", 0, 0), 20),
            ("9111 4.2.3", (" | date: {-20}", 0, 30), 50),
            ("9111 4.2.3", (" | date: {-20} | age: 10", 0, 0), 20),
            ("9111 4.2.3", (" | date: {-20} | age: 30", 0, 0), 30),
            ("9111 4.2.3", (" | date: {-20} | age: 10", 15, 0), 25),
            ("9111 4.2.3", (" | date: {-20} | age: 10", 5, 0), 20),
            ("9111 4.2.3", (" | date: {20}", 0, 0), 0),
            ("9111 4.2.3", (" | date: {20} | age: 10", 0, 0), 10),
            ("9110 5.6.7", (" | date: Sunday, 06-Nov-94 08:49:17 GMT", 0, 0), 20),
            ("9110 5.6.7", (" | date: Sun Nov  6 08:49:17 1994", 0, 0), 20),
            ("9110 6.6.1", (" | date: yesterday", 0, 30), 30),
            ("9110 6.6.1", (" | date: 0 | age: 10", 0, 30), 40),
        ],
        age,
    );
}

#[test]
fn the_time_of_a_handler_does_not_age_a_response_without_age_and_date() {
    hold(
        &[
            ("9111 4.2.3 (ours)", ("", 5, 0), 0),
            ("9111 4.2.3 (ours)", ("", 5, 30), 30),
            ("9111 4.2.3 (ours)", (" | age: abc", 5, 0), 0),
            ("9111 4.2.3 (ours)", (" | age:", 5, 30), 30),
            ("9111 4.2.3 (ours)", (" | date: yesterday", 5, 0), 0),
            ("9111 4.2.3 (ours)", (" | date: yesterday | age: -1", 5, 0), 0),
            ("9111 4.2.3 (ours)", (" | date: yesterday | age: 1", 5, 0), 6),
            ("9111 4.2.3 (ours)", (" | date: {20} | age: abc", 5, 0), 5),
        ],
        age,
    );
}

#[test]
fn a_malformed_age_does_not_count() {
    hold(
        &[
            ("9111 5.1", (" | age: abc", 0, 0), 0),
            ("9111 5.1", (" | age: -10", 0, 0), 0),
            ("9111 5.1", (" | age: +10", 0, 0), 0),
            ("9111 5.1", (" | age: 10.5", 0, 0), 0),
            ("9111 5.1", (" | age: 10 20", 0, 0), 0),
            ("9111 5.1", (" | age: \"10\"", 0, 0), 0),
            ("9111 5.1", (" | age: 10;x=1", 0, 0), 0),
            ("9111 5.1", (" | age:", 0, 0), 0),
            ("9111 5.1", (" | age: 10, 20", 0, 0), 10),
            ("9111 5.1", (" | age: 20, 10", 0, 0), 20),
            ("9111 5.1", (" | age: 10, abc", 0, 0), 10),
            ("9111 5.1", (" | age: abc, 10", 0, 0), 0),
            ("9111 1.2.2", (" | age: 2147483648", 0, 0), 2_147_483_647),
            ("9111 1.2.2", (" | age: 99999999999999999999", 0, 0), 2_147_483_647),
        ],
        age,
    );
}

#[test]
fn a_clock_that_steps_back_makes_nothing_younger() {
    hold(
        &[
            ("9111 4.2.3 (ours)", ("", 0, -5), 0),
            ("9111 4.2.3 (ours)", (" | age: 10", 0, -5), 10),
            ("9111 4.2.3 (ours)", ("", -30, 0), 0),
            ("9111 4.2.3 (ours)", (" | age: 10", -30, 0), 10),
        ],
        age,
    );
}

#[test]
fn an_entry_more_than_5_seconds_ahead_of_the_clock_is_stale_whatever_its_lifetime() {
    let at = |(response, later): (&str, i64)| {
        let times = decide_after("", response, 0).expect("the response is stored").times;
        let now = NOW + later;
        (times.state(now), times.age(now) / 1000, times.outlives_errors(now))
    };
    let plain = "200 | cache-control: max-age=60";
    let strict = "200 | cache-control: max-age=60, must-revalidate";
    let windows = "200 | cache-control: max-age=60, stale-while-revalidate=30, stale-if-error=90";
    let tagged = "200 | cache-control: max-age=60, must-revalidate | etag: \"a\"";
    let old = "200 | cache-control: max-age=60, stale-while-revalidate=30 | age: 70";
    let ten_hours = -36_000_000;
    hold(
        &[
            ("9111 4.2 (ours)", (plain, -5_000), (State::Fresh, 0, false)),
            ("9111 4.2 (ours)", (plain, -5_001), (State::Retained, 60, false)),
            ("9111 4.2 (ours)", (plain, ten_hours), (State::Retained, 60, false)),
            ("9111 4.2 (ours)", (strict, -5_001), (State::Expired, 60, false)),
            ("9111 4.2 (ours)", (tagged, -5_001), (State::Retained, 60, false)),
            ("5861 3 (ours)", (windows, -5_001), (State::Stale, 60, true)),
            ("5861 3 (ours)", (old, -5_001), (State::Stale, 70, false)),
        ],
        at,
    );
}

#[test]
fn an_entry_ahead_of_the_clock_goes_through_its_windows_once_its_times_are_restarted() {
    let windows = "200 | cache-control: max-age=60, must-revalidate, stale-while-revalidate=30";
    let overrides = Overrides { stale_while_revalidate: Some(30), ..Overrides::default() };
    let decision = decide_with(overrides, &Terms::default(), "", windows, 0).expect("it is stored");
    let now = NOW - 36_000_000;
    let times = decision.times.restarted(now);
    assert_eq!((times.state(now), times.deadline()), (State::Stale, now + 30_000));
    assert_eq!(
        (times.state(now + 29_999), times.state(now + 30_000)),
        (State::Stale, State::Expired)
    );
    let purged = decision.times.stale_from(now);
    assert_eq!((purged.state(now), purged.deadline()), (State::Stale, now + 30_000));
    assert_eq!(
        decision.times.stale_from(NOW - 5_000).deadline(),
        NOW + 30_000,
        "a small step is no jump"
    );
}
