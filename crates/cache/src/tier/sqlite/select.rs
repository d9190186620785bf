//! Selects the rows that a lookup needs: the variant that the request selects, and the later ones
//! without which memory would answer other requests of the key by an older variant.

use rusqlite::Connection;

use super::reads::{self, Row};
use super::record::{Record, read_vary};
use crate::http::FieldIndex;
use crate::http::lines::Fields;
use crate::key::Key;
use crate::time::UnixMillis;

/// What a lookup found.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// The latest one first.
    pub(super) records: Vec<Record>,
    /// Number of entries that did not match their checksums.
    pub(super) damaged: u64,
}

/// A lookup in the database.
pub(super) struct Lookup<'a> {
    pub(super) connection: &'a Connection,
    pub(super) key: &'a Key,
    /// Header fields of the request, as far as they are known.
    pub(super) fields: Fields<'a>,
    pub(super) now: UnixMillis,
    /// Whether memory has variants of the key.
    pub(super) is_known: bool,
}

impl Lookup<'_> {
    /// Reads what the request selects, from one state of the database.
    pub(super) fn load(&self) -> rusqlite::Result<Loaded> {
        let snapshot = self.connection.unchecked_transaction()?;
        let mut loaded = Loaded::default();
        for row in self.rows()? {
            let Some(record) = reads::record(self.connection, row.id)? else {
                // Older ones must not answer in its place.
                loaded.damaged += 1;
                break;
            };
            loaded.records.push(record);
        }
        snapshot.finish()?;
        Ok(loaded)
    }

    /// The rows to read, the latest one first.
    fn rows(&self) -> rusqlite::Result<Vec<Row>> {
        let sets = reads::sets_of(self.connection, self.key.text())?;
        let mut wanted = self.wanted(&sets)?;
        if sets.len() > 1 {
            for row in wanted.clone() {
                let later =
                    reads::later_of_other_sets(self.connection, self.key.text(), &row, self.now)?;
                let Some(later) = later else { return Ok(Vec::new()) };
                wanted.extend(later);
            }
        }
        wanted.sort_unstable_by_key(|row| std::cmp::Reverse(row.id));
        wanted.dedup_by_key(|row| row.id);
        Ok(wanted)
    }

    /// The latest row that the request selects. If the request's fields do not tell, the latest row
    /// of each set: memory then asks the caller for the fields that are missing. If it selects
    /// none, and memory has no variant of the key, the latest row, by which memory knows the set.
    fn wanted(&self, sets: &[String]) -> rusqlite::Result<Vec<Row>> {
        let Self { connection, key, now, .. } = *self;
        let fields = FieldIndex::new(self.fields);
        let mut selected: Option<Row> = None;
        let mut undecided = Vec::new();
        for set in sets {
            if let Ok(variant) = key.variant_in(&read_vary(set), &fields) {
                let row = reads::row_of_variant(connection, &variant, now)?;
                selected = selected.into_iter().chain(row).max_by_key(|row| row.id);
            } else {
                undecided.extend(reads::latest_of_set(connection, key.text(), set, now)?);
            }
        }
        undecided.extend(selected);
        if undecided.is_empty() && !self.is_known {
            for set in sets {
                undecided.extend(reads::latest_of_set(connection, key.text(), set, now)?);
            }
            let latest = undecided.into_iter().max_by_key(|row| row.id);
            return Ok(latest.into_iter().collect());
        }
        Ok(undecided)
    }
}
