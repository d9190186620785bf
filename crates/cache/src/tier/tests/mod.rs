//! Two processes at one file are two handles here: a lock of a file belongs to the handle.

mod files;
mod loads;
mod processes;
mod purges;
mod variants;

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Durable, Storage, Store};
use crate::http::Names;
use crate::http::lines::Fields;
use crate::invalidation::{Invalidation, Target};
use crate::key::{Key, Selecting};
use crate::memory::{Bounds, Found, NewEntry, StoreError};
use crate::policy::Freshness;
use crate::response::Stored;
use crate::stats::{Counter, Counters};
use crate::tier::backend::sqlite::SqliteOptions;
use crate::tier::error::TierError;
use crate::time::UnixMillis;

pub(super) const NOW: UnixMillis = 1_800_000_000_000;
const BOUNDS: Bounds = Bounds { bytes: 1 << 24, entry_bytes: 1 << 24 };
pub(super) const ROOMY: u64 = 1 << 30;

/// What one process has of an instance.
pub(super) struct Process {
    pub(super) tiers: Store,
    pub(super) counters: Arc<Counters>,
}

impl Process {
    pub(super) fn with(folder: &TempDir, max_bytes: u64) -> Self {
        Self::bounded(folder, BOUNDS, max_bytes)
    }

    pub(super) fn bounded(folder: &TempDir, bounds: Bounds, max_bytes: u64) -> Self {
        let disk = Some(options(folder, max_bytes));
        let counters = Arc::default();
        let tiers = Store::open(&Storage { disk, ..bounds.into() }, "ns/name", &counters);
        Self { tiers, counters }
    }

    pub(super) fn open(folder: &TempDir) -> Self {
        Self::with(folder, ROOMY)
    }

    pub(super) fn fault(&self) -> Option<String> {
        self.tiers.disk_usage().unwrap().error.map(|error| error.to_string())
    }

    /// Waits until the tier works.
    pub(super) fn wait_until_opened(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        while let Some(fault) = self.fault() {
            assert!(Instant::now() < until, "{fault}");
            // As an application does each second.
            self.tiers.sweep(NOW, 1);
            thread::yield_now();
        }
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
    ) -> Result<(), StoreError> {
        self.tiers.put(entry(path, tags, times), Some(&[body.as_bytes()]), since, NOW)?;
        self.counters.count(Counter::Puts);
        Ok(())
    }

    /// The body that a lookup in memory finds, after the disk was asked.
    pub(super) fn get(&self, path: &str) -> Option<String> {
        if let Some(completion) = self.tiers.load(&key(path), Fields::new(""), NOW) {
            completion.wait().unwrap();
        }
        self.in_memory(path)
    }

    pub(super) fn peek(&self, path: &str) -> Found {
        self.tiers.catch_up();
        self.tiers.get(&key(path), Fields::new(""), NOW).unwrap()
    }

    pub(super) fn in_memory(&self, path: &str) -> Option<String> {
        match self.peek(path) {
            Found::Entry(stored, ..) => {
                Some(String::from_utf8_lossy(stored.body().unwrap()).into_owned())
            }
            Found::Refresh { .. } | Found::Miss { .. } => None,
        }
    }

    pub(super) fn purge(&self, selector: &Invalidation) -> Result<u64, TierError> {
        match self.tiers.purge(selector, NOW) {
            Durable::Pending(completion) => completion.wait(),
            Durable::Done(_) => panic!("there is a disk"),
        }
    }

    pub(super) fn flush(&self) {
        self.tiers.flush().unwrap().wait().unwrap();
    }

    pub(super) fn end(self) {
        self.tiers.end().unwrap().wait().unwrap();
    }
}

pub(super) fn options(folder: &TempDir, max_bytes: u64) -> SqliteOptions {
    SqliteOptions { folder: folder.path().to_owned(), max_bytes, retry_after: 10 }
}

pub(super) fn entry(path: &str, tags: &[&str], times: Freshness) -> NewEntry {
    let key = key(path);
    NewEntry {
        digest: key.digest(),
        variant: key.digest(),
        key: key.text().to_owned(),
        vary: Selecting::default(),
        tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        times,
        head: Stored::new(200, "OK\netag:\"a\"\n"),
    }
}

pub(super) fn tagged(tag: &str) -> Invalidation {
    Invalidation::remove([Target::Tag(tag.to_owned())])
}

pub(super) fn prefixed(prefix: &str) -> Invalidation {
    Invalidation::remove([Target::Prefix(prefix.to_owned())])
}

pub(super) fn key(path: &str) -> Key {
    let url =
        if path.starts_with('/') { format!("https://a.example{path}") } else { path.to_owned() };
    Key::new(&url, "ns", "GET", &Names::default(), Fields::new("")).unwrap()
}

pub(super) fn fresh() -> Freshness {
    Freshness { stored_at: NOW, lifetime: 60_000, ..Freshness::default() }
}

pub(super) fn folder() -> TempDir {
    TempDir::new().unwrap()
}

pub(super) fn names_in(folder: &TempDir) -> Vec<String> {
    let files = std::fs::read_dir(folder.path()).unwrap();
    files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

pub(super) fn database_in(folder: &TempDir) -> std::path::PathBuf {
    let files = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
    files.into_iter().find(|file| file.extension().is_some_and(|ending| ending == "db")).unwrap()
}
