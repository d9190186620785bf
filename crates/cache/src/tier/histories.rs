//! Random histories of several processes with several threads each, and what none of them may show.

use std::fmt::Write as _;
use std::mem;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use parking_lot::RwLock;

use self::seeds::seeds;
use super::Durable;
use super::tests::{NOW, Process, ROOMY, entry, folder, fresh, key, names_in, prefixed, tagged};
use crate::http::lines::Fields;
use crate::invalidation::{Invalidation, Target};
use crate::memory::{Bounds, Found};
use crate::policy::{Freshness, State};
use crate::stats::Counter;
use crate::tier::backend::sqlite::vfs::{Armed, Failure, Operation};
use crate::tier::completion::Completion;

#[path = "../../tests/support/seeds.rs"]
mod seeds;

const PROCESSES: usize = 3;
const THREADS: usize = 2;
const KEYS: u64 = 24;
const TAGS: u64 = 4;

/// Room for about a third of the keys.
const BOUNDS: Bounds = Bounds { bytes: 16_000, entry_bytes: 8_000 };

/// Numbers the beginnings and ends of operations.
#[derive(Debug, Default)]
struct Clock(AtomicU64);

impl Clock {
    fn tick(&self) -> u64 {
        self.0.fetch_add(1, SeqCst)
    }
}

#[derive(Clone, Debug)]
struct Put {
    key: u64,
    version: u64,
    tags: Vec<u64>,
    /// When the computation of its content began.
    since: u64,
    end: u64,
    /// Its process: the place, and the number of the process in that place.
    by: (usize, u64),
}

#[derive(Clone, Debug)]
struct Removal {
    what: What,
    begin: u64,
    end: u64,
}

#[derive(Clone, Debug)]
enum What {
    Key(u64),
    Tag(u64),
    /// Keys whose number begins with this one's first digit.
    Prefix(u64),
    Everything,
    Soft(u64),
}

impl What {
    fn concerns(&self, put: &Put) -> bool {
        match self {
            Self::Key(key) => put.key == *key,
            Self::Tag(tag) | Self::Soft(tag) => put.tags.contains(tag),
            Self::Prefix(first) => put.key / 10 == *first,
            Self::Everything => true,
        }
    }

    fn selector(&self) -> Invalidation {
        match self {
            Self::Key(number) => {
                Invalidation::remove([Target::Key(key(&path(*number)).text().to_owned())])
            }
            Self::Tag(tag) => tagged(&tag.to_string()),
            Self::Soft(tag) => Invalidation::make_stale(tagged(&tag.to_string()).targets),
            Self::Prefix(first) => prefixed(&format!("/{first}")),
            Self::Everything => Invalidation::everything(),
        }
    }
}

#[derive(Clone, Debug)]
struct Read {
    version: u64,
    is_fresh: bool,
    begin: u64,
    /// Whether the disk may have failed, so that the process learns of no further puts.
    may_have_failed: bool,
}

/// A flush: what the process had put before it began is on disk when it ends.
#[derive(Clone, Debug)]
struct Flush {
    by: (usize, u64),
    begin: u64,
    end: u64,
}

#[derive(Debug, Default)]
struct History {
    puts: Vec<Put>,
    removals: Vec<Removal>,
    reads: Vec<Read>,
    flushes: Vec<Flush>,
    purged: u64,
}

impl History {
    fn add(&mut self, mut other: Self) {
        self.puts.append(&mut other.puts);
        self.removals.append(&mut other.removals);
        self.reads.append(&mut other.reads);
        self.flushes.append(&mut other.flushes);
        self.purged += other.purged;
    }

    fn put_of(&self, version: u64) -> &Put {
        self.puts.iter().find(|put| put.version == version).expect("what is read was put")
    }

    /// Number of puts that a flush has written.
    fn written_puts(&self) -> u64 {
        self.puts.iter().filter(|put| self.written(put).is_some()).count() as u64
    }

    /// End of the first flush after the put, by which it is written or dropped.
    fn written(&self, put: &Put) -> Option<u64> {
        let flushes =
            self.flushes.iter().filter(|flush| flush.by == put.by && flush.begin > put.end);
        flushes.map(|flush| flush.end).min()
    }

