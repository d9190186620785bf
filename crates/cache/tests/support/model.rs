//! The cache as anyone would write it who had all the time and memory in the world: one list,
//! searched from end to end.

use fastrand::Rng;
use layeron_cache::{Cache, Deletion, Effect, Invalidation, Since, Target};

use super::{Content, NOW, PLAIN, Seen, get, look_up, purge, put};

const PATHS: [&str; 4] = ["/p", "/p/1", "/p/2?a=1", "/q"];
const REFRESH_LEASE_MS: i64 = 30_000;

/// Whom an entry answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answers {
    Everyone,
    /// The response names `Accept-Language` in its `Vary`.
    Language(Option<&'static str>),
}

/// An entry of the model. Its number is the number of the put, and its body.
#[derive(Clone, Debug)]
struct Known {
    number: u64,
    key: String,
    answers: Answers,
    tags: Vec<String>,
    fresh_until: i64,
    stale_until: i64,
    elected_at: Option<i64>,
}

/// A purge or delete, as the fence would have to remember it.
#[derive(Clone, Debug)]
enum Purged {
    Key(String),
    Selected(Invalidation),
}

/// A miss whose content is being computed.
#[derive(Clone, Debug)]
struct Build {
    url: String,
    language: Option<&'static str>,
    /// What the cache said to note.
    since: Since,
    /// How many purges there had been, as the model counts them.
    after: usize,
}

/// Drives a cache and a model of it through the same random operations and compares every result.
/// Several drivers may drive one cache at a time: each has a host and tags of its own, and only one
/// that is `alone` purges beyond them.
pub struct Driver<'a> {
    cache: &'a Cache,
    host: String,
    alone: bool,
    rng: Rng,
    now: i64,
    known: Vec<Known>,
    builds: Vec<Build>,
    log: Vec<Purged>,
    puts: u64,
    pub purged: u64,
    pub stored: u64,
    pub fenced: u64,
    pub hits: u64,
    pub elections: u64,
}

impl<'a> Driver<'a> {
    pub fn new(cache: &'a Cache, host: &str, alone: bool, seed: u64) -> Self {
        Self {
            cache,
            host: host.to_owned(),
            alone,
            rng: Rng::with_seed(seed),
            now: NOW,
            known: Vec::new(),
            builds: Vec::new(),
            log: Vec::new(),
            puts: 0,
            purged: 0,
            stored: 0,
            fenced: 0,
            hits: 0,
            elections: 0,
        }
    }

    pub fn step(&mut self) {
        match self.rng.u8(0..100) {
            0..35 => self.match_one(),
            35..65 => self.put_one(),
            65..75 => self.delete_one(),
            75..90 => self.purge_some(),
            _ => self.now += self.rng.i64(0..4_000),
        }
    }

    /// Number of entries that have not expired.
    pub fn live(&self) -> usize {
        self.known.iter().filter(|entry| self.now < entry.stale_until).count()
    }

    fn url(&mut self) -> String {
        let path = self.rng.choice(PATHS).expect("there are paths");
        format!("https://{}{path}", self.host)
    }

