//! A body under way: written once, read by several at their own pace.
//!
//! As long as it is to be stored all of it is kept. Once it is not, only what somebody has yet to read is, and the writer is to
//! wait for them.

use std::collections::VecDeque;
use std::mem::take;
use std::ops::Deref;
use std::sync::Arc;

use slab::Slab;

use super::flight::Waiter;
use crate::sync::Mutex;

/// The body.
#[derive(Debug, Default)]
pub(crate) struct Body(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    chunks: VecDeque<Arc<[u8]>>,
    /// Chunks that are no longer kept.
    gone: usize,
    /// Bytes of the chunks kept.
    bytes: u64,
    passing: bool,
    end: Option<Result<(), Arc<str>>>,
    /// The number of the chunk that each reader reads next.
    readers: Slab<usize>,
    waiting: Vec<Waiter>,
    writer: Option<Waiter>,
}

/// What there is to read.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// The next bytes.
    Bytes(Arc<[u8]>),
    /// Nothing yet; the reader is told.
    Pending,
    /// Nothing more.
    End,
    /// The body has broken off.
    Broken(Arc<str>),
}

impl Body {
    /// Adds bytes, and returns how many are kept.
    pub(crate) fn append(&self, bytes: Arc<[u8]>) -> u64 {
        let (kept, waiting) = {
            let mut inner = self.0.lock();
            inner.bytes += bytes.len() as u64;
            inner.chunks.push_back(bytes);
            inner.drop_what_is_read();
            (inner.bytes, take(&mut inner.waiting))
        };
        waiting.iter().for_each(Waiter::wake);
        kept
    }

    /// Ends it, and returns all of it, in parts, where all of it is kept.
    pub(crate) fn end(&self, how: Result<(), Arc<str>>) -> Option<Vec<Arc<[u8]>>> {
        let (whole, waiting) = {
            let mut inner = self.0.lock();
            inner.end.get_or_insert(how);
            (inner.whole(), take(&mut inner.waiting))
        };
        waiting.iter().for_each(Waiter::wake);
        whole
    }

    /// Keeps from now on only what somebody has yet to read.
    pub(crate) fn pass(&self) {
        let mut inner = self.0.lock();
        inner.passing = true;
        inner.drop_what_is_read();
    }

    /// Bytes that are kept, and how many there are to read them. `writer` is told when some have been read.
    pub(crate) fn backlog(&self, writer: Waiter) -> (u64, usize) {
        let mut inner = self.0.lock();
        inner.writer = Some(writer);
        (inner.bytes, inner.readers.len())
    }

    /// A new reader, from the beginning; `None` where that is no longer kept.
    pub(crate) fn open(&self) -> Option<usize> {
        let mut inner = self.0.lock();
        (!inner.passing).then(|| inner.readers.insert(0))
    }

    /// What `reader` reads next. Where there is nothing yet, `waiter` is told.
    pub(crate) fn read(&self, reader: usize, waiter: Waiter) -> Read {
        let (read, writer) = self.0.lock().read(reader, waiter);
        if let Some(writer) = writer {
            writer.wake();
        }
        read
    }

    /// The reader reads no more.
    pub(crate) fn close(&self, reader: usize) {
        let writer = {
            let mut inner = self.0.lock();
            inner.readers.try_remove(reader);
            inner.drop_what_is_read();
            inner.writer.take()
        };
        if let Some(writer) = writer {
            writer.wake();
        }
    }

    /// Breaks off for those who hold the others up, where there are any: the slowest reader, while another has read all.
    pub(crate) fn shed(&self) {
        let mut inner = self.0.lock();
        let all = inner.gone + inner.chunks.len();
        let waits = inner.readers.iter().any(|(_, next)| *next == all);
        let slowest = inner.gone;
        if waits {
            inner.readers.retain(|_, next| *next > slowest);
            inner.drop_what_is_read();
        }
    }
}

/// The right to write a body. Dropped, it breaks the body off where that has not come to its end.
#[derive(Debug)]
pub(crate) struct Writing(Arc<Body>);

impl Writing {
    /// A new body.
    pub(crate) fn begin() -> Self {
        Self(Arc::default())
    }

    /// The body, for who reads it.
    pub(crate) fn body(&self) -> &Arc<Body> {
        &self.0
    }
}

impl Deref for Writing {
    type Target = Body;

    fn deref(&self) -> &Body {
        &self.0
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.end(Err("who wrote the body has gone".into()));
    }
}