    /// Checks that no removed entry was read and, unless the power has failed, no replaced one.
    fn check(&self, has_lost: bool) {
        for read in &self.reads {
            let put = self.put_of(read.version);
            for removal in &self.removals {
                let is_complete = put.since < removal.begin && removal.end < read.begin;
                let is_soft = matches!(removal.what, What::Soft(_));
                let has_come_back =
                    is_complete && removal.what.concerns(put) && (!is_soft || read.is_fresh);
                assert!(!has_come_back, "{put:?} has come back after {removal:?} in {read:?}");
            }
            let is_told = !has_lost && !read.may_have_failed;
            let Some(written) = self.written(put).filter(|_| is_told) else { continue };
            for later in
                self.puts.iter().filter(|later| later.key == put.key && later.since > written)
            {
                let is_known = self.written(later).is_some_and(|written| written < read.begin);
                assert!(!is_known, "{put:?} has come back after {later:?} in {read:?}");
            }
        }
    }
}

fn path(number: u64) -> String {
    format!("/{number:02}")
}

fn body(key: u64, version: u64) -> String {
    let mut body = format!("{key} {version} ");
    while body.len() < 1_000 {
        write!(body, "{version} ").unwrap();
    }
    body
}

/// A place for one process at a time, and the number of the process in it.
type Place = RwLock<(Process, u64)>;

struct Driver<'a> {
    rng: fastrand::Rng,
    clock: &'a Clock,
    place: &'a Place,
    number: usize,
    open: &'a (dyn Fn() -> Process + Sync),
    history: History,
    /// Purges that are not waited for yet.
    waiting: Vec<(What, u64, Completion)>,
    /// Whether anything may fail.
    may_fail: bool,
}

impl Driver<'_> {
    fn run(mut self, steps: u32) -> History {
        for _ in 0..steps {
            match self.rng.u32(0..100) {
                0..35 => self.put(),
                35..80 => self.read(),
                80..90 => self.purge(),
                90..94 => self.delete(),
                94..99 => self.flush(),
                99 if !self.may_fail => self.begin_anew(),
                _ => self.complete(),
            }
        }
        self.complete();
        self.history
    }

    /// The value of a completion, unless it failed.
    fn completed(&self, completion: &Completion) -> Option<u64> {
        let outcome =
            completion.wait_for(Duration::from_mins(1)).expect("every completion is completed");
        assert!(outcome.is_ok() || self.may_fail, "{outcome:?}");
        outcome.ok()
    }

    fn put(&mut self) {
        let key = self.rng.u64(0..KEYS);
        let tags: Vec<_> = (0..TAGS).filter(|_| self.rng.u8(0..4) == 0).collect();
        let names: Vec<_> = tags.iter().map(u64::to_string).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let times = Freshness { stale_window: self.rng.u32(0..2) * 60, ..fresh() };
        let place = self.place.read();
        place.0.tiers.catch_up();
        let sequence = place.0.tiers.sequence();
        // The content does not know of operations that begin later.
        let since = self.clock.tick();
        let version = since;
        let entry = entry(&path(key), &names, times);
        let content = body(key, version);
        if place.0.tiers.put(entry, Some(&[content.as_bytes()]), sequence, NOW).is_ok() {
            place.0.counters.count(Counter::Puts);
            let by = (self.number, place.1);
            self.history.puts.push(Put { key, version, tags, since, end: self.clock.tick(), by });
        }
    }

    fn read(&mut self) {
        let number = self.rng.u64(0..KEYS);
        let key = key(&path(number));
        let place = self.place.read();
        let tiers = &place.0.tiers;
        let begin = self.clock.tick();
        tiers.catch_up();
        let peek = || tiers.get(&key, Fields::new(""), NOW).unwrap();
        let mut found = peek();
        if matches!(found, Found::Miss { .. }) {
            tiers
                .load(&key, Fields::new(""), NOW)
                .and_then(|completion| self.completed(&completion));
            tiers.catch_up();
            found = peek();
        }
        let (stored, is_fresh) = match found {
            Found::Miss { .. } => return,
            Found::Entry(stored, _, state) => (stored, state == State::Fresh),
            Found::Refresh { held, .. } => {
                tiers.release_lease(&held);
                (held.stored, false)
            }
        };
        let text = String::from_utf8(stored.body().unwrap().to_vec()).unwrap();
        let version = text.split(' ').nth(1).and_then(|version| version.parse().ok()).unwrap();
        assert_eq!(text, body(number, version));
        let may_have_failed = self.may_fail;
        self.history.reads.push(Read { version, is_fresh, begin, may_have_failed });
    }

    fn purge(&mut self) {
        let what = match self.rng.u8(0..20) {
            0..5 => What::Key(self.rng.u64(0..KEYS)),
            5..11 => What::Tag(self.rng.u64(0..TAGS)),
            11..14 => What::Prefix(self.rng.u64(0..=KEYS / 10)),
            14 => What::Everything,
            _ => What::Soft(self.rng.u64(0..TAGS)),
        };
        let place = self.place.read();
        let begin = self.clock.tick();
        let Durable::Pending(completion) = place.0.tiers.purge(&what.selector(), NOW) else {
            panic!("there is a disk")
        };
        drop(place);
        self.waiting.push((what, begin, completion));
        if self.rng.bool() {
            self.complete();
        }
    }

    fn delete(&mut self) {
        let number = self.rng.u64(0..KEYS);
        let key = key(&path(number));
        let place = self.place.read();
        place
            .0
            .tiers
            .load(&key, Fields::new(""), NOW)
            .and_then(|completion| self.completed(&completion));
        let begin = self.clock.tick();
        let (_, completion) = place.0.tiers.delete(&key, Fields::new(""), NOW).unwrap();
        if self.completed(&completion.unwrap()).is_some() {
            self.history.removals.push(Removal {
                what: What::Key(number),
                begin,
                end: self.clock.tick(),
            });
        }
    }

    fn complete(&mut self) {
        for (what, begin, completion) in mem::take(&mut self.waiting) {
            let Some(purged) = self.completed(&completion) else { continue };
            self.history.purged += purged;
            self.history.removals.push(Removal { what, begin, end: self.clock.tick() });
        }
    }

    fn flush(&mut self) {
        let place = self.place.read();
        let begin = self.clock.tick();
        if self.completed(&place.0.tiers.flush().unwrap()).is_none() {
            return;
        }
        self.history.flushes.push(Flush {
            by: (self.number, place.1),
            begin,
            end: self.clock.tick(),
        });
    }

    /// Ends the process and opens another in its place.
    fn begin_anew(&mut self) {
        let mut place = self.place.write();
        place.0.tiers.validate();
        let begin = self.clock.tick();
        place.0.tiers.end().unwrap().wait().unwrap();
        let by = (self.number, place.1);
        self.history.flushes.push(Flush { by, begin, end: self.clock.tick() });
        *place = ((self.open)(), place.1 + 1);
        assert_eq!(place.0.fault(), None);
    }
}

