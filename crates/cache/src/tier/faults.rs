//! Entries, purges and counters after a failure of the disk, or the end of the process, at each
//! operation on the files.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Durable;
use super::tests::{NOW, Process, database_in, folder, fresh, key, names_in, prefixed, tagged};
use crate::http::lines::Fields;
use crate::invalidation::{Invalidation, Target};
use crate::stats::Counter;
use crate::tier::backend::sqlite::vfs::{Armed, Failure, Operation};
use crate::tier::completion::{Completion, Outcome};

/// No completion takes longer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Operations that succeeded before something failed.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)]
struct Settled {
    /// A purge of the tag `t`.
    purged: bool,
    /// The deletion of `/deleted`.
    deleted: bool,
    /// A purge of everything below `/old`.
    swept: bool,
    /// All that was put, with this many puts counted.
    flushed: Option<u64>,
    /// Puts counted when the last purge was completed.
    counted: u64,
    /// Whether anything was not.
    has_failed: bool,
    /// Puts that were not written.
    dropped: u64,
}

impl Settled {
    fn take(&mut self, outcome: &Outcome) -> bool {
        self.has_failed |= outcome.is_err();
        outcome.is_ok()
    }
}

/// A body, some of which are longer than a page.
fn text(path: &str, version: u32) -> String {
    let length = if path == "/tagged" || path == "/kept" { 5_000 } else { 100 };
    format!("{path} {version} {}", "x".repeat(length))
}

fn completed(completion: &Completion) -> Outcome {
    completion.wait_for(TIMEOUT).expect("every completion is completed")
}

fn purge(process: &Process, selector: &Invalidation) -> Outcome {
    match process.tiers.purge(selector, NOW) {
        Durable::Pending(completion) => completed(&completion),
        Durable::Done(_) => panic!("there is a disk"),
    }
}

fn put(process: &Process, path: &str, version: u32, tags: &[&str]) {
    process.put(path, &text(path, version), tags, fresh());
}

fn get(process: &Process, path: &str) -> Option<String> {
    if let Some(completion) = process.tiers.load(&key(path), Fields::new(""), NOW) {
        completed(&completion).unwrap();
    }
    process.in_memory(path)
}

const PATHS: [&str; 7] = ["/tagged", "/retagged", "/deleted", "/old/1", "/old/2", "/kept", "/new"];

/// A folder with the entries that exist before anything fails.
fn filled_folder() -> TempDir {
    let folder = folder();
    let process = Process::open(&folder);
    put(&process, "/tagged", 1, &["t"]);
    put(&process, "/retagged", 1, &["t", "u"]);
    put(&process, "/deleted", 1, &[]);
    put(&process, "/old/1", 1, &["v"]);
    put(&process, "/old/2", 1, &[]);
    put(&process, "/kept", 1, &["v"]);
    process.end();
    folder
}

fn copy_of(from: &TempDir) -> TempDir {
    let copy = folder();
    for name in names_in(from) {
        fs::copy(from.path().join(&name), copy.path().join(&name)).unwrap();
    }
    copy
}

/// Puts, purges and deletes, and records which operations succeed.
fn operate(process: &Process, other: Option<&Process>) -> Settled {
    let mut settled = Settled::default();
    let not_there = |paths: &[&str]| {
        for process in [Some(process), other].into_iter().flatten() {
            for path in paths {
                assert_eq!(process.in_memory(path), None, "{path}");
            }
        }
    };
    for (other, path) in other.into_iter().flat_map(|other| PATHS.map(|path| (other, path))) {
        get(other, path);
    }
    put(process, "/tagged", 2, &["t"]);
    put(process, "/deleted", 2, &["u"]);
    settled.purged = settled.take(&purge(process, &tagged("t")));
    if settled.purged {
        settled.counted = 2;
        not_there(&["/tagged", "/retagged"]);
    }
    put(process, "/retagged", 2, &["u"]);
    let (_, completion) = process.tiers.delete(&key("/deleted"), Fields::new(""), NOW).unwrap();
    settled.deleted = settled.take(&completed(&completion.unwrap()));
    if settled.deleted {
        settled.counted = 3;
        not_there(&["/deleted"]);
    }
    put(process, "/new", 2, &["t"]);
    settled.swept = settled.take(&purge(process, &prefixed("/old")));
    if settled.swept {
        settled.counted = 4;
        not_there(&["/old/1", "/old/2"]);
    }
    put(process, "/kept", 2, &["v"]);
    if settled.take(&completed(&process.tiers.flush().unwrap())) {
        settled.flushed = Some(5);
    }
    settled
}

