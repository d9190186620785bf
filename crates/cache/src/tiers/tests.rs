//! Two processes at one file are two handles here: a lock of a file belongs to the handle.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::{Lasting, Storage, Tiers};
use crate::disk::{DiskOptions, Fault};
use crate::field::Names;
use crate::field::lines::Fields;
use crate::key::{Key, Selecting};
use crate::policy::{Freshness, Stored};
use crate::stats::{Counters, count};
use crate::store::{Bounds, Entry, Found, NotStored, Selector};

pub(super) const NOW: i64 = 1_800_000_000_000;
const BOUNDS: Bounds = Bounds { bytes: 1 << 24, entry_bytes: 1 << 24 };
pub(super) const ROOMY: u64 = 1 << 30;

/// What one process has of an instance.
pub(super) struct Process {
    pub(super) tiers: Tiers,
    pub(super) counters: Arc<Counters>,
}

impl Process {
    pub(super) fn with(folder: &TempDir, max_bytes: u64) -> Self {
        Self::bounded(folder, BOUNDS, max_bytes)
    }

    pub(super) fn bounded(folder: &TempDir, bounds: Bounds, max_bytes: u64) -> Self {
        let disk = Some(DiskOptions { folder: folder.path().to_owned(), max_bytes });
        let counters = Arc::default();
        let tiers = Tiers::open(&Storage { bounds, disk }, "ns/name", &counters);
        Self { tiers, counters }
    }

    pub(super) fn open(folder: &TempDir) -> Self {
        Self::with(folder, ROOMY)
    }

    pub(super) fn fault(&self) -> Option<String> {
        self.tiers.disk_usage().unwrap().fault
    }

    pub(super) fn put(&self, path: &str, body: &str, tags: &[&str], times: Freshness) {
        self.put_since(self.tiers.sequence(), path, body, tags, times).unwrap();
    }

    pub(super) fn put_since(
        &self,
        since: u64,
        path: &str,
        body: &str,
        tags: &[&str],
        times: Freshness,
    ) -> Result<(), NotStored> {
        self.tiers.put(entry(path, tags, times), Some(&[body.as_bytes()]), since, NOW)?;
        count(&self.counters.puts);
        Ok(())
    }

    /// The body that a lookup in memory finds, after the disk was asked.
    pub(super) fn get(&self, path: &str) -> Option<String> {
        if let Some(ticket) = self.tiers.load(&key(path), NOW) {
            ticket.wait().unwrap();
        }
        self.in_memory(path)
    }

    pub(super) fn look(&self, path: &str) -> Found {
        self.tiers.catch_up();
        self.tiers.get(&key(path), Fields::new(""), NOW).unwrap()
    }

    pub(super) fn in_memory(&self, path: &str) -> Option<String> {
        match self.look(path) {
            Found::Entry(stored, ..) => Some(String::from_utf8_lossy(stored.body().unwrap()).into_owned()),
            Found::Elected { .. } | Found::Nothing { .. } => None,
        }
    }

    pub(super) fn purge(&self, selector: &Selector) -> Result<u64, Fault> {
        match self.tiers.purge(selector, NOW) {
            Lasting::Soon(ticket) => ticket.wait(),
            Lasting::Now(_) => panic!("there is a disk"),
        }
    }

    pub(super) fn flush(&self) {
        self.tiers.flush().unwrap().wait().unwrap();
    }

    pub(super) fn end(self) {
        self.tiers.end().unwrap().wait().unwrap();
    }
}

pub(super) fn entry(path: &str, tags: &[&str], times: Freshness) -> Entry {
    let key = key(path);
    Entry {
        digest: key.digest(),
        variant: key.digest(),
        key: key.text().to_owned(),
        vary: Selecting::default(),
        tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        times,
        head: Stored::new(200, "OK\netag:\"a\"\n"),
    }
}

pub(super) fn tagged(tag: &str) -> Selector {
    Selector { tags: vec![tag.to_owned()], ..Selector::default() }
}

pub(super) fn prefixed(prefix: &str) -> Selector {
    Selector { prefix: Some(prefix.to_owned()), ..Selector::default() }
}

