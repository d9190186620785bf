//! Record codec: an entry as a row with a checksum over all columns, so that changed bytes are
//! never served.

use rusqlite::{Row, ToSql};
use sha2::{Digest as _, Sha256};

use super::error::TierError;
use crate::http::Names;
use crate::key::{Digest, Selecting};
use crate::memory::NewEntry;
use crate::policy::Freshness;
use crate::response::Stored;
use crate::time::UnixMillis;

/// Columns of `entries`, in the order in which [`Record::read`] reads them.
pub(super) const COLUMNS: &str = "key, variant, vary, tags, status, head, body, stored_at, initial_age, lifetime, \
     stale_window, error_window, kept, strict, checksum";

/// Bytes of a checksum: the start of a SHA-256.
const CHECKSUM_BYTES: usize = 16;

/// An entry with its body, as the disk stores it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) variant: Digest,
    pub(crate) vary: Selecting,
    pub(crate) times: Freshness,
    /// The response, labelled with key and tags.
    pub(crate) stored: Stored,
}

impl Record {
    pub(super) fn key(&self) -> &str {
        self.stored.label().key
    }

    /// Tags, each ended by a line feed.
    pub(super) fn tags(&self) -> &str {
        self.stored.label().tags
    }

    /// Upper bound of the bytes that the record takes in the file, except for new levels of a tree.
    pub(super) fn max_bytes(&self, page: u64) -> u64 {
        /// Numbers, digests and checksum.
        const REST: u64 = 256;
        // A page split for each index and tag, and a partial page for the row.
        let pages = 6 + self.tags().matches('\n').count() as u64;
        let text = self.key().len() + 2 * self.tags().len() + self.stored.len();
        // Overflow pages have some bytes for their chain.
        text as u64 * 33 / 32 + REST + pages * page
    }

    pub(super) fn deadline(&self) -> UnixMillis {
        self.times.deadline()
    }

    /// Passes the values of [`COLUMNS`] to `write`.
    pub(super) fn written<T>(&self, write: impl FnOnce(&[&dyn ToSql]) -> T) -> T {
        let vary = vary_text(&self.vary);
        let Freshness {
            stored_at,
            initial_age,
            lifetime,
            stale_window,
            error_window,
            kept,
            strict,
        } = self.times;
        write(&[
            &self.key(),
            &self.variant.bytes().as_slice(),
            &vary,
            &self.tags(),
            &self.stored.status(),
            &self.stored.head(),
            &self.stored.body(),
            &stored_at,
            &initial_age,
            &lifetime,
            &stale_window,
            &error_window,
            &kept,
            &strict,
            &self.checksum().as_slice(),
        ])
    }

    /// Reads [`COLUMNS`]. `None` if they do not match their checksum.
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Option<Self>> {
        match Self::read_written(row) {
            Err(error)
                if error.sqlite_error_code().is_none() && TierError::from(&error).is_damage() =>
            {
                Ok(None)
            }
            read => read,
        }
    }

    fn read_written(row: &Row<'_>) -> rusqlite::Result<Option<Self>> {
        let text =
            |at: usize| row.get_ref(at).map(|value| value.as_str().unwrap_or_default().to_owned());
        let (key, vary, tags, head) = (text(0)?, text(2)?, text(3)?, text(5)?);
        let Some(variant) = row.get_ref(1)?.as_blob().ok().and_then(Digest::from_bytes) else {
            return Ok(None);
        };
        let body = row.get_ref(6)?.as_blob_or_null().unwrap_or_default();
        let status: u16 = row.get(4)?;
        let label = crate::response::Label { key: &key, tags: &tags };
        let parts = body.as_ref().map(std::slice::from_ref);
        let stored = Stored::labelled(label, status, &head, parts);
        let times = Freshness {
            stored_at: row.get(7)?,
            initial_age: row.get(8)?,
            lifetime: row.get(9)?,
            stale_window: row.get(10)?,
            error_window: row.get(11)?,
            kept: row.get(12)?,
            strict: row.get(13)?,
        };
        let read = Self { variant, vary: read_vary(&vary), times, stored };
        let is_whole = row.get_ref(14)?.as_blob().is_ok_and(|known| known == read.checksum());
        Ok(is_whole.then_some(read))
    }

    /// The entry for the memory store.
    pub(crate) fn into_entry(self) -> (NewEntry, Stored) {
        let Self { variant, vary, times, stored } = self;
        let label = stored.label();
        let entry = NewEntry {
            key: label.key.to_owned(),
            digest: Digest::of(label.key),
            variant,
            vary,
            tags: label.tags.split_terminator('\n').map(str::to_owned).collect(),
            times,
            head: Stored::new(stored.status(), stored.head()),
        };
        (entry, stored)
    }

    pub(super) fn checksum(&self) -> [u8; CHECKSUM_BYTES] {
        let mut hash = Sha256::new();
        let vary = vary_text(&self.vary);
        let body = self.stored.body();
        for part in [self.key(), &vary, self.tags(), self.stored.head()].map(str::as_bytes) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let Freshness {
            stored_at,
            initial_age,
            lifetime,
            stale_window,
            error_window,
            kept,
            strict,
        } = self.times;
        for number in [stored_at, initial_age, lifetime] {
            hash.update(number.to_le_bytes());
        }
        for number in [stale_window, error_window, kept, strict.into(), self.stored.status().into()]
        {
            hash.update(number.to_le_bytes());
        }
        hash.update(self.variant.bytes());
        hash.update([u8::from(body.is_some())]);
        hash.update(body.unwrap_or_default());
        let mut checksum = [0; CHECKSUM_BYTES];
        checksum.copy_from_slice(&hash.finalize()[..CHECKSUM_BYTES]);
        checksum
    }
}

/// Text form of selecting fields: how they select, and their names.
fn vary_text(vary: &Selecting) -> String {
    if vary.is_empty() {
        return String::new();
    }
    let names: Vec<_> = vary.names.iter().collect();
    format!("{}:{}", if vary.loosely { "loose" } else { "exact" }, names.join(","))
}

pub(super) fn read_vary(text: &str) -> Selecting {
    match text.split_once(':') {
        None => Selecting::default(),
        Some((how, names)) => {
            Selecting { names: Names::new(names.split(',')), loosely: how == "loose" }
        }
    }
}
