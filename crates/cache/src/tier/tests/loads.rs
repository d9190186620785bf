//! Loads from the disk: what they read, and what they wait for.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::*;

const LONG: Duration = Duration::from_mins(1);

#[test]
fn a_large_entry_is_loaded_while_others_are_put() {
    let folder = folder();
    let first = Process::open(&folder);
    first.put("/large", &"x".repeat(15 << 20), &[], fresh());
    first.put("/small", "small", &[], fresh());
    first.end();
    let process = Process::open(&folder);
    let is_loaded = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            while !is_loaded.load(Relaxed) {
                process.put(&format!("/{number}"), "x", &[], fresh());
                process.flush();
                number += 1;
            }
        });
        let load = |path| process.tiers.load(&key(path), Fields::new(""), NOW).unwrap();
        let outcomes = [load("/large"), load("/small")].map(|load| load.wait_for(LONG));
        is_loaded.store(true, Relaxed);
        assert_eq!(outcomes, [Some(Ok(1)), Some(Ok(1))]);
    });
    assert_eq!(process.in_memory("/large").map(|body| body.len()), Some(15 << 20));
}

#[test]
fn a_put_during_a_load_is_never_replaced_by_what_was_loaded() {
    let folder = folder();
    let bounds = Bounds { bytes: 3 << 20, entry_bytes: 1 << 20 };
    let process = Process::bounded(&folder, bounds, ROOMY);
    let body = |version: u32| format!("{version} {}", "x".repeat(900_000));
    for version in 0..60 {
        process.put("/a", &body(version), &[], fresh());
        process.flush();
        let load = process.tiers.load(&key("/a"), Fields::new(""), NOW).unwrap();
        process.put("/a", &body(version + 1), &[], fresh());
        // Evicts the entry from memory, once it is written.
        for filler in 0..4 {
            process.put(&format!("/{filler}"), &body(0), &[], fresh());
        }
        load.wait().unwrap();
        process.flush();
        assert!(process.get("/a").is_none_or(|found| found == body(version + 1)), "{version}");
    }
}
