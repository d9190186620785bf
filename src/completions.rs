//! Completions of disk operations by number, for one thread. Operations that share a completion
//! share a number. Numbers are not reused at once, because JavaScript uses a number for a moment
//! longer.

use std::collections::HashMap;
use std::sync::Arc;

use layeron_cache::{Completion, Notifier, Outcome};

use crate::notifier::JsNotifier;
use crate::outcome::NO_COMPLETION;

pub(crate) struct Completions {
    /// `None` for an instance without a disk.
    notifier: Option<Arc<JsNotifier>>,
    open: HashMap<u32, Completion>,
    numbers: HashMap<usize, u32>,
    next: u32,
}

impl Completions {
    pub(crate) fn new(notifier: Option<Arc<JsNotifier>>) -> Self {
        Self { notifier, open: HashMap::new(), numbers: HashMap::new(), next: 0 }
    }

    pub(crate) fn insert(&mut self, completion: Completion) -> u32 {
        if let Some(&known) = self.numbers.get(&completion.address()) {
            return known;
        }
        let number = self.next;
        self.next = (number + 1) % NO_COMPLETION;
        self.numbers.insert(completion.address(), number);
        self.open.insert(number, completion);
        number
    }

    /// Stops waiting for a completion.
    pub(crate) fn forget(&mut self, number: u32) {
        if let Some(completion) = self.open.remove(&number) {
            self.numbers.remove(&completion.address());
        }
    }

    /// The result of a completion, which is removed then. If there is none yet, the notifier is
    /// called when there is.
    pub(crate) fn outcome(&mut self, number: u32) -> Option<Outcome> {
        let (notifier, completion) = (self.notifier.as_ref()?, self.open.get(&number)?);
        let wake: Arc<dyn layeron_cache::Notify> = Arc::<JsNotifier>::clone(notifier);
        let outcome = completion.outcome(Notifier { wake, number })?;
        self.forget(number);
        Some(outcome)
    }
}
