//! The variants of one key are bounded, and those that were put last stay.

mod support;

use layeron_cache::{Cache, Invalidation, Lookup, MissingInput, Target, TrackedBy};
use support::{Content, NOW, ROOMY, fresh_cache, get, purge, warm_up};

const URL: &str = "https://a.example/";
const MAX_SETS: usize = 16;
const MAX_VARIANTS: usize = 4_096;

/// Puts a response with the field `name` in its `Vary` and this value of it in its request.
fn put(cache: &Cache, name: &str, value: usize, now: i64) {
    let (request, vary) = (format!("{name}:{value}\n"), format!("vary:{name}\n"));
    let body = format!("{name} {value}");
    let content = Content { body: body.as_bytes(), fields: &vary, ttl: 60, ..Content::default() };
    warm_up(cache, get(URL, &request), &content, now);
}

/// The body that a request with this value of the field `name` gets, and how often the cache asked
/// for more fields.
fn found(cache: &Cache, name: &str, value: usize) -> (Option<String>, usize) {
    let mut fields = format!("{name}:{value}\nif-none-match\nrange\n");
    for asked in 0.. {
        match cache.look_up(get(URL, &fields), None, TrackedBy::Caller, NOW) {
            Ok(Lookup::Hit(answer, _)) => {
                let body = answer.body().unwrap_or_default().to_vec();
                return (Some(String::from_utf8(body).expect("the body is text")), asked);
            }
            Ok(_) => return (None, asked),
            Err(MissingInput::Fields(names)) => {
                fields.extend(names.iter().flat_map(|name| [name, "\n"].map(str::to_owned)));
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    unreachable!("an answer comes of it in the end")
}

fn entries_and_evictions(cache: &Cache) -> (u64, u64) {
    let usage = cache.inspect(NOW).usage;
    (usage.entries, usage.evictions)
}

#[test]
fn a_key_keeps_the_16_sets_of_fields_that_were_used_last() {
    const SETS: usize = 3_000;
    let cache = fresh_cache(ROOMY);
    for set in 0..SETS {
        put(&cache, &format!("x-{set:04}"), 1, NOW + set as i64);
    }
    cache.validate();
    assert_eq!(entries_and_evictions(&cache), (MAX_SETS as u64, (SETS - MAX_SETS) as u64));
    for set in SETS - MAX_SETS..SETS {
        let name = format!("x-{set:04}");
        assert_eq!(found(&cache, &name, 1), (Some(format!("{name} 1")), 1));
    }
    assert_eq!(found(&cache, &format!("x-{:04}", SETS - MAX_SETS - 1), 1), (None, 1));
}

#[test]
fn a_set_of_fields_that_is_used_again_outlives_those_that_are_not() {
    let cache = fresh_cache(ROOMY);
    put(&cache, "x-often", 0, NOW);
    for set in 0..100 {
        put(&cache, &format!("x-{set:04}"), 1, NOW + set);
        put(&cache, "x-often", set as usize, NOW + set);
    }
    cache.validate();
    assert_eq!(found(&cache, "x-often", 0), (Some("x-often 0".into()), 1));
    assert_eq!(found(&cache, "x-often", 99), (Some("x-often 99".into()), 1));
    assert_eq!(found(&cache, "x-0084", 1), (None, 1));
}

#[test]
fn evicting_a_set_of_fields_evicts_every_variant_of_it_and_no_other_entry() {
    let cache = fresh_cache(ROOMY);
    warm_up(&cache, get(URL, ""), &Content { body: b"plain", ttl: 60, ..Content::default() }, NOW);
    for value in 0..5 {
        put(&cache, "x-old", value, NOW);
    }
    for set in 1..=MAX_SETS {
        put(&cache, &format!("x-{set:04}"), 1, NOW + set as i64);
    }
    cache.validate();
    assert_eq!(entries_and_evictions(&cache), (1 + MAX_SETS as u64, 5));
    assert_eq!(found(&cache, "x-old", 3).0, Some("plain".into()));
    let other = get("https://b.example/", "x-old:1\n");
    let content = Content { body: b"b", fields: "vary:x-old\n", ttl: 60, ..Content::default() };
    warm_up(&cache, other, &content, NOW);
    assert_eq!(
        entries_and_evictions(&cache),
        (2 + MAX_SETS as u64, 5),
        "each key has sets of its own"
    );
}

#[test]
fn a_key_keeps_about_4096_variants_and_those_put_last_are_among_them() {
    const VARIANTS: usize = 6_000;
    let cache = fresh_cache(ROOMY);
    for value in 0..VARIANTS {
        put(&cache, "cookie", value, NOW);
    }
    cache.validate();
    let (entries, evictions) = entries_and_evictions(&cache);
    assert_eq!(entries + evictions, VARIANTS as u64);
    assert!(
        entries as usize <= MAX_VARIANTS && entries as usize > MAX_VARIANTS * 15 / 16,
        "{entries}"
    );
    for value in VARIANTS - MAX_VARIANTS * 15 / 16..VARIANTS {
        assert_eq!(found(&cache, "cookie", value).0, Some(format!("cookie {value}")));
    }
    assert_eq!(found(&cache, "cookie", 0).0, None);
    let selector = Invalidation::remove([Target::Prefix(URL.to_owned())]);
    assert_eq!(purge(&cache, &selector, NOW), entries);
}

#[test]
fn renewing_a_variant_of_a_full_key_evicts_nothing() {
    let cache = fresh_cache(ROOMY);
    for value in 0..MAX_VARIANTS {
        put(&cache, "cookie", value, NOW);
    }
    for value in 0..100 {
        put(&cache, "cookie", value, NOW + 1);
    }
    assert_eq!(entries_and_evictions(&cache), (MAX_VARIANTS as u64, 0));
    put(&cache, "cookie", MAX_VARIANTS, NOW + 1);
    assert_eq!(
        entries_and_evictions(&cache),
        (MAX_VARIANTS as u64 * 15 / 16 + 1, MAX_VARIANTS as u64 / 16)
    );
    assert_eq!(
        found(&cache, "cookie", 50).0,
        Some("cookie 50".into()),
        "what was renewed is not the oldest"
    );
    assert_eq!(found(&cache, "cookie", 150).0, None);
    cache.validate();
}
