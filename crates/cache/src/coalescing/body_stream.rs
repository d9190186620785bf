//! A body in flight: written once, read by several clients at their own pace.
//!
//! While the response can be stored, all of the body is buffered. Once it is stored, readers
//! continue in the stored response. If it is not stored, only what some reader has not read is
//! buffered, and the writer waits for the readers.

use std::collections::VecDeque;
use std::mem::take;
use std::ops::{Deref, Range};
use std::sync::Arc;
use std::thread::{self, ThreadId};

use slab::Slab;

use super::budget::{Budget, Reservation};
use super::notifier::Notifier;
use crate::response::Stored;
use crate::sync::Mutex;
use crate::time::{Millis, UnixMillis};

/// Bytes that a reader gets of a stored body at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// A large body reserves this many times what it holds in advance.
const AHEAD: u64 = 3;

/// The body.
#[derive(Debug)]
pub(crate) struct Body {
    /// The thread that writes it.
    pub(crate) thread: ThreadId,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    chunks: VecDeque<Arc<[u8]>>,
    /// Number of chunks that have been dropped from the buffer.
    dropped: usize,
    /// Bytes in the buffer.
    bytes: u64,
    /// What the buffer holds of the budget of bytes in flight.
    reserved: Reservation,
    /// Whether chunks are dropped once all readers have read them.
    streaming: bool,
    /// The stored response, once its body replaces the chunks.
    stored: Option<Stored>,
    end: Option<Result<(), Arc<str>>>,
    readers: Slab<Position>,
    writer: Option<Notifier>,
    /// Time of the last progress, in milliseconds since 1970.
    progressed_at: UnixMillis,
}

/// State of one reader.
#[derive(Debug)]
struct Position {
    /// The thread that reads.
    thread: ThreadId,
    /// Number of the next chunk or, once the body is stored, offset of the next byte.
    next: usize,
    /// Notified when there is more to read.
    waiter: Option<Notifier>,
    /// Whether the reader was dropped for being slow. It keeps its number until it is closed, so
    /// that no other reader gets the same one.
    is_dropped: bool,
}

/// Whether a buffered body has room in the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// It has room.
    Found,
    /// It has none, and readers have not read all of it: other bodies may free some meanwhile.
    Awaited,
    /// It has none, and its readers have read everything.
    Missing,
}

/// Result of a read.
#[derive(Debug)]
pub enum Read {
    /// The next bytes.
    Bytes(Chunk),
    /// Nothing yet; the reader will be notified.
    Pending,
    /// The body has ended.
    End,
    /// The body broke off, with this message.
    Broken(Arc<str>),
}

/// Bytes of a body, shared and not copied.
#[derive(Clone, Debug)]
pub struct Chunk(Source);

#[derive(Clone, Debug)]
enum Source {
    Chunk(Arc<[u8]>),
    Stored(Stored, Range<usize>),
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Source::Chunk(bytes) => bytes,
            Source::Stored(stored, range) => &stored.body().unwrap_or_default()[range.clone()],
        }
    }
}

impl Body {
    fn new(budget: &Arc<Budget>, now: UnixMillis) -> Self {
        let inner = Mutex::new(Inner {
            chunks: VecDeque::new(),
            dropped: 0,
            bytes: 0,
            reserved: Reservation::new(budget),
            streaming: false,
            stored: None,
            end: None,
            readers: Slab::new(),
            writer: None,
            progressed_at: now,
        });
        Self { thread: thread::current().id(), inner }
    }

    /// Appends bytes. Returns whether the budget has room for them.
    pub(crate) fn append(&self, bytes: Arc<[u8]>, now: UnixMillis) -> bool {
        let (fits, waiting) = {
            let mut inner = self.inner.lock();
            inner.bytes += bytes.len() as u64;
            let fits = inner.reserve();
            inner.progressed_at = now;
            inner.chunks.push_back(bytes);
            inner.drop_read_chunks();
            (fits, inner.take_waiting())
        };
        waiting.iter().for_each(Notifier::wake);
        fits
    }

    /// Ends the body. Returns its chunks if all of them are buffered.
    pub(crate) fn end(&self, how: Result<(), Arc<str>>) -> Option<Vec<Arc<[u8]>>> {
        let (buffered, waiting) = {
            let mut inner = self.inner.lock();
            inner.end.get_or_insert(how);
            (inner.buffered(), inner.take_waiting())
        };
        waiting.iter().for_each(Notifier::wake);
        buffered
    }

