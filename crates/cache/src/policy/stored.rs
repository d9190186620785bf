//! What is kept of a response.

use crate::field::lines::Fields;

/// A stored response. Never changed once stored: whoever holds it can read it without a lock. Head and body are one piece of
/// memory, because each piece costs as much again as its bookkeeping.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Reason phrase and field lines, each ended by a line feed, and then the body.
    bytes: Box<[u8]>,
    head_length: u32,
    /// Status code.
    pub status: u16,
    /// Whether there is a body, be it empty.
    has_body: bool,
    /// Whether the body is ASCII: a hit need not look at it again.
    ascii: bool,
}

impl Stored {
    /// A response without body; `head` is the reason phrase and the field lines, each ended by a line feed.
    pub fn new(status: u16, head: String) -> Self {
        let head_length = head.len() as u32;
        Self { bytes: head.into_bytes().into(), head_length, status, has_body: false, ascii: true }
    }

    /// Gives the response its body, in parts, before it is stored.
    pub fn set_body<'a>(&mut self, body: Option<impl IntoIterator<Item = &'a [u8]> + Clone>) {
        self.has_body = body.is_some();
        if let Some(parts) = body {
            let length: usize = parts.clone().into_iter().map(<[u8]>::len).sum();
            let mut bytes = Vec::with_capacity(self.head_length as usize + length);
            bytes.extend_from_slice(self.head().as_bytes());
            parts.into_iter().for_each(|part| bytes.extend_from_slice(part));
            self.bytes = bytes.into();
            self.ascii = self.after_head().is_ascii();
        }
    }

    /// The same response with another head.
    #[must_use]
    pub fn with_head(&self, head: String) -> Self {
        let mut other = Self::new(self.status, head);
        other.set_body(self.body().map(|body| [body]));
        other
    }

    /// Header fields.
    pub fn fields(&self) -> Fields<'_> {
        Fields::new(self.head().split_once('\n').map_or("", |(_, fields)| fields))
    }

    /// Reason phrase and field lines as they are kept.
    #[allow(unsafe_code)]
    pub fn head(&self) -> &str {
        let head = &self.bytes[..self.head_length as usize];
        debug_assert!(std::str::from_utf8(head).is_ok(), "a head is text");
        // SAFETY: these bytes are those of the `String` that the head was, and nothing changes them.
        unsafe { std::str::from_utf8_unchecked(head) }
    }

    /// Whether the body is ASCII.
    pub fn is_ascii(&self) -> bool {
        self.ascii
    }

    /// The body, where the response had one.
    pub fn body(&self) -> Option<&[u8]> {
        self.has_body.then(|| self.after_head())
    }

    fn after_head(&self) -> &[u8] {
        &self.bytes[self.head_length as usize..]
    }
}
