//! The class through which the face has expired entries freed. One object a thread.

use layeron_cache::{Sweeper, Swept, Warning};
use napi_derive::napi;

use crate::cache::{BindingCache, time};

/// The instances that a thread has declared, none of which it keeps.
#[napi]
#[derive(Default)]
pub struct BindingSweeper(Sweeper);

/// What a sweep has come to.
#[napi(object)]
pub struct BindingSwept {
    /// There are more expired entries.
    pub more: bool,
    /// Instances that are still there.
    pub watched: u32,
    pub warnings: Vec<BindingWarning>,
}

/// What there is to warn of about the storage of an instance.
#[napi(object)]
pub struct BindingWarning {
    pub identity: String,
    pub message: String,
}

#[napi]
impl BindingSweeper {
    /// Watches nothing yet.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sweeps the instance of a declaration from now on, until it ends.
    #[napi]
    pub fn watch(&mut self, cache: &BindingCache) {
        if let Some(cache) = &cache.core().borrow().cache {
            self.0.watch(cache);
        }
    }

    /// Removes some expired entries of each instance.
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

impl From<Warning> for BindingWarning {
    fn from(Warning { identity, message }: Warning) -> Self {
        Self { identity, message }
    }
}
