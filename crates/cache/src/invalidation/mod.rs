//! Invalidation: what an operation removes or makes stale, and the fence that drops writes whose
//! content is older.

mod fence;
mod target;

pub(crate) use fence::Fence;
pub use target::{Effect, Invalidation, Target};