/// Runs all threads of all processes for `steps` steps each.
fn drive(
    seed: u64,
    steps: u32,
    clock: &Clock,
    places: &[Place],
    open: &(dyn Fn() -> Process + Sync),
    may_fail: bool,
) -> History {
    let mut history = History::default();
    thread::scope(|scope| {
        let drivers: Vec<_> = (0..PROCESSES * THREADS)
            .map(|number| {
                let driver = Driver {
                    rng: fastrand::Rng::with_seed(seed * 100 + number as u64),
                    clock,
                    place: &places[number % PROCESSES],
                    number: number % PROCESSES,
                    open,
                    history: History::default(),
                    waiting: Vec::new(),
                    may_fail,
                };
                scope.spawn(move || driver.run(steps))
            })
            .collect();
        for driver in drivers {
            history.add(driver.join().unwrap());
        }
    });
    history
}

/// Runs a history without failures. Also returns the number of purged entries by the counters.
fn run(seed: u64, max_bytes: u64, steps: u32) -> (History, u64) {
    let folder = folder();
    let _unsynced = Armed::new(folder.path());
    let open = || Process::bounded(&folder, BOUNDS, max_bytes);
    let places: Vec<Place> = (0..PROCESSES).map(|_| RwLock::new((open(), 0))).collect();
    let history = drive(seed, steps, &Clock::default(), &places, &open, false);
    for place in &places {
        place.read().0.flush();
    }
    let (first, others) = (places[0].read(), places[1].read());
    first.0.tiers.catch_up();
    for number in 0..KEYS {
        first.0.put(&path(number), "last", &[], fresh());
    }
    first.0.flush();
    if max_bytes == ROOMY {
        for number in 0..KEYS {
            assert_eq!(others.0.get(&path(number)).as_deref(), Some("last"), "{number}");
        }
    }
    drop((first, others));
    for place in places {
        let process = place.into_inner().0;
        process.tiers.validate();
        assert_eq!(process.fault(), None);
        assert!(process.tiers.disk_usage().unwrap().bytes <= max_bytes);
        process.end();
    }
    let totals = open().tiers.totals().unwrap();
    assert_eq!(
        totals.get(Counter::Puts),
        history.puts.len() as u64 + KEYS,
        "puts of all processes"
    );
    (history, totals.get(Counter::Purges))
}

