//! Entity tags (RFC 9110, section 8.8.3).

/// An entity tag: its opaque part with quotes, and whether it is weak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntityTag<'a> {
    opaque: &'a str,
    weak: bool,
}

impl<'a> EntityTag<'a> {
    /// Parses one entity tag; `None` if it has no quotes.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (weak, opaque) = match text.strip_prefix("W/") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let quoted = opaque.len() >= 2 && opaque.starts_with('"') && opaque.ends_with('"');
        quoted.then_some(Self { opaque, weak })
    }

    /// Weak comparison (section 8.8.3.2), for `If-None-Match`.
    pub fn weakly_equals(&self, other: &EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }

    /// Strong comparison (section 8.8.3.2), for `If-Range`.
    pub fn strongly_equals(&self, other: &EntityTag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }
}

/// The entity tags of an `If-None-Match` list; ignores other members. Any character but a quote may
/// be in a tag, including commas and backslashes.
pub fn entity_tags(value: &str) -> impl Iterator<Item = EntityTag<'_>> {
    let mut rest = value;
    std::iter::from_fn(move || {
        let start = rest.find('"')?;
        let end = start + 1 + rest[start + 1..].find('"')?;
        let before =
            rest[..start].rsplit(',').next().unwrap_or_default().trim_start_matches([' ', '\t']);
        let tag = (before.is_empty() || before == "W/").then(|| &rest[start - before.len()..=end]);
        rest = &rest[end + 1..];
        Some(tag.unwrap_or_default())
    })
    .filter_map(EntityTag::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_its_tags_whatever_is_in_them_and_between_them() {
        let tags = |value| entity_tags(value).map(|tag| (tag.weak, tag.opaque)).collect::<Vec<_>>();
        assert_eq!(
            tags(r#""a,\", W/"b" ,x,"""#),
            [(false, r#""a,\""#), (true, r#""b""#), (false, r#""""#)]
        );
        assert_eq!(tags(r#"w/"a", "b"#), []);
        assert!(tags("*").is_empty());
    }
}
