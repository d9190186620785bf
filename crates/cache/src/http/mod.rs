//! Syntax of header fields, URLs and path patterns, without any decision.

mod cache_control;
mod cookie;
mod date;
mod index;
mod list;
mod normal;
mod range;
mod request_control;
mod url;
mod validator;

pub mod lines;
pub(crate) mod pattern;

pub use cache_control::{CacheControl, Scope, delta_seconds};
pub use cookie::names as cookie_names;
pub use date::{http_date, seconds as date_seconds};
pub use index::FieldIndex;
pub use list::{Names, field_names, members};
pub use normal::normal;
pub use range::{ByteRange, Requested, requested_range};
pub use request_control::RequestControl;
pub use url::{Uncanonical, canonical, origin, path, query_names};
pub use validator::{EntityTag, entity_tags};
