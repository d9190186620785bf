//! What is kept of a response.

use std::mem::MaybeUninit;

use triomphe::{Arc, HeaderSlice, HeaderWithLength, ThinArc, UniqueArc};

use crate::http::lines::Fields;

/// A stored response, or its head while there is no body yet. Never changed: whoever holds it reads
/// it without a lock, and another handle to it costs a count. All of it is one piece of memory,
/// because each piece costs as much again as its bookkeeping.
#[derive(Clone, Debug)]
pub struct Stored(ThinArc<Layout, u8>);

/// What the keeper of a response wants to find beside it: what it is known by, and what else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Label<'a> {
    /// What it is known by.
    pub name: &'a str,
    /// What else there is to know.
    pub notes: &'a str,
}

/// What lies where: name, notes, head, body, one behind the other.
#[derive(Clone, Copy, Debug)]
struct Layout {
    name_length: u32,
    notes_length: u32,
    head_length: u32,
    status: u16,
    /// Whether there is a body, be it empty.
    has_body: bool,
    /// Whether the body is ASCII: a hit need not look at it again.
    ascii: bool,
}

/// A body in parts.
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
            name_length: label.name.len() as u32,
            notes_length: label.notes.len() as u32,
            head_length: head.len() as u32,
            status,
            has_body: body.is_some(),
            ascii: body.unwrap_or_default().iter().all(|part| part.is_ascii()),
        };
        let texts = [label.name, label.notes, head].map(str::as_bytes);
        Self(in_one_piece(layout, &[&texts, body.unwrap_or_default()]))
    }

    /// The same response with this body.
    #[must_use]
    pub fn with_body(&self, body: Option<Parts<'_>>) -> Self {
        Self::labelled(self.label(), self.status(), self.head(), body)
    }

    /// Whether both are the same piece of memory.
    pub fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self.layout(), other.layout())
    }

    /// Status code.
    pub fn status(&self) -> u16 {
        self.layout().status
    }

    /// What its keeper finds beside it.
    pub fn label(&self) -> Label<'_> {
        let Layout { name_length, notes_length, .. } = *self.layout();
        Label { name: self.text(0, name_length), notes: self.text(name_length, notes_length) }
    }

    /// Header fields.
    pub fn fields(&self) -> Fields<'_> {
        Fields::new(self.head().split_once('\n').map_or("", |(_, fields)| fields))
    }

    /// Reason phrase and field lines as they are kept.
    pub fn head(&self) -> &str {
        let Layout { name_length, notes_length, head_length, .. } = *self.layout();
        self.text(name_length + notes_length, head_length)
    }

    #[allow(unsafe_code)]
    fn text(&self, from: u32, length: u32) -> &str {
        let text = &self.0.slice[from as usize..][..length as usize];
        debug_assert!(std::str::from_utf8(text).is_ok(), "label and head are text");
        // SAFETY: these bytes are those of the text that the label or the head was, and nothing
        // changes them.
        unsafe { std::str::from_utf8_unchecked(text) }
    }

    /// Whether the body is ASCII.
    pub fn is_ascii(&self) -> bool {
        self.layout().ascii
    }

    /// The body, where the response had one.
    pub fn body(&self) -> Option<&[u8]> {
        let Layout { name_length, notes_length, head_length, has_body, .. } = *self.layout();
        has_body.then(|| &self.0.slice[(name_length + notes_length + head_length) as usize..])
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
    // SAFETY: the piece is as long as the parts together, which have all been written into it.
    Arc::into_thin(unsafe { piece.assume_init_slice_with_header() }.shareable())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn label_head_and_body_come_out_as_they_went_in() {
        let label = Label { name: "name", notes: "notes" };
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
