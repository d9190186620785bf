//! What a store says it holds is at least what is allocated for it.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use layeron_cache::{Bounds, Cache, Invalidation, Target};
use support::{Content, NOW, PLAIN, ROOMY, fresh_cache, get, purge, warm_up};

/// The system's allocator, with what it gave out added up as an allocator of size classes would
/// spend it.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

fn spent(layout: Layout) -> usize {
    (layout.size() + 8).next_multiple_of(16).max(32)
}

#[allow(unsafe_code)]
// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(spent(layout), Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(spent(layout), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Tests here take turns, since they peek at what all of the process allocates.
static TURN: Mutex<()> = Mutex::new(());

/// Bytes allocated while `fill` ran, and bytes that the cache says it holds.
fn measure(fill: impl Fn(&Cache)) -> (usize, usize) {
    let cache = fresh_cache(ROOMY);
    let before = ALLOCATED.load(Relaxed);
    fill(&cache);
    let measured = (ALLOCATED.load(Relaxed) - before, cache.inspect(NOW).usage.bytes as usize);
    cache.purge(&Invalidation::everything(), NOW);
    wait_until_freed(before);
    measured
}

/// Waits until a thread of the cache has freed what a purge has removed.
fn wait_until_freed(before: usize) {
    let until = Instant::now() + Duration::from_mins(1);
    while ALLOCATED.load(Relaxed) > before + 100_000 {
        assert!(Instant::now() < until, "{} bytes left", ALLOCATED.load(Relaxed) - before);
        thread::yield_now();
    }
}

/// A way to fill a cache, and its name.
type Fill<'a> = (&'a str, &'a dyn Fn(&Cache));

#[test]
fn bytes_held_cover_bytes_allocated() {
    const ENTRIES: usize = 20_000;
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let url = |number: usize| format!("https://a.example/products/{number}");
    let plain = |cache: &Cache| {
        for number in 0..ENTRIES {
            let content = Content { body: &[0; 512], ttl: 60, ..Content::default() };
            warm_up(cache, get(&url(number), PLAIN), &content, NOW);
        }
    };
    let tagged = |cache: &Cache| {
        for number in 0..ENTRIES {
            let own = format!("product:{number}");
            let content = Content {
                body: &[0; 512],
                tags: &["products", &own],
                ttl: 60,
                ..Content::default()
            };
            warm_up(cache, get(&url(number), PLAIN), &content, NOW);
        }
    };
    let tagged_apart = |cache: &Cache| {
        for number in 0..ENTRIES {
            let (a, b) = (format!("a:{number}"), format!("b:{number}"));
            let content =
                Content { body: &[0; 512], tags: &[&a, &b], ttl: 60, ..Content::default() };
            warm_up(cache, get(&url(number), PLAIN), &content, NOW);
        }
    };
    let tagged_often = |cache: &Cache| {
        for number in 0..ENTRIES / 10 {
            let tags: Vec<_> = (0..30).map(|tag| format!("{tag}:{}", number % 1_000)).collect();
            let tags: Vec<_> = tags.iter().map(String::as_str).collect();
            let content = Content { body: &[0; 512], tags: &tags, ttl: 60, ..Content::default() };
            warm_up(cache, get(&url(number), PLAIN), &content, NOW);
        }
    };
    let varied = |cache: &Cache| {
        for number in 0..ENTRIES {
            let content =
                Content { body: &[0; 512], fields: "vary:accept\n", ttl: 60, ..Content::default() };
            warm_up(cache, get(&url(number), "accept:a\n"), &content, NOW);
        }
    };
    let purged = |cache: &Cache| {
        tagged(cache);
        purge(cache, &Invalidation::remove([Target::Tag("products".into())]), NOW);
        tagged(cache);
    };
    let fills: [Fill; 6] = [
        ("plain", &plain),
        ("tagged", &tagged),
        ("tagged apart", &tagged_apart),
        ("tagged often", &tagged_often),
        ("varied", &varied),
        ("purged and filled again", &purged),
    ];
    for (name, fill) in fills {
        let (allocated, held) = measure(fill);
        println!(
            "{name}: {} bytes allocated an entry, {} held",
            allocated / ENTRIES,
            held / ENTRIES
        );
        assert!(allocated <= held, "{name}: {allocated} bytes allocated, {held} held");
        assert!(held <= allocated * 13 / 10, "{name}: {held} bytes held, {allocated} allocated");
    }
}

#[test]
fn places_that_small_entries_have_left_behind_count_against_the_bound() {
    const BOUND: usize = 16 << 20;
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let before = ALLOCATED.load(Relaxed);
    let cache = fresh_cache(Bounds { bytes: BOUND as u64, entry_bytes: BOUND as u64 });
    let fill = |name: &str, count: usize, size: usize, tags: &[&str]| {
        for number in 0..count {
            let content = Content { body: &vec![0; size], tags, ttl: 60, ..Content::default() };
            warm_up(
                &cache,
                get(&format!("https://a.example/{name}/{number}"), PLAIN),
                &content,
                NOW,
            );
        }
    };
    fill("lasting", 1, 1, &[]);
    fill("small", 20_000, 1, &["small"]);
    purge(&cache, &Invalidation::remove([Target::Tag("small".into())]), NOW);
    fill("large", 200, 256 << 10, &[]);
    let allocated = ALLOCATED.load(Relaxed) - before;
    assert!(allocated <= BOUND, "{allocated} bytes allocated of {BOUND}");
    assert!(cache.inspect(NOW).usage.bytes as usize > BOUND / 2);
    cache.purge(&Invalidation::everything(), NOW);
    wait_until_freed(before);
}
