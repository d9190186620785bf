//! Purges of a thousand entries, beside as many others and beside a hundred times as many.

mod support;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use layeron_cache::{Cache, Durable, Invalidation, Target};
use support::{NOW, filled, put};

const REMOVED: u32 = 1_000;
const BODY: &[u8] = &[b'x'; 64];

fn purges(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("purge");
    let prefix = "https://api.example.com/purged/";
    let by_tag = Invalidation::remove([Target::Tag("purged".to_owned())]);
    let by_prefix = Invalidation::remove([Target::Prefix(prefix.to_owned())]);
    let by_path = Invalidation::remove([Target::Prefix("/purged/".to_owned())]);
    for beside in [REMOVED, 100 * REMOVED] {
        let cache = filled(beside, BODY);
        for (name, selector) in
            [("tag", &by_tag), ("prefix", &by_prefix), ("path on every host", &by_path)]
        {
            group.bench_function(format!("{REMOVED} by {name} beside {beside}"), |bencher| {
                bencher.iter_batched(
                    || {
                        for number in 0..REMOVED {
                            put(&cache, &format!("{prefix}{number:07}"), BODY, &["purged"]);
                        }
                    },
                    |()| assert_eq!(purged(&cache, selector), u64::from(REMOVED)),
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

/// Purges, and waits until all is removed.
fn purged(cache: &Cache, invalidation: &Invalidation) -> u64 {
    match cache.purge(invalidation, NOW) {
        Durable::Done(purged) => purged,
        Durable::Pending(removal) => removal.wait().expect("memory alone does not fail"),
    }
}

criterion_group! { name = benches; config = support::criterion(); targets = purges }
criterion_main!(benches);
