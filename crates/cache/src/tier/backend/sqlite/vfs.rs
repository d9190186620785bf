//! A file system for `SQLite` that fails where a test wants it to, and loses what a power failure
//! would lose.
//!
//! It stands before the platform's own and hands everything through to it, but for what is in a
//! folder that is [`Armed`].
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::{Arc, Once, OnceLock};

use parking_lot::{Condvar, Mutex};
use rusqlite::ffi::{self, sqlite3_file, sqlite3_filename, sqlite3_io_methods, sqlite3_vfs};

/// Bytes that a disk writes as one.
const SECTOR: usize = 512;

/// What is done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Open,
    Read,
    Write,
    Sync,
    Truncate,
    Delete,
}

impl Operation {
    /// Whether it changes what is on the disk.
    pub(crate) fn changes(self) -> bool {
        !matches!(self, Self::Open | Self::Read)
    }
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The device says so.
    Error,
    /// The device says so with every operation of the kind from now on.
    Broken,
    /// There is no room, from now on.
    Full,
    /// Half of what is to be written is written.
    Torn,
    /// Somebody else is at it, this once.
    Busy,
    /// Half of what is to be written is written, and nothing is done any more.
    Crash,
}

impl Failure {
    /// Whether all later operations fail as well.
    pub(crate) fn lasts(self) -> bool {
        matches!(self, Self::Broken | Self::Full | Self::Crash)
    }

    fn code(self, operation: Operation) -> c_int {
        match (self, operation) {
            (Self::Busy, _) => ffi::SQLITE_BUSY,
            (_, Operation::Open) => ffi::SQLITE_CANTOPEN,
            (_, Operation::Read) => ffi::SQLITE_IOERR_READ,
            (Self::Full, Operation::Write) => ffi::SQLITE_FULL,
            (_, Operation::Write) => ffi::SQLITE_IOERR_WRITE,
            (_, Operation::Sync) => ffi::SQLITE_IOERR_FSYNC,
            (_, Operation::Truncate) => ffi::SQLITE_IOERR_TRUNCATE,
            (_, Operation::Delete) => ffi::SQLITE_IOERR_DELETE,
        }
    }
}

/// Which operation is to fail, and how.
#[derive(Clone, Copy, Debug)]
struct Order {
    concerns: fn(Operation) -> bool,
    /// How many of them are done before.
    after: u64,
    failure: Failure,
}

#[derive(Debug, Default)]
struct State {
    order: Option<Order>,
    counted: u64,
    has_crashed: bool,
    /// Files that are open.
    open: usize,
    files: HashMap<PathBuf, Image>,
}

/// A file as far as it would outlive a power failure.
#[derive(Debug, Default)]
struct Image {
    synced: Vec<u8>,
    since: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Written(usize, Vec<u8>),
    CutTo(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Written(at, new) => {
                bytes.resize(bytes.len().max(at + new.len()), 0);
                bytes[*at..at + new.len()].copy_from_slice(new);
            }
            Self::CutTo(length) => bytes.resize(*length, 0),
        }
    }

    /// What of it a power failure leaves.
    fn left(self, rng: &mut fastrand::Rng) -> Option<Self> {
        match (rng.u8(0..4), self) {
            (0, _) => None,
            (1, Self::Written(at, mut new)) => {
                new.truncate(rng.usize(0..=new.len() / SECTOR) * SECTOR);
                Some(Self::Written(at, new))
            }
            (_, change) => Some(change),
        }
    }
}

impl Image {
    fn sync(&mut self) {
        for change in self.since.drain(..) {
            change.apply(&mut self.synced);
        }
    }
}

#[derive(Debug)]
struct Plan {
    folder: PathBuf,
    state: Mutex<State>,
    closed: Condvar,
}

