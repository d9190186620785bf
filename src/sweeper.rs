//! The class by which JavaScript removes expired entries. One object per thread.

use layeron_cache::{Sweeper, Swept};
use napi_derive::napi;

use crate::cache::BindingCache;
use crate::convert::time;
use crate::inspection::BindingWarning;

/// The instances that a thread has declared, without keeping them open.
#[napi]
#[derive(Default)]
pub struct BindingSweeper(Sweeper);

/// Outcome of a sweep.
#[napi(object)]
pub struct BindingSwept {
    /// Whether more expired entries are left.
    pub more: bool,
    /// Number of instances that are still open.
    pub watched: u32,
    pub warnings: Vec<BindingWarning>,
}

#[napi]
impl BindingSweeper {
    /// A sweeper without instances.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sweeps the instance of a declaration until it is closed.
    #[napi]
    pub fn watch(&mut self, cache: &BindingCache) {
        if let Some(cache) = &cache.core().borrow().cache {
            self.0.watch(cache);
        }
    }

    /// Removes expired entries of each instance.
    #[napi]
    pub fn sweep(&mut self, now: f64) -> BindingSwept {
        self.0.sweep(time(now)).into()
    }
}

impl From<Swept> for BindingSwept {
    fn from(Swept { more, watched, warnings }: Swept) -> Self {
        let warnings = warnings.into_iter().map(Into::into).collect();
        Self { more, watched: u32::try_from(watched).unwrap_or(u32::MAX), warnings }
    }
}
