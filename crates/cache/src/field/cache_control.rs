//! `Cache-Control` and its targeted kin (RFC 9111, section 5.2; RFC 9213).

use std::borrow::Cow;

use sfv::{BareItem, Dictionary, Item, ListEntry, Parser};

use super::list::{Names, field_names, members};

/// How far a directive that may name fields reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The directive is not there.
    #[default]
    Nothing,
    /// The whole response.
    Whole,
    /// Only the named header fields.
    Fields(Names),
}

impl Scope {
    /// Whether the directive covers the field `name` (lower case) by name.
    pub fn names(&self, name: &str) -> bool {
        matches!(self, Scope::Fields(names) if names.contains(name))
    }

    fn widen(&mut self, argument: Option<&str>) {
        // An argument that names nothing leaves nothing out.
        let argument = argument.filter(|list| members(list).next().is_some());
        *self = match (argument, std::mem::take(self)) {
            (None, _) | (_, Scope::Whole) => Scope::Whole,
            (Some(list), Scope::Nothing) => Scope::Fields(field_names(list)),
            (Some(list), Scope::Fields(known)) => {
                Scope::Fields(Names::new(known.iter().chain(members(list))))
            }
        };
    }
}

/// The response directives that the cache acts on. Seconds are whole, and saturate at 2^31 - 1 as section 1.2.2
/// of RFC 9111 allows; a value that is no number reads as 0, that is stale (section 4.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
// Directives without an argument are there or not.
#[allow(clippy::struct_excessive_bools)]
pub struct CacheControl {
    /// Section 5.2.2.5.
    pub no_store: bool,
    /// Section 5.2.2.4.
    pub no_cache: Scope,
    /// Section 5.2.2.7.
    pub private: Scope,
    /// Section 5.2.2.2.
    pub must_revalidate: bool,
    /// Section 5.2.2.8.
    pub proxy_revalidate: bool,
    /// Section 5.2.2.3.
    pub must_understand: bool,
    /// Section 5.2.2.9.
    pub public: bool,
    /// Section 5.2.2.1.
    pub max_age: Option<u32>,
    /// Section 5.2.2.10.
    pub s_maxage: Option<u32>,
    /// RFC 5861, section 3.
    pub stale_while_revalidate: Option<u32>,
    /// RFC 5861, section 4.
    pub stale_if_error: Option<u32>,
}

/// The directives of a `Cache-Control` field value: names in lower case, arguments without their quotes.
pub(super) fn directives(value: &str) -> impl Iterator<Item = (String, Option<Cow<'_, str>>)> {
    members(value).map(|member| match member.split_once('=') {
        Some((name, argument)) => {
            (name.trim_end().to_ascii_lowercase(), Some(unquote(argument.trim_start())))
        }
        None => (member.to_ascii_lowercase(), None),
    })
}

impl CacheControl {
    /// Reads a field value. Unknown directives are passed over; of a repeated one the first counts.
    pub fn parse(value: &str) -> Self {
        let mut read = Self::default();
        for (name, argument) in directives(value) {
            read.directive(&name, argument.as_deref());
        }
        read
    }

    /// Reads a targeted field, which is a dictionary of structured fields (RFC 9213, section 2.1); `None` where it is none
    /// or empty, and then the field does not count. Values of the wrong type are passed over.
    pub fn parse_targeted(value: &str) -> Option<Self> {
        let members: Dictionary = Parser::new(value).parse().ok()?;
        let mut read = Self::default();
        for (name, member) in &members {
            read.member(name.as_str(), member);
        }
        (!members.is_empty()).then_some(read)
    }

    fn member(&mut self, name: &str, member: &ListEntry) {
        let ListEntry::Item(Item { bare_item, .. }) = member else { return };
        match (name, bare_item) {
            ("no-cache" | "private", BareItem::String(list)) => self.directive(name, Some(list.as_str())),
            ("no-cache" | "private", BareItem::Token(one)) => self.directive(name, Some(one.as_str())),
            (_, BareItem::Boolean(true)) if !takes_seconds(name) => self.directive(name, None),
            (_, BareItem::Integer(number)) if takes_seconds(name) => {
                self.directive(name, Some(&number.to_string()));
            }
            _ => {}
        }
    }

