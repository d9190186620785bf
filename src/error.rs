//! Errors that calls of the binding throw.

/// An error with a code, which JavaScript turns into an error of the package.
pub(crate) type Thrown = napi::Error<&'static str>;

pub(crate) fn gone() -> Thrown {
    Thrown::new("gone", "there is nothing of this number")
}
