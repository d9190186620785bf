//! From a request to its key: the URL in its canonical form, the selecting header fields, and the
//! hash of all of it.

mod support;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use layeron_cache::Names;
use support::{PLAIN, get, open};

fn keys(criterion: &mut Criterion) {
    let cache = open(1 << 20);
    let none = Names::default();
    let two = Names::new(["accept-encoding", "accept-language"]);
    let sent = "accept-encoding:gzip, br\naccept-language:de-CH, de;q=0.9\n";
    let mut group = criterion.benchmark_group("key");
    let mut bench = |name, url, fields, vary: &Names| {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                cache.key(get(black_box(url), fields), Some(vary)).expect("every field is sent")
            });
        });
    };
    bench("path", "https://api.example.com/api/products/7", PLAIN, &none);
    bench(
        "query in order",
        "https://api.example.com/api/products?color=red&page=2&size=20&sort=price",
        PLAIN,
        &none,
    );
    bench(
        "query to be sorted",
        "https://api.example.com/api/products?sort=price&size=20&page=2&color=red",
        PLAIN,
        &none,
    );
    bench("two selecting fields", "https://api.example.com/api/products/7", sent, &two);
}

criterion_group! { name = benches; config = support::criterion(); targets = keys }
criterion_main!(benches);
