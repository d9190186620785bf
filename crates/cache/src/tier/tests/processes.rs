//! Several processes at one file.

use super::*;

#[test]
fn a_put_older_than_a_purge_of_another_process_is_dropped_and_a_newer_one_is_stored() {
    let folder = folder();
    let (one, other) = (Process::open(&folder), Process::open(&folder));
    let before = one.tiers.sequence();
    other.purge(&tagged("t")).unwrap();
    one.tiers.catch_up();
    assert!(one.put_since(before, "/a", "old", &["t"], fresh()).is_err());
    one.put("/a", "new", &["t"], fresh());
    one.flush();
    assert_eq!(other.get("/a").as_deref(), Some("new"));
}

#[test]
fn a_put_replaces_the_entry_in_the_memory_of_another_process() {
    let folder = folder();
    let (one, other) = (Process::open(&folder), Process::open(&folder));
    one.put("/a", "old", &[], fresh());
    one.flush();
    assert_eq!(other.get("/a").as_deref(), Some("old"));
    one.put("/a", "new", &[], fresh());
    one.flush();
    assert_eq!((other.in_memory("/a"), other.get("/a").as_deref()), (None, Some("new")));
    assert_eq!(one.in_memory("/a").as_deref(), Some("new"), "it is known where it was put");
}

#[test]
fn one_process_refreshes_and_the_other_is_served_stale_until_the_new_entry_is_there() {
    let folder = folder();
    let (one, other) = (Process::open(&folder), Process::open(&folder));
    let stale = Freshness { lifetime: 0, stale_window: 60, ..fresh() };
    one.put("/a", "old", &[], stale);
    one.flush();
    let Found::Miss { .. } = other.peek("/a") else { panic!("it is not in memory") };
    other.tiers.load(&key("/a"), Fields::new(""), NOW).unwrap().wait().unwrap();
    let Found::Refresh { held, .. } = one.peek("/a") else { panic!("nobody else refreshes it") };
    assert_eq!(other.in_memory("/a").as_deref(), Some("old"));
    one.tiers.release_lease(&held);
    let elected_later = NOW + 1_000;
    let found = other.tiers.get(&key("/a"), Fields::new(""), elected_later).unwrap();
    assert!(matches!(found, Found::Refresh { .. }), "the other has given it up");
    one.put("/a", "new", &[], fresh());
    one.flush();
    assert_eq!(other.get("/a").as_deref(), Some("new"));
}

#[test]
fn no_process_serves_from_memory_what_another_has_purged() {
    let folder = folder();
    let (one, other) = (Process::open(&folder), Process::open(&folder));
    one.put("/a", "a", &["t"], fresh());
    one.flush();
    assert_eq!(other.get("/a"), Some("a".into()));
    assert_eq!(one.purge(&tagged("t")), Ok(1));
    assert_eq!((one.in_memory("/a"), other.in_memory("/a")), (None, None));
}

#[test]
fn a_purge_of_nothing_does_not_hide_the_purges_of_others() {
    let folder = folder();
    let (one, other) = (Process::open(&folder), Process::open(&folder));
    for path in ["/a", "/b", "/c"] {
        one.put(path, "a", &["t"], fresh());
    }
    one.flush();
    assert_eq!(one.purge(&Invalidation::default()), Ok(0));
    other.purge(&tagged("t")).unwrap();
    assert_eq!(one.in_memory("/a"), None);
}

#[test]
fn a_process_that_missed_more_rows_than_the_log_has_clears_its_memory() {
    let folder = folder();
    let (one, other) = (Process::open(&folder), Process::open(&folder));
    for path in ["/a", "/b"] {
        one.put(path, "a", &["0"], fresh());
    }
    one.flush();
    assert_eq!((other.get("/a").as_deref(), other.get("/b").as_deref()), (Some("a"), Some("a")));
    let before = other.tiers.sequence();
    let tags = (0..5_000).map(|tag| tag.to_string());
    assert_eq!(one.purge(&Invalidation::remove(tags.map(Target::Tag))), Ok(2));
    assert_eq!(other.in_memory("/a"), None);
    assert_eq!(other.put_since(before, "/c", "c", &[], fresh()), Err(StoreError::Fenced));
    other.put("/d", "d", &["0"], fresh());
    other.flush();
    assert_eq!((one.get("/b"), one.get("/d").as_deref()), (None, Some("d")));
}

#[test]
fn every_ticket_is_settled_whenever_the_process_lets_go() {
    let folder = folder();
    for round in 0..10 {
        let process = Process::open(&folder);
        let completions: Vec<_> = (0..40)
            .flat_map(|number| {
                process.put(&format!("/{number}"), "a", &["t"], fresh());
                let purge = match process.tiers.purge(&tagged("t"), NOW) {
                    Durable::Pending(completion) => Some(completion),
                    Durable::Done(_) => None,
                };
                let end = (number == 20 && round % 2 == 0).then(|| process.tiers.end()).flatten();
                [
                    purge,
                    process.tiers.load(&key("/1"), Fields::new(""), NOW),
                    process.tiers.flush(),
                    end,
                ]
            })
            .flatten()
            .collect();
        drop(process);
        for completion in completions {
            assert!(completion.wait_for(Duration::from_mins(1)).is_some());
        }
    }
}

