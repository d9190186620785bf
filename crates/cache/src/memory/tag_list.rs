//! Tags of an entry as one text, in the same allocation as its response. Tags have no control
//! characters, so a line feed ends each.

/// Up to this many tags, a scan is faster than a table of positions.
pub(super) const FEW_TAGS: usize = 16;

/// The tags.
#[derive(Clone, Copy, Debug)]
pub(super) struct TagList<'a>(pub(super) &'a str);

impl<'a> TagList<'a> {
    pub(super) fn written(tags: &[String]) -> String {
        let mut list = String::with_capacity(Self::bytes(tags));
        for tag in tags {
            debug_assert!(!tag.contains('\n'), "{tag:?} is one line");
            list.extend([tag, "\n"]);
        }
        list
    }

    /// Bytes of a list.
    pub(super) fn bytes(tags: &[String]) -> usize {
        tags.iter().map(|tag| tag.len() + 1).sum()
    }

    pub(super) fn iter(self) -> impl Iterator<Item = &'a str> {
        self.0.split_terminator('\n')
    }

    /// Positions at which the tags start.
    pub(super) fn starts(self) -> Box<[u32]> {
        let ends = self.0.match_indices('\n').map(|(end, _)| end as u32 + 1);
        std::iter::once(0)
            .chain(ends)
            .take_while(|&start| (start as usize) < self.0.len())
            .collect()
    }

    /// The tag that starts at a position.
    pub(super) fn at(self, start: u32) -> &'a str {
        self.0[start as usize..].split('\n').next().unwrap_or_default()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn tags_come_out_as_they_went_in() {
        for tags in [&[][..], &["a"], &["a", "", "c d"], &["", ""]] {
            let tags: Vec<_> = tags.iter().map(|&tag| tag.to_owned()).collect();
            let written = TagList::written(&tags);
            let list = TagList(&written);
            assert!(list.iter().eq(&tags));
            assert!(list.starts().iter().map(|&start| list.at(start)).eq(&tags));
            assert_eq!(written.len(), TagList::bytes(&tags));
        }
    }
}
