//! Options of a declaration, checked and resolved by JavaScript.

use layeron_cache::{
    BadPattern, Bounds, Bypass, Invalidation, Names, Policy, Rule, SqliteOptions, Storage, Target,
    Terms, check_pattern,
};
use napi::bindgen_prelude::Either;
use napi_derive::napi;

/// How long a disk that has failed rests before it is tried again, in milliseconds.
const RETRY_AFTER: i64 = 1_000;

/// A declaration.
#[napi(object)]
pub struct BindingOptions {
    pub namespace: String,
    pub name: String,
    pub max_bytes: f64,
    pub max_entry_bytes: f64,
    pub max_in_flight_bytes: f64,
    /// Folder of the disk, if one is configured.
    pub folder: Option<String>,
    pub max_disk_bytes: f64,
    pub terms: BindingTerms,
    pub rules: Vec<BindingRule>,
}

/// Configuration of an instance or a rule.
#[napi(object)]
pub struct BindingTerms {
    pub ttl_seconds: Option<u32>,
    pub stale_while_revalidate_seconds: Option<u32>,
    pub vary: Vec<String>,
    pub tags: Vec<String>,
    /// Whether wrapped handlers receive no cookies.
    pub ignores_cookies: bool,
    /// Whether directives of requests to wrapped handlers are ignored, except `only-if-cached`.
    pub ignores_directives: bool,
}

/// A rule with what it inherits.
#[napi(object)]
pub struct BindingRule {
    pub path: Option<String>,
    pub methods: Vec<String>,
    pub terms: BindingTerms,
    pub bypass_headers: Vec<String>,
    pub bypass_cookies: Vec<String>,
    pub bypass_query: Vec<String>,
}

/// What a purge selects.
#[napi(object)]
pub struct BindingSelector {
    pub key: Option<String>,
    pub tags: Vec<String>,
    /// Prefixes of keys, normalised.
    pub prefixes: Vec<String>,
    pub everything: bool,
    pub soft: bool,
}

/// Why a path pattern cannot be used, or the rest of the budget that the patterns of a declaration
/// share.
#[napi]
#[allow(clippy::needless_pass_by_value)]
pub fn pattern_error(path: String, budget: u32) -> Either<String, u32> {
    let mut left = budget as usize;
    match check_pattern(&path, &mut left) {
        Ok(()) => Either::B(left as u32),
        Err(BadPattern(why)) => Either::A(why),
    }
}

impl BindingOptions {
    pub(crate) fn storage(&self) -> Storage {
        let bounds =
            Bounds { bytes: self.max_bytes as u64, entry_bytes: self.max_entry_bytes as u64 };
        let max_bytes = self.max_disk_bytes as u64;
        let disk = self.folder.as_ref().map(|folder| SqliteOptions {
            folder: folder.into(),
            max_bytes,
            retry_after: RETRY_AFTER,
        });
        Storage { bounds, in_flight_bytes: self.max_in_flight_bytes as u64, disk }
    }

    pub(crate) fn policy(
        terms: BindingTerms,
        rules: Vec<BindingRule>,
    ) -> Result<Policy, BadPattern> {
        let rules = rules.into_iter().map(BindingRule::into_rule).collect::<Result<_, _>>()?;
        Ok(Policy::new(terms.into(), rules))
    }
}

impl BindingRule {
    fn into_rule(self) -> Result<Rule, BadPattern> {
        let bypass = Bypass {
            headers: names(&self.bypass_headers),
            cookies: self.bypass_cookies,
            query: self.bypass_query,
        };
        Rule::new(self.path.as_deref(), self.methods, self.terms.into(), bypass)
    }
}

impl From<BindingTerms> for Terms {
    fn from(terms: BindingTerms) -> Self {
        Self {
            ttl: terms.ttl_seconds,
            stale_while_revalidate: terms.stale_while_revalidate_seconds,
            vary: names(&terms.vary),
            tags: terms.tags,
            ignores_cookies: terms.ignores_cookies,
            ignores_directives: terms.ignores_directives,
        }
    }
}

impl From<BindingSelector> for Invalidation {
    fn from(selector: BindingSelector) -> Self {
        let BindingSelector { key, tags, prefixes, everything, soft } = selector;
        let targets = key.into_iter().map(Target::Key);
        let targets = targets.chain(tags.into_iter().map(Target::Tag));
        let targets = targets.chain(prefixes.into_iter().map(Target::Prefix));
        let targets = targets.chain(everything.then_some(Target::Everything));
        if soft { Self::make_stale(targets) } else { Self::remove(targets) }
    }
}

fn names(list: &[String]) -> Names {
    Names::new(list.iter().map(String::as_str))
}

/// A storage, for a message.
pub(crate) fn in_words(Storage { bounds, in_flight_bytes, disk }: &Storage) -> String {
    let bounds = format!(
        "maxBytes {}, maxEntryBytes {}, maxInFlightBytes {in_flight_bytes}",
        bounds.bytes, bounds.entry_bytes
    );
    match disk {
        None => format!("memory alone, {bounds}"),
        Some(SqliteOptions { folder, max_bytes, .. }) => {
            format!("path {}, maxDiskBytes {max_bytes}, {bounds}", folder.display())
        }
    }
}
