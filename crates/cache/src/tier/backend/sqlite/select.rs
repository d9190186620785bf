//! Selects the rows that a lookup needs: the variant that the request selects, and the later ones
//! without which memory would answer other requests of the key by an older variant.

use rusqlite::Connection;

use super::reads::{self, Row};
use super::row::read_vary;
use crate::http::FieldIndex;
use crate::tier::backend::{Loaded, Lookup};

/// Reads what a lookup needs, from one state of the database.
pub(super) fn load(connection: &Connection, lookup: &Lookup<'_>) -> rusqlite::Result<Loaded> {
    let snapshot = connection.unchecked_transaction()?;
    let mut loaded = Loaded::default();
    for row in (Selection { connection, lookup }).rows()? {
        let Some(record) = reads::record(connection, row.id)? else {
            // Older ones must not answer in its place.
            loaded.damaged += 1;
            break;
        };
        loaded.records.push(record);
    }
    snapshot.finish()?;
    Ok(loaded)
}

/// A lookup in the database.
struct Selection<'a> {
    connection: &'a Connection,
    lookup: &'a Lookup<'a>,
}

impl Selection<'_> {
    /// The rows to read, the latest one first.
    fn rows(&self) -> rusqlite::Result<Vec<Row>> {
        let Self { connection, lookup: Lookup { key, now, .. } } = *self;
        let sets = reads::sets_of(connection, key.text())?;
        let mut wanted = self.wanted(&sets)?;
        if sets.len() > 1 {
            for row in wanted.clone() {
                let later = reads::later_of_other_sets(connection, key.text(), &row, *now)?;
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
        let Self { connection, lookup } = *self;
        let Lookup { key, now, fields, is_known } = *lookup;
        let fields = FieldIndex::new(fields);
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
        if undecided.is_empty() && !is_known {
            for set in sets {
                undecided.extend(reads::latest_of_set(connection, key.text(), set, now)?);
            }
            let latest = undecided.into_iter().max_by_key(|row| row.id);
            return Ok(latest.into_iter().collect());
        }
        Ok(undecided)
    }
}
