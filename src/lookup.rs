//! The lookup of `match`, the hit path.
//!
//! It is a function by itself on the Node-API, because a method of a class costs as much again as
//! the lookup: unwrapping the object, borrowing it, and reading each argument twice. It takes the
//! text of the request and, if the call sets them, the selecting fields; the time is in the scratch
//! buffer. It returns an answer as one string of bytes, whose parts are described by the words in
//! the scratch buffer, or the number of another outcome.

#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::rc::Rc;

use layeron_cache::{Lookup, State};
use napi::bindgen_prelude::{FromNapiValue, Unknown};
use napi::{Env, check_status, sys};

use crate::convert::{self, time};
use crate::core::{Core, SharedCore};
use crate::outcome::{ANSWER, BYPASSED, CLOSED, MISS, REFRESH, wanted};
use crate::text::Text;

/// Creates the function of a declaration, which it keeps alive.
pub(crate) fn function<'env>(env: &Env, core: SharedCore) -> napi::Result<Unknown<'env>> {
    let data = Rc::into_raw(core).cast_mut().cast::<c_void>();
    let mut function = null_mut();
    // SAFETY: `data` is a counted reference that only the function's finalizer releases.
    unsafe {
        let raw = env.raw();
        check_status!(
            sys::napi_create_function(raw, null(), 0, Some(look_up), data, &raw mut function),
            "a function of the lookup"
        )?;
        check_status!(
            sys::napi_add_finalizer(raw, function, data, Some(finalize), null_mut(), null_mut()),
            "a finalizer of the lookup"
        )?;
        Unknown::from_napi_value(raw, function)
    }
}

unsafe extern "C" fn finalize(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: the reference that `function` has taken, released once.
    drop(unsafe { Rc::from_raw(data.cast::<RefCell<Core>>()) });
}

unsafe extern "C" fn look_up(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut count = 2;
    let mut arguments = [null_mut(); 2];
    let mut data = null_mut();
    // SAFETY: the arrays have the capacity that is passed, and `data` is the reference that the
    // function holds.
    let core = unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &raw mut count,
            arguments.as_mut_ptr(),
            null_mut(),
            &raw mut data,
        );
        &*data.cast::<RefCell<Core>>()
    };
    let mut core = core.borrow_mut();
    // SAFETY: both are values of this call.
    let (request, vary) = unsafe {
        let text = |argument| Text::from_napi_value(env, argument).ok();
        (text(arguments[0]), if count > 1 { text(arguments[1]) } else { None })
    };
    let outcome = request.map_or(CLOSED, |request| decide(&mut core, &request, vary.as_deref()));
    // SAFETY: the bytes are copied before this returns.
    unsafe {
        let mut value = null_mut();
        if outcome == ANSWER && core.waiting.is_none() {
            let bytes = core.scratch.whole();
            sys::napi_create_string_latin1(
                env,
                bytes.as_ptr().cast(),
                bytes.len() as isize,
                &raw mut value,
            );
        } else {
            sys::napi_create_int32(env, outcome, &raw mut value);
        }
        value
    }
}

fn decide(core: &mut Core, text: &str, vary: Option<&str>) -> i32 {
    let Core { cache: Some(cache), scratch, waiting, completion } = core else {
        return CLOSED;
    };
    let now = time(scratch.read_time());
    let (request, tracked_by) = convert::tracked_request(text);
    match cache.look_up(request, vary.map(convert::names).as_ref(), tracked_by, now) {
        Ok(Lookup::Hit(answer, state)) => {
            let fits = scratch.compose(&answer, state == State::Stale, cache.identity());
            *waiting = (!fits).then_some(answer);
            ANSWER
        }
        Ok(Lookup::Miss { since, holds_lease }) => {
            scratch.write_number(since);
            if holds_lease { REFRESH } else { MISS }
        }
        Ok(Lookup::Bypassed) => BYPASSED,
        Err(missing) => wanted(&missing, scratch, completion),
    }
}
