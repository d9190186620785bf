//! Text arguments, read in one step.

use std::ops::Deref;

use napi::bindgen_prelude::{FromNapiValue, TypeName, ValidateNapiValue};
use napi::{Result, ValueType, check_status, sys};

/// Shorter texts are read without asking for their length first, which costs as much as reading
/// them.
const USUAL_BYTES: usize = 1024;

/// A string argument.
pub struct Text(String);

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl TypeName for Text {
    fn type_name() -> &'static str {
        "string"
    }

    fn value_type() -> ValueType {
        ValueType::String
    }
}

impl ValidateNapiValue for Text {}

impl FromNapiValue for Text {
    #[allow(unsafe_code)]
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        let mut bytes: Vec<u8> = Vec::with_capacity(USUAL_BYTES);
        let mut length = 0;
        // SAFETY: `env` and `value` are those of the call; the vector has the capacity that is
        // passed, of which the engine fills `length` bytes and a terminator.
        unsafe {
            let room = bytes.capacity();
            let status = sys::napi_get_value_string_utf8(
                env,
                value,
                bytes.as_mut_ptr().cast(),
                room,
                &raw mut length,
            );
            check_status!(status, "the text of a call is a string")?;
            // A character takes up to four bytes, so a text that ends this close to the end may be
            // truncated.
            if length + 4 >= room {
                return Ok(Self(String::from_napi_value(env, value)?));
            }
            bytes.set_len(length);
        }
        Ok(Self(
            String::from_utf8(bytes)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        ))
    }
}
