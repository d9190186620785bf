//! Continues invalidations of many entries in memory, on a thread of its own that all instances
//! share: slice by slice and in turn, so that neither an event loop nor a lookup waits for long.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

use super::completion::{Completion, Promise};
use crate::memory::{Continuation, Memory, Progress};
use crate::stats::{Counter, Counters};

/// Where the removed entries are counted.
pub(super) type CountedBy = Option<(Arc<Counters>, Counter)>;

/// An invalidation that has taken effect and has entries left to remove.
struct Removal {
    memory: Arc<Memory>,
    continuation: Continuation,
    counted_by: CountedBy,
    promise: Promise,
}

/// Removals of all instances.
struct Queue {
    removals: VecDeque<Removal>,
    has_thread: bool,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue { removals: VecDeque::new(), has_thread: false });

/// Completes an invalidation of memory: at once if it is done, otherwise in the background. The
/// completion returns how many live entries it has selected.
pub(super) fn complete(
    memory: &Arc<Memory>,
    progress: Progress,
    counted_by: CountedBy,
) -> Completion {
    match progress {
        Progress::Done(live) => {
            count(&counted_by, live);
            Completion::completed(Ok(live))
        }
        Progress::Continues(continuation) => {
            let promise = Promise::new();
            let completion = promise.completion();
            let memory = Arc::clone(memory);
            push(Removal { memory, continuation, counted_by, promise });
            completion
        }
    }
}

fn push(removal: Removal) {
    let mut queue = QUEUE.lock();
    queue.removals.push_back(removal);
    if queue.has_thread {
        return;
    }
    queue.has_thread = true;
    drop(queue);
    if thread::Builder::new().name("layeron-removal".to_owned()).spawn(run).is_err() {
        // Without a thread, the caller removes the entries.
        run();
    }
}

/// Runs until there are no removals.
fn run() {
    loop {
        let next = {
            let mut queue = QUEUE.lock();
            let next = queue.removals.pop_front();
            queue.has_thread = next.is_some();
            next
        };
        let Some(removal) = next else { return };
        match removal.memory.resume(removal.continuation) {
            Progress::Done(live) => {
                count(&removal.counted_by, live);
                removal.promise.complete(Ok(live));
            }
            Progress::Continues(_) => {
                QUEUE.lock().removals.push_back(removal);
                // Callers that wait for the lock of the store come first.
                thread::yield_now();
            }
        }
    }
}

fn count(counted_by: &CountedBy, live: u64) {
    if let Some((counters, counter)) = counted_by {
        counters.add(*counter, live);
    }
}