    /// Stops buffering what all readers have read.
    pub(crate) fn stream(&self) {
        let mut inner = self.inner.lock();
        inner.streaming = true;
        inner.drop_read_chunks();
        inner.release();
    }

    /// Lets readers continue in `stored`, which has the same body. A small body keeps its chunks.
    pub(crate) fn complete(&self, stored: Stored) {
        let mut inner = self.inner.lock();
        if inner.bytes > CHUNK_BYTES as u64 {
            inner.complete(stored);
        }
    }

    /// Number of bytes in the buffer, and of readers. `writer` is notified when a reader has read.
    pub(crate) fn backlog(&self, writer: Notifier) -> (u64, usize) {
        let mut inner = self.inner.lock();
        inner.writer = Some(writer);
        (inner.bytes, inner.active().count())
    }

    /// Number of readers.
    pub(crate) fn readers(&self) -> usize {
        self.inner.lock().active().count()
    }

    /// Whether the buffered bytes have found room in the budget. If not, and a reader has more to
    /// read, `writer` is notified when it has read.
    pub(crate) fn room(&self, writer: Notifier) -> Room {
        let mut inner = self.inner.lock();
        if !inner.reserved.is_exceeded() {
            return Room::Found;
        }
        let all = inner.dropped + inner.chunks.len();
        if inner.active().all(|reader| reader.next == all) {
            return Room::Missing;
        }
        inner.writer = Some(writer);
        Room::Awaited
    }

    /// Whether the budget has no room for any body.
    pub(crate) fn is_budget_exhausted(&self) -> bool {
        self.inner.lock().reserved.is_exhausted()
    }

    /// Whether the body has not ended and has made no progress for `timeout` milliseconds.
    pub(crate) fn is_stalled(&self, timeout: Millis, now: UnixMillis) -> bool {
        let inner = self.inner.lock();
        inner.end.is_none() && (now - inner.progressed_at).abs() >= timeout
    }

    /// Opens a reader at the start; `None` if the start is no longer buffered.
    pub(crate) fn open(&self) -> Option<usize> {
        let mut inner = self.inner.lock();
        (!inner.streaming).then(|| inner.readers.insert(Position::first()))
    }

    /// Reads the next bytes. `waiter` is notified if there are none yet.
    pub(crate) fn read(&self, reader: usize, waiter: Notifier) -> Read {
        let (read, writer) = self.inner.lock().read(reader, waiter);
        if let Some(writer) = writer {
            writer.wake();
        }
        read
    }

    /// Advances a reader to the end if exactly the last `chunks` chunks are new to it, which its
    /// client received from the writer. Returns whether it did.
    pub(crate) fn skip(&self, reader: usize, chunks: usize) -> bool {
        let mut inner = self.inner.lock();
        let all = inner.dropped + inner.chunks.len();
        let is_buffered = inner.stored.is_none();
        let Some(position) = inner
            .readers
            .get_mut(reader)
            .filter(|reader| is_buffered && !reader.is_dropped && reader.next + chunks == all)
        else {
            return false;
        };
        position.next = all;
        inner.drop_read_chunks();
        true
    }

    /// Closes a reader.
    pub(crate) fn close(&self, reader: usize) {
        let writer = {
            let mut inner = self.inner.lock();
            inner.readers.try_remove(reader);
            inner.drop_read_chunks();
            inner.writer.take()
        };
        if let Some(writer) = writer {
            writer.wake();
        }
    }

    /// Whether readers on other threads have not read all of it.
    pub(crate) fn is_read_by_other_thread(&self) -> bool {
        let inner = self.inner.lock();
        let all = inner.dropped + inner.chunks.len();
        inner.active().any(|reader| reader.next < all && reader.thread != self.thread)
    }

    /// Drops the slowest readers if another reader has read everything and waits.
    pub(crate) fn drop_slowest_readers(&self) {
        let mut inner = self.inner.lock();
        let all = inner.dropped + inner.chunks.len();
        let waits = inner.active().any(|reader| reader.next == all);
        let slowest = inner.dropped;
        if waits && inner.stored.is_none() {
            for (_, reader) in &mut inner.readers {
                reader.is_dropped |= reader.next <= slowest;
            }
            inner.drop_read_chunks();
        }
    }
}

