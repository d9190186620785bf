//! What is kept of a response.

use std::sync::Arc;

use crate::field::lines::Fields;

/// A stored response. Never changed once stored: whoever holds it can read it without a lock.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Status code.
    pub status: u16,
    /// Reason phrase and field lines, each ended by a line feed.
    head: Box<str>,
    /// The body; `None` where the response had none, which is not an empty one.
    body: Option<Arc<[u8]>>,
    /// Whether the body is ASCII: a hit need not look at it again.
    ascii: bool,
}

impl Stored {
    /// A response without body; `head` is the reason phrase and the field lines, each ended by a line feed.
    pub fn new(status: u16, head: String) -> Self {
        Self { status, head: head.into(), body: None, ascii: true }
    }

    /// Gives the response its body, before it is stored.
    pub fn set_body(&mut self, body: Option<Arc<[u8]>>) {
        self.ascii = body.as_deref().is_none_or(<[u8]>::is_ascii);
        self.body = body;
    }

    /// The same response with another head; the body is shared.
    #[must_use]
    pub fn with_head(&self, head: String) -> Self {
        Self { status: self.status, head: head.into(), body: self.body.clone(), ascii: self.ascii }
    }

    /// Header fields.
    pub fn fields(&self) -> Fields<'_> {
        Fields::new(self.head.split_once('\n').map_or("", |(_, fields)| fields))
    }

    /// Reason phrase and field lines as they are kept.
    pub fn head(&self) -> &str {
        &self.head
    }

    /// Whether the body is ASCII.
    pub fn is_ascii(&self) -> bool {
        self.ascii
    }

    /// The body, where the response had one.
    pub fn body(&self) -> Option<&[u8]> {
        self.body.as_deref()
    }
}
