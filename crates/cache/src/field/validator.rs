//! Entity tags (RFC 9110, section 8.8.3).

/// An entity tag: its opaque part, quotes included, and whether it is weak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntityTag<'a> {
    opaque: &'a str,
    weak: bool,
}

impl<'a> EntityTag<'a> {
    /// Reads one entity tag; `None` where it has no quotes.
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

/// The entity tags of an `If-None-Match` list; what is none is passed over.
pub fn entity_tags(value: &str) -> impl Iterator<Item = EntityTag<'_>> {
    super::list::members(value).filter_map(EntityTag::parse)
}
