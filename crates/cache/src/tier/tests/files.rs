//! The file: what outlives a process, its bound, and what can be wrong with it.

use super::*;

use crate::time::Millis;

#[test]
fn entries_tags_times_and_counters_outlive_the_process() {
    let folder = folder();
    let first = Process::open(&folder);
    first.put("/a", "one", &["t", "u"], fresh());
    first.put("/a", "two", &["t"], fresh());
    first.put("/b", "b", &[], Freshness { lifetime: 0, ..fresh() });
    first.end();
    let second = Process::open(&folder);
    assert_eq!((second.in_memory("/a"), second.get("/a")), (None, Some("two".into())));
    assert_eq!(second.get("/b"), None, "it has expired");
    assert_eq!(second.tiers.totals().unwrap().get(Counter::Puts), 3);
    assert_eq!((second.purge(&tagged("u")), second.purge(&tagged("t"))), (Ok(0), Ok(1)));
    assert_eq!(second.get("/a"), None);
}

#[test]
fn entries_stored_by_a_clock_that_was_ahead_are_stale_when_they_are_restored() {
    const TEN_HOURS: Millis = 36_000_000;
    let folder = folder();
    let ahead = |window| Freshness { stored_at: NOW + TEN_HOURS, stale_window: window, ..fresh() };
    let first = Process::open(&folder);
    first.put("/plain", "a", &[], ahead(0));
    first.put("/window", "b", &[], ahead(30));
    first.end();
    let second = Process::open(&folder);
    let load = |path| second.tiers.load(&key(path), Fields::new(""), NOW).unwrap().wait();
    assert_eq!((load("/plain"), load("/window")), (Ok(0), Ok(1)));
    assert!(matches!(second.peek("/window"), Found::Refresh { .. }));
    assert_eq!(second.in_memory("/window"), Some("b".into()));
}

#[test]
fn the_file_keeps_its_bound_and_evicts_the_oldest_puts() {
    let folder = folder();
    let process = Process::with(&folder, 1 << 20);
    for number in 0..300 {
        process.put(&format!("/{number}"), &"x".repeat(10_000), &["t"], fresh());
        process.flush();
    }
    let usage = process.tiers.disk_usage().unwrap();
    assert!(usage.bytes <= 1 << 20 && usage.bytes > 900_000, "{usage:?}");
    assert_eq!(usage.entries + usage.evictions, 300);
    process.end();
    assert!(std::fs::metadata(database_in(&folder)).unwrap().len() <= 1 << 20);
    let again = Process::with(&folder, 1 << 20);
    assert_eq!((again.get("/0"), again.get("/299").is_some()), (None, true));
    again.end();
    let narrower = Process::with(&folder, 1 << 19);
    for _ in 0..4 {
        narrower.flush();
    }
    assert_eq!((narrower.get("/200"), narrower.get("/299").is_some()), (None, true));
    let now = narrower.tiers.disk_usage().unwrap();
    assert_eq!(now.entries + now.evictions, usage.entries, "what had to go is counted");
    narrower.end();
    assert!(std::fs::metadata(database_in(&folder)).unwrap().len() <= 1 << 19);
}

#[test]
fn the_invalidation_log_leaves_room_for_entries() {
    let folder = folder();
    let (process, other) = (Process::with(&folder, 1 << 20), Process::with(&folder, 1 << 20));
    let long = |number: u32| format!("/{number}/{}", "long".repeat(500));
    for _ in 0..40 {
        for number in 0..20 {
            process.put(&long(number), "a", &[], fresh());
        }
        process.flush();
    }
    for number in 0..20 {
        assert!(other.get(&long(number)).is_some(), "{number}");
    }
    process.put(&long(0), "b", &[], fresh());
    process.flush();
    assert_eq!(other.get(&long(0)).as_deref(), Some("b"));
}

#[test]
fn another_bound_is_an_error_while_the_file_is_open_and_the_new_bound_afterwards() {
    let folder = folder();
    let one = Process::with(&folder, 1 << 20);
    let other = Process::with(&folder, 1 << 21);
    assert!(other.fault().is_some_and(|fault| fault.contains("maxDiskBytes 1048576")));
    other.put("/a", "a", &["t"], fresh());
    one.put("/b", "b", &[], fresh());
    one.flush();
    assert_eq!(
        other.in_memory("/a").as_deref(),
        Some("a"),
        "what one puts is no reason to forget anything"
    );
    one.purge(&tagged("t")).unwrap();
    assert_eq!(
        other.in_memory("/a"),
        None,
        "what one purges the other does not serve all the same"
    );
    assert!(other.purge(&tagged("t")).is_err());
    one.end();
    let again = Process::with(&folder, 1 << 21);
    assert_eq!(again.fault(), None);
    again.end();
}