/// Checks that the folder agrees with the operations that succeeded before. Writes without a sync
/// are lost if `is_lost`.
fn check_after_restart(folder: &TempDir, settled: &Settled, is_lost: bool, before: &str) {
    let process = Process::open(folder);
    assert_eq!(process.fault(), None, "{before}");
    assert!(!names_in(folder).iter().any(|name| name.contains("damaged")), "{before}");
    for path in PATHS {
        let found = get(&process, path);
        let is_whole = |found: &String| [1, 2].iter().any(|version| *found == text(path, *version));
        assert!(found.as_ref().is_none_or(is_whole), "{before}: {path} is {found:?}");
        let removed = match path {
            "/tagged" => settled.purged,
            "/retagged" => settled.purged && found == Some(text(path, 1)),
            "/deleted" => settled.deleted,
            "/old/1" | "/old/2" => settled.swept,
            _ => false,
        };
        assert!(!(removed && found.is_some()), "{before}: {path} has come back, {settled:?}");
        let put_last = matches!(path, "/retagged" | "/kept" | "/new");
        if put_last && settled.flushed.is_some() && settled.dropped == 0 && !is_lost {
            assert_eq!(found, Some(text(path, 2)), "{before}: {path}");
        }
    }
    if !settled.has_failed && settled.dropped == 0 {
        // Those of the tag `t`, and those below `/old`.
        assert_eq!(process.tiers.totals().unwrap().get(Counter::Purges), 4, "{before}");
    }
    let counted = process.tiers.totals().unwrap().get(Counter::Puts);
    let least = 6 + settled.flushed.filter(|_| !is_lost).unwrap_or(settled.counted);
    assert!((least..=11).contains(&counted), "{before}: {counted} are counted, and not {least}");
}

/// Makes each operation that `concerns` selects fail in turn, while a process opens the folder or
/// after it has.
fn fail_each(concerns: fn(Operation) -> bool, failure: Failure, when_open: bool) {
    let whole = filled_folder();
    let mut rng = fastrand::Rng::with_seed(7);
    for number in 0.. {
        let folder = copy_of(&whole);
        let armed = Armed::new(folder.path());
        let arm = || armed.fail(concerns, number, failure);
        if !when_open {
            arm();
        }
        let process = Process::open(&folder);
        let other = (when_open && number % 2 == 0).then(|| Process::open(&folder));
        if when_open {
            arm();
        }
        let mut settled = if process.tiers.flush().is_some() {
            operate(&process, other.as_ref())
        } else {
            refused(&process)
        };
        settled.dropped = process.tiers.disk_usage().unwrap().dropped;
        let is_over = armed.counted() <= number;
        let before = format!("operation {number}, {failure:?}, {when_open}");
        if settled.has_failed && failure.lasts() {
            assert!(process.fault().is_some(), "{before}");
        }
        assert!(!(armed.counted() <= number && settled.has_failed), "{before}: {settled:?}");
        drop((process, other));
        armed.wait_closed();
        let is_lost = failure == Failure::Crash && number % 2 == 1;
        if is_lost {
            armed.lose(&mut rng);
        }
        armed.mend();
        check_after_restart(&folder, &settled, is_lost, &before);
        if is_over {
            assert!(number > 0);
            break;
        }
    }
}

/// Operates a process whose disk could not be opened.
fn refused(process: &Process) -> Settled {
    assert!(process.fault().is_some());
    put(process, "/tagged", 2, &["t"]);
    assert_eq!(process.in_memory("/tagged"), Some(text("/tagged", 2)));
    assert!(purge(process, &tagged("t")).is_err());
    assert_eq!(process.in_memory("/tagged"), None);
    Settled { has_failed: true, ..Settled::default() }
}

#[test]
fn nothing_is_half_there_or_comes_back_whichever_write_fails() {
    fail_each(Operation::changes, Failure::Error, true);
}

#[test]
fn nothing_is_half_there_or_comes_back_whichever_write_is_torn() {
    fail_each(Operation::changes, Failure::Torn, true);
}

#[test]
fn nothing_is_half_there_or_comes_back_whenever_the_disk_is_full() {
    fail_each(Operation::changes, Failure::Full, true);
}

#[test]
fn nothing_is_half_there_or_comes_back_whenever_the_device_breaks() {
    fail_each(|_| true, Failure::Broken, true);
}

#[test]
fn nothing_is_half_there_or_comes_back_whichever_read_fails() {
    fail_each(|operation| operation == Operation::Read, Failure::Error, true);
}

