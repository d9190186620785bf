//! Stored responses, and the answers made of them: status, head and body.

mod answer;
mod cache_status;
pub(crate) mod condition;
mod head_writer;
mod stored;

pub use answer::Answer;
pub use cache_status::{CacheStatus, Handling};
pub(crate) use head_writer::{HeadWriter, head_of};
pub use stored::{Label, Parts, Stored};
