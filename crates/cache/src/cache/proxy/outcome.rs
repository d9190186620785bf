//! What becomes of the response of a wrapped handler.

use super::body::Fill;
use crate::policy::Refused;
use crate::response::Answer;

/// What becomes of a response of the handler.
#[derive(Debug)]
pub enum Responded {
    /// It goes to its client, with this head, and to nobody else.
    Pass(String, Passed),
    /// The same, and others read along, or it is stored.
    Fill(String, Box<Fill>),
    /// Others read along, or it is stored, and its client, who has it already, is told so.
    Known(Answer, Box<Fill>),
    /// It is answered with this instead.
    Answer(Answer),
    /// The run is to be made again, without conditions.
    Again,
}

/// What else there is to a response that goes to its client alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// Nothing.
    Only,
    /// It is not stored, for this reason.
    Refused(Refused),
    /// It is a refresh that has failed.
    Failed,
    /// Its request has changed something, and what its `Location` and `Content-Location` name is to
    /// be invalidated too (RFC 9111, section 4.4).
    Changed,
}
