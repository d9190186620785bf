//! Variants of one key: which of them come back from the disk, and what becomes of one that gets
//! another name.

use super::*;
use crate::http::Names;

const MAX_SETS: usize = 16;

/// An entry of `/a` whose response varies by the field `name`, which its request had as `1`.
fn varied(name: &str, times: Freshness) -> NewEntry {
    let vary = Selecting { names: Names::new([name]), loosely: true };
    let variant = key("/a").variant(&vary, Fields::new(&format!("{name}:1\n"))).unwrap();
    NewEntry { variant, vary, ..entry("/a", &[], times) }
}

fn put(process: &Process, set: usize, body: &str) {
    let times = Freshness { stored_at: NOW - 1_000 + set as i64, ..fresh() };
    let entry = varied(&format!("x-{set}"), times);
    process.tiers.put(entry, Some(&[body.as_bytes()]), process.tiers.sequence(), NOW).unwrap();
}

/// Whether memory has the entry of the set of this number. The fields of all sets are told.
fn has(process: &Process, set: usize) -> bool {
    let mut fields = format!("x-{set}:1\n");
    (0..100)
        .filter(|other| *other != set)
        .for_each(|other| fields.extend(["x-", &other.to_string(), "\n"]));
    matches!(process.tiers.get(&key("/a"), Fields::new(&fields), NOW), Ok(Found::Entry(..)))
}

fn in_memory(process: &Process) -> Vec<usize> {
    (0..100).filter(|set| has(process, *set)).collect()
}

#[test]
fn the_sets_of_fields_used_last_are_restored_and_none_evicts_a_newer_one() {
    let folder = folder();
    let first = Process::open(&folder);
    (0..20).for_each(|set| put(&first, set, "first"));
    let newest: Vec<usize> = (4..20).collect();
    assert_eq!(in_memory(&first), newest);
    first.flush();
    assert_eq!(
        first.tiers.load(&key("/a"), NOW).unwrap().wait(),
        Ok(0),
        "what was evicted stays so"
    );
    assert_eq!(in_memory(&first), newest);
    first.tiers.memory.validate();
    first.end();

    let second = Process::open(&folder);
    assert_eq!(second.tiers.load(&key("/a"), NOW).unwrap().wait(), Ok(20));
    assert_eq!(in_memory(&second), newest);
    second.tiers.memory.validate();
    second.end();

    let third = Process::open(&folder);
    (50..50 + MAX_SETS - 1).for_each(|set| put(&third, set, "third"));
    third.flush();
    third.tiers.load(&key("/a"), NOW).unwrap().wait().unwrap();
    let expected: Vec<usize> = (19..20).chain(50..50 + MAX_SETS - 1).collect();
    assert_eq!(in_memory(&third), expected, "there is room for one beside the newer ones");
    third.tiers.memory.validate();
}

#[test]
fn an_entry_that_becomes_another_variant_leaves_nothing_behind_in_memory_or_on_disk() {
    let folder = folder();
    let fields = Fields::new("x-0:1\nx-1:1\n");
    let first = Process::open(&folder);
    put(&first, 0, "body");
    let (held, old) = first.tiers.selectable(&key("/a"), fields).unwrap().remove(0);
    let renamed = varied("x-1", fresh());
    assert_ne!(renamed.variant, old.variant);
    first.tiers.replace(&held, renamed, first.tiers.sequence(), NOW).unwrap();
    assert_eq!(in_memory(&first), [1]);
    first.tiers.memory.validate();
    first.end();
    let second = Process::open(&folder);
    assert_eq!(second.tiers.load(&key("/a"), NOW).unwrap().wait(), Ok(1));
    assert_eq!(in_memory(&second), [1]);
}

#[test]
fn an_entry_that_was_purged_meanwhile_does_not_become_another_variant() {
    let folder = folder();
    let process = Process::open(&folder);
    put(&process, 0, "body");
    let since = process.tiers.sequence();
    let (held, _) = process.tiers.selectable(&key("/a"), Fields::new("x-0:1\n")).unwrap().remove(0);
    process.purge(&prefixed("https://b.example/")).unwrap();
    process.purge(&prefixed("https://a.example/")).unwrap();
    put(&process, 0, "newer");
    let refused = process.tiers.replace(&held, varied("x-1", fresh()), since, NOW);
    assert_eq!(refused, Err(StoreError::Fenced));
    assert_eq!(in_memory(&process), [0]);
}

#[test]
fn the_selected_variant_is_found_however_many_variants_there_are() {
    let folder = folder();
    let process = Process::open(&folder);
    let vary = Selecting { names: Names::new(["origin"]), loosely: true };
    for number in 0..1_000 {
        let fields = format!("origin:https://{number}.example\n");
        let variant = key("/a").variant(&vary, Fields::new(&fields)).unwrap();
        let entry = NewEntry { variant, vary: vary.clone(), ..entry("/a", &[], fresh()) };
        process.tiers.put(entry, Some(&[b"x"]), process.tiers.sequence(), NOW).unwrap();
    }
    put(&process, 0, "of another set");
    let selected = |fields: &str| {
        process.tiers.selectable(&key("/a"), Fields::new(fields)).map(|all| all.len())
    };
    assert_eq!(selected("origin:https://7.example\nx-0\n"), Ok(1));
    assert_eq!(selected("origin:https://7.example\nx-0:1\n"), Ok(2));
    assert_eq!(selected("origin:https://no.example\nx-0\n"), Ok(0));
    assert_eq!(selected("origin\n"), Err(crate::http::lines::MissingFields(Names::new(["x-0"]))));
}
