//! Invalidations that are removed in slices: compared with a model, slice by slice.

use fastrand::Rng;
use hashbrown::HashMap;

use super::outcome::Found;
use super::purge::{Continuation, Progress};
use super::slices::SLICE;
use super::{Bounds, Memory, NewEntry};
use crate::http::Names;
use crate::http::lines::Fields;
use crate::invalidation::{Invalidation, Target};
use crate::key::{Key, Selecting};
use crate::policy::{Freshness, State};
use crate::response::Stored;

const NOW: i64 = 1_800_000_000_000;
const MANY: usize = 3 * SLICE;

fn memory() -> Memory {
    Memory::new(Bounds { bytes: 1 << 30, entry_bytes: 1 << 20 })
}

fn key(host: usize, number: usize) -> Key {
    let url = format!("https://{host}.example/p/{number}");
    Key::new(&url, "ns", "GET", &Names::default(), Fields::new("")).unwrap()
}

fn put(memory: &Memory, key: &Key, tags: &[&str], window: u32) {
    let times = Freshness {
        stored_at: NOW,
        lifetime: 60_000,
        stale_window: window,
        ..Freshness::default()
    };
    let entry = NewEntry {
        key: key.text().to_owned(),
        digest: key.digest(),
        variant: key.digest(),
        vary: Selecting::default(),
        tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        times,
        head: Stored::new(200, "OK\n"),
    };
    memory.put(entry, None, memory.sequence(), NOW).unwrap();
}

fn state(memory: &Memory, key: &Key) -> State {
    match memory.get(key, Fields::new(""), NOW).unwrap() {
        Found::Entry(_, _, state) => state,
        Found::Refresh { held, .. } => {
            memory.release_lease(&held);
            State::Stale
        }
        Found::Miss { .. } => State::Expired,
    }
}

fn begin(memory: &Memory, invalidation: &Invalidation) -> Continuation {
    match memory.begin(invalidation, NOW) {
        Progress::Continues(continuation) => continuation,
        Progress::Done(live) => panic!("{live} entries are done at once"),
    }
}

fn finish(memory: &Memory, continuation: Continuation) -> u64 {
    loop {
        if let Progress::Done(live) = memory.resume(continuation) {
            return live;
        }
    }
}

#[test]
fn nothing_that_is_selected_is_found_from_the_call_on_and_all_of_it_is_removed_and_counted() {
    let targets = [
        Target::Tag("t".to_owned()),
        Target::Prefix("/p/".to_owned()),
        Target::Prefix("https://0.example/".to_owned()),
    ];
    for target in &targets {
        let memory = memory();
        for number in 0..MANY {
            put(&memory, &key(0, number), &["s", "t"], 0);
        }
        put(&memory, &key(1, 0), &["u"], 0);
        let selects_other = matches!(target, Target::Prefix(prefix) if prefix == "/p/");
        let continuation = begin(&memory, &Invalidation::remove([target.clone()]));
        assert!(memory.entries() > SLICE as u64, "most are still there");
        let found = |number| state(&memory, &key(0, number)) != State::Expired;
        assert_eq!((0..MANY).filter(|&number| found(number)).count(), 0, "{target:?}");
        assert_eq!(finish(&memory, continuation), (MANY + usize::from(selects_other)) as u64);
        assert_eq!(memory.entries(), u64::from(!selects_other), "{target:?}");
        memory.validate();
    }
}

#[test]
fn what_is_put_after_the_call_stays_and_what_it_replaces_is_counted() {
    let memory = memory();
    (0..MANY).for_each(|number| put(&memory, &key(0, number), &["t"], 0));
    let continuation = begin(&memory, &Invalidation::remove([Target::Tag("t".to_owned())]));
    // Replaces an entry with the same tag, one with another tag, and adds one.
    put(&memory, &key(0, 0), &["t"], 0);
    put(&memory, &key(0, 1), &["u"], 0);
    put(&memory, &key(0, MANY), &["t"], 0);
    memory.delete(&key(0, 2), Fields::new(""), NOW).unwrap();
    assert_eq!(finish(&memory, continuation), MANY as u64);
    let live = (0..=MANY).filter(|&number| state(&memory, &key(0, number)) == State::Fresh);
    assert_eq!(live.collect::<Vec<_>>(), [0, 1, MANY]);
    memory.validate();
}

#[test]
fn a_soft_purge_makes_all_stale_from_the_call_on_and_counts_each_entry_once() {
    let memory = memory();
    (0..MANY).for_each(|number| put(&memory, &key(0, number), &["t", "u"], 60));
    let tags = ["t", "u"].map(|tag| Target::Tag(tag.to_owned()));
    let continuation = begin(&memory, &Invalidation::make_stale(tags));
    let stale = |memory: &Memory| {
        (0..MANY).filter(|&number| state(memory, &key(0, number)) == State::Stale).count()
    };
    assert_eq!(stale(&memory), MANY);
    // Reached entries that leave the store are not counted again.
    let newest = key(0, MANY - 1);
    memory.delete(&newest, Fields::new(""), NOW).unwrap();
    put(&memory, &newest, &["t"], 60);
    assert_eq!(finish(&memory, continuation), MANY as u64);
    assert_eq!((stale(&memory), state(&memory, &newest)), (MANY - 1, State::Fresh));
    memory.validate();
}

