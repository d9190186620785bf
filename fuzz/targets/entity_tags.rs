//! Entity tags: the first line is one, the rest a list.
#![no_main]

use layeron_cache::fuzzing::{EntityTag, entity_tags};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (one, list) = text.split_once('\n').unwrap_or((text, ""));
    for tag in entity_tags(list) {
        assert!(tag.weakly_equals(&tag), "a tag is weakly equal to itself");
        let other = EntityTag::parse(one);
        for other in entity_tags(list).chain(other) {
            assert_eq!(tag.weakly_equals(&other), other.weakly_equals(&tag));
            assert_eq!(tag.strongly_equals(&other), other.strongly_equals(&tag));
            assert!(
                !tag.strongly_equals(&other) || tag.weakly_equals(&other),
                "what is the same is not less so weakly"
            );
        }
    }
    let opaque = one.strip_prefix("W/").unwrap_or(one);
    let Some(tag) = EntityTag::parse(one).filter(|_| is_opaque(opaque)) else {
        return;
    };
    let weak = format!("W/{opaque}");
    let weak = EntityTag::parse(&weak).expect("a weak tag is one");
    assert!(
        weak.weakly_equals(&tag) && !weak.strongly_equals(&tag),
        "a weak tag is not strongly equal to any"
    );
    let with = format!("{one}, {list}");
    assert_eq!(entity_tags(&with).next(), Some(tag), "a tag is found at the head of a list");
});

/// Whether a tag has only characters that RFC 9110, section 8.8.3, allows.
fn is_opaque(tag: &str) -> bool {
    let inner = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| !inner.contains('"') && !inner.contains(char::is_control))
}
