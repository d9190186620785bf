//! Counts comparisons in instrumented code. Code whose name begins with `__sanitizer_` is not
//! instrumented itself.

use std::ptr::{read_volatile, write_volatile};

static mut STEPS: u64 = 0;

/// The steps that `run` takes. For one thread.
pub fn count(run: impl FnOnce()) -> u64 {
    // SAFETY: nothing else of this program runs on another thread.
    unsafe {
        let before = read_volatile(&raw const STEPS);
        run();
        read_volatile(&raw const STEPS) - before
    }
}

macro_rules! steps {
    ($($name:ident($($argument:ty),*);)*) => {$(
        #[unsafe(no_mangle)]
        extern "C" fn $name($(_: $argument),*) {
            // SAFETY: as above.
            unsafe { write_volatile(&raw mut STEPS, read_volatile(&raw const STEPS).wrapping_add(1)) }
        }
    )*};
}

steps! {
    __sanitizer_cov_trace_cmp1(u8, u8);
    __sanitizer_cov_trace_cmp2(u16, u16);
    __sanitizer_cov_trace_cmp4(u32, u32);
    __sanitizer_cov_trace_cmp8(u64, u64);
    __sanitizer_cov_trace_const_cmp1(u8, u8);
    __sanitizer_cov_trace_const_cmp2(u16, u16);
    __sanitizer_cov_trace_const_cmp4(u32, u32);
    __sanitizer_cov_trace_const_cmp8(u64, u64);
    __sanitizer_cov_trace_switch(u64, *const u64);
}

macro_rules! unused {
    ($($name:ident($($argument:ty),*);)*) => {$(
        #[unsafe(no_mangle)]
        extern "C" fn $name($(_: $argument),*) {}
    )*};
}

unused! {
    __sanitizer_cov_8bit_counters_init(*const u8, *const u8);
    __sanitizer_cov_pcs_init(*const usize, *const usize);
    __sanitizer_cov_trace_pc_indir(usize);
}