impl Plan {
    /// How an operation fails, if it does.
    fn failure(&self, operation: Operation) -> Option<Failure> {
        let mut state = self.state.lock();
        if state.has_crashed {
            return Some(Failure::Broken);
        }
        let order = state.order.filter(|order| (order.concerns)(operation))?;
        let number = state.counted;
        state.counted += 1;
        let fails = number == order.after || number > order.after && order.failure.lasts();
        state.has_crashed = fails && order.failure == Failure::Crash;
        fails.then_some(order.failure)
    }

    fn note(&self, path: &Path, change: Change) {
        self.state.lock().files.entry(path.to_owned()).or_default().since.push(change);
    }
}

static PLANS: Mutex<Vec<Arc<Plan>>> = Mutex::new(Vec::new());

fn plan_of(path: &Path) -> Option<Arc<Plan>> {
    PLANS.lock().iter().find(|plan| path.starts_with(&plan.folder)).cloned()
}

/// A folder in which operations on files can be made to fail, and syncs do nothing.
#[derive(Debug)]
pub(crate) struct Armed(Arc<Plan>);

impl Armed {
    pub(crate) fn new(folder: &Path) -> Self {
        install();
        let folder = folder.canonicalize().unwrap();
        let plan = Arc::new(Plan { folder, state: Mutex::default(), closed: Condvar::new() });
        PLANS.lock().push(Arc::clone(&plan));
        Self(plan)
    }

    /// Has the operation fail that comes after so many of those that `concerns` names.
    pub(crate) fn fail(&self, concerns: fn(Operation) -> bool, after: u64, failure: Failure) {
        let mut state = self.0.state.lock();
        (state.order, state.counted) = (Some(Order { concerns, after, failure }), 0);
    }

    /// How many operations there were of those that are to fail.
    pub(crate) fn counted(&self) -> u64 {
        self.0.state.lock().counted
    }

    /// From now on nothing fails.
    pub(crate) fn mend(&self) {
        let mut state = self.0.state.lock();
        (state.order, state.has_crashed) = (None, false);
    }

    /// How many files are open.
    pub(crate) fn open(&self) -> usize {
        self.0.state.lock().open
    }

    /// Waits until nobody has a file open.
    pub(crate) fn wait_closed(&self) {
        let mut state = self.0.state.lock();
        self.0.closed.wait_while(&mut state, |state| state.open > 0);
    }

    /// Leaves of what was not synced what a power failure would leave. For when no file is open.
    pub(crate) fn lose(&self, rng: &mut fastrand::Rng) {
        let mut state = self.0.state.lock();
        assert_eq!(state.open, 0, "files are open");
        for (path, Image { mut synced, since }) in state.files.drain() {
            for change in since {
                if let Some(change) = change.left(rng) {
                    change.apply(&mut synced);
                }
            }
            fs::write(path, synced).unwrap();
        }
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        PLANS.lock().retain(|plan| !Arc::ptr_eq(plan, &self.0));
    }
}

/// The platform's own file system.
struct Platform(*mut sqlite3_vfs);

// SAFETY: SQLite uses it from all threads, and so may this.
unsafe impl Send for Platform {}
// SAFETY: as above.
unsafe impl Sync for Platform {}

static PLATFORM: OnceLock<Platform> = OnceLock::new();

fn platform() -> *mut sqlite3_vfs {
    PLATFORM.get().expect("files are opened after the installation").0
}

fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: what is found and what is registered both live as long as the process, and all
        // that is not replaced in the copy goes by its data, which are copied too.
        unsafe {
            let found = ffi::sqlite3_vfs_find(std::ptr::null());
            let _ = PLATFORM.set(Platform(found));
            let ours = Box::leak(Box::new(*found));
            ours.zName = c"failing".as_ptr();
            ours.szOsFile += REAL_AT as c_int;
            ours.xOpen = Some(open);
            ours.xDelete = Some(delete);
            assert_eq!(ffi::sqlite3_vfs_register(ours, 1), ffi::SQLITE_OK);
        }
    });
}