/// The right to write a body. Dropping it before the end breaks the body off.
#[derive(Debug)]
pub(crate) struct BodyGuard(Arc<Body>);

impl BodyGuard {
    /// Creates a body whose bytes count against `budget`.
    pub(crate) fn begin(budget: &Arc<Budget>, now: UnixMillis) -> Self {
        Self(Arc::new(Body::new(budget, now)))
    }

    /// The body, for its readers.
    pub(crate) fn body(&self) -> &Arc<Body> {
        &self.0
    }
}

impl Deref for BodyGuard {
    type Target = Body;

    fn deref(&self) -> &Body {
        &self.0
    }
}

impl Drop for BodyGuard {
    fn drop(&mut self) {
        self.0.end(Err("the response body was aborted: its producer is gone".into()));
    }
}

impl Position {
    /// The start of the body, for a reader on this thread.
    fn first() -> Self {
        Self { thread: thread::current().id(), next: 0, waiter: None, is_dropped: false }
    }
}

impl Inner {
    fn read(&mut self, reader: usize, waiter: Notifier) -> (Read, Option<Notifier>) {
        let Some(position) = self.readers.get_mut(reader).filter(|position| !position.is_dropped)
        else {
            return (Read::Broken("the response was read too slowly".into()), None);
        };
        let next = position.next;
        if let Some(stored) = &self.stored {
            let end = stored.body().map_or(0, <[u8]>::len).min(next + CHUNK_BYTES);
            if next == end {
                return (Read::End, None);
            }
            position.next = end;
            return (Read::Bytes(Chunk(Source::Stored(stored.clone(), next..end))), None);
        }
        if let Some(bytes) = self.chunks.get(next - self.dropped) {
            let bytes = Arc::clone(bytes);
            position.next += 1;
            self.drop_read_chunks();
            return (Read::Bytes(Chunk(Source::Chunk(bytes))), self.writer.take());
        }
        match &self.end {
            Some(Ok(())) => (Read::End, None),
            Some(Err(why)) => (Read::Broken(Arc::clone(why)), None),
            None => {
                position.waiter = Some(waiter);
                (Read::Pending, None)
            }
        }
    }

    /// Readers that have not been dropped.
    fn active(&self) -> impl Iterator<Item = &Position> {
        self.readers.iter().map(|(_, reader)| reader).filter(|reader| !reader.is_dropped)
    }

    fn take_waiting(&mut self) -> Vec<Notifier> {
        self.readers.iter_mut().filter_map(|(_, reader)| reader.waiter.take()).collect()
    }

    fn drop_read_chunks(&mut self) {
        let needed = self.active().map(|reader| reader.next).min().unwrap_or(usize::MAX);
        while self.streaming && self.dropped < needed {
            let Some(chunk) = self.chunks.pop_front() else { break };
            self.bytes -= chunk.len() as u64;
            self.dropped += 1;
        }
        if self.streaming {
            self.release();
        }
    }

    /// Reserves the bytes of the buffered chunks. A large body reserves several times what it
    /// holds: of many that grow together, some then have room for their rest and the others give
    /// way early. Returns whether the budget has room.
    fn reserve(&mut self) -> bool {
        let held = self.reserved.bytes();
        if self.bytes <= held {
            return true;
        }
        let missing = self.bytes - held;
        let ahead = if held < CHUNK_BYTES as u64 || self.streaming {
            missing
        } else {
            missing.max(held * AHEAD)
        };
        let fits = self.reserved.try_grow(ahead) || self.reserved.try_grow(missing);
        if !fits {
            self.reserved.grow(missing);
        }
        fits
    }

    /// Returns bytes that are reserved beyond the buffered chunks.
    fn release(&mut self) {
        self.reserved.shrink(self.reserved.bytes().saturating_sub(self.bytes));
    }

    fn complete(&mut self, stored: Stored) {
        debug_assert!(self.dropped == 0, "all of a stored body is buffered");
        let chunks = take(&mut self.chunks);
        let mut starts = vec![0];
        starts.extend(chunks.iter().scan(0, |end, chunk| {
            *end += chunk.len();
            Some(*end)
        }));
        for (_, reader) in &mut self.readers {
            reader.next = starts[reader.next];
        }
        self.bytes = 0;
        self.release();
        self.stored = Some(stored);
    }