#[test]
fn nothing_is_half_there_or_comes_back_whenever_the_process_or_the_power_fails() {
    fail_each(Operation::changes, Failure::Crash, true);
}

#[test]
fn nothing_is_half_there_or_comes_back_where_something_fails_while_the_file_is_opened() {
    for failure in [Failure::Error, Failure::Full, Failure::Crash] {
        fail_each(|_| true, failure, false);
    }
}

#[test]
fn no_file_is_open_any_more_when_the_end_is_settled() {
    let folder = filled_folder();
    let armed = Armed::new(folder.path());
    let process = Process::open(&folder);
    assert!(get(&process, "/tagged").is_some() && armed.open() > 0);
    completed(&process.tiers.end().unwrap()).unwrap();
    assert_eq!(armed.open(), 0, "the next process may quarantine it");
    assert_eq!(get(&process, "/kept"), None);
}

#[test]
fn invalidations_that_are_queued_together_are_synced_together() {
    let folder = filled_folder();
    let armed = Armed::new(folder.path());
    let process = Process::open(&folder);
    completed(&process.tiers.flush().unwrap()).unwrap();
    armed.fail(|operation| operation == Operation::Sync, u64::MAX, Failure::Error);
    let other = rusqlite::Connection::open(database_in(&folder)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let invalidate = |number: u32| {
        let url = format!("https://a.example/none/{number}");
        process.tiers.invalidate(&Invalidation::remove([Target::Url(url)]), NOW);
    };
    (0..3_000).for_each(invalidate);
    let Durable::Pending(purge) = process.tiers.purge(&tagged("t"), NOW) else {
        panic!("there is a disk")
    };
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    assert_eq!(completed(&purge), Ok(2));
    assert!(armed.counted() <= 4, "{} syncs", armed.counted());
}

/// Sweeps until the disk works again, which the sweep of a second does in an application.
fn recovered(process: &Process) {
    let until = Instant::now() + TIMEOUT;
    while process.fault().is_some() {
        assert!(Instant::now() < until, "{:?}", process.fault());
        process.tiers.sweep(NOW, 1);
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_tier_works_again_when_the_disk_does_and_makes_up_for_what_was_not_written() {
    for failure in [Failure::Full, Failure::Broken] {
        let folder = filled_folder();
        let armed = Armed::new(folder.path());
        let (process, other) = (Process::open(&folder), Process::open(&folder));
        for path in PATHS {
            assert_eq!(get(&other, path), get(&process, path), "{failure:?}");
        }
        armed.fail(Operation::changes, 0, failure);
        put(&process, "/kept", 2, &["v"]);
        assert!(purge(&process, &tagged("t")).is_err(), "{failure:?}");
        assert!(process.fault().is_some(), "{failure:?}");
        assert!(purge(&process, &prefixed("/old/1")).is_err(), "rejects at once: {failure:?}");
        put(&process, "/new", 2, &["t"]);
        assert_eq!(process.in_memory("/new"), Some(text("/new", 2)), "{failure:?}");
        armed.mend();
        recovered(&process);
        completed(&process.tiers.flush().unwrap()).unwrap();
        for path in ["/tagged", "/retagged", "/old/1", "/kept"] {
            assert_eq!(get(&other, path), None, "{path} {failure:?}");
        }
        assert_eq!(get(&other, "/new"), Some(text("/new", 2)), "{failure:?}");
        assert_eq!(get(&other, "/old/2"), Some(text("/old/2", 1)), "{failure:?}");
        assert_eq!(purge(&process, &tagged("v")), Ok(1), "{failure:?}");
        process.end();
        other.end();
    }
}

#[test]
fn a_tier_that_works_again_serves_what_others_have_put_meanwhile() {
    let folder = filled_folder();
    let armed = Armed::new(folder.path());
    let (process, other) = (Process::open(&folder), Process::open(&folder));
    assert_eq!(get(&process, "/kept"), Some(text("/kept", 1)));
    put(&other, "/kept", 2, &["v"]);
    completed(&other.tiers.flush().unwrap()).unwrap();
    // The log of the put cannot be read.
    armed.fail(|operation| operation == Operation::Read, 0, Failure::Error);
    process.tiers.catch_up();
    assert!(process.fault().is_some());
    assert_eq!(process.in_memory("/kept"), Some(text("/kept", 1)), "it is served meanwhile");
    recovered(&process);
    assert_eq!(get(&process, "/kept"), Some(text("/kept", 2)));
}

#[test]
fn a_transaction_that_another_process_delays_is_repeated() {
    fail_each(Operation::changes, Failure::Busy, true);
}
