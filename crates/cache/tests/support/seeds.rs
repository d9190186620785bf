//! The seeds of random tests.

use std::ops::Range;

/// The seeds that a random test runs with: `count` of them from 0, or `TEST_SEED_FACTOR` times as
/// many if the environment has that variable. Prints them, for the output of a test that fails.
pub fn seeds(count: u64) -> Range<u64> {
    let factor = std::env::var("TEST_SEED_FACTOR")
        .map_or(1, |text| text.parse().expect("TEST_SEED_FACTOR is a whole number"));
    println!("seeds 0 to {}", count * factor - 1);
    0..count * factor
}
