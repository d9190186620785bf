//! Field lines: the form in which header fields cross between modules, `name:value\n`, names in
//! lower case.
//!
//! A line without a colon marks a field as absent, which differs from a field that was not sent.

use std::{iter, mem};

use memchr::memchr;
use thiserror::Error;

use super::list::Names;

/// Field lines.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(&'a str);

/// State of a field in field lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldState<'a> {
    /// The sender has not included the field.
    NotSent,
    /// The message does not have the field.
    Absent,
    /// The field's value, outer white space removed.
    Value(&'a str),
}

/// Header fields that a decision needs and the caller has not sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("header fields of the request are missing")]
pub struct MissingFields(pub Names);

impl<'a> FieldState<'a> {
    /// The value, if there is one.
    pub fn value(self) -> Option<&'a str> {
        match self {
            FieldState::Value(value) => Some(value),
            FieldState::NotSent | FieldState::Absent => None,
        }
    }
}

impl<'a> Fields<'a> {
    /// The lines as they were sent.
    pub(crate) fn text(self) -> &'a str {
        self.0
    }

    /// Wraps `block`, whose lines are `name:value` or, for an absent field, `name`.
    pub fn new(block: &'a str) -> Self {
        Self(block)
    }

    /// State of the field `name` (lower case); the first line counts.
    pub fn state(self, name: &str) -> FieldState<'a> {
        let first = name.as_bytes().first();
        // Most lines differ in their first byte, which costs no call.
        let begins_alike = |line: &&str| first.is_none() || line.as_bytes().first() == first;
        for line in lines(self.0).filter(begins_alike) {
            let Some(rest) = line.strip_prefix(name) else { continue };
            match rest.as_bytes().first() {
                None => return FieldState::Absent,
                Some(b':') => return FieldState::Value(trim(&rest[1..])),
                Some(_) => {}
            }
        }
        FieldState::NotSent
    }

    /// The value of the field `name` (lower case), if it has one.
    pub fn value(self, name: &str) -> Option<&'a str> {
        self.state(name).value()
    }

    /// The value of the field `name`; absent differs from not sent.
    ///
    /// # Errors
    /// [`MissingFields`] if the field was not sent.
    pub fn known(self, name: &str) -> Result<Option<&'a str>, MissingFields> {
        match self.state(name) {
            FieldState::Value(value) => Ok(Some(value)),
            FieldState::Absent => Ok(None),
            FieldState::NotSent => Err(MissingFields(Names::new([name]))),
        }
    }

    /// State of each line, with the name of its field, in order.
    pub(super) fn lines(self) -> impl Iterator<Item = (&'a str, FieldState<'a>)> {
        lines(self.0).map(|line| match split(line) {
            Some((name, value)) => (name, FieldState::Value(trim(value))),
            None => (line, FieldState::Absent),
        })
    }

    /// Every field with a value, in order; repeated lines are separate.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        lines(self.0).filter_map(split).map(|(name, value)| (name, trim(value)))
    }
}

/// The lines of a block, as [`str::lines`] has them. `memchr` is faster for lines as short as
/// these, which every lookup reads several times.
fn lines(block: &str) -> impl Iterator<Item = &str> {
    let mut rest = block;
    iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(end) = memchr(b'\n', rest.as_bytes()) else {
            return Some(mem::take(&mut rest));
        };
        let line = &rest[..end];
        rest = &rest[end + 1..];
        Some(line.strip_suffix('\r').unwrap_or(line))
    })
}

/// Name and value of a line that has a colon.
fn split(line: &str) -> Option<(&str, &str)> {
    let colon = memchr(b':', line.as_bytes())?;
    Some((&line[..colon], &line[colon + 1..]))
}

/// Removes the optional white space around a field value (RFC 9110, section 5.5).
fn trim(value: &str) -> &str {
    value.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_an_empty_and_an_unasked_field_differ() {
        let fields = Fields::new("accept:\naccept-language\n");
        assert_eq!(fields.state("accept"), FieldState::Value(""));
        assert_eq!(fields.state("accept-language"), FieldState::Absent);
        assert_eq!(fields.state("accept-lang"), FieldState::NotSent);
    }

    #[test]
    fn a_value_may_hold_colons_and_loses_outer_white_space_only() {
        let fields = Fields::new("x:\t a: b \n");
        assert_eq!(fields.value("x"), Some("a: b"));
    }
}
