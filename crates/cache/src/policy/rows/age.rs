//! How old a response is (RFC 9111, section 4.2.3). In seconds.

use super::{NOW, decide_after, hold};

/// The age, a number of seconds after a response that took a number of seconds to come.
fn age((response, delay, later): (&str, i64, i64)) -> i64 {
    // Fresh for as long as can be, so that every age is stored.
    let response = format!("200 | cache-control: max-age=2147483647 | etag: \"a\"{response}");
    let decision = decide_after("", &response, delay).expect("the response is stored");
    decision.times.age(NOW + later * 1000) / 1000
}

#[test]
fn an_age_is_the_larger_of_what_is_told_and_what_appears_and_grows_in_the_store() {
    hold(
        &[
            ("9111 4.2.3", ("", 0, 0), 0),
            ("9111 4.2.3", ("", 0, 30), 30),
            ("9111 4.2.3", (" | age: 10", 0, 0), 10),
            ("9111 4.2.3", (" | age: 10", 0, 30), 40),
            ("9111 4.2.3", (" | age: 0", 0, 30), 30),
            // The time that the response took counts as if it had been old before.
            ("9111 4.2.3", ("", 5, 0), 5),
            ("9111 4.2.3", (" | age: 10", 5, 30), 45),
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
            ("9111 4.2.3 (ours)", ("", 0, -30), 0),
            ("9111 4.2.3 (ours)", (" | age: 10", 0, -30), 10),
            ("9111 4.2.3 (ours)", ("", -30, 0), 0),
            ("9111 4.2.3 (ours)", (" | age: 10", -30, 0), 10),
        ],
        age,
    );
}
