//! Entries of many tags.

mod support;

use layeron_cache::{Invalidation, Since, StoreError, Target, Uncacheable};
use support::{Content, NOW, PLAIN, ROOMY, Seen, fresh_cache, get, look_up, purge, put};

const URL: &str = "https://a.example/p";

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("tag:{number}")).collect()
}

fn put_tagged(cache: &layeron_cache::Cache, url: &str, count: usize) -> Result<(), StoreError> {
    let names = names(count);
    let tags: Vec<_> = names.iter().map(String::as_str).collect();
    let content = Content { tags: &tags, ttl: 60, ..Content::default() };
    put(cache, get(url, PLAIN), &content, Since::ByKey, NOW).expect("it has a lifetime")
}

#[test]
fn an_entry_is_purged_by_each_of_its_tags_however_many_they_are() {
    for count in [1, 16, 17, 1_000] {
        for tag in [0, count / 2, count - 1] {
            let cache = fresh_cache(ROOMY);
            for other in [0, 16, 17, 40] {
                put_tagged(&cache, &format!("{URL}/{other}"), other).unwrap();
            }
            put_tagged(&cache, URL, count).unwrap();
            let carriers = 1 + [0, 16, 17, 40].iter().filter(|&&other| other > tag).count() as u64;
            let selector = Invalidation::remove([Target::Tag(format!("tag:{tag}"))]);
            assert_eq!(purge(&cache, &selector, NOW), carriers, "tag {tag} of {count}");
            assert!(matches!(look_up(&cache, get(URL, PLAIN), NOW), Seen::Miss(_)));
            cache.validate();
        }
    }
}

#[test]
fn an_entry_that_is_put_again_has_only_its_new_tags() {
    let cache = fresh_cache(ROOMY);
    put_tagged(&cache, "https://a.example/other", 20).unwrap();
    for count in [3, 30, 2, 16, 17, 0] {
        put_tagged(&cache, URL, count).unwrap();
        cache.validate();
        assert_eq!(cache.inspect(NOW).usage.tags, count.max(20) as u64);
    }
}

#[test]
fn more_tags_than_an_entry_can_have_are_refused() {
    let cache = fresh_cache(ROOMY);
    assert_eq!(put_tagged(&cache, URL, 65_535), Ok(()));
    assert_eq!(
        put_tagged(&cache, URL, 65_536),
        Err(StoreError::Uncacheable(Uncacheable::TooLarge))
    );
    assert_eq!(cache.inspect(NOW).usage.tags, 65_535, "what was there stays");
}
