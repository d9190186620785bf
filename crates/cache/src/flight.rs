//! Elections and fences: who refreshes a stale entry, and which writes come too late. Nothing is decided here yet;
//! the place is kept because lookups and puts pass through it in this order: rule, key, fence, store.
