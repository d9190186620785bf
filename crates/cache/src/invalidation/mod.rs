//! What was purged and when, on a sequence of its own and not by the clock.

mod fence;
mod selector;

pub(crate) use fence::{Fence, Purged};
pub use selector::Selector;
