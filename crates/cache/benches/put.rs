//! From a response to an entry that can be found: one in another's place, one with room to spare,
//! and one that others make room for.

mod support;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use support::{KIB, filled, open, put, url};

const HELD: u32 = 10_000;

fn puts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("put");
    for (name, length) in [("64 B", 64), ("2 KB", 2 * KIB), ("64 KB", 64 * KIB)] {
        let body = vec![b'x'; length];
        let cache = filled(1, &body);
        let only = url(0);
        group.bench_function(format!("in place of another, {name}"), |bencher| {
            bencher.iter(|| put(&cache, black_box(&only), &body, &[]));
        });
    }
    let body = [b'x'; 2 * KIB];
    for (name, tags) in
        [("without tags", [].as_slice()), ("with two tags", &["products", "product:7"])]
    {
        // About as many as stay.
        let cache = open(u64::from(HELD) * 3 * KIB as u64);
        let mut number = 0;
        let mut next = || {
            number += 1;
            put(&cache, &url(number), &body, tags);
        };
        (0..2 * HELD).for_each(|_| next());
        group.bench_function(format!("in place of the coldest, 2 KB, {name}"), |bencher| {
            bencher.iter(&mut next);
        });
    }
    group.finish();
}

criterion_group! { name = benches; config = support::criterion(); targets = puts }
criterion_main!(benches);
