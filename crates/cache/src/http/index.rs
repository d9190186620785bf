//! An index of field lines by name.

use super::lines::{FieldState, Fields};
use super::list::Names;

/// Shorter blocks are scanned from the start for each name.
const MAX_SEARCHED_BYTES: usize = 1_024;

/// Field lines that are sorted once if there are many, so that reading n fields costs n log n.
#[derive(Debug)]
pub struct FieldIndex<'a> {
    fields: Fields<'a>,
    /// Sorted by name; the first line of a name comes first.
    sorted: Option<Vec<(&'a str, FieldState<'a>)>>,
}

impl<'a> FieldIndex<'a> {
    /// The index of `fields`.
    pub fn new(fields: Fields<'a>) -> Self {
        let sorted = (fields.text().len() > MAX_SEARCHED_BYTES).then(|| {
            let mut lines: Vec<_> = fields.lines().collect();
            lines.sort_by_key(|&(name, _)| name);
            lines
        });
        Self { fields, sorted }
    }

    /// The state of the field `name` (lower case), as by [`Fields::state`].
    pub fn state(&self, name: &str) -> FieldState<'a> {
        let Some(sorted) = &self.sorted else { return self.fields.state(name) };
        let first = sorted.partition_point(|&(known, _)| known < name);
        sorted
            .get(first)
            .filter(|(known, _)| *known == name)
            .map_or(FieldState::NotSent, |&(_, state)| state)
    }

    /// The state of each of `names`, in their order.
    pub fn each<'n>(&self, names: &'n Names) -> impl Iterator<Item = (&'n str, FieldState<'a>)> {
        names.iter().map(|name| (name, self.state(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sorted_block_has_the_same_fields_as_a_searched_one() {
        let mut block =
            String::from("b:first\nb:second\nabsent\nempty:\nx-1 :no\n:no\n\nc: a: b \n");
        for padding in [0, 200] {
            (0..padding).for_each(|n| block.extend(["x-", &n.to_string(), ": 1\n"]));
            let (fields, index) = (Fields::new(&block), FieldIndex::new(Fields::new(&block)));
            assert_eq!(index.sorted.is_some(), padding > 0);
            for name in ["b", "absent", "empty", "c", "x-1", "x-99", "x-100", "x-", "", "missing"] {
                assert_eq!(index.state(name), fields.state(name), "{name} of {block}");
            }
        }
    }
}