impl Inner {
    fn read(&mut self, reader: usize, waiter: Waiter) -> (Read, Option<Waiter>) {
        let Some(next) = self.readers.get_mut(reader) else {
            return (Read::Broken("the response was read too slowly".into()), None);
        };
        if let Some(bytes) = self.chunks.get(*next - self.gone) {
            let bytes = Arc::clone(bytes);
            *next += 1;
            self.drop_what_is_read();
            return (Read::Bytes(bytes), self.writer.take());
        }
        match &self.end {
            Some(Ok(())) => (Read::End, None),
            Some(Err(why)) => (Read::Broken(Arc::clone(why)), None),
            None => {
                self.waiting.push(waiter);
                (Read::Pending, None)
            }
        }
    }

    fn drop_what_is_read(&mut self) {
        let needed = self.readers.iter().map(|(_, next)| *next).min().unwrap_or(usize::MAX);
        while self.passing && self.gone < needed {
            let Some(chunk) = self.chunks.pop_front() else { break };
            self.bytes -= chunk.len() as u64;
            self.gone += 1;
        }
    }

    fn whole(&self) -> Option<Vec<Arc<[u8]>>> {
        (!self.passing).then(|| self.chunks.iter().cloned().collect())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::flight::Wake;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[derive(Debug, Default)]
    struct Bell(AtomicU32);

    impl Wake for Bell {
        fn wake(&self, _: u32) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn bell() -> (Arc<Bell>, Waiter) {
        let bell = Arc::<Bell>::default();
        (Arc::clone(&bell), Waiter { wake: bell, number: 0 })
    }

    fn bytes(text: &str) -> Arc<[u8]> {
        text.as_bytes().into()
    }

    #[test]
    fn readers_go_at_their_own_pace_and_are_told_of_what_comes() {
        let (body, (rung, waiter)) = (Body::default(), bell());
        let (first, second) = (body.open().unwrap(), body.open().unwrap());
        assert_eq!(body.read(first, waiter.clone()), Read::Pending);
        assert_eq!(body.append(bytes("ab")), 2);
        assert_eq!(rung.0.load(Ordering::Relaxed), 1);
        assert_eq!(body.read(first, waiter.clone()), Read::Bytes(bytes("ab")));
        assert_eq!(body.append(bytes("c")), 3);
        assert_eq!(body.end(Ok(())), Some(vec![bytes("ab"), bytes("c")]));
        assert_eq!(body.read(first, waiter.clone()), Read::Bytes(bytes("c")));
        assert_eq!(body.read(first, waiter.clone()), Read::End);
        assert_eq!(body.read(second, waiter), Read::Bytes(bytes("ab")));
    }

    #[test]
    fn a_body_that_passes_is_kept_for_the_slowest_reader_alone() {
        let (body, (rung, waiter)) = (Body::default(), bell());
        let (fast, slow) = (body.open().unwrap(), body.open().unwrap());
        body.append(bytes("ab"));
        body.pass();
        assert_eq!(body.open(), None);
        assert_eq!(body.read(fast, waiter.clone()), Read::Bytes(bytes("ab")));
        assert_eq!(body.append(bytes("cd")), 4);
        assert_eq!(body.backlog(waiter.clone()), (4, 2));
        assert_eq!(body.read(slow, waiter.clone()), Read::Bytes(bytes("ab")));
        assert_eq!(rung.0.load(Ordering::Relaxed), 1, "the writer hears of it");
        assert_eq!(body.backlog(waiter.clone()), (2, 2));
        assert_eq!(body.end(Err("cut".into())), None);
        assert_eq!(body.read(fast, waiter.clone()), Read::Bytes(bytes("cd")));
        assert_eq!(body.read(fast, waiter), Read::Broken("cut".into()));
    }

    #[test]
    fn who_holds_others_up_is_left_behind_and_who_is_alone_is_waited_for() {
        let (body, (_, waiter)) = (Body::default(), bell());
        let (fast, slow) = (body.open().unwrap(), body.open().unwrap());
        body.append(bytes("ab"));
        body.pass();
        body.shed();
        assert_eq!(body.backlog(waiter.clone()), (2, 2), "nobody waits");
        body.read(fast, waiter.clone());
        body.shed();
        assert_eq!(body.backlog(waiter.clone()), (0, 1));
        assert!(matches!(body.read(slow, waiter), Read::Broken(_)));
    }
}