pub(super) fn key(path: &str) -> Key {
    let url = if path.starts_with('/') { format!("https://a.example{path}") } else { path.to_owned() };
    Key::new(&url, "ns", "GET", &Names::default(), Fields::new("")).unwrap()
}

pub(super) fn fresh() -> Freshness {
    Freshness { stored_at: NOW, lifetime: 60_000, ..Freshness::default() }
}

pub(super) fn folder() -> TempDir {
    TempDir::new().unwrap()
}

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
    assert_eq!(second.tiers.totals().unwrap().stats().puts, 3);
    assert_eq!((second.purge(&tagged("u")), second.purge(&tagged("t"))), (Ok(0), Ok(1)));
    assert_eq!(second.get("/a"), None);
}

type Removal = Box<dyn Fn(&Process) -> u64>;

#[test]
fn every_selector_removes_from_the_disk_what_it_removes_from_memory() {
    let everything = Selector { everything: true, ..Selector::default() };
    let by_key = Selector { key: Some(key("/p/1").text().to_owned()), ..Selector::default() };
    let purge = |selector: Selector| move |process: &Process| process.purge(&selector).unwrap();
    let removals: [(Removal, &[&str]); 7] = [
        (Box::new(purge(by_key)), &["/p/1"]),
        (Box::new(purge(tagged("t"))), &["/p/1", "/q"]),
        (Box::new(purge(prefixed("https://a.example/p"))), &["/p/1", "/p/2"]),
        (Box::new(purge(prefixed("/p"))), &["/p/1", "/p/2"]),
        (Box::new(purge(everything)), &["/p/1", "/p/2", "/q"]),
        (Box::new(|process| process.tiers.invalidate("https://a.example/p/1", NOW)), &["/p/1"]),
        (
            Box::new(|process| {
                let (is_removed, ticket) = process.tiers.delete(&key("/q"), Fields::new(""), NOW).unwrap();
                ticket.unwrap().wait().unwrap();
                is_removed.into()
            }),
            &["/q"],
        ),
    ];
    for (at, (remove, removed)) in removals.iter().enumerate() {
        let folder = folder();
        let (process, other) = (Process::open(&folder), Process::open(&folder));
        process.put("/p/1", "1", &["t"], fresh());
        process.put("/p/2", "2", &[], fresh());
        process.put("/q", "q", &["t"], fresh());
        process.flush();
        let gone = |process: &Process| {
            let paths = ["/p/1", "/p/2", "/q"].into_iter();
            paths.filter(|path| process.get(path).is_none()).collect::<Vec<_>>()
        };
        assert_eq!(gone(&other), [""; 0], "{at}");
        assert_eq!(remove(&process), removed.len() as u64, "{at}");
        process.flush();
        assert_eq!((gone(&process).as_slice(), gone(&other).as_slice()), (*removed, *removed), "{at}");
        other.end();
        process.end();
        assert_eq!(gone(&Process::open(&folder)), *removed, "{at}");
    }
}

#[test]
fn a_path_is_purged_on_every_host_whatever_the_order_of_their_names() {
    let folder = folder();
    let process = Process::open(&folder);
    let hosts = [
        "http://a.example",
        "https://a.example",
        "https://a.example.org",
        "https://a.example:81",
        "https://b",
    ];
    for host in hosts {
        process.put(&format!("{host}/p/1"), "1", &[], fresh());
        process.put(&format!("{host}/q"), "q", &[], fresh());
    }
    assert_eq!(process.purge(&prefixed("/p/")), Ok(5));
    process.end();
    let again = Process::open(&folder);
    for host in hosts {
        assert_eq!(again.get(&format!("{host}/p/1")), None, "{host}");
        assert_eq!(again.get(&format!("{host}/q")).as_deref(), Some("q"), "{host}");
    }
}