/// A file of a folder that is armed. The platform's own lies behind it.
#[repr(C)]
struct Failing {
    base: sqlite3_file,
    opened: *mut Opened,
}

struct Opened {
    plan: Arc<Plan>,
    path: PathBuf,
}

/// Where the platform's own file begins, aligned for everything.
const REAL_AT: usize = size_of::<Failing>().next_multiple_of(16);

static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 3,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: Some(fetch),
    xUnfetch: Some(unfetch),
};

/// # Safety
/// `name` is null or a text that outlives the result.
unsafe fn path_of<'a>(name: *const c_char) -> Option<&'a Path> {
    // SAFETY: as promised.
    let name = (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) })?;
    Some(Path::new(OsStr::from_bytes(name.to_bytes())))
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    let real = platform();
    // SAFETY: SQLite gives a name that lives as long as the file, and room for the file, which is
    // ours and the platform's behind it.
    unsafe {
        let really = (*real).xOpen.expect("a file system opens files");
        let armed = path_of(name).and_then(|path| Some((path, plan_of(path)?)));
        let Some((path, plan)) = armed else { return really(real, name, file, flags, flags_out) };
        (*file).pMethods = std::ptr::null();
        if let Some(failure) = plan.failure(Operation::Open) {
            return failure.code(Operation::Open);
        }
        let behind = file.byte_add(REAL_AT);
        let outcome = really(real, name, behind, flags, flags_out);
        if outcome == ffi::SQLITE_OK {
            let mut state = plan.state.lock();
            state.open += 1;
            state.files.entry(path.to_owned()).or_insert_with(|| Image {
                synced: fs::read(path).unwrap_or_default(),
                since: Vec::new(),
            });
            drop(state);
            (*file.cast::<Failing>()).opened =
                Box::into_raw(Box::new(Opened { plan, path: path.to_owned() }));
            (*file).pMethods = &raw const METHODS;
        }
        outcome
    }
}

unsafe extern "C" fn delete(_: *mut sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    let real = platform();
    // SAFETY: SQLite gives a text.
    unsafe {
        let path = path_of(name).unwrap_or(Path::new(""));
        if let Some(plan) = plan_of(path) {
            if let Some(failure) = plan.failure(Operation::Delete) {
                return failure.code(Operation::Delete);
            }
            plan.state.lock().files.remove(path);
        }
        (*real).xDelete.expect("a file system deletes files")(real, name, sync)
    }
}

/// # Safety
/// `file` is one that [`open`] has opened.
unsafe fn opened<'a>(file: *mut sqlite3_file) -> &'a Opened {
    // SAFETY: as promised; it lives until the file is closed.
    unsafe { &*(*file.cast::<Failing>()).opened }
}

/// Declares methods that hand through to the platform's own.
macro_rules! handed_through {
    ($($name:ident as $method:ident ($($argument:ident: $type:ty),*) $(-> $result:ty)?;)*) => {$(
        unsafe extern "C" fn $name(file: *mut sqlite3_file $(, $argument: $type)*) $(-> $result)? {
            // SAFETY: SQLite gives a file that is open, behind which lies the platform's own.
            unsafe {
                let real = file.byte_add(REAL_AT);
                (*(*real).pMethods).$method.expect("the platform has it")(real $(, $argument)*)
            }
        }
    )*};
}

