//! Normalisation of selecting header fields (RFC 9111, section 4.1).

use std::borrow::Cow;

use super::list::members;

/// The normal form of the request field `name` (lower case): one for all values with the same
/// meaning. Only the fields of content negotiation (RFC 9110, section 12.5) have a known grammar:
/// they lose empty members, white space around commas and semicolons and, except in `Accept`, upper
/// case. Members keep their order, because it matters to some handlers. Other fields, and values
/// with a quoted string, stay as they are.
pub fn normal<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    let ignores_case = matches!(name, "accept-charset" | "accept-encoding" | "accept-language");
    if value.contains('"') || !(ignores_case || name == "accept") {
        return value.into();
    }
    let mut normal = String::with_capacity(value.len());
    for member in members(value) {
        if !normal.is_empty() {
            normal.push(',');
        }
        for (at, part) in member.split(';').enumerate() {
            if at > 0 {
                normal.push(';');
            }
            normal.push_str(part.trim_matches([' ', '\t']));
        }
    }
    if ignores_case {
        normal.make_ascii_lowercase();
    }
    normal.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_case_count_only_where_they_mean_something() {
        assert_eq!(normal("accept-language", "EN-us , de; q=0.5,,"), "en-us,de;q=0.5");
        assert_eq!(normal("accept", "Text/HTML, a/b ; q=1"), "Text/HTML,a/b;q=1");
        assert_eq!(normal("accept", "a/b;p=\" , \""), "a/b;p=\" , \"");
        assert_eq!(normal("accept-language", "de, en"), "de,en");
    }

    #[test]
    fn white_space_inside_a_name_or_a_parameter_stays() {
        assert_eq!(normal("accept-encoding", "g zip"), "g zip");
        assert_eq!(normal("accept-encoding", "gzip br, br"), "gzip br,br");
        assert_eq!(normal("accept", "a/b;p = 1 ; q=1"), "a/b;p = 1;q=1");
        assert_eq!(normal("accept-language", "e\tn"), "e\tn");
    }

    #[test]
    fn a_field_whose_grammar_is_not_known_stays_as_it_is() {
        for name in ["cookie", "user-agent", "x-list", "accept-ch", "authorization", "te"] {
            for value in ["a,,c", "a,c", "1,2", "1,,2", "A b , c", "a; b", ""] {
                assert_eq!(normal(name, value), value, "{name}");
            }
        }
    }
}