#[test]
fn a_path_is_purged_on_every_host_and_in_every_kind_of_url() {
    let urls = [
        "http://a.example:1/p",
        "https://a.example/p/1",
        "custom://host/p",
        "urn://x",
        "data:,//h/p",
        "a:/p",
    ];
    let other_urls = ["https://a.example/q/p", "https://p/", "https://a.example/P", "urn:p"];
    let folder = folder();
    let process = Process::open(&folder);
    for url in urls.iter().chain(&other_urls) {
        let key = Key::new(url, "ns", "GET", &Names::default(), Fields::new("")).unwrap();
        let entry = Entry {
            key: key.text().to_owned(),
            digest: key.digest(),
            variant: key.digest(),
            ..entry("/", &[], fresh())
        };
        process.tiers.put(entry, Some(&[b"a"]), process.tiers.sequence(), NOW).unwrap();
    }
    process.flush();
    let in_memory = process.tiers.memory.purge(&prefixed("/p"), NOW);
    assert_eq!(process.purge(&prefixed("/p")), Ok(in_memory), "the disk agrees with memory");
    assert_eq!(process.tiers.disk_usage().unwrap().entries + in_memory, 10);
}

#[test]
fn what_is_deleted_although_memory_has_no_room_for_it_is_deleted() {
    let folder = folder();
    let vary = Selecting { names: Names::new(["accept"]), loosely: false };
    let (key, fields) = (key("/a"), Fields::new("accept:b\n"));
    let roomy = Process::open(&folder);
    let entry = Entry { variant: key.variant(&vary, fields).unwrap(), vary, ..entry("/a", &[], fresh()) };
    roomy.tiers.put(entry, Some(&[&[b'x'; 1_000]]), roomy.tiers.sequence(), NOW).unwrap();
    roomy.end();
    let disk = Some(DiskOptions { folder: folder.path().to_owned(), max_bytes: ROOMY });
    let bounds = Bounds { entry_bytes: 500, ..BOUNDS };
    let narrow = Tiers::open(&Storage { bounds, disk }, "ns/name", &Arc::default());
    assert_eq!(narrow.load(&key, NOW).unwrap().wait(), Ok(0));
    let (_, ticket) = narrow.delete(&key, fields, NOW).unwrap();
    ticket.unwrap().wait().unwrap();
    narrow.end().unwrap().wait().unwrap();
    let roomy = Process::open(&folder);
    roomy.tiers.load(&key, NOW).unwrap().wait().unwrap();
    assert!(matches!(roomy.tiers.get(&key, fields, NOW), Ok(Found::Nothing { .. })));
    assert_eq!(roomy.tiers.totals().unwrap().stats().purges, 0, "what is deleted is not purged");
}

#[test]
fn what_is_put_after_a_purge_stays_although_the_purge_is_not_written_yet() {
    let folder = folder();
    let process = Process::open(&folder);
    process.put("/a", "old", &["t"], fresh());
    let Lasting::Soon(ticket) = process.tiers.purge(&tagged("t"), NOW) else { panic!("there is a disk") };
    assert_eq!(process.in_memory("/a"), None, "memory is purged at once");
    process.put("/a", "new", &["t"], fresh());
    assert_eq!(ticket.wait(), Ok(1));
    assert_eq!(process.in_memory("/a").as_deref(), Some("new"));
    process.end();
    assert_eq!(Process::open(&folder).get("/a").as_deref(), Some("new"));
}

