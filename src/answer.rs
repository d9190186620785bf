//! A large answer: JavaScript holds a handle, and its body is copied in pieces while it is read.

use layeron_cache::Answer;
use napi::bindgen_prelude::{FromNapiValue, Uint8Array, Unknown};
use napi::{Env, check_status, sys};
use napi_derive::napi;

/// A handle to an answer. It holds the stored response, even after an eviction, until it is
/// released or collected.
#[napi]
pub struct BindingAnswer {
    answer: Option<Answer>,
    head: String,
}

impl BindingAnswer {
    pub(crate) fn new(answer: Answer, head: String) -> Self {
        Self { answer: Some(answer), head }
    }

    fn body(&self) -> &[u8] {
        self.answer.as_ref().and_then(Answer::body).unwrap_or_default()
    }
}

#[napi]
impl BindingAnswer {
    /// Reason phrase and field lines, each ended by a line feed. Also available after the release.
    #[napi]
    pub fn head(&self) -> &str {
        &self.head
    }

    /// Copies bytes of the body, from `from` on, into `target`. Returns how many: 0 at the end and
    /// after the release.
    #[napi]
    pub fn copy(&self, mut target: Uint8Array, from: u32) -> u32 {
        let rest = self.body().get(from as usize..).unwrap_or_default();
        // SAFETY: JavaScript has just created the buffer, and accesses it after this call only.
        #[allow(unsafe_code)]
        let target = unsafe { target.as_mut() };
        let length = rest.len().min(target.len());
        target[..length].copy_from_slice(&rest[..length]);
        length as u32
    }

    /// The body as a string, decoded as UTF-8 with replacement characters.
    ///
    /// # Errors
    /// If it is longer than a string may be.
    #[napi(ts_return_type = "string")]
    #[allow(clippy::trivially_copy_pass_by_ref)]
    pub fn text<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        let body = self.body();
        let is_ascii = self.answer.as_ref().is_some_and(Answer::is_ascii);
        let create =
            if is_ascii { sys::napi_create_string_latin1 } else { sys::napi_create_string_utf8 };
        let mut text = std::ptr::null_mut();
        // SAFETY: the bytes are copied before the call returns, and `text` is a value of `env`
        // then.
        #[allow(unsafe_code)]
        unsafe {
            let made = create(env.raw(), body.as_ptr().cast(), body.len() as isize, &raw mut text);
            check_status!(made, "the text of a body")?;
            Unknown::from_napi_value(env.raw(), text)
        }
    }

    /// Another handle to the same answer, to be released separately.
    #[napi]
    pub fn another(&self) -> Self {
        Self { answer: self.answer.clone(), head: self.head.clone() }
    }

    /// Releases the stored response. The head stays.
    #[napi]
    pub fn release(&mut self) {
        self.answer = None;
    }
}