#[test]
fn a_truncated_file_is_quarantined() {
    let folder = folder();
    let process = Process::open(&folder);
    for number in 0..100 {
        process.put(&format!("/{number}"), &"x".repeat(5_000), &[], fresh());
    }
    process.end();
    let file = std::fs::OpenOptions::new().write(true).open(database_in(&folder)).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    let again = Process::open(&folder);
    assert_eq!((again.fault(), again.get("/0"), again.get("/99")), (None, None, None));
    assert!(names_in(&folder).iter().any(|name| name.contains(".db.damaged-")));
}

#[test]
fn a_file_that_is_no_database_is_quarantined_and_a_new_one_created() {
    let folder = folder();
    let process = Process::open(&folder);
    process.put("/a", "a", &[], fresh());
    process.end();
    let database = database_in(&folder);
    std::fs::write(&database, vec![7; 10_000]).unwrap();
    let again = Process::open(&folder);
    assert_eq!(again.get("/a"), None);
    again.put("/a", "new", &[], fresh());
    again.end();
    assert_eq!(Process::open(&folder).get("/a"), Some("new".into()));
    assert!(names_in(&folder).iter().any(|name| name.contains(".db.damaged-")));
}

#[test]
fn a_format_of_another_version_is_left_alone() {
    let folder = folder();
    Process::open(&folder).end();
    let connection = rusqlite::Connection::open(database_in(&folder)).unwrap();
    connection.pragma_update(None, "user_version", 3).unwrap();
    drop(connection);
    assert!(Process::open(&folder).fault().is_some_and(|fault| fault.contains("unknown format")));
    assert!(!names_in(&folder).iter().any(|name| name.contains("damaged")));
}

#[test]
fn a_database_of_an_older_format_is_replaced_by_an_empty_one() {
    let folder = folder();
    let process = Process::open(&folder);
    process.put("/a", "a", &[], fresh());
    process.end();
    let connection = rusqlite::Connection::open(database_in(&folder)).unwrap();
    connection.execute_batch("DROP TABLE times; PRAGMA user_version = 1").unwrap();
    drop(connection);
    let process = Process::open(&folder);
    assert_eq!((process.fault(), process.get("/a")), (None, None));
    process.put("/a", "new", &[], fresh());
    process.end();
    assert_eq!(Process::open(&folder).get("/a"), Some("new".into()));
    assert!(!names_in(&folder).iter().any(|name| name.contains("damaged")));
}

#[test]
fn the_number_of_entries_is_kept_whatever_adds_or_removes_them() {
    let folder = folder();
    let process = Process::with(&folder, 1 << 20);
    let entries = |expected: u64| {
        process.flush();
        let connection = rusqlite::Connection::open(database_in(&folder)).unwrap();
        let count = "SELECT count(*) FROM entries JOIN times ON entry = id";
        let counted: u64 =
            connection.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap() as u64;
        assert_eq!((process.tiers.disk_usage().unwrap().entries, counted), (expected, expected));
    };
    for path in ["/a", "/b", "/c", "/d", "/a"] {
        process.put(path, path, &["t"], fresh());
    }
    process.put("/e", "e", &[], Freshness { lifetime: 1, ..fresh() });
    entries(5);
    process.tiers.delete(&key("/b"), Fields::new(""), NOW).unwrap().1.unwrap().wait().unwrap();
    entries(4);
    process.tiers.sweep(NOW + 1_000, 100);
    entries(3);
    process.purge(&prefixed("https://a.example/c")).unwrap();
    entries(2);
    process.purge(&Invalidation::make_stale(tagged("t").targets)).unwrap();
    entries(0);
    process.put("/a", "a", &[], fresh());
    process.purge(&Invalidation::everything()).unwrap();
    entries(0);
    for number in 0..200 {
        process.put(&format!("/{number}"), &"x".repeat(10_000), &[], fresh());
    }
    process.flush();
    entries(200 - process.tiers.disk_usage().unwrap().evictions);
}

#[test]
fn a_soft_purge_does_not_write_bodies_again() {
    let folder = folder();
    let process = Process::open(&folder);
    let window = Freshness { stale_window: 60, ..fresh() };
    for number in 0..20 {
        process.put(&format!("/{number}"), &"x".repeat(1 << 20), &["t"], window);
    }
    process.end();
    let process = Process::open(&folder);
    assert_eq!(process.purge(&Invalidation::make_stale(tagged("t").targets)), Ok(20));
    let mut log = database_in(&folder).into_os_string();
    log.push("-wal");
    let written = std::fs::metadata(log).unwrap().len();
    assert!(written < 1 << 20, "{written} bytes");
    assert!(process.tiers.load(&key("/7"), Fields::new(""), NOW).unwrap().wait() == Ok(1));
    assert!(matches!(process.peek("/7"), Found::Refresh { .. }), "it is stale");
}