#[test]
fn what_began_before_a_purge_of_another_process_is_held_back_and_what_began_after_it_is_not() {
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
fn a_put_over_what_another_process_has_in_memory_is_seen_there() {
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
fn a_purge_that_comes_between_a_put_in_memory_and_its_write_holds_that_back() {
    let folder = folder();
    let process = Process::open(&folder);
    let (entry, since) = (entry("/a", &["t"], fresh()), process.tiers.sequence());
    let at_once = &process;
    thread::scope(|scope| {
        let (purged, news) = mpsc::channel();
        let put_and_purge = |entry| {
            let stored = process.tiers.memory.put(entry, Some(&[b"old"]), since, NOW);
            scope.spawn(move || purged.send(at_once.purge(&tagged("t"))));
            // As far as it comes before the put is over, and no further.
            let _ = news.recv_timeout(Duration::from_millis(50));
            stored
        };
        process.tiers.keep(entry, put_and_purge).unwrap();
    });
    process.flush();
    assert_eq!(process.get("/a"), None);
    process.end();
    assert_eq!(Process::open(&folder).get("/a"), None);
}

#[test]
fn what_waits_to_be_written_is_written_before_its_key_is_read() {
    let folder = folder();
    let process = Process::open(&folder);
    process.put("/a", "old", &[], fresh());
    process.flush();
    process.put("/a", "new", &[], fresh());
    process.tiers.evict(&[(key("/a").text().to_owned(), key("/a").digest())]);
    assert_eq!(process.get("/a").as_deref(), Some("new"));
}

#[test]
fn one_process_refreshes_and_the_other_is_served_stale_until_the_new_entry_is_there() {
    let folder = folder();
    let (one, other) = (Process::open(&folder), Process::open(&folder));
    let stale = Freshness { lifetime: 0, stale_window: 60, ..fresh() };
    one.put("/a", "old", &[], stale);
    one.flush();
    let Found::Nothing { .. } = other.look("/a") else { panic!("it is not in memory") };
    other.tiers.load(&key("/a"), NOW).unwrap().wait().unwrap();
    let Found::Elected { held, .. } = one.look("/a") else { panic!("nobody else refreshes it") };
    assert_eq!(other.in_memory("/a").as_deref(), Some("old"));
    one.tiers.call_off(&held);
    let elected_later = NOW + 1_000;
    let found = other.tiers.get(&key("/a"), Fields::new(""), elected_later).unwrap();
    assert!(matches!(found, Found::Elected { .. }), "the other has given it up");
    one.put("/a", "new", &[], fresh());
    one.flush();
    assert_eq!(other.get("/a").as_deref(), Some("new"));
}

#[test]
fn a_soft_purge_leaves_what_has_a_stale_window() {
    let folder = folder();
    let process = Process::open(&folder);
    process.put("/stale", "s", &["t"], Freshness { stale_window: 60, ..fresh() });
    process.put("/none", "n", &["t"], fresh());
    assert_eq!(process.purge(&Selector { soft: true, ..tagged("t") }), Ok(2));
    process.end();
    let again = Process::open(&folder);
    assert_eq!(again.get("/stale"), None, "who looks first is elected");
    assert_eq!(again.in_memory("/stale").as_deref(), Some("s"), "it is stale, and somebody else is elected");
    assert_eq!(again.get("/none"), None);
}

#[test]
fn what_one_process_has_purged_no_other_serves_from_its_memory() {
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
    assert_eq!(one.purge(&Selector::default()), Ok(0));
    other.purge(&tagged("t")).unwrap();
    assert_eq!(one.in_memory("/a"), None);
}

#[test]
fn who_has_missed_more_purges_than_are_remembered_serves_nothing_from_before() {
    let folder = folder();
    let (one, other) = (Process::open(&folder), Process::open(&folder));
    for path in ["/a", "/b"] {
        one.put(path, "a", &["0"], fresh());
    }
    one.flush();
    assert_eq!((other.get("/a").as_deref(), other.get("/b").as_deref()), (Some("a"), Some("a")));
    let before = other.tiers.sequence();
    let tags = (0..5_000).map(|tag| tag.to_string()).collect();
    assert_eq!(one.purge(&Selector { tags, ..Selector::default() }), Ok(2));
    assert_eq!(other.in_memory("/a"), None);
    assert_eq!(other.put_since(before, "/c", "c", &[], fresh()), Err(NotStored::Fenced));
    other.put("/d", "d", &["0"], fresh());
    other.flush();
    assert_eq!((one.get("/b"), one.get("/d").as_deref()), (None, Some("d")));
}

#[test]
fn every_ticket_is_settled_whenever_the_process_lets_go() {
    let folder = folder();
    for round in 0..10 {
        let process = Process::open(&folder);
        let tickets: Vec<_> = (0..40)
            .flat_map(|number| {
                process.put(&format!("/{number}"), "a", &["t"], fresh());
                let purge = match process.tiers.purge(&tagged("t"), NOW) {
                    Lasting::Soon(ticket) => Some(ticket),
                    Lasting::Now(_) => None,
                };
                let end = (number == 20 && round % 2 == 0).then(|| process.tiers.end()).flatten();
                [purge, process.tiers.load(&key("/1"), NOW), process.tiers.flush(), end]
            })
            .flatten()
            .collect();
        drop(process);
        for ticket in tickets {
            assert!(ticket.wait_for(Duration::from_mins(1)).is_some());
        }
    }
}

#[test]
fn a_write_that_waits_is_held_back_by_a_purge_of_another_process() {
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
fn a_write_that_is_held_back_leaves_nothing_older_behind() {
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
fn a_put_over_what_another_process_has_in_memory_alone_is_seen_there() {
    let folder = folder();
    let (one, other) = (Process::open(&folder), Process::open(&folder));
    one.put("/a", "old", &["t"], Freshness { stale_window: 60, ..fresh() });
    // Where this comes before it is written, it is stale in memory, and held back on the disk.
    other.purge(&Selector { soft: true, ..tagged("t") }).unwrap();
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
        (one.tiers.totals().unwrap().stats().puts, other.tiers.totals().unwrap().stats().puts),
        (4, 3)
    );
}

#[test]
fn the_file_keeps_its_bound_and_gives_up_what_was_put_first() {
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
    narrower.end();
    assert!(std::fs::metadata(database_in(&folder)).unwrap().len() <= 1 << 19);
}

#[test]
fn what_is_told_to_other_processes_leaves_room_for_entries() {
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
fn another_bound_is_a_fault_while_somebody_has_the_file_and_the_new_bound_afterwards() {
    let folder = folder();
    let one = Process::with(&folder, 1 << 20);
    let other = Process::with(&folder, 1 << 21);
    assert!(other.fault().is_some_and(|fault| fault.contains("maxDiskBytes 1048576")));
    other.put("/a", "a", &["t"], fresh());
    assert_eq!(other.in_memory("/a").as_deref(), Some("a"));
    one.purge(&tagged("t")).unwrap();
    assert_eq!(other.in_memory("/a"), None, "what one purges the other does not serve all the same");
    assert!(other.purge(&tagged("t")).is_err());
    one.end();
    let again = Process::with(&folder, 1 << 21);
    assert_eq!(again.fault(), None);
    again.end();
}

#[test]
fn a_file_that_is_cut_off_is_set_aside() {
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
fn what_is_no_database_is_set_aside_and_a_new_one_begun() {
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
    connection.pragma_update(None, "user_version", 2).unwrap();
    drop(connection);
    assert!(Process::open(&folder).fault().is_some_and(|fault| fault.contains("unknown format")));
    assert!(!names_in(&folder).iter().any(|name| name.contains("damaged")));
}

#[test]
fn values_that_nobody_has_written_are_not_there_and_keep_nobody_out() {
    let changes = [
        ("UPDATE entries SET lifetime = 'x'", None),
        ("UPDATE entries SET status = 70000", None),
        ("UPDATE entries SET key = x'00', strict = 2, initial_age = 1.5", None),
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
            assert_eq!(process.purge(&Selector { soft: true, ..tagged("v") }), Ok(0), "{change}");
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
        process.put(&format!("/{number}"), &format!("body {number} {}", "x".repeat(500)), &["t"], fresh());
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
    let disk = Some(DiskOptions { folder: folder.clone(), max_bytes: ROOMY });
    let _tiers = Tiers::open(&Storage { bounds: BOUNDS, disk }, "ns/name", &Arc::default());
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 3, "{files:?}");
    assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");
}

pub(super) fn names_in(folder: &TempDir) -> Vec<String> {
    let files = std::fs::read_dir(folder.path()).unwrap();
    files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

pub(super) fn database_in(folder: &TempDir) -> std::path::PathBuf {
    let files = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
    files.into_iter().find(|file| file.extension().is_some_and(|ending| ending == "db")).unwrap()
}