#[test]
fn a_queued_put_is_dropped_after_a_purge_of_another_process() {
    let folder = folder();
    let (one, other) = (Process::open(&folder), Process::open(&folder));
    one.put("/a", "a", &["t"], fresh());
    // Whether it was written by then or not, it is gone.
    other.purge(&tagged("t")).unwrap();
    one.flush();
    assert_eq!((one.get("/a"), other.get("/a")), (None, None));
    other.end();
    one.end();
    assert_eq!(Process::open(&folder).get("/a"), None);
}

#[test]
fn a_dropped_put_removes_what_it_replaced() {
    let folder = folder();
    let (one, other) = (Process::open(&folder), Process::open(&folder));
    one.put("/a", "old", &[], fresh());
    one.flush();
    assert_eq!(other.get("/a").as_deref(), Some("old"));
    one.put("/a", "new", &["t"], fresh());
    other.purge(&tagged("t")).unwrap();
    one.flush();
    assert_eq!((one.get("/a"), other.get("/a")), (None, None));
}

#[test]
fn a_put_replaces_an_entry_that_another_process_has_in_memory_alone() {
    let folder = folder();
    let (one, other) = (Process::open(&folder), Process::open(&folder));
    one.put("/a", "old", &["t"], Freshness { stale_window: 60, ..fresh() });
    // Where this comes before it is written, it is stale in memory, and held back on the disk.
    other.purge(&Invalidation::make_stale(tagged("t").targets)).unwrap();
    one.flush();
    other.tiers.catch_up();
    other.put("/a", "new", &[], fresh());
    other.flush();
    assert_eq!(one.get("/a").as_deref(), Some("new"));
}

#[test]
fn counters_of_all_processes_are_added_up() {
    let folder = folder();
    let (one, other) = (Process::open(&folder), Process::open(&folder));
    one.put("/a", "a", &[], fresh());
    other.put("/b", "b", &[], fresh());
    other.put("/c", "c", &[], fresh());
    one.flush();
    other.flush();
    one.flush();
    one.put("/d", "d", &[], fresh());
    assert_eq!(
        (
            one.tiers.totals().unwrap().get(Counter::Puts),
            other.tiers.totals().unwrap().get(Counter::Puts)
        ),
        (4, 3)
    );
}

#[test]
fn of_puts_in_two_processes_the_later_one_stays_whichever_is_written_first() {
    let at = |stored_at| Freshness { stored_at, ..fresh() };
    for is_late in [true, false] {
        let folder = folder();
        let (one, other) = (Process::open(&folder), Process::open(&folder));
        one.put("/a", "earlier", &[], at(NOW - 10));
        other.put("/a", "later", &[], at(NOW));
        let (first, second) = if is_late { (&other, &one) } else { (&one, &other) };
        first.flush();
        second.flush();
        let third = Process::open(&folder);
        for process in [&one, &other, &third] {
            assert_eq!(process.get("/a").as_deref(), Some("later"), "written last: {is_late}");
        }
    }
}

#[test]
fn within_one_process_the_last_put_stays_whatever_its_clock_says() {
    let folder = folder();
    let process = Process::open(&folder);
    process.put("/a", "first", &[], fresh());
    process.flush();
    process.put("/a", "last", &[], Freshness { stored_at: NOW - 1_000, ..fresh() });
    process.end();
    assert_eq!(Process::open(&folder).get("/a").as_deref(), Some("last"));
}

#[test]
fn a_version_that_a_clock_put_far_ahead_is_replaced_by_another_process() {
    let folder = folder();
    let (one, other) = (Process::open(&folder), Process::open(&folder));
    let ahead = Freshness { stored_at: NOW + 3_600_000, ..fresh() };
    other.put("/a", "ahead", &[], ahead);
    one.put("/a", "now", &[], fresh());
    other.flush();
    one.flush();
    assert_eq!(Process::open(&folder).get("/a").as_deref(), Some("now"));
}

#[test]
fn an_outdated_version_is_removed_without_the_one_that_another_process_has_put_since() {
    let folder = folder();
    let (one, other) = (Process::open(&folder), Process::open(&folder));
    let window = Freshness { lifetime: 0, stale_window: 60, stored_at: NOW - 10, ..fresh() };
    one.put("/a", "old", &[], window);
    one.flush();
    let Found::Refresh { held, .. } = one.peek("/a") else { panic!("it is stale") };
    other.put("/a", "new", &[], fresh());
    other.flush();
    one.tiers.outdate(&held);
    one.flush();
    assert_eq!(Process::open(&folder).get("/a").as_deref(), Some("new"));
}
