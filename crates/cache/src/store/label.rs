//! What the store keeps in one piece of memory with a response: its key and its tags. Neither has control characters, so that a line feed
//! ends each.

/// The label of a stored response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label<'a>(pub(super) &'a str);

impl<'a> Label<'a> {
    pub(super) fn written(key: &str, tags: &[String]) -> String {
        let mut label = String::with_capacity(Self::bytes(key, tags));
        for line in std::iter::once(key).chain(tags.iter().map(String::as_str)) {
            debug_assert!(!line.contains('\n'), "{line:?} is one line");
            label.extend([line, "\n"]);
        }
        label
    }

    /// Bytes of a label.
    pub(super) fn bytes(key: &str, tags: &[String]) -> usize {
        key.len() + 1 + tags.iter().map(|tag| tag.len() + 1).sum::<usize>()
    }

    pub(super) fn key(self) -> &'a str {
        self.0.split_once('\n').map_or("", |(key, _)| key)
    }

    pub(super) fn tags(self) -> impl Iterator<Item = &'a str> {
        self.0.split_terminator('\n').skip(1)
    }

    /// Where each tag begins.
    pub(super) fn starts(self) -> Box<[u32]> {
        let mut starts: Vec<u32> = self.0.match_indices('\n').map(|(end, _)| end as u32 + 1).collect();
        starts.pop();
        starts.into()
    }

    /// The tag that begins there.
    pub(super) fn tag_at(self, start: u32) -> &'a str {
        self.0[start as usize..].split('\n').next().unwrap_or_default()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn key_and_tags_come_out_as_they_went_in() {
        for tags in [&[][..], &["a".to_owned()], &["a".to_owned(), String::new(), "c d".to_owned()]] {
            let written = Label::written("k", tags);
            assert_eq!(Label(&written).key(), "k");
            assert!(Label(&written).tags().eq(tags.iter().map(String::as_str)));
            let starts = Label(&written).starts();
            assert!(starts.iter().map(|&start| Label(&written).tag_at(start)).eq(Label(&written).tags()));
            assert_eq!(written.len(), Label::bytes("k", tags));
        }
    }
}
