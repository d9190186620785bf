//! Bounds the length of a body: by `Content-Length`, and by the bytes that can be stored.

/// Length of a body so far, and its bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLength {
    bytes: u64,
    content_length: Option<u64>,
    max_stored: u64,
}

/// The bound that a body exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exceeded {
    /// `Content-Length`.
    ContentLength,
    /// The bytes that can be stored.
    Storable,
}

impl BodyLength {
    /// An empty body of which at most `max_stored` bytes can be stored.
    pub(crate) fn new(content_length: Option<u64>, max_stored: u64) -> Self {
        Self { bytes: 0, content_length, max_stored }
    }

    /// Counts `bytes` more.
    ///
    /// # Errors
    /// The bound that the body exceeds now; `Content-Length` before the other one.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Exceeded> {
        self.bytes += bytes as u64;
        if self.exceeds_content_length() {
            return Err(Exceeded::ContentLength);
        }
        if self.bytes > self.max_stored { Err(Exceeded::Storable) } else { Ok(()) }
    }

    /// Bytes by which the body can still grow without exceeding a bound.
    pub(crate) fn room(&self) -> u64 {
        self.content_length.unwrap_or(u64::MAX).min(self.max_stored).saturating_sub(self.bytes)
    }

    /// Whether `Content-Length` says that the body cannot be stored.
    pub(crate) fn will_exceed(&self) -> bool {
        self.content_length.is_some_and(|length| length > self.max_stored)
    }

    /// Whether the body is longer than `Content-Length`.
    pub(crate) fn exceeds_content_length(&self) -> bool {
        self.content_length.is_some_and(|length| self.bytes > length)
    }

    /// Whether the body is as long as `Content-Length`, or that is unknown.
    pub(crate) fn is_complete(&self) -> bool {
        self.content_length.is_none_or(|length| self.bytes == length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_complete_only_at_its_content_length() {
        let mut length = BodyLength::new(Some(3), 10);
        assert!(!length.is_complete());
        assert_eq!((length.grow(3), length.is_complete(), length.room()), (Ok(()), true, 0));
        assert_eq!(length.grow(1), Err(Exceeded::ContentLength));
        assert!(!length.is_complete() && length.exceeds_content_length());
    }

    #[test]
    fn a_body_without_content_length_is_bounded_by_what_can_be_stored() {
        let mut length = BodyLength::new(None, 3);
        assert_eq!((length.grow(2), length.is_complete(), length.room()), (Ok(()), true, 1));
        assert_eq!(length.grow(2), Err(Exceeded::Storable));
        assert!(!length.exceeds_content_length() && !length.will_exceed());
    }

    #[test]
    fn a_content_length_beyond_what_can_be_stored_is_known_before_the_body() {
        assert!(BodyLength::new(Some(4), 3).will_exceed());
        assert!(!BodyLength::new(Some(3), 3).will_exceed());
    }
}
