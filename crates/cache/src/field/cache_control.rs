//! `Cache-Control` and its targeted kin (RFC 9111, section 5.2; RFC 9213).

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
pub struct CacheControl {
    /// Section 5.2.2.5.
    pub no_store: bool,
    /// Section 5.2.2.4.
    pub no_cache: Scope,
    /// Section 5.2.2.7.
    pub private: Scope,
    /// `must-revalidate` or `proxy-revalidate`: nothing stale is served (sections 5.2.2.2 and 5.2.2.8).
    pub revalidate: bool,
    /// Section 5.2.2.1.
    pub max_age: Option<u32>,
    /// Section 5.2.2.10.
    pub s_maxage: Option<u32>,
    /// RFC 5861, section 3.
    pub stale_while_revalidate: Option<u32>,
}

impl CacheControl {
    /// Reads a field value. Unknown directives are passed over; of a repeated one the first counts.
    pub fn parse(value: &str) -> Self {
        let mut read = Self::default();
        for member in members(value) {
            let (name, argument) = match member.split_once('=') {
                Some((name, argument)) => (name.trim_end(), Some(unquote(argument.trim_start()))),
                None => (member, None),
            };
            read.directive(&name.to_ascii_lowercase(), argument);
        }
        read
    }

    fn directive(&mut self, name: &str, argument: Option<&str>) {
        match name {
            "no-store" => self.no_store = true,
            "no-cache" => self.no_cache.widen(argument),
            "private" => self.private.widen(argument),
            "must-revalidate" | "proxy-revalidate" => self.revalidate = true,
            "max-age" => seconds(&mut self.max_age, argument),
            "s-maxage" => seconds(&mut self.s_maxage, argument),
            "stale-while-revalidate" => seconds(&mut self.stale_while_revalidate, argument),
            _ => {}
        }
    }

    /// The freshness lifetime for a shared cache: `s-maxage` before `max-age`.
    pub fn lifetime(&self) -> Option<u32> {
        self.s_maxage.or(self.max_age)
    }
}

fn seconds(slot: &mut Option<u32>, argument: Option<&str>) {
    slot.get_or_insert_with(|| argument.and_then(delta_seconds).unwrap_or(0));
}

/// Whole seconds (RFC 9111, section 1.2.2), at most 2^31 - 1; `None` for what is no number.
pub fn delta_seconds(text: &str) -> Option<u32> {
    const MOST: u32 = i32::MAX as u32;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().map_or(MOST, |value: u32| value.min(MOST)))
}

fn unquote(argument: &str) -> &str {
    argument.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(argument)
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
    fn private_is_told_from_private_for_some_fields() {
        let private = |value: &str| CacheControl::parse(value).private;
        assert_eq!(private("PRIVATE"), Scope::Whole);
        assert!(private("private=Set-Cookie").names("set-cookie"));
        assert!(private("private=\"x-a, Set-Cookie\"").names("set-cookie"));
        assert_eq!(private("private=\"x\", private"), Scope::Whole);
        assert_eq!(private("x=\"private\""), Scope::Nothing);
    }
}
