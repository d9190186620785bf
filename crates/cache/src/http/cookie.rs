//! Names in `Cookie` (RFC 6265, section 4.2).

/// The names of the cookies in a `Cookie` field value.
pub fn names(value: &str) -> impl Iterator<Item = &str> {
    value.split(';').filter_map(|pair| pair.split_once('=')).map(|(name, _)| name.trim())
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_whole_and_values_do_not_count() {
        let names: Vec<_> = super::names("a=b=c; session2=x;  q=session; lone").collect();
        assert_eq!(names, ["a", "session2", "q"]);
    }
}
