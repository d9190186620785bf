//! Values of selecting header fields that mean the same (RFC 9111, section 4.1).

use std::borrow::Cow;

use super::list::members;

/// The value of the request field `name` (lower case) in the one form of all that mean the same: without white space around the
/// commas of a list, for the fields of content negotiation without any, and in lower case where they know no case. The order stays,
/// because there are handlers to which it matters. A value with a quoted string is kept as it is.
pub fn normal<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    let caseless = matches!(name, "accept-charset" | "accept-encoding" | "accept-language");
    let negotiates = caseless || name == "accept";
    if value.contains('"') || !(negotiates || value.contains(',')) {
        return value.into();
    }
    let mut written = String::with_capacity(value.len());
    for member in members(value) {
        if !written.is_empty() {
            written.push(',');
        }
        let kept = |character: &char| !negotiates || !matches!(character, ' ' | '\t');
        written.extend(member.chars().filter(kept));
    }
    if caseless {
        written.make_ascii_lowercase();
    }
    written.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_case_count_only_where_they_mean_something() {
        assert_eq!(normal("accept-language", "EN-us , de; q=0.5,,"), "en-us,de;q=0.5");
        assert_eq!(normal("accept", "Text/HTML, a/b ; q=1"), "Text/HTML,a/b;q=1");
        assert_eq!(normal("accept", "a/b;p=\" , \""), "a/b;p=\" , \"");
        assert_eq!(normal("user-agent", "A b , c"), "A b,c");
        assert_eq!(normal("accept-language", "de, en"), "de,en");
    }
}