#[test]
fn a_row_with_invalid_values_is_a_miss_and_can_be_replaced() {
    let changes = [
        ("UPDATE times SET lifetime = 'x'", None),
        ("UPDATE entries SET status = 70000", None),
        ("UPDATE times SET strict = 2, initial_age = 1.5", None),
        ("UPDATE times SET stored_at = stored_at + 1", None),
        ("UPDATE entries SET key = x'00'", None),
        ("UPDATE entries SET head = x'ff', tags = 1, vary = x'00'", None),
        ("UPDATE counters SET value = 'x'", Some("a")),
        ("UPDATE counters SET value = -1", Some("a")),
        ("UPDATE counters SET value = 9223372036854775807", Some("a")),
        ("UPDATE purges SET kind = 1, digests = 'x'", Some("a")),
    ];
    for (change, found) in changes {
        let folder = folder();
        let process = Process::open(&folder);
        process.put("/a", "a", &["t"], fresh());
        process.purge(&tagged("u")).unwrap();
        process.end();
        let connection = rusqlite::Connection::open(database_in(&folder)).unwrap();
        assert!(connection.execute(change, []).unwrap() > 0, "{change}");
        drop(connection);
        for _ in 0..2 {
            let process = Process::open(&folder);
            assert_eq!(process.get("/a").as_deref(), found, "{change}");
            process.put("/b", "b", &[], fresh());
            assert_eq!(
                process.purge(&Invalidation::make_stale(tagged("v").targets)),
                Ok(0),
                "{change}"
            );
            process.tiers.totals().unwrap();
            assert_eq!(process.fault(), None, "{change}");
            process.end();
        }
    }
}

#[test]
fn flipped_bytes_are_never_served() {
    let folder = folder();
    let process = Process::open(&folder);
    for number in 0..200 {
        process.put(
            &format!("/{number}"),
            &format!("body {number} {}", "x".repeat(500)),
            &["t"],
            fresh(),
        );
    }
    process.end();
    let database = database_in(&folder);
    let whole = std::fs::read(&database).unwrap();
    let mut rng = fastrand::Rng::with_seed(1);
    let (mut right, mut faults) = (0, 0);
    for _ in 0..100 {
        let damaged = TempDir::new().unwrap();
        let mut bytes = whole.clone();
        for _ in 0..10 {
            let at = rng.usize(0..bytes.len());
            bytes[at] ^= 1 << rng.u8(0..8);
        }
        std::fs::write(damaged.path().join(database.file_name().unwrap()), &bytes).unwrap();
        let process = Process::open(&damaged);
        faults += usize::from(process.fault().is_some());
        for number in 0..200 {
            let body = process.get(&format!("/{number}"));
            right += usize::from(body.is_some());
            assert!(body.is_none_or(|body| body == format!("body {number} {}", "x".repeat(500))));
        }
    }
    assert!(
        right > 10_000 && faults < 20,
        "{right} of 20,000 are still there, and {faults} of 100 cannot be opened"
    );
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = folder();
    let folder = parent.path().join("a/b");
    let disk = Some(SqliteOptions { folder: folder.clone(), max_bytes: ROOMY, retry_after: 10 });
    let _tiers = Store::open(&Storage { disk, ..BOUNDS.into() }, "ns/name", &Arc::default());
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 3, "{files:?}");
    assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");
}

#[test]
fn opening_does_not_wait_for_a_process_that_creates_the_database_and_purges_do() {
    let folder = folder();
    Process::open(&folder).end();
    let shared = database_in(&folder).with_extension("shared");
    let other = std::fs::File::open(shared).unwrap();
    other.lock().unwrap();
    let process = Process::open(&folder);
    assert!(matches!(process.tiers.error(), Some(TierError::Busy(_))));
    process.put("/a", "a", &["t"], fresh());
    assert_eq!(process.in_memory("/a").as_deref(), Some("a"), "memory works meanwhile");
    let Durable::Pending(purge) = process.tiers.purge(&tagged("t"), NOW) else {
        panic!("there is a disk")
    };
    assert!(purge.result().is_none(), "it is not rejected");
    other.unlock().unwrap();
    assert_eq!(purge.wait(), Ok(1));
    process.wait_until_opened();
    process.put("/b", "b", &[], fresh());
    process.end();
    assert_eq!(Process::open(&folder).get("/b").as_deref(), Some("b"));
}