#[test]
fn a_lease_that_was_acquired_after_a_soft_purge_is_not_released_and_an_earlier_one_is() {
    let memory = memory();
    (0..MANY).for_each(|number| put(&memory, &key(0, number), &["t"], 60));
    let lookup = |number: usize| memory.get(&key(0, number), Fields::new(""), NOW).unwrap();
    let make_stale = || Invalidation::make_stale([Target::Tag("t".to_owned())]);
    let first = begin(&memory, &make_stale());
    assert!((0..MANY).all(|number| matches!(lookup(number), Found::Refresh { .. })));
    finish(&memory, first);
    assert!((0..MANY).all(|number| matches!(lookup(number), Found::Entry(..))));
    let second = begin(&memory, &make_stale());
    finish(&memory, second);
    assert!((0..MANY).all(|number| matches!(lookup(number), Found::Refresh { .. })));
}

#[test]
fn evicted_entries_are_counted_for_the_purge_that_selects_them() {
    let memory = Memory::new(Bounds { bytes: 1_400_000, entry_bytes: 1 << 20 });
    (0..MANY).for_each(|number| put(&memory, &key(0, number), &["t"], 0));
    let before = memory.entries();
    assert!(before > 2 * SLICE as u64, "{before}");
    let continuation = begin(&memory, &Invalidation::remove([Target::Tag("t".to_owned())]));
    (0..MANY).for_each(|number| put(&memory, &key(1, number), &[], 0));
    assert_eq!(finish(&memory, continuation), before);
    memory.validate();
}

/// What the model knows of an entry: its tags, and whether it is stale.
type Known = (Vec<&'static str>, bool);

#[test]
fn purges_that_overlap_are_like_purges_one_after_the_other() {
    const TAGS: [&str; 3] = ["r", "s", "t"];
    for seed in 0..60 {
        let mut rng = Rng::with_seed(seed);
        let memory = memory();
        let mut model: HashMap<usize, Known> = HashMap::new();
        let mut pending: Vec<(Continuation, u64)> = Vec::new();
        let fill = |model: &mut HashMap<usize, Known>, rng: &mut Rng, count: usize| {
            for _ in 0..count {
                let number = rng.usize(0..2 * MANY);
                let tags: Vec<_> = TAGS.into_iter().filter(|_| rng.bool()).collect();
                put(&memory, &key(number % 2, number), &tags, 60);
                model.insert(number, (tags, false));
            }
        };
        for _ in 0..12 {
            let count = rng.usize(0..MANY);
            fill(&mut model, &mut rng, count);
            let target = match rng.usize(0..4) {
                0 => Target::Everything,
                1 => Target::Prefix("https://0.example/".to_owned()),
                _ => Target::Tag(TAGS[rng.usize(0..3)].to_owned()),
            };
            let is_soft = rng.bool();
            let is_selected = |number: usize, (tags, _): &Known| match &target {
                Target::Tag(tag) => tags.contains(&tag.as_str()),
                Target::Prefix(_) => number.is_multiple_of(2),
                _ => true,
            };
            let mut expected = 0;
            model.retain(|&number, known| {
                if !is_selected(number, known) {
                    return true;
                }
                expected += 1;
                known.1 |= is_soft;
                is_soft
            });
            let invalidation = if is_soft {
                Invalidation::make_stale([target.clone()])
            } else {
                Invalidation::remove([target.clone()])
            };
            match memory.begin(&invalidation, NOW) {
                Progress::Done(live) => assert_eq!(live, expected, "seed {seed}"),
                Progress::Continues(continuation) => pending.push((continuation, expected)),
            }
            for number in 0..2 * MANY {
                let expected = match model.get(&number) {
                    None => State::Expired,
                    Some((_, true)) => State::Stale,
                    Some((_, false)) => State::Fresh,
                };
                let found = state(&memory, &key(number % 2, number));
                assert_eq!(found, expected, "seed {seed}, entry {number}");
            }
            while !pending.is_empty() && rng.bool() {
                let at = rng.usize(0..pending.len());
                if let Progress::Done(live) = memory.resume(pending[at].0) {
                    assert_eq!(live, pending.remove(at).1, "seed {seed}");
                }
            }
        }
        for (continuation, expected) in pending {
            assert_eq!(finish(&memory, continuation), expected, "seed {seed}");
        }
        assert_eq!(memory.entries(), model.len() as u64, "seed {seed}");
        memory.validate();
    }
}
