//! Outcomes of a handler's response.

use super::body::BodyWriter;
use crate::policy::Uncacheable;
use crate::response::Answer;

/// Outcome of a handler's response.
#[derive(Debug)]
pub enum ResponseOutcome {
    /// The response goes to its own client only, with this head.
    Unshared(String, Unshared),
    /// The response goes to its client, with this head; its body is streamed to waiters or stored.
    Stream(String, Box<BodyWriter>),
    /// The client has its answer already; the body is streamed to waiters or stored.
    Answered(Answer, Box<BodyWriter>),
    /// The client receives this answer instead of the handler's response.
    Answer(Answer),
    /// The handler is run again, without conditions.
    Again,
}

/// Why a response goes to its own client only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unshared {
    /// It is neither shared nor refused: for example the response to a HEAD or a 304 to the client.
    Only,
    /// It is uncacheable, for this reason.
    Uncacheable(Uncacheable),
    /// It is a server error that fails a background refresh.
    Failed,
    /// Its request was unsafe and succeeded: the URLs in its `Location` and `Content-Location` are
    /// invalidated too (RFC 9111, section 4.4).
    Changed,
}