    fn directive(&mut self, name: &str, argument: Option<&str>) {
        match name {
            "no-store" => self.no_store = true,
            "no-cache" => self.no_cache.widen(argument),
            "private" => self.private.widen(argument),
            "must-revalidate" => self.must_revalidate = true,
            "proxy-revalidate" => self.proxy_revalidate = true,
            "must-understand" => self.must_understand = true,
            "public" => self.public = true,
            "max-age" => seconds(&mut self.max_age, argument),
            "s-maxage" => seconds(&mut self.s_maxage, argument),
            "stale-while-revalidate" => seconds(&mut self.stale_while_revalidate, argument),
            "stale-if-error" => seconds(&mut self.stale_if_error, argument),
            _ => {}
        }
    }

    /// The freshness lifetime for a shared cache: `s-maxage` before `max-age`.
    pub fn lifetime(&self) -> Option<u32> {
        self.s_maxage.or(self.max_age)
    }

    /// Whether nothing stale may be served by a shared cache.
    pub fn revalidates(&self) -> bool {
        self.must_revalidate || self.proxy_revalidate
    }
}

fn takes_seconds(name: &str) -> bool {
    matches!(name, "max-age" | "s-maxage" | "stale-while-revalidate" | "stale-if-error")
}

pub(super) fn seconds(slot: &mut Option<u32>, argument: Option<&str>) {
    slot.get_or_insert_with(|| argument.and_then(delta_seconds).unwrap_or(0));
}

/// Whole seconds (RFC 9111, section 1.2.2), at most 2^31 - 1; `None` for what is no number.
pub fn delta_seconds(text: &str) -> Option<u32> {
    const MOST: u32 = i32::MAX as u32;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().map_or(MOST, |value: u32| value.min(MOST)))
}

/// A quoted string without its quotes and without the backslashes of quoted pairs (RFC 9110, section 5.6.4).
fn unquote(argument: &str) -> Cow<'_, str> {
    let Some(inner) = argument.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) else {
        return argument.into();
    };
    if !inner.contains('\\') {
        return inner.into();
    }
    let mut escaped = false;
    let kept = |&character: &char| {
        escaped = character == '\\' && !escaped;
        !escaped
    };
    inner.chars().filter(kept).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_saturate_and_what_is_no_number_is_stale() {
        let age = |value: &str| CacheControl::parse(value).max_age;
        assert_eq!(age("max-age=60"), Some(60));
        assert_eq!(age("Max-Age = \"60\""), Some(60));
        assert_eq!(age("max-age=99999999999999999999"), Some(2_147_483_647));
        for bad in ["max-age", "max-age=", "max-age=-1", "max-age=1.5", "max-age=+1"] {
            assert_eq!(age(bad), Some(0), "{bad}");
        }
        assert_eq!(age("max-age=1, max-age=2"), Some(1));
        assert_eq!(age("x-max-age=1"), None);
    }

    #[test]
    fn a_targeted_field_is_a_dictionary_or_does_not_count() {
        let age = |value: &str| CacheControl::parse_targeted(value).map(|read| read.max_age);
        assert_eq!(age("max-age=60, foo"), Some(Some(60)));
        assert_eq!(age("max-age=1, max-age=2"), Some(Some(2)), "of a repeated member the last counts");
        assert_eq!(age("max-age=\"60\", no-store"), Some(None));
        assert_eq!(age("max-age=99999999999"), Some(Some(2_147_483_647)));
        for bad in ["", "Max-Age=60", "max-age=60, &&&", "max-age=60,"] {
            assert_eq!(age(bad), None, "{bad}");
        }
        let scope = |value: &str| CacheControl::parse_targeted(value).unwrap().private;
        assert_eq!(scope("private"), Scope::Whole);
        assert!(scope("private=\"x-a, x-b\"").names("x-b"));
    }

    #[test]
    fn private_is_told_from_private_for_some_fields() {
        let private = |value: &str| CacheControl::parse(value).private;
        assert_eq!(private("PRIVATE"), Scope::Whole);
        assert!(private("private=Set-Cookie").names("set-cookie"));
        assert!(private("private=\"x-a, Set-Cookie\"").names("set-cookie"));
        assert_eq!(private("private=\"x\", private"), Scope::Whole);
        assert_eq!(private("x=\"private\""), Scope::Nothing);
    }
}
