//! Threads that get in each other's way, on few keys and in little room, leave a store that agrees
//! with itself.

mod support;

use fastrand::Rng;
use layeron_cache::{Bounds, Cache, Counter, Invalidation, Since, Sweeper, Target};
use support::{Content, NOW, Seen, fresh_cache, get, look_up, put};

const BYTES: u64 = 60_000;
const STEPS: i64 = 20_000;
/// Some twenty steps to the shortest lifetime, so that entries expire as well as make room.
const STEP_MS: i64 = 50;

/// Any operation, on any of a few keys.
fn step(cache: &Cache, sweeper: &mut Sweeper, rng: &mut Rng, now: i64) {
    let url = format!("https://a.example/{}", rng.u8(0..40));
    let fields = format!("accept:{}\nif-none-match\nrange\n", rng.u8(0..3));
    let request = get(&url, &fields);
    match rng.u8(0..10) {
        0..4 => {
            if let Seen::Miss(since) | Seen::Elected(since) = look_up(cache, request, now) {
                store(cache, rng, request, Since::Sequence(since), now);
            }
        }
        4..7 => store(cache, rng, request, Since::ByKey, now),
        7 => drop(cache.delete(request, None, now)),
        8 => drop(cache.purge(&selector(rng), now)),
        _ => drop(sweeper.sweep(now)),
    }
}

fn store(
    cache: &Cache,
    rng: &mut Rng,
    request: layeron_cache::Request<'_>,
    since: Since,
    now: i64,
) {
    let content = Content {
        body: &vec![0; rng.usize(0..8_000)],
        fields: if rng.bool() { "vary:accept\n" } else { "" },
        tags: &[["a", "b"][rng.usize(0..2)]],
        ttl: rng.u32(1..4),
        window: rng.u32(0..4),
    };
    put(cache, request, &content, since, now);
}

fn selector(rng: &mut Rng) -> Invalidation {
    let is_soft = rng.bool();
    let target = match rng.u8(0..20) {
        0 => Target::Everything,
        1..10 => Target::Tag("a".into()),
        _ => Target::Prefix(format!("/{}", rng.u8(1..4))),
    };
    if is_soft { Invalidation::make_stale([target]) } else { Invalidation::remove([target]) }
}

#[test]
fn random_operations_on_few_keys_in_a_small_store_keep_it_consistent() {
    let cache = fresh_cache(Bounds { bytes: BYTES, entry_bytes: BYTES });
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let cache = &cache;
            scope.spawn(move || {
                let (mut rng, mut sweeper) = (Rng::with_seed(seed), Sweeper::default());
                sweeper.watch(cache);
                for number in 0..STEPS {
                    step(cache, &mut sweeper, &mut rng, NOW + number * STEP_MS);
                    if number % 1_000 == 0 {
                        cache.validate();
                    }
                }
            });
        }
    });
    cache.validate();
    let seen = cache.inspect(NOW + STEPS * STEP_MS);
    assert!(seen.usage.bytes <= BYTES);
    assert!(
        seen.usage.evictions > 0
            && seen.usage.expirations > 0
            && seen.totals.get(Counter::Fenced) > 0
            && seen.totals.get(Counter::Elections) > 0,
        "{seen:?}"
    );
}
