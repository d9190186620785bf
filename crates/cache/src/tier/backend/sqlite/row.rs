//! Record codec: an entry as a row of `entries`, and its times as a row of `times`. Each row has a
//! checksum, so that changed bytes are never served. A soft purge changes the times alone.

use rusqlite::{Row, ToSql};
use twox_hash::xxhash3_128::Hasher as Xxh3128;

use super::times;
use crate::http::Names;
use crate::key::{Digest, Selecting};
use crate::response::Stored;
use crate::tier::error::TierError;
use crate::tier::record::Record;

/// Columns of `entries` beside the id, in order. The checksum is before the response, so that a row
/// can be compared without reading that.
pub(super) const ENTRY_COLUMNS: &str = "key, variant, vary, tags, status, checksum, head, body";

/// Selects an entry by its id, with the columns that [`Record::read`] reads.
pub(super) fn select_record() -> String {
    format!(
        "SELECT key, variant, vary, tags, status, entries.checksum, head, body, {} \
         FROM entries JOIN times ON entry = id WHERE id = ?1",
        times::SELECTED
    )
}

impl Record {
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

    /// Passes the values of [`ENTRY_COLUMNS`] to `write`.
    pub(super) fn entry_values<T>(&self, write: impl FnOnce(&[&dyn ToSql]) -> T) -> T {
        write(&[
            &self.key(),
            &self.variant.bytes().as_slice(),
            &vary_text(&self.vary),
            &self.tags(),
            &self.stored.status(),
            &self.checksum().to_le_bytes().as_slice(),
            &self.stored.head(),
            &self.stored.body(),
        ])
    }

    /// Reads a row of [`select_record`]. `None` if it does not match its checksums.
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Option<Self>> {
        undamaged(Self::read_written(row))
    }

    fn read_written(row: &Row<'_>) -> rusqlite::Result<Option<Self>> {
        let text =
            |at: usize| row.get_ref(at).map(|value| value.as_str().unwrap_or_default().to_owned());
        let (key, vary, tags, head) = (text(0)?, text(2)?, text(3)?, text(6)?);
        let Some(variant) = row.get_ref(1)?.as_blob().ok().and_then(Digest::from_bytes) else {
            return Ok(None);
        };
        let body = row.get_ref(7)?.as_blob_or_null().unwrap_or_default();
        let status: u16 = row.get(4)?;
        let label = crate::response::Label { key: &key, tags: &tags };
        let parts = body.as_ref().map(std::slice::from_ref);
        let stored = Stored::labelled(label, status, &head, parts);
        let Some(times) = times::read(row, 8, &variant)? else { return Ok(None) };
        let read = Self { variant, vary: read_vary(&vary), times, stored };
        let checksum = read.checksum().to_le_bytes();
        let is_whole = row.get_ref(5)?.as_blob().is_ok_and(|known| known == checksum.as_slice());
        Ok(is_whole.then_some(read))
    }

    /// Checksum of all columns of `entries`.
    fn checksum(&self) -> u128 {
        let mut hash = Xxh3128::new();
        let vary = vary_text(&self.vary);
        let body = self.stored.body();
        for part in [self.key(), &vary, self.tags(), self.stored.head()].map(str::as_bytes) {
            hash.write(&(part.len() as u64).to_le_bytes());
            hash.write(part);
        }
        hash.write(self.variant.bytes());
        hash.write(&self.stored.status().to_le_bytes());
        hash.write(&[u8::from(body.is_some())]);
        hash.write(body.unwrap_or_default());
        hash.finish_128()
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

/// Turns a value of a type that this code never writes into a row that does not match its checksum.
pub(super) fn undamaged<T>(read: rusqlite::Result<Option<T>>) -> rusqlite::Result<Option<T>> {
    match read {
        Err(error)
            if error.sqlite_error_code().is_none() && TierError::from(&error).is_damage() =>
        {
            Ok(None)
        }
        read => read,
    }
}
