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

/// Whether memory has the entry of the set of this number. The fields of all sets are sent.
fn has(process: &Process, set: usize) -> bool {
    let mut fields = format!("x-{set}:1\n");
    (0..100)
        .filter(|other| *other != set)
        .for_each(|other| fields.extend(["x-", &other.to_string(), "\n"]));
    matches!(process.tiers.get(&key("/a"), Fields::new(&fields), NOW), Ok(Found::Entry(..)))
}

/// Loads what a request with these fields selects. Returns how many entries came into memory.
fn load(process: &Process, fields: &str) -> u64 {
    process.tiers.load(&key("/a"), Fields::new(fields), NOW).unwrap().wait().unwrap()
}

/// Puts an entry that varies by `name` for a request with `value`.
fn put_for(process: &Process, name: &str, value: &str, body: &[u8]) {
    let vary = Selecting { names: Names::new([name]), loosely: true };
    let fields = format!("{name}:{value}\n");
    let variant = key("/a").variant(&vary, Fields::new(&fields)).unwrap();
    let entry = NewEntry { variant, vary, ..entry("/a", &[], fresh()) };
    process.tiers.put(entry, Some(&[body]), process.tiers.sequence(), NOW).unwrap();
}

/// The body for a request with these fields, from memory or from the disk.
fn get_for(process: &Process, fields: &str) -> Option<String> {
    let get = || process.tiers.get(&key("/a"), Fields::new(fields), NOW).unwrap();
    process.tiers.catch_up();
    let mut found = get();
    if matches!(found, Found::Miss { .. }) {
        load(process, fields);
        found = get();
    }
    let Found::Entry(stored, ..) = found else { return None };
    Some(String::from_utf8_lossy(stored.body().unwrap()).into_owned())
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
    assert_eq!(load(&first, ""), 0, "what was evicted stays so");
    assert_eq!(in_memory(&first), newest);
    first.tiers.memory.validate();
    first.end();

    let second = Process::open(&folder);
    assert_eq!(load(&second, ""), MAX_SETS as u64, "one of each set, until there is no room");
    assert_eq!(in_memory(&second), newest);
    second.tiers.memory.validate();
    second.end();

    let third = Process::open(&folder);
    (50..50 + MAX_SETS - 1).for_each(|set| put(&third, set, "third"));
    third.flush();
    assert_eq!(load(&third, ""), 1);
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
    assert_eq!(load(&second, ""), 1);
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

#[test]
fn a_lookup_loads_the_variant_that_the_request_selects_and_no_other() {
    let folder = folder();
    let first = Process::open(&folder);
    for number in 0..100 {
        put_for(&first, "user-agent", &number.to_string(), format!("for {number}").as_bytes());
    }
    first.end();
    let process = Process::open(&folder);
    assert_eq!(get_for(&process, "user-agent:7\n").as_deref(), Some("for 7"));
    assert_eq!(process.tiers.memory.entries(), 1);
    assert_eq!(load(&process, "user-agent:none\n"), 0, "it selects none");
    assert_eq!(process.tiers.memory.entries(), 1);
    let unknown = Process::open(&folder);
    assert_eq!(load(&unknown, ""), 1, "by which memory knows the fields to ask for");
    assert!(unknown.tiers.get(&key("/a"), Fields::new(""), NOW).is_err());
    let other = Process::open(&folder);
    assert_eq!(load(&other, "user-agent:none\n"), 1, "by which memory knows the fields");
    assert_eq!(load(&other, "user-agent:none\n"), 0);
}

#[test]
fn a_put_with_other_selecting_fields_replaces_the_older_response_in_another_process() {
    let folder = folder();
    let (one, other) = (Process::open(&folder), Process::open(&folder));
    one.put("/a", "old", &[], fresh());
    one.flush();
    assert_eq!(get_for(&other, "x-a:1\n").as_deref(), Some("old"));
    put_for(&one, "x-a", "1", b"new");
    one.flush();
    assert_eq!(get_for(&other, "x-a:1\n").as_deref(), Some("new"));
    assert_eq!(get_for(&other, "x-a:2\n").as_deref(), Some("old"));
    one.put("/a", "newest", &[], fresh());
    one.flush();
    for process in [&one, &other] {
        for fields in ["x-a:1\n", "x-a:2\n"] {
            assert_eq!(get_for(process, fields).as_deref(), Some("newest"), "{fields}");
        }
    }
}

#[test]
fn an_older_response_is_loaded_together_with_those_that_other_requests_select() {
    let folder = folder();
    let first = Process::open(&folder);
    first.put("/a", "old", &[], fresh());
    put_for(&first, "x-a", "1", b"new");
    first.end();
    let process = Process::open(&folder);
    assert_eq!(get_for(&process, "x-a:2\n").as_deref(), Some("old"));
    assert_eq!(get_for(&process, "x-a:1\n").as_deref(), Some("new"));
}

#[test]
fn memory_does_not_answer_by_an_older_response_after_it_evicted_the_newer_one() {
    let folder = folder();
    let bounds = Bounds { bytes: 40_000, entry_bytes: 20_000 };
    let process = Process::bounded(&folder, bounds, ROOMY);
    process.put("/a", "old", &[], fresh());
    // An entry that was read is evicted after those that were not.
    assert_eq!(get_for(&process, "").as_deref(), Some("old"));
    put_for(&process, "x-a", "1", &[b'n'; 9_000]);
    for number in 0..4 {
        process.put(&format!("/{number}"), &"x".repeat(9_000), &[], fresh());
    }
    process.flush();
    assert!(!process.tiers.memory.has_variants(&key("/a")), "the newer one is evicted");
    assert_eq!(get_for(&process, "x-a:1\n"), Some("n".repeat(9_000)));
    assert_eq!(get_for(&process, "x-a:2\n").as_deref(), Some("old"));
    process.tiers.memory.validate();
}