#[test]
fn no_history_of_several_processes_shows_a_removed_or_replaced_entry() {
    for seed in seeds(6) {
        let (history, purged) = run(seed, ROOMY, 300);
        history.check(false);
        assert_eq!(purged, history.purged, "purged by all processes");
        assert!(history.reads.len() > 200 && history.removals.len() > 100, "much has happened");
    }
}

#[test]
fn no_history_in_a_small_file_shows_a_removed_or_replaced_entry() {
    for seed in seeds(3) {
        let (history, purged) = run(100 + seed, 30 * 4_096, 300);
        history.check(false);
        assert_eq!(purged, history.purged, "purged by all processes");
    }
}

/// Runs a history that fails after a random number of changes on disk, and checks what is left.
fn fail(seed: u64, failure: Failure, has_lost: bool) {
    let folder = folder();
    let armed = Armed::new(folder.path());
    let mut rng = fastrand::Rng::with_seed(seed);
    let open = || Process::bounded(&folder, BOUNDS, ROOMY);
    let places: Vec<Place> = (0..PROCESSES).map(|_| RwLock::new((open(), 0))).collect();
    let clock = Clock::default();
    armed.fail(Operation::changes, rng.u64(200..2_000), failure);
    let mut history = drive(seed, 80, &clock, &places, &open, true);
    drop(places);
    armed.wait_closed();
    if has_lost {
        armed.lose(&mut rng);
    }
    armed.mend();
    let again = [RwLock::new((open(), 1))];
    let mut driver = Driver {
        rng,
        clock: &clock,
        place: &again[0],
        number: 0,
        open: &open,
        history: History::default(),
        waiting: Vec::new(),
        may_fail: false,
    };
    for _ in 0..3 * KEYS {
        driver.read();
    }
    assert!(
        history.written_puts() <= again[0].read().0.tiers.totals().unwrap().get(Counter::Puts)
            || has_lost
    );
    history.add(driver.history);
    history.check(has_lost);
    assert_eq!(again[0].read().0.fault(), None);
}

#[test]
fn no_history_with_a_fault_shows_a_removed_entry() {
    for seed in seeds(12) {
        fail(seed, Failure::Crash, seed % 2 == 1);
        fail(seed, Failure::Error, false);
    }
}

/// Processes that come and go at the same time, each of which looks for what the one before it in
/// its place has left.
fn come_and_go(is_damaged: bool) {
    const TIMES: u64 = 24;
    const PLACES: usize = 3;
    let folder = folder();
    let _unsynced = Armed::new(folder.path());
    let together = Barrier::new(PLACES);
    let come = |place: u64| {
        let mut rng = fastrand::Rng::with_seed(place);
        let (left, removed) = (format!("/{place}/left"), format!("/{place}/removed"));
        for time in 0..TIMES {
            let process = Process::open(&folder);
            // Opening does not wait for a process that creates the file.
            process.wait_until_opened();
            let (before, found) =
                (time.checked_sub(1).map(|time| body(place, time)), process.get(&left));
            assert!(found == before || is_damaged && found.is_none(), "{place}, {time}: {found:?}");
            assert_eq!(process.get(&removed), None, "{place}, {time}");
            process.put(&left, &body(place, time), &[], fresh());
            process.put(&removed, "removed", &["t"], fresh());
            process.purge(&What::Key(0).selector()).unwrap();
            process.purge(&tagged("t")).unwrap();
            if is_damaged && rng.u8(0..4) == 0 {
                process.tiers.disk().unwrap().note_damage();
            }
            // Now and then all go and come together.
            let all_go = time % 3 == 2;
            if all_go || rng.bool() {
                process.end();
            } else {
                drop(process);
            }
            if all_go {
                together.wait();
            }
        }
    };
    thread::scope(|scope| {
        for place in 0..PLACES as u64 {
            scope.spawn({
                let come = &come;
                move || come(place)
            });
        }
    });
    let is_quarantined = names_in(&folder).iter().any(|name| name.contains(".db.damaged-"));
    assert_eq!(is_quarantined, is_damaged);
}

#[test]
fn processes_that_open_and_close_at_the_same_time_find_what_was_written() {
    come_and_go(false);
}

#[test]
fn processes_that_open_and_close_during_a_quarantine_all_work() {
    come_and_go(true);
}