    fn language(&mut self) -> Option<&'static str> {
        self.rng.choice([None, Some("de"), Some("en")]).flatten()
    }

    fn tag(&mut self) -> String {
        format!("{}:{}", self.host, self.rng.u8(0..3))
    }

    fn match_one(&mut self) {
        let (url, language) = (self.url(), self.language());
        let expected = self.expected(&url, language);
        let seen = look_up(self.cache, get(&url, &fields(language)), self.now);
        match (&seen, expected) {
            (Seen::Hit(body), Expected::Hit(number)) => {
                assert_eq!(*body, number.to_le_bytes(), "{url} {language:?}");
                self.hits += 1;
            }
            (Seen::Elected(since), Expected::Elected) | (Seen::Miss(since), Expected::Miss) => {
                self.elections += u64::from(matches!(seen, Seen::Elected(_)));
                let since = Since::Sequence(*since);
                self.builds.push(Build { url, language, since, after: self.log.len() });
            }
            (seen, expected) => panic!("{url} {language:?}: {seen:?}, expected {expected:?}"),
        }
    }

    fn expected(&mut self, url: &str, language: Option<&'static str>) -> Expected {
        let now = self.now;
        let Some(entry) = self.find(url, language) else {
            return Expected::Miss;
        };
        if now < entry.fresh_until || entry.elected_at.is_some_and(|at| now - at < REFRESH_LEASE_MS)
        {
            return Expected::Hit(entry.number);
        }
        entry.elected_at = Some(now);
        Expected::Elected
    }

    /// Puts what a miss has led to, or, now and then, something that no miss has.
    fn put_one(&mut self) {
        let build = match self.builds.len() {
            0 => None,
            builds if self.rng.u8(0..4) > 0 => {
                Some(self.builds.swap_remove(self.rng.usize(0..builds)))
            }
            _ => None,
        };
        let (url, language) = match &build {
            Some(build) => (build.url.clone(), build.language),
            None => (self.url(), self.language()),
        };
        self.puts += 1;
        let entry = self.entry(&url, language);
        let fenced = build
            .as_ref()
            .is_some_and(|build| self.log[build.after..].iter().any(|it| it.hits(&entry)));
        let stored =
            self.put(&url, language, &entry, build.map_or(Since::ByKey, |build| build.since));
        assert_eq!(stored, !fenced, "{entry:?}");
        if fenced {
            self.fenced += 1;
            return;
        }
        self.stored += 1;
        self.known.retain(|known| {
            let same = known.key == entry.key && known.answers == entry.answers;
            !same && self.now < known.stale_until
        });
        self.known.push(entry);
    }

    fn entry(&mut self, url: &str, language: Option<&'static str>) -> Known {
        let ttl = self.rng.i64(1..10) * 1_000;
        let window = self.rng.i64(0..60) * 1_000;
        let mut tags: Vec<_> = (0..self.rng.u8(0..3)).map(|_| self.tag()).collect();
        tags.sort();
        tags.dedup();
        Known {
            number: self.puts,
            key: key(url),
            answers: if self.rng.bool() { Answers::Language(language) } else { Answers::Everyone },
            tags,
            fresh_until: self.now + ttl,
            stale_until: self.now + ttl + window,
            elected_at: None,
        }
    }

    fn put(&self, url: &str, language: Option<&str>, entry: &Known, since: Since) -> bool {
        let tags: Vec<_> = entry.tags.iter().map(String::as_str).collect();
        let content = Content {
            body: &entry.number.to_le_bytes(),
            fields: if entry.answers == Answers::Everyone { "" } else { "vary:Accept-Language\n" },
            tags: &tags,
            ttl: ((entry.fresh_until - self.now) / 1_000) as u32,
            window: ((entry.stale_until - entry.fresh_until) / 1_000) as u32,
        };
        let outcome = put(self.cache, get(url, &fields(language)), &content, since, self.now);
        outcome.expect("it has a lifetime").is_ok()
    }

    fn delete_one(&mut self) {
        let (url, language) = (self.url(), self.language());
        let found = self.find(&url, language).map(|entry| entry.number);
        let deleted = self.cache.delete(get(&url, &fields(language)), None, self.now);
        let deleted = deleted.map(|(deletion, _)| deletion);
        let expected = if found.is_some() { Deletion::Removed } else { Deletion::Absent };
        assert_eq!(deleted, Ok(expected), "{url}");
        self.known.retain(|entry| Some(entry.number) != found);
        self.log.push(Purged::Key(key(&url)));
    }

    fn purge_some(&mut self) {
        let invalidation = self.invalidation();
        let selected = |entry: &Known| Purged::Selected(invalidation.clone()).hits(entry);
        let now = self.now;
        let expected =
            self.known.iter().filter(|entry| now < entry.stale_until && selected(entry)).count();
        assert_eq!(purge(self.cache, &invalidation, now), expected as u64, "{invalidation:?}");
        self.purged += expected as u64;
        if invalidation.effect == Effect::MakeStale {
            self.known
                .iter_mut()
                .filter(|entry| selected(entry))
                .for_each(|entry| entry.soften(now));
        } else {
            self.known.retain(|entry| !selected(entry));
        }
        self.log.push(Purged::Selected(invalidation));
    }

    fn invalidation(&mut self) -> Invalidation {
        let soft = self.rng.u8(0..3) == 0;
        let mut targets = Vec::new();
        while targets.is_empty() {
            if self.rng.bool() {
                targets.push(Target::Tag(self.tag()));
            }
            if self.rng.u8(0..4) == 0 {
                targets.push(Target::Key(key(&self.url())));
            }
            if self.rng.u8(0..4) == 0 {
                let path = self.rng.choice(["/p", "/p/", "/q", "/"]).expect("there are prefixes");
                let host = if self.alone && self.rng.bool() {
                    String::new()
                } else {
                    format!("https://{}", self.host)
                };
                targets.push(Target::Prefix(format!("{host}{path}")));
            }
            if self.alone && self.rng.u8(0..30) == 0 {
                targets.push(Target::Everything);
            }
        }
        let effect = if soft { Effect::MakeStale } else { Effect::Remove };
        Invalidation { targets, effect }
    }

    fn find(&mut self, url: &str, language: Option<&'static str>) -> Option<&mut Known> {
        let (now, key) = (self.now, key(url));
        self.known
            .iter_mut()
            .filter(|entry| entry.key == key && now < entry.stale_until)
            .filter(|entry| {
                entry.answers == Answers::Everyone || entry.answers == Answers::Language(language)
            })
            .max_by_key(|entry| entry.number)
    }
}

impl Known {
    fn soften(&mut self, now: i64) {
        self.elected_at = None;
        if now < self.fresh_until {
            self.stale_until -= self.fresh_until - now;
            self.fresh_until = now;
        }
    }
}

impl Purged {
    fn hits(&self, entry: &Known) -> bool {
        match self {
            Self::Key(key) => *key == entry.key,
            Self::Selected(invalidation) => {
                invalidation.targets.iter().any(|target| match target {
                    Target::Everything => true,
                    Target::Key(key) => *key == entry.key,
                    Target::Tag(tag) => entry.tags.contains(tag),
                    Target::Prefix(prefix) => begins(&entry.key, prefix),
                    other => unreachable!("{other:?} is not drawn"),
                })
            }
        }
    }
}

fn begins(key: &str, prefix: &str) -> bool {
    let path = &key[key[8..].find('/').map_or(0, |at| at + 8)..];
    if prefix.starts_with('/') { path.starts_with(prefix) } else { key.starts_with(prefix) }
}

#[derive(Debug)]
enum Expected {
    Hit(u64),
    Elected,
    Miss,
}

fn key(url: &str) -> String {
    format!("{url}#tests;GET")
}

fn fields(language: Option<&str>) -> String {
    match language {
        None => format!("accept-language\n{PLAIN}"),
        Some(language) => format!("accept-language:{language}\n{PLAIN}"),
    }
}
