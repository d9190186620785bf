//! Blocks of field lines.
#![no_main]

use layeron_cache::fuzzing::lines::{FieldState, Fields};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|block: &str| {
    let fields = Fields::new(block);
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in fields.iter() {
        assert_eq!(value.trim_matches([' ', '\t']), value);
        let is_absent = block.lines().any(|line| line == name);
        if !seen.contains(&name) && !is_absent {
            assert_eq!(fields.state(name), FieldState::Value(value), "the first line decides");
            assert_eq!(fields.known(name), Ok(Some(value)));
        }
        assert_ne!(fields.state(name), FieldState::NotSent);
        seen.push(name);
    }
    for name in block.lines().filter(|line| !line.contains(':') && !line.is_empty()) {
        assert!(fields.known(name).is_ok(), "a line without a value says that there is none");
    }
    assert!(seen.contains(&"x-nobody-has-it") || fields.value("x-nobody-has-it").is_none());
});
