//! What is purged or deleted, in memory and on disk.

use super::*;

type Removal = Box<dyn Fn(&Process) -> u64>;

#[test]
fn every_target_removes_from_the_disk_what_it_removes_from_memory() {
    let everything = Invalidation::everything();
    let by_key = Invalidation::remove([Target::Key(key("/p/1").text().to_owned())]);
    let purge =
        |invalidation: Invalidation| move |process: &Process| process.purge(&invalidation).unwrap();
    let removals: [(Removal, &[&str]); 7] = [
        (Box::new(purge(by_key)), &["/p/1"]),
        (Box::new(purge(tagged("t"))), &["/p/1", "/q"]),
        (Box::new(purge(prefixed("https://a.example/p"))), &["/p/1", "/p/2"]),
        (Box::new(purge(prefixed("/p"))), &["/p/1", "/p/2"]),
        (Box::new(purge(everything)), &["/p/1", "/p/2", "/q"]),
        (
            Box::new(|process| {
                let url = Target::Url("https://a.example/p/1".to_owned());
                process.tiers.invalidate(&Invalidation::remove([url]), NOW);
                process.counters.totals().get(Counter::Invalidations)
            }),
            &["/p/1"],
        ),
        (
            Box::new(|process| {
                let (is_removed, completion) =
                    process.tiers.delete(&key("/q"), Fields::new(""), NOW).unwrap();
                completion.unwrap().wait().unwrap();
                is_removed.into()
            }),
            &["/q"],
        ),
    ];
    for (at, (remove, removed)) in removals.iter().enumerate() {
        let folder = folder();
        let (process, other) = (Process::open(&folder), Process::open(&folder));
        process.put("/p/1", "1", &["t"], fresh());
        process.put("/p/2", "2", &[], fresh());
        process.put("/q", "q", &["t"], fresh());
        process.flush();
        let gone = |process: &Process| {
            let paths = ["/p/1", "/p/2", "/q"].into_iter();
            paths.filter(|path| process.get(path).is_none()).collect::<Vec<_>>()
        };
        assert_eq!(gone(&other), [""; 0], "{at}");
        assert_eq!(remove(&process), removed.len() as u64, "{at}");
        process.flush();
        assert_eq!(
            (gone(&process).as_slice(), gone(&other).as_slice()),
            (*removed, *removed),
            "{at}"
        );
        other.end();
        process.end();
        assert_eq!(gone(&Process::open(&folder)), *removed, "{at}");
    }
}

#[test]
fn a_path_is_purged_on_every_host_whatever_the_order_of_their_names() {
    let folder = folder();
    let process = Process::open(&folder);
    let hosts = [
        "http://a.example",
        "https://a.example",
        "https://a.example.org",
        "https://a.example:81",
        "https://b",
    ];
    for host in hosts {
        process.put(&format!("{host}/p/1"), "1", &[], fresh());
        process.put(&format!("{host}/q"), "q", &[], fresh());
    }
    assert_eq!(process.purge(&prefixed("/p/")), Ok(5));
    process.end();
    let again = Process::open(&folder);
    for host in hosts {
        assert_eq!(again.get(&format!("{host}/p/1")), None, "{host}");
        assert_eq!(again.get(&format!("{host}/q")).as_deref(), Some("q"), "{host}");
    }
}

#[test]
fn a_path_is_purged_on_every_host_and_in_every_kind_of_url() {
    let urls = [
        "http://a.example:1/p",
        "https://a.example/p/1",
        "custom://host/p",
        "urn://x",
        "data:,//h/p",
        "a:/p",
    ];
    let other_urls = ["https://a.example/q/p", "https://p/", "https://a.example/P", "urn:p"];
    let folder = folder();
    let process = Process::open(&folder);
    for url in urls.iter().chain(&other_urls) {
        let key = Key::new(url, "ns", "GET", &Names::default(), Fields::new("")).unwrap();
        let entry = NewEntry {
            key: key.text().to_owned(),
            digest: key.digest(),
            variant: key.digest(),
            ..entry("/", &[], fresh())
        };
        process.tiers.put(entry, Some(&[b"a"]), process.tiers.sequence(), NOW).unwrap();
    }
    process.flush();
    let in_memory = process.tiers.memory.apply(&prefixed("/p"), NOW);
    assert_eq!(process.purge(&prefixed("/p")), Ok(in_memory), "the disk agrees with memory");
    assert_eq!(process.tiers.disk_usage().unwrap().entries + in_memory, 10);
}

