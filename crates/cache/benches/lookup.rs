//! From a request to its answer, or to a miss. Beside it what a `HashMap` under a lock takes for a
//! body alone, the least that any shared map can do.

mod support;

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Arc, RwLock};

use criterion::{BatchSize, Bencher, Criterion, criterion_group, criterion_main};
use layeron_cache::Lookup;
use support::{KIB, PLAIN, filled, look_up, url};

const BODY: &[u8] = &[b'x'; 2 * KIB];

/// Few enough to stay in the processor's caches, and too many for that.
const COUNTS: [u32; 2] = [1_000, 100_000];

fn lookups(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lookup");
    for count in COUNTS {
        let cache = filled(count, BODY);
        let urls: Vec<String> = (0..count).map(url).collect();
        group.bench_function(format!("hit, {count} held"), |bencher| {
            each(bencher, &urls, |url| look_up(&cache, url, PLAIN));
        });
        let mut head = String::with_capacity(KIB);
        group.bench_function(format!("hit and head, {count} held"), |bencher| {
            each(bencher, &urls, |url| {
                head.clear();
                if let Lookup::Hit(answer, _) = look_up(&cache, url, PLAIN) {
                    answer.write_head("benches/lookup", &mut head);
                }
                head.len()
            });
        });
        let map =
            RwLock::new(urls.iter().map(|url| (url.clone(), Arc::<[u8]>::from(BODY))).collect());
        group.bench_function(format!("HashMap, {count} held"), |bencher| {
            each(bencher, &urls, |url| read(&map, url));
        });
    }
    let cache = filled(COUNTS[0], BODY);
    let held: Vec<String> = (0..COUNTS[0]).map(url).collect();
    let absent: Vec<String> = (COUNTS[0]..2 * COUNTS[0]).map(url).collect();
    let condition = "if-none-match:\"v1\"\nrange\n";
    group.bench_function("304", |bencher| {
        each(bencher, &held, |url| look_up(&cache, url, condition));
    });
    group.bench_function("miss", |bencher| {
        each(bencher, &absent, |url| look_up(&cache, url, PLAIN));
    });
    group.finish();
}

fn read(map: &RwLock<HashMap<String, Arc<[u8]>>>, url: &str) -> Option<Arc<[u8]>> {
    map.read().expect("nobody panics").get(url).cloned()
}

/// Calls for one URL after the other, in no order that the processor foresees.
fn each<Answer>(bencher: &mut Bencher<'_>, urls: &[String], mut call: impl FnMut(&str) -> Answer) {
    let mut rng = fastrand::Rng::with_seed(1);
    bencher.iter_batched(
        || &urls[rng.usize(..urls.len())],
        |url| call(black_box(url)),
        BatchSize::SmallInput,
    );
}

criterion_group! { name = benches; config = support::criterion(); targets = lookups }
criterion_main!(benches);