#[test]
fn a_tier_opens_once_the_processes_with_another_bound_have_closed_the_file() {
    let folder = folder();
    let first = Process::open(&folder);
    first.put("/a", "old", &[], fresh());
    first.flush();
    let second = Process::with(&folder, ROOMY / 2);
    assert!(matches!(second.tiers.error(), Some(TierError::Incompatible(_))));
    second.put("/a", "newer", &[], fresh());
    second.put("/b", "b", &[], fresh());
    assert!(second.purge(&tagged("t")).is_err(), "it cannot be durable");
    first.end();
    second.wait_until_opened();
    assert_eq!(second.in_memory("/b"), None, "others may have put newer versions");
    assert_eq!(second.get("/a"), None, "its put replaced the older response");
    second.put("/c", "c", &[], fresh());
    second.end();
    assert_eq!(Process::with(&folder, ROOMY / 2).get("/c").as_deref(), Some("c"));
}

#[test]
fn a_tier_opens_once_its_folder_can_be_created() {
    let parent = folder();
    let path = parent.path().join("a");
    std::fs::write(&path, "a file").unwrap();
    let disk = Some(SqliteOptions { folder: path.clone(), max_bytes: ROOMY, retry_after: 10 });
    let storage = Storage { disk, ..BOUNDS.into() };
    let counters = Arc::default();
    let process = Process { tiers: Store::open(&storage, "ns/name", &counters), counters };
    assert!(process.fault().is_some());
    std::fs::remove_file(&path).unwrap();
    process.wait_until_opened();
    process.put("/a", "a", &[], fresh());
    assert_eq!(process.purge(&tagged("t")), Ok(0));
    process.end();
}

/// Waits until the tier has noticed that its files were removed.
fn wait_until_noticed(process: &Process) {
    process.tiers.sweep(NOW, 1);
    process.tiers.flush().map(|flush| flush.wait().ok());
    let error = process.tiers.error();
    assert!(matches!(error, None | Some(TierError::Removed(_))), "{error:?}");
    process.wait_until_opened();
}

#[cfg(unix)]
#[test]
fn processes_whose_folder_is_removed_and_those_that_start_later_are_one_cache() {
    let parent = folder();
    let path = parent.path().join("cache");
    let open = || {
        let disk = Some(SqliteOptions { folder: path.clone(), max_bytes: ROOMY, retry_after: 10 });
        let counters = Arc::default();
        let storage = Storage { disk, ..BOUNDS.into() };
        Process { tiers: Store::open(&storage, "ns/name", &counters), counters }
    };
    let (first, second) = (open(), open());
    for number in 0..50 {
        // The sequence of the log becomes higher than that of the next log.
        first.purge(&tagged(&number.to_string())).unwrap();
    }
    first.put("/a", "old", &["t"], fresh());
    first.flush();
    assert_eq!(second.get("/a").as_deref(), Some("old"));
    std::fs::remove_dir_all(&path).unwrap();
    let third = open();
    third.put("/a", "new", &["t"], fresh());
    third.flush();
    for process in [&first, &second] {
        wait_until_noticed(process);
        assert_eq!(process.get("/a").as_deref(), Some("new"));
    }
    assert_eq!(second.purge(&tagged("t")), Ok(1));
    assert_eq!((first.get("/a"), second.get("/a"), third.get("/a")), (None, None, None));
    first.put("/b", "b", &["t"], fresh());
    first.flush();
    assert_eq!(third.get("/b").as_deref(), Some("b"));
    third.end();
    second.end();
    first.end();
    assert_eq!(open().get("/b").as_deref(), Some("b"));
}

#[cfg(unix)]
#[test]
fn a_process_whose_database_alone_is_removed_creates_another() {
    let folder = folder();
    let process = Process::open(&folder);
    for tag in ["a", "b", "c"] {
        process.put("/a", "old", &["t"], fresh());
        process.purge(&tagged(tag)).unwrap();
    }
    std::fs::remove_file(database_in(&folder)).unwrap();
    assert!(process.purge(&tagged("t")).is_err(), "it would be durable nowhere");
    wait_until_noticed(&process);
    assert_eq!(process.get("/a"), None);
    process.put("/b", "b", &["t"], fresh());
    let other = Process::open(&folder);
    process.flush();
    assert_eq!(other.get("/b").as_deref(), Some("b"));
    assert_eq!(other.purge(&tagged("t")), Ok(1));
    assert_eq!(process.in_memory("/b"), None);
}
