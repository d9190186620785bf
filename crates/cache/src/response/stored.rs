//! Stored responses.

use std::mem::MaybeUninit;

use triomphe::{Arc, HeaderSlice, HeaderWithLength, ThinArc, UniqueArc};

use crate::http::lines::Fields;

/// A stored response, or its head while there is no body. Immutable and shared: it is read without
/// a lock, and a clone costs a reference count. One allocation holds all of it, because each
/// allocation costs its bookkeeping again.
#[derive(Clone, Debug)]
pub struct Stored(ThinArc<Layout, u8>);

/// The label of a stored response: key and tags of its entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Label<'a> {
    /// Key of the entry.
    pub key: &'a str,
    /// Tags of the entry, each ended by a line feed.
    pub tags: &'a str,
}

/// Offsets of key, tags, head and body, which follow each other.
#[derive(Clone, Copy, Debug)]
struct Layout {
    key_length: u32,
    tags_length: u32,
    head_length: u32,
    status: u16,
    /// Whether there is a body, even an empty one.
    has_body: bool,
    /// Whether the body is ASCII, determined once.
    ascii: bool,
}

/// A body in pieces.
pub type Parts<'a> = &'a [&'a [u8]];

impl Stored {
    /// A response without body; `head` is the reason phrase and the field lines, each ended by a
    /// line feed.
    pub fn new(status: u16, head: &str) -> Self {
        Self::labelled(Label::default(), status, head, None)
    }

    /// A response with a label.
    pub fn labelled(label: Label<'_>, status: u16, head: &str, body: Option<Parts<'_>>) -> Self {
        let layout = Layout {
            key_length: label.key.len() as u32,
            tags_length: label.tags.len() as u32,
            head_length: head.len() as u32,
            status,
            has_body: body.is_some(),
            ascii: body.unwrap_or_default().iter().all(|part| part.is_ascii()),
        };
        let texts = [label.key, label.tags, head].map(str::as_bytes);
        Self(in_one_piece(layout, &[&texts, body.unwrap_or_default()]))
    }

    /// The response with this body.
    #[must_use]
    pub fn with_body(&self, body: Option<Parts<'_>>) -> Self {
        Self::labelled(self.label(), self.status(), self.head(), body)
    }

    /// Whether both are the same allocation.
    pub fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self.layout(), other.layout())
    }

    /// Status code.
    pub fn status(&self) -> u16 {
        self.layout().status
    }

    /// Key and tags.
    pub fn label(&self) -> Label<'_> {
        let Layout { key_length, tags_length, .. } = *self.layout();
        Label { key: self.text(0, key_length), tags: self.text(key_length, tags_length) }
    }

    /// Header fields.
    pub fn fields(&self) -> Fields<'_> {
        Fields::new(self.head().split_once('\n').map_or("", |(_, fields)| fields))
    }

    /// Reason phrase and field lines.
    pub fn head(&self) -> &str {
        let Layout { key_length, tags_length, head_length, .. } = *self.layout();
        self.text(key_length + tags_length, head_length)
    }

    #[allow(unsafe_code)]
    fn text(&self, from: u32, length: u32) -> &str {
        let text = &self.0.slice[from as usize..][..length as usize];
        debug_assert!(std::str::from_utf8(text).is_ok(), "label and head are text");
        // SAFETY: these bytes were copied from the text of the label or the head, and nothing
        // changes them.
        unsafe { std::str::from_utf8_unchecked(text) }
    }

    /// Whether the body is ASCII.
    pub fn is_ascii(&self) -> bool {
        self.layout().ascii
    }

    /// The body, if the response has one.
    pub fn body(&self) -> Option<&[u8]> {
        let Layout { key_length, tags_length, head_length, has_body, .. } = *self.layout();
        has_body.then(|| &self.0.slice[(key_length + tags_length + head_length) as usize..])
    }

    /// Bytes of label, head and body.
    pub fn len(&self) -> usize {
        self.0.slice.len()
    }

    fn layout(&self) -> &Layout {
        &self.0.header.header
    }
}

#[allow(unsafe_code)]
fn in_one_piece(layout: Layout, parts: &[Parts<'_>; 2]) -> ThinArc<Layout, u8> {
    let parts = || parts.iter().copied().flatten();
    let length = parts().map(|part| part.len()).sum();
    let mut piece: UniqueArc<HeaderSlice<_, [MaybeUninit<u8>]>> =
        UniqueArc::from_header_and_uninit_slice(HeaderWithLength::new(layout, length), length);
    let mut room = &mut piece.slice[..];
    for part in parts() {
        let (place, rest) = room.split_at_mut(part.len());
        place.iter_mut().zip(*part).for_each(|(place, &byte)| {
            place.write(byte);
        });
        room = rest;
    }
    debug_assert!(room.is_empty(), "the parts fill the piece");
    // SAFETY: the allocation is as long as all pieces together, and every byte has been written.
    Arc::into_thin(unsafe { piece.assume_init_slice_with_header() }.shareable())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn label_head_and_body_come_out_as_they_went_in() {
        let label = Label { key: "name", tags: "notes" };
        let stored = Stored::labelled(label, 203, "OK\na:1\n", Some(&[b"b\xc3", b"", b"\xb6dy"]));
        assert_eq!((stored.label(), stored.head()), (label, "OK\na:1\n"));
        assert_eq!((stored.body(), stored.is_ascii()), (Some("bödy".as_bytes()), false));
        assert_eq!((stored.status(), stored.len()), (203, 4 + 5 + 7 + 5));
        assert_eq!(stored.fields().value("a"), Some("1"));
    }

    #[test]
    fn no_body_is_not_an_empty_one() {
        let head = Stored::new(204, "\n");
        assert_eq!((head.body(), head.is_ascii(), head.label()), (None, true, Label::default()));
        assert_eq!(head.with_body(Some(&[])).body(), Some(&b""[..]));
        assert!(head.is(&head.clone()) && !head.is(&head.with_body(None)));
    }
}
