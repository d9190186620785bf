//! Explanations as objects.

use layeron_cache::{BypassCause, ExplainedEntry, Explanation, State};
use napi_derive::napi;

/// What decides about a request.
#[napi(object)]
pub struct BindingExplanation {
    pub key: String,
    pub url: String,
    pub method: String,
    pub admitted: bool,
    pub rule: Option<u32>,
    pub bypass_kind: Option<String>,
    pub bypass_name: Option<String>,
    pub vary: Vec<BindingSelecting>,
    pub entry: Option<BindingExplainedEntry>,
}

/// A selecting header field and its value in the request.
#[napi(object)]
pub struct BindingSelecting {
    pub name: String,
    pub value: Option<String>,
}

/// An entry; times in milliseconds.
#[napi(object)]
pub struct BindingExplainedEntry {
    pub stale: bool,
    pub age: f64,
    pub lifetime: f64,
    pub stale_window: f64,
    pub tags: Vec<String>,
    pub bytes: f64,
}

impl BindingExplanation {
    pub(crate) fn new(explanation: Explanation<'_>, now: i64) -> Self {
        let (kind, name) = explanation.bypass.map(bypass).unzip();
        Self {
            key: explanation.key,
            url: explanation.url,
            method: explanation.method,
            admitted: explanation.admitted,
            rule: explanation.rule.map(|at| at as u32),
            bypass_kind: kind,
            bypass_name: name,
            vary: explanation
                .vary
                .into_iter()
                .map(|(name, value)| BindingSelecting { name, value })
                .collect(),
            entry: explanation.entry.map(|entry| BindingExplainedEntry::new(entry, now)),
        }
    }
}

impl BindingExplainedEntry {
    #[allow(clippy::cast_precision_loss)]
    fn new(entry: ExplainedEntry, now: i64) -> Self {
        Self {
            stale: entry.state == State::Stale,
            age: entry.times.age(now) as f64,
            lifetime: entry.times.lifetime as f64,
            stale_window: f64::from(entry.times.stale_window) * 1000.0,
            tags: entry.tags,
            bytes: entry.bytes as f64,
        }
    }
}

fn bypass(cause: BypassCause<'_>) -> (String, String) {
    let (kind, name) = match cause {
        BypassCause::Header(name) => ("header", name),
        BypassCause::Cookie(name) => ("cookie", name),
        BypassCause::Query(name) => ("query", name),
        BypassCause::Path(pattern) => ("path", pattern),
    };
    (kind.to_owned(), name.to_owned())
}
