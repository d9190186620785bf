//! Writes heads of responses: the reason phrase and the field lines, each ended by a line feed.

use std::fmt::{Display, Write as _};

use crate::http::lines::Fields;
use crate::policy::ResponseHead;

/// Appends a head to a text. All heads are written by it.
pub(crate) struct HeadWriter<'o>(&'o mut String);

impl<'o> HeadWriter<'o> {
    /// Begins a head with a reason phrase.
    pub(crate) fn begin(out: &'o mut String, reason: &str) -> Self {
        out.extend([reason, "\n"]);
        Self(out)
    }

    /// Begins with a copy of a stored head.
    pub(crate) fn from_head(out: &'o mut String, head: &str) -> Self {
        out.push_str(head);
        Self(out)
    }

    /// Continues a head.
    pub(crate) fn resume(out: &'o mut String) -> Self {
        Self(out)
    }

    /// Appends the fields whose names `keeps` accepts.
    pub(crate) fn fields(&mut self, fields: Fields<'_>, keeps: impl Fn(&str) -> bool) -> &mut Self {
        for (name, value) in fields.iter().filter(|(name, _)| keeps(name)) {
            self.0.extend([name, ":", value, "\n"]);
        }
        self
    }

    /// Appends a field.
    pub(crate) fn field(&mut self, name: &str, value: impl Display) -> &mut Self {
        let written = writeln!(self.0, "{name}:{value}");
        debug_assert!(written.is_ok(), "a String takes all that is written to it");
        self
    }
}

/// The head of a response with the fields that `keeps` accepts. The `replacements` with a value
/// take the place of the response's own fields.
pub(crate) fn head_of(
    head: ResponseHead<'_>,
    keeps: impl Fn(&str) -> bool,
    replacements: &[(&str, Option<&str>)],
) -> String {
    let is_replaced =
        |name: &str| replacements.iter().any(|(known, value)| *known == name && value.is_some());
    let mut text = String::with_capacity(256);
    let mut writer = HeadWriter::begin(&mut text, head.reason);
    writer.fields(head.fields, |name| keeps(name) && !is_replaced(name));
    for (name, value) in replacements {
        if let Some(value) = value {
            writer.field(name, value);
        }
    }
    text
}
