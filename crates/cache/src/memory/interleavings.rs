//! Refresh lease and fence under all interleavings of a few threads, by the model checker.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p layeron-cache --lib --release interleavings`.

use loom::sync::Arc;
use loom::thread;

use super::new_entry::NewEntry;
use super::outcome::Found;
use super::store::Memory;
use super::usage::Bounds;
use crate::http::Names;
use crate::http::lines::Fields;
use crate::invalidation::{Invalidation, Target};
use crate::key::{Key, Selecting};
use crate::policy::Freshness;
use crate::response::Stored;
use crate::time::UnixMillis;

const URL: &str = "https://a.example/p";
const NOW: UnixMillis = 10_000;

fn key() -> Key {
    Key::new(URL, "ns", "GET", &Names::default(), Fields::new("")).unwrap()
}

fn store() -> Arc<Memory> {
    Arc::new(Memory::new(Bounds { bytes: 1 << 20, entry_bytes: 1 << 20 }))
}

/// Puts a response whose body identifies its author.
fn put(store: &Memory, body: &str, since: u64, stored_at: UnixMillis) -> bool {
    let times = Freshness {
        stored_at,
        initial_age: 0,
        lifetime: 5_000,
        stale_window: 60,
        ..Freshness::default()
    };
    let key = key();
    let (digest, tags) = (key.digest(), vec!["t".into()]);
    let entry = NewEntry {
        digest,
        variant: digest,
        key: key.into_text(),
        vary: Selecting::default(),
        tags,
        times,
        head: Stored::new(200, "\n"),
    };
    store.put(entry, Some(&[body.as_bytes()]), since, stored_at).is_ok()
}

fn get(store: &Memory) -> Found {
    store.get(&key(), Fields::new(""), NOW).unwrap()
}

/// The body that a lookup at the end finds.
fn body_at_the_end(store: &Memory) -> Option<Vec<u8>> {
    match store.get(&key(), Fields::new(""), 0).unwrap() {
        Found::Entry(stored, ..) => stored.body().map(<[u8]>::to_vec),
        Found::Refresh { .. } | Found::Miss { .. } => None,
    }
}

/// A miss and the put that it leads to. Returns the fence sequence if it was a miss.
fn build(store: &Memory, body: &str) -> Option<u64> {
    match get(store) {
        Found::Miss { since } | Found::Refresh { since, .. } => {
            put(store, body, since, NOW);
            Some(since)
        }
        Found::Entry(..) => None,
    }
}

fn every_purge() -> Vec<fn(&Memory)> {
    fn purge(store: &Memory, invalidation: Invalidation) {
        store.apply(&invalidation, NOW);
    }
    vec![
        |store| purge(store, Invalidation::remove([Target::Tag("t".into())])),
        |store| purge(store, Invalidation::remove([Target::Key(key().into_text())])),
        |store| purge(store, Invalidation::remove([Target::Prefix("https://a.".into())])),
        |store| purge(store, Invalidation::remove([Target::Prefix("/p".into())])),
        |store| purge(store, Invalidation::everything()),
        |store| purge(store, Invalidation::make_stale([Target::Tag("t".into())])),
        |store| drop(store.delete(&key(), Fields::new(""), NOW)),
    ]
}

/// A store with a stale entry.
fn store_with_stale() -> Arc<Memory> {
    let store = store();
    assert!(put(&store, "old", store.sequence(), 0));
    store
}

#[test]
fn one_caller_acquires_the_refresh_lease() {
    loom::model(|| {
        let store = store_with_stale();
        let lookups: Vec<_> = (0..3)
            .map(|_| {
                let store = Arc::clone(&store);
                thread::spawn(move || matches!(get(&store), Found::Refresh { .. }))
            })
            .collect();
        let holds_lease = lookups.into_iter().map(|thread| thread.join().unwrap());
        assert_eq!(holds_lease.filter(|holds_lease| *holds_lease).count(), 1);
    });
}

#[test]
fn no_build_that_began_before_a_purge_is_found_after_it() {
    for purge in every_purge() {
        loom::model(move || {
            let store = store();
            let start = store.sequence();
            let builder = Arc::clone(&store);
            let builder = thread::spawn(move || build(&builder, "built"));
            purge(&store);
            let since = builder.join().unwrap().expect("the store was empty");
            if body_at_the_end(&store).is_some() {
                assert!(since > start, "the build began after the purge");
            }
        });
    }
}

#[test]
fn two_builds_of_one_key_are_separate() {
    loom::model(|| {
        let store = store();
        let start = store.sequence();
        let builders: Vec<_> = ["a", "b"]
            .into_iter()
            .map(|name| {
                let store = Arc::clone(&store);
                thread::spawn(move || build(&store, name))
            })
            .collect();
        store.apply(&Invalidation::remove([Target::Tag("t".into())]), NOW);
        let since: Vec<_> = builders.into_iter().map(|builder| builder.join().unwrap()).collect();
        match body_at_the_end(&store).as_deref() {
            Some(b"a") => assert!(since[0] > Some(start)),
            Some(b"b") => assert!(since[1] > Some(start)),
            _ => {}
        }
    });
}

#[test]
fn a_purge_during_a_refresh_is_not_undone_by_it() {
    for purge in every_purge() {
        loom::model(move || {
            let store = store_with_stale();
            let start = store.sequence();
            let refresher = Arc::clone(&store);
            let refresher = thread::spawn(move || build(&refresher, "new"));
            purge(&store);
            let since = refresher.join().unwrap().expect("nobody else is there to be elected");
            if body_at_the_end(&store).as_deref() == Some(b"new") {
                assert!(since > start, "the refresh began after the purge");
            }
        });
    }
}

#[test]
fn a_soft_purge_during_a_refresh_releases_its_lease() {
    fn elected(store: &Memory) -> Option<u64> {
        match get(store) {
            Found::Refresh { since, .. } => Some(since),
            Found::Miss { .. } | Found::Entry(..) => None,
        }
    }
    loom::model(|| {
        let store = store_with_stale();
        let start = store.sequence();
        let first = Arc::clone(&store);
        let first = thread::spawn(move || elected(&first));
        store.apply(&Invalidation::make_stale([Target::Everything]), NOW);
        let second = elected(&store);
        let first = first.join().unwrap();
        assert!(
            second.or(first) > Some(start),
            "a caller refreshes the entry with content newer than the purge"
        );
    });
}
