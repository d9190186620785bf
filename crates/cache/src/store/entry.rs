//! What is kept of a response.

use crate::field::Names;
use crate::field::lines::Fields;
use crate::key::Digest;
use crate::policy::Freshness;

/// A stored response. Never changed once stored: whoever holds it can read it without a lock.
#[derive(Debug)]
pub struct Stored {
    /// Status code.
    pub status: u16,
    /// Reason phrase and field lines, each ended by a line feed.
    head: Box<str>,
    /// The body; `None` where the response had none, which is not an empty one.
    body: Option<Box<[u8]>>,
    /// The entry's times.
    pub times: Freshness,
}

impl Stored {
    /// A response without body; `head` is the reason phrase and the field lines, each ended by a line feed.
    pub fn new(status: u16, head: String, times: Freshness) -> Self {
        Self { status, head: head.into(), body: None, times }
    }

    /// Gives the response its body, before it is stored.
    pub fn set_body(&mut self, body: Option<Box<[u8]>>) {
        self.body = body;
    }

    /// Reason phrase.
    pub fn reason(&self) -> &str {
        self.head.split_once('\n').map_or("", |(reason, _)| reason)
    }

    /// Header fields.
    pub fn fields(&self) -> Fields<'_> {
        Fields::new(self.head.split_once('\n').map_or("", |(_, fields)| fields))
    }

    /// Reason phrase and field lines as they are kept.
    pub fn head(&self) -> &str {
        &self.head
    }

    /// The body, where the response had one.
    pub fn body(&self) -> Option<&[u8]> {
        self.body.as_deref()
    }

    /// Bytes of head and body.
    pub fn payload_bytes(&self) -> usize {
        self.head.len() + self.body().map_or(0, <[u8]>::len)
    }
}

/// An entry on its way into the store.
#[derive(Debug)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// The key's digest.
    pub digest: Digest,
    /// The digest of this variant of the key; the key's own where the response has no `Vary` of its own.
    pub variant: Digest,
    /// The response's own selecting fields, without those in the key.
    pub vary: Names,
    /// Tags, each once.
    pub tags: Vec<String>,
    /// The response.
    pub stored: Stored,
}
