//! Ends the tier when one of its threads panics, so that no caller waits for a thread that is gone.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::error::TierError;
use super::load_queue::Loads;
use super::state::TierState;
use super::write_behind::Queue;

/// Fails the tier for good if it is dropped by a panic.
#[derive(Clone, Debug)]
pub(super) struct PanicGuard {
    pub(super) state: Arc<TierState>,
    pub(super) queue: Arc<Queue>,
    pub(super) loads: Arc<Loads>,
}

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if thread::panicking() {
            self.state.stop(TierError::Panicked);
            self.queue.abort();
            self.loads.abort();
        }
    }
}

/// Starts a thread of the tier.
pub(super) fn spawn(
    name: &str,
    guard: PanicGuard,
    run: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(format!("layeron-{name}")).spawn(move || {
        let _guard = guard;
        run();
    })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;
    use crate::invalidation::Invalidation;
    use crate::memory::{Bounds, Memory};
    use crate::tier::backend::sqlite::{SqliteOpener, SqliteOptions};
    use crate::tier::lower::LowerTier;

    #[test]
    fn callers_of_a_tier_get_errors_after_a_thread_has_panicked() {
        let folder = TempDir::new().unwrap();
        let folder = folder.path().to_owned();
        let options = SqliteOptions { folder, max_bytes: 1 << 30, retry_after: 10 };
        let memory = Arc::new(Memory::new(Bounds { bytes: 1 << 20, entry_bytes: 1 << 20 }));
        let tier = LowerTier::open(
            Box::new(SqliteOpener::new(options, "ns/name")),
            10,
            1 << 30,
            memory,
            Arc::default(),
        );
        let guard = PanicGuard {
            state: Arc::clone(&tier.state),
            queue: Arc::clone(&tier.queue),
            loads: Arc::clone(&tier.loads),
        };
        let panicked = thread::spawn(move || {
            let _guard = guard;
            panic!("as a fault of the library would");
        });
        assert!(panicked.join().is_err());
        assert_eq!(tier.error(), Some(TierError::Panicked));
        let purged = tier.invalidate(0, |_| Ok((Invalidation::everything(), None, ())));
        let outcomes = [purged.unwrap().1, tier.flush(), tier.end(), tier.load("key", "", 0)];
        let outcomes = outcomes.map(|completion| completion.wait_for(Duration::from_secs(30)));
        let failed = Some(Err(TierError::Panicked));
        assert_eq!(outcomes, [failed.clone(), failed, Some(Err(TierError::Closed)), Some(Ok(0))]);
    }
}
