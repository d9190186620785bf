//! Keeps files that are mapped into memory off copy-on-write.
//!
//! A file system that copies on write needs a new block for each page that is changed, even if the
//! page has a block. If a write through a memory map finds no free block, the kernel ends the
//! process (`SIGBUS`). `SQLite` maps the index of its write-ahead log, and the processes of a
//! database map their shared memory. On btrfs, files are therefore overwritten in place, as is
//! usual for databases there. Other file systems of this kind were not tried.

use std::fs::File;
use std::path::Path;

/// Makes new files of a folder be overwritten in place, if the file system can do so. Files that
/// the folder has already stay as they are.
pub(super) fn avoid_in(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        avoid(&folder);
    }
}

/// Makes an empty file be overwritten in place, if the file system can do so.
#[cfg(target_os = "linux")]
pub(super) fn avoid(file: &File) {
    use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
    // Other file systems do not know the flag.
    let _ = ioctl_getflags(file).and_then(|flags| ioctl_setflags(file, flags | IFlags::NOCOW));
}

#[cfg(not(target_os = "linux"))]
pub(super) fn avoid(_: &File) {}
