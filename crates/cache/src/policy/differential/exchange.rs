//! The exchanges compared: a request, its response, and a later request.

use crate::time::Millis;
use std::fmt;

/// A directive as it is written.
pub struct Directive {
    pub name: String,
    pub argument: Option<String>,
}

impl Directive {
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    pub fn takes_seconds(&self) -> bool {
        [
            "max-age",
            "s-maxage",
            "min-fresh",
            "max-stale",
            "stale-while-revalidate",
            "stale-if-error",
        ]
        .iter()
        .any(|name| self.is(name))
    }

    /// The argument, as far as it is a number in quotes or not.
    pub fn seconds(&self) -> Option<u128> {
        let argument = self.argument.as_deref()?;
        let digits =
            argument.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(argument);
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    }
}

pub fn written(directives: &[Directive]) -> String {
    let written = directives.iter().map(|Directive { name, argument }| match argument {
        Some(argument) => format!("{name}={argument}"),
        None => name.clone(),
    });
    written.collect::<Vec<_>>().join(", ")
}

/// The fields of a message: its `Cache-Control` by directive, and the others.
pub struct Message {
    /// `None` where the message has no such field.
    pub cache_control: Option<Vec<Directive>>,
    pub others: Vec<(&'static str, String)>,
}

impl Message {
    pub fn directives(&self) -> &[Directive] {
        self.cache_control.as_deref().unwrap_or_default()
    }

    pub fn directive(&self, name: &str) -> Option<&Directive> {
        self.directives().iter().find(|directive| directive.is(name))
    }

    pub fn says(&self, name: &str) -> bool {
        self.directive(name).is_some()
    }

    /// Whether it has the directive without an argument.
    pub fn says_all(&self, name: &str) -> bool {
        self.directives().iter().any(|directive| directive.is(name) && directive.argument.is_none())
    }

    /// Whether it has the directive for some fields.
    pub fn says_some(&self, name: &str) -> bool {
        self.directives().iter().any(|directive| directive.is(name) && directive.argument.is_some())
    }

    pub fn other(&self, name: &str) -> Option<&str> {
        self.others.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let cache_control =
            self.cache_control.as_deref().map(|directives| ("cache-control", written(directives)));
        cache_control.into_iter().chain(self.others.iter().cloned()).collect()
    }
}

pub struct Exchange {
    pub request: Message,
    pub status: u16,
    pub response: Message,
    /// How long the response took, in seconds.
    pub delay: Millis,
    /// How much later the other request comes, in seconds.
    pub after: Millis,
    pub later: Message,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fields().iter().try_for_each(|(name, value)| write!(f, " | {name}: {value}"))
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request, status, response, delay, after, later } = self;
        write!(
            f,
            "GET{request}\n    {status}{response}, in {delay} s\n    GET{later}, {after} s later"
        )
    }
}
