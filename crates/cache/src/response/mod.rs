//! Stored responses, and the answers that are made of them: their status, head and body.

mod answer;
mod cache_status;
pub(crate) mod condition;
mod stored;

pub use answer::Answer;
pub use cache_status::{CacheStatus, Handled};
pub use stored::{Label, Parts, Stored};
