//! Lists, lists of field names, and the normal form of selecting fields.
#![no_main]

use layeron_cache::fuzzing::{field_names, members, normal};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &str| {
    let list: Vec<&str> = members(value).collect();
    for member in &list {
        assert!(!member.is_empty() && member.trim_matches([' ', '\t']) == *member);
    }
    assert_eq!(
        members(&list.join(",")).collect::<Vec<_>>(),
        list,
        "white space and empty members mean nothing"
    );
    let first: Vec<&str> =
        [Some("a"), Some("\"b,c\"")].into_iter().flatten().chain(list.iter().copied()).collect();
    assert_eq!(
        members(&format!("a, \"b,c\",{value}")).collect::<Vec<_>>(),
        first,
        "members before do not change the others"
    );

    let names = field_names(value);
    let listed: Vec<&str> = names.iter().collect();
    assert!(listed.is_sorted_by(|a, b| a < b), "a set is in order, each once");
    assert_eq!(field_names(&value.to_ascii_uppercase()), names, "field names have no case");
    if names.are_tokens() {
        assert_eq!(field_names(&listed.join(", ")), names);
    }

    for name in ["accept", "accept-encoding", "accept-language", "user-agent", "x-a"] {
        let normal_form = normal(name, value);
        assert_eq!(normal(name, &normal_form), normal_form, "{name} has one form");
        assert!(normal_form.len() <= value.len());
        if !name.starts_with("accept") {
            assert_eq!(normal_form, value, "the grammar of {name} is not known");
        }
    }
});