handed_through! {
    really_close as xClose() -> c_int;
    really_read as xRead(into: *mut c_void, bytes: c_int, at: i64) -> c_int;
    really_write as xWrite(from: *const c_void, bytes: c_int, at: i64) -> c_int;
    really_truncate as xTruncate(length: i64) -> c_int;
    file_size as xFileSize(length: *mut i64) -> c_int;
    lock as xLock(level: c_int) -> c_int;
    unlock as xUnlock(level: c_int) -> c_int;
    check_reserved_lock as xCheckReservedLock(is_reserved: *mut c_int) -> c_int;
    file_control as xFileControl(what: c_int, argument: *mut c_void) -> c_int;
    sector_size as xSectorSize() -> c_int;
    device_characteristics as xDeviceCharacteristics() -> c_int;
    shm_map as xShmMap(page: c_int, bytes: c_int, extends: c_int, at: *mut *mut c_void) -> c_int;
    shm_lock as xShmLock(first: c_int, locks: c_int, flags: c_int) -> c_int;
    shm_barrier as xShmBarrier();
    shm_unmap as xShmUnmap(deletes: c_int) -> c_int;
    fetch as xFetch(at: i64, bytes: c_int, page: *mut *mut c_void) -> c_int;
    unfetch as xUnfetch(at: i64, page: *mut c_void) -> c_int;
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite closes a file once, which is open until then.
    unsafe {
        let outcome = really_close(file);
        let Opened { plan, .. } = *Box::from_raw((*file.cast::<Failing>()).opened);
        plan.state.lock().open -= 1;
        plan.closed.notify_all();
        outcome
    }
}

unsafe extern "C" fn read(
    file: *mut sqlite3_file,
    into: *mut c_void,
    bytes: c_int,
    at: i64,
) -> c_int {
    // SAFETY: SQLite gives a file that is open, and room for so many bytes.
    unsafe {
        match opened(file).plan.failure(Operation::Read) {
            Some(failure) => failure.code(Operation::Read),
            None => really_read(file, into, bytes, at),
        }
    }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    from: *const c_void,
    bytes: c_int,
    at: i64,
) -> c_int {
    // SAFETY: SQLite gives a file that is open, and so many bytes.
    unsafe {
        let Opened { plan, path } = opened(file);
        let write = |bytes: c_int| {
            let new = slice::from_raw_parts(from.cast::<u8>(), bytes as usize).to_vec();
            plan.note(path, Change::Written(at as usize, new));
            really_write(file, from, bytes, at)
        };
        match plan.failure(Operation::Write) {
            None => write(bytes),
            Some(failure) => {
                if matches!(failure, Failure::Torn | Failure::Crash) {
                    write(bytes / 2);
                }
                failure.code(Operation::Write)
            }
        }
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, length: i64) -> c_int {
    // SAFETY: SQLite gives a file that is open.
    unsafe {
        let Opened { plan, path } = opened(file);
        if let Some(failure) = plan.failure(Operation::Truncate) {
            return failure.code(Operation::Truncate);
        }
        plan.note(path, Change::CutTo(length as usize));
        really_truncate(file, length)
    }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, _: c_int) -> c_int {
    // SAFETY: SQLite gives a file that is open.
    let Opened { plan, path } = unsafe { opened(file) };
    if let Some(failure) = plan.failure(Operation::Sync) {
        return failure.code(Operation::Sync);
    }
    if let Some(image) = plan.state.lock().files.get_mut(path) {
        image.sync();
    }
    ffi::SQLITE_OK
}

#[test]
fn a_power_failure_keeps_synced_writes_and_some_of_the_others() {
    let folder = tempfile::TempDir::new().unwrap();
    let armed = Armed::new(folder.path());
    let path = folder.path().canonicalize().unwrap().join("db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch("CREATE TABLE numbers (number INTEGER); INSERT INTO numbers VALUES (1)")
        .unwrap();
    armed.fail(Operation::changes, 2, Failure::Crash);
    assert!(connection.execute_batch("UPDATE numbers SET number = 2").is_err());
    assert!(
        connection.execute_batch("UPDATE numbers SET number = 2").is_err(),
        "nothing is done any more"
    );
    drop(connection);
    armed.wait_closed();
    armed.lose(&mut fastrand::Rng::with_seed(1));
    armed.mend();
    let connection = rusqlite::Connection::open(&path).unwrap();
    let number: i64 =
        connection.query_row("SELECT number FROM numbers", [], |row| row.get(0)).unwrap();
    assert_eq!(number, 1);
}