#[test]
fn an_entry_that_only_the_disk_has_is_deleted() {
    let folder = folder();
    let vary = Selecting { names: Names::new(["accept"]), loosely: false };
    let (key, fields) = (key("/a"), Fields::new("accept:b\n"));
    let roomy = Process::open(&folder);
    let entry = NewEntry {
        variant: key.variant(&vary, fields).unwrap(),
        vary,
        ..entry("/a", &[], fresh())
    };
    roomy.tiers.put(entry, Some(&[&[b'x'; 1_000]]), roomy.tiers.sequence(), NOW).unwrap();
    roomy.end();
    let disk = Some(options(&folder, ROOMY));
    let bounds = Bounds { entry_bytes: 500, ..BOUNDS };
    let narrow = Store::open(&Storage { disk, ..bounds.into() }, "ns/name", &Arc::default());
    assert_eq!(narrow.load(&key, fields, NOW).unwrap().wait(), Ok(0));
    let (_, completion) = narrow.delete(&key, fields, NOW).unwrap();
    completion.unwrap().wait().unwrap();
    narrow.end().unwrap().wait().unwrap();
    let roomy = Process::open(&folder);
    roomy.tiers.load(&key, fields, NOW).unwrap().wait().unwrap();
    assert!(matches!(roomy.tiers.get(&key, fields, NOW), Ok(Found::Miss { .. })));
    assert_eq!(
        roomy.tiers.totals().unwrap().get(Counter::Purges),
        0,
        "what is deleted is not purged"
    );
}

#[test]
fn an_entry_put_after_a_purge_stays_while_the_purge_is_queued() {
    let folder = folder();
    let process = Process::open(&folder);
    process.put("/a", "old", &["t"], fresh());
    let Durable::Pending(completion) = process.tiers.purge(&tagged("t"), NOW) else {
        panic!("there is a disk")
    };
    assert_eq!(process.in_memory("/a"), None, "memory is purged at once");
    process.put("/a", "new", &["t"], fresh());
    assert_eq!(completion.wait(), Ok(1));
    assert_eq!(process.in_memory("/a").as_deref(), Some("new"));
    process.end();
    assert_eq!(Process::open(&folder).get("/a").as_deref(), Some("new"));
}

#[test]
fn a_purge_that_comes_between_a_put_in_memory_and_its_write_holds_that_back() {
    let folder = folder();
    let process = Process::open(&folder);
    let (entry, since) = (entry("/a", &["t"], fresh()), process.tiers.sequence());
    let at_once = &process;
    thread::scope(|scope| {
        let (purged, news) = mpsc::channel();
        let put_and_purge = |entry| {
            let stored = process.tiers.memory.put(entry, Some(&[b"old"]), since, NOW);
            scope.spawn(move || purged.send(at_once.purge(&tagged("t"))));
            // As far as it comes before the put is over, and no further.
            let _ = news.recv_timeout(Duration::from_millis(50));
            stored
        };
        process.tiers.keep(entry, put_and_purge).unwrap();
    });
    process.flush();
    assert_eq!(process.get("/a"), None);
    process.end();
    assert_eq!(Process::open(&folder).get("/a"), None);
}

#[test]
fn a_queued_put_is_written_before_its_key_is_read() {
    let folder = folder();
    let process = Process::open(&folder);
    process.put("/a", "old", &[], fresh());
    process.flush();
    process.put("/a", "new", &[], fresh());
    let (name, digest) = (key("/a").text().to_owned(), key("/a").digest());
    process.tiers.memory.apply(&Invalidation::outdate([Target::Variant(name, digest)]), NOW);
    assert_eq!(process.get("/a").as_deref(), Some("new"));
}

#[test]
fn a_soft_purge_leaves_entries_with_a_stale_window() {
    let folder = folder();
    let process = Process::open(&folder);
    process.put("/stale", "s", &["t"], Freshness { stale_window: 60, ..fresh() });
    process.put("/none", "n", &["t"], fresh());
    assert_eq!(process.purge(&Invalidation::make_stale(tagged("t").targets)), Ok(2));
    process.end();
    let again = Process::open(&folder);
    assert_eq!(again.get("/stale"), None, "who looks first is elected");
    assert_eq!(
        again.in_memory("/stale").as_deref(),
        Some("s"),
        "it is stale, and another caller refreshes it"
    );
    assert_eq!(again.get("/none"), None);
}