    fn buffered(&self) -> Option<Vec<Arc<[u8]>>> {
        (!self.streaming).then(|| self.chunks.iter().cloned().collect())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::coalescing::Notify;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn body() -> (Arc<Budget>, Body) {
        let budget = Arc::new(Budget::new(200_000));
        let body = Body::new(&budget, 0);
        (budget, body)
    }

    /// What a reader reads next: text, or the state of the body.
    fn text(read: &Read) -> String {
        match read {
            Read::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            Read::Pending => "pending".into(),
            Read::End => "end".into(),
            Read::Broken(why) => format!("broken: {why}"),
        }
    }

    #[derive(Debug, Default)]
    struct Notifications(AtomicU32);

    impl Notify for Notifications {
        fn wake(&self, _: u32) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn notifier() -> (Arc<Notifications>, Notifier) {
        let notifications = Arc::<Notifications>::default();
        (Arc::clone(&notifications), Notifier { wake: notifications, number: 0 })
    }

    fn bytes(text: &str) -> Arc<[u8]> {
        text.as_bytes().into()
    }

    #[test]
    fn readers_read_at_their_own_pace_and_are_notified_of_new_chunks() {
        let ((_, body), (notified, waiter)) = (body(), notifier());
        let (first, second) = (body.open().unwrap(), body.open().unwrap());
        assert_eq!(text(&body.read(first, waiter.clone())), "pending");
        assert!(body.append(bytes("ab"), 0));
        assert_eq!(notified.0.load(Ordering::Relaxed), 1);
        assert_eq!(text(&body.read(first, waiter.clone())), "ab");
        assert!(body.append(bytes("c"), 0));
        assert_eq!(body.end(Ok(())), Some(vec![bytes("ab"), bytes("c")]));
        assert_eq!(text(&body.read(first, waiter.clone())), "c");
        assert_eq!(text(&body.read(first, waiter.clone())), "end");
        assert_eq!(text(&body.read(second, waiter)), "ab");
    }

    #[test]
    fn a_streaming_body_buffers_only_the_unread_part_of_its_slowest_reader() {
        let ((_, body), (notified, waiter)) = (body(), notifier());
        let (fast, slow) = (body.open().unwrap(), body.open().unwrap());
        body.append(bytes("ab"), 0);
        body.stream();
        assert_eq!(body.open(), None);
        assert_eq!(text(&body.read(fast, waiter.clone())), "ab");
        assert!(body.append(bytes("cd"), 0));
        assert_eq!(body.backlog(waiter.clone()), (4, 2));
        assert_eq!(text(&body.read(slow, waiter.clone())), "ab");
        assert_eq!(notified.0.load(Ordering::Relaxed), 1, "the writer is notified");
        assert_eq!(body.backlog(waiter.clone()), (2, 2));
        assert_eq!(body.end(Err("cut".into())), None);
        assert_eq!(text(&body.read(fast, waiter.clone())), "cd");
        assert_eq!(text(&body.read(fast, waiter)), "broken: cut");
    }

    #[test]
    fn the_slowest_reader_is_dropped_only_if_another_reader_waits() {
        let ((_, body), (_, waiter)) = (body(), notifier());
        let (fast, slow) = (body.open().unwrap(), body.open().unwrap());
        body.append(bytes("ab"), 0);
        body.stream();
        body.drop_slowest_readers();
        assert_eq!(body.backlog(waiter.clone()), (2, 2), "no reader waits");
        body.read(fast, waiter.clone());
        body.drop_slowest_readers();
        assert_eq!(body.backlog(waiter.clone()), (0, 1));
        assert!(matches!(body.read(slow, waiter), Read::Broken(_)));
    }

    #[test]
    fn a_dropped_reader_does_not_share_its_number_with_a_later_reader() {
        let ((_, body), (_, waiter)) = (body(), notifier());
        let [fast, slow, between] = [(); 3].map(|()| body.open().unwrap());
        body.append(bytes("a"), 0);
        body.append(bytes("b"), 0);
        for reader in [fast, fast, between] {
            body.read(reader, waiter.clone());
        }
        body.drop_slowest_readers();
        let late = body.open().unwrap();
        let broken = "broken: the response was read too slowly";
        assert_eq!(text(&body.read(slow, waiter.clone())), broken);
        assert_eq!(text(&body.read(late, waiter.clone())), "a");
        body.close(slow);
        assert_eq!(text(&body.read(late, waiter.clone())), "b");
        assert_eq!(text(&body.read(late, waiter)), "pending");
    }

    #[test]
    fn readers_of_a_large_body_continue_in_the_stored_response_and_free_its_budget() {
        let ((budget, body), (_, waiter)) = (body(), notifier());
        let (ahead, behind) = (body.open().unwrap(), body.open().unwrap());
        let (first, second) = ("a".repeat(CHUNK_BYTES), "b".repeat(10));
        body.append(bytes(&first), 0);
        body.append(bytes(&second), 0);
        assert_eq!(text(&body.read(ahead, waiter.clone())), first);
        body.end(Ok(()));
        body.complete(
            Stored::new(200, "\n").with_body(Some(&[first.as_bytes(), second.as_bytes()])),
        );
        assert!(Reservation::new(&budget).try_grow(200_000), "nothing is reserved");
        assert_eq!(text(&body.read(ahead, waiter.clone())), second);
        assert_eq!(text(&body.read(ahead, waiter.clone())), "end");
        assert_eq!(text(&body.read(behind, waiter.clone())), first);
        assert_eq!(text(&body.read(behind, waiter.clone())), second);
        let late = body.open().unwrap();
        assert_eq!(text(&body.read(late, waiter)), first);
    }

    #[test]
    fn readers_of_a_small_body_receive_its_chunks_as_appended() {
        let ((_, body), (_, waiter)) = (body(), notifier());
        let reader = body.open().unwrap();
        body.append(bytes("ab"), 0);
        body.append(bytes("c"), 0);
        body.end(Ok(()));
        body.complete(Stored::new(200, "\n").with_body(Some(&[b"abc"])));
        assert_eq!(text(&body.read(reader, waiter.clone())), "ab");
        assert_eq!(text(&body.read(reader, waiter)), "c");
    }

    #[test]
    fn bytes_beyond_the_budget_are_counted_and_reported() {
        let ((budget, body), (_, waiter)) = (body(), notifier());
        let reader = body.open().unwrap();
        assert!(body.append(vec![0; 150_000].into(), 0));
        assert!(!body.append(vec![0; 60_000].into(), 0));
        assert!(body.is_budget_exhausted());
        body.stream();
        body.read(reader, waiter);
        assert!(!body.is_budget_exhausted(), "chunks read by the only reader are dropped");
        drop(body);
        assert!(Reservation::new(&budget).try_grow(200_000));
    }

    #[test]
    fn a_body_stalls_when_it_has_not_grown_for_the_timeout_but_never_after_its_end() {
        let (_, body) = body();
        assert!(!body.is_stalled(500, 499) && body.is_stalled(500, 500));
        body.append(bytes("a"), 400);
        assert!(!body.is_stalled(500, 899) && body.is_stalled(500, 900));
        body.end(Ok(()));
        assert!(!body.is_stalled(500, 900));
    }

    #[test]
    fn a_reader_skips_the_last_chunks_only_if_it_has_read_all_before_them() {
        let ((_, body), (_, waiter)) = (body(), notifier());
        let (ahead, behind) = (body.open().unwrap(), body.open().unwrap());
        for text in ["a", "b", "c"] {
            body.append(bytes(text), 0);
        }
        assert_eq!(text(&body.read(ahead, waiter.clone())), "a");
        assert!(!body.skip(behind, 2) && !body.skip(ahead, 1));
        body.stream();
        assert!(body.skip(ahead, 2));
        assert_eq!(text(&body.read(ahead, waiter.clone())), "pending");
        assert_eq!(text(&body.read(behind, waiter.clone())), "a");
        assert_eq!(body.backlog(waiter.clone()), (2, 2));
        assert!(body.skip(behind, 2));
        assert_eq!(body.backlog(waiter), (0, 2), "chunks that are skipped are dropped");
    }

    #[test]
    fn a_reader_closed_while_it_waits_is_not_notified() {
        let ((_, body), (notified, waiter)) = (body(), notifier());
        let reader = body.open().unwrap();
        body.read(reader, waiter);
        body.close(reader);
        body.append(bytes("a"), 0);
        assert_eq!(notified.0.load(Ordering::Relaxed), 0);
    }
}
