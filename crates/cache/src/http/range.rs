//! `Range` (RFC 9110, section 14.2) over a complete body.

use http_range_header::{RangeUnsatisfiableError, parse_range_header};

/// First and last byte of a range, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// Offset of the first byte.
    pub first: usize,
    /// Offset of the last byte.
    pub last: usize,
}

/// What `Range` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requested {
    /// The whole body: no byte range, a malformed one or several, which section 14.2 allows a
    /// server to ignore.
    Whole,
    /// One part.
    Part(ByteRange),
    /// Nothing that the body has (section 15.5.17).
    Unsatisfiable,
}

/// Parses `Range` for a body of `length` bytes.
pub fn requested_range(value: &str, length: usize) -> Requested {
    let Ok(parsed) = parse_range_header(value) else {
        return Requested::Whole;
    };
    if parsed.len() > 1 {
        return Requested::Whole;
    }
    match parsed.validate(length as u64) {
        Ok(ranges) => match ranges.as_slice() {
            [one] => Requested::Part(ByteRange {
                first: *one.start() as usize,
                last: *one.end() as usize,
            }),
            _ => Requested::Whole,
        },
        Err(RangeUnsatisfiableError::Unsatisfiable) => Requested::Unsatisfiable,
        Err(_) => Requested::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_served_and_several_or_malformed_ones_are_ignored() {
        let part = |first, last| Requested::Part(ByteRange { first, last });
        assert_eq!(requested_range("bytes=0-3", 10), part(0, 3));
        assert_eq!(requested_range("bytes=7-", 10), part(7, 9));
        assert_eq!(requested_range("bytes=-4", 10), part(6, 9));
        assert_eq!(requested_range("bytes=0-99", 10), part(0, 9));
        assert_eq!(requested_range("bytes=-99", 10), part(0, 9));
        for whole in ["bytes=0-1, 4-5", "bytes=0-1, 99-", "bytes=5-2", "bytes=", "items=0-1", "0-1"]
        {
            assert_eq!(requested_range(whole, 10), Requested::Whole, "{whole}");
        }
        assert_eq!(requested_range("bytes=10-", 10), Requested::Unsatisfiable);
        assert_eq!(requested_range("bytes=-0", 10), Requested::Unsatisfiable);
        assert_eq!(requested_range("bytes=0-", 0), Requested::Unsatisfiable);
    }
}
