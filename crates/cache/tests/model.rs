//! The cache does what a naive model of it does, whatever is done to it.

mod support;

use layeron_cache::Counter;
use support::model::Driver;
use support::seeds::seeds;
use support::{ROOMY, fresh_cache};

#[test]
fn random_operations_give_the_results_of_the_model() {
    for seed in seeds(20) {
        let cache = fresh_cache(ROOMY);
        let mut driver = Driver::new(&cache, "a.example", true, seed);
        for _ in 0..2_000 {
            driver.step();
        }
        cache.validate();
        assert!(
            driver.hits > 0 && driver.elections > 0 && driver.fenced > 0 && driver.purged > 0,
            "seed {seed}"
        );
    }
}

#[test]
fn random_operations_on_four_threads_give_the_results_of_their_models() {
    const STEPS: u64 = 60_000;
    let cache = fresh_cache(ROOMY);
    let totals = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|number| {
                let cache = &cache;
                scope.spawn(move || {
                    let mut driver =
                        Driver::new(cache, &format!("host-{number}.example"), false, number);
                    (0..STEPS).for_each(|_| driver.step());
                    (driver.hits, driver.stored, driver.purged, driver.elections, driver.fenced)
                })
            })
            .collect();
        let done = threads.into_iter().map(|thread| thread.join().expect("the models agree"));
        done.fold((0, 0, 0, 0, 0), |a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2, a.3 + b.3, a.4 + b.4))
    });
    cache.validate();
    let counted = cache.totals();
    let [hits, puts, purges, elections, fenced] =
        [Counter::Hits, Counter::Puts, Counter::Purges, Counter::Elections, Counter::Fenced]
            .map(|counter| counted.get(counter));
    assert_eq!((hits, puts, purges, elections, fenced), totals);
}
