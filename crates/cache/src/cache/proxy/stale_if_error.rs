//! The story of a handler that fails: who is served the stale response instead, and who is told
//! (RFC 5861, section 4).

use std::sync::Arc;

use crate::cache::instance::Instance;
use crate::cache::proxy::lookup::{Run, answer_to};
use crate::cache::proxy::outcome::{Passed, Responded};
use crate::cache::proxy::reply::{Reply, forwarded};
use crate::cache::{Cache, Request, Wanted};
use crate::coalescing::Failure;
use crate::memory::Selected;
use crate::response::Answer;
use crate::response::Handled;
use crate::stats::count;

/// What becomes of a run that came to no response.
#[derive(Debug)]
pub enum Failed {
    /// The stale response is served.
    Answer(Answer),
    /// The run has failed for all that waited.
    Failure(Option<Arc<Failure>>),
}

impl Cache {
    /// A run has come to no response.
    ///
    /// # Errors
    /// [`Wanted`] where the request does not tell enough. Nothing has happened then.
    pub fn fail(
        &self,
        run: &mut Run,
        request: Request<'_>,
        message: &str,
        now: i64,
    ) -> Result<Failed, Wanted> {
        if run.background {
            self.put_off(run, request, message, now);
            return Ok(Failed::Failure(None));
        }
        let answer = self.despite_failure(run.selected.as_ref(), request, now)?;
        let failure = run.lead.take().map(|lead| lead.fail(message, request.fingerprint, now));
        let why = Handled::Forwarded {
            why: run.why.word(),
            status: None,
            stored: false,
            collapsed: false,
        };
        Ok(answer.map_or(Failed::Failure(failure), |answer| Failed::Answer(answer.told(why, None))))
    }

    /// The handler has thrown an answer for its own client, of `status` where that is known: it is
    /// neither shared nor a failure. A resource that is gone is not served stale any longer; a
    /// background run, which has no client, has failed otherwise.
    pub fn thrown_answer(
        &self,
        run: &mut Run,
        request: Request<'_>,
        status: Option<u16>,
        now: i64,
    ) {
        if matches!(status, Some(404 | 410)) {
            if let Some(Selected { held, .. }) = run.selected.take() {
                self.instance().store.retire(&held);
            }
        } else if run.background {
            self.put_off(run, request, "the handler threw an answer", now);
        }
        if let Some(lead) = run.lead.take() {
            lead.release();
        }
    }

    /// A refresh has failed: the next is put off, and the stale response stays.
    fn put_off(&self, run: &mut Run, request: Request<'_>, message: &str, now: i64) {
        self.count_failed_refresh(run, now);
        run.lead.take().map(|lead| lead.fail(message, request.fingerprint, now));
    }

    fn count_failed_refresh(&self, run: &Run, now: i64) {
        let Instance { store, counters, .. } = self.instance();
        count(&counters.failed_refreshes);
        if let Some(Selected { held, .. }) = &run.selected {
            store.put_off(held, now);
        }
    }

    /// The stale response in the place of an error, where there is one for that; a background run
    /// has simply failed.
    pub(crate) fn heed_failure(
        &self,
        run: &mut Run,
        reply: &Reply<'_>,
    ) -> Result<Option<Responded>, Wanted> {
        let (status, now) = (reply.head.status, reply.at);
        let fingerprint = reply.request.fingerprint;
        if run.background {
            self.count_failed_refresh(run, now);
            run.lead.take().map(|lead| lead.answer_error(status, fingerprint, now));
            return Ok(Some(Responded::Pass(String::new(), Passed::Failed)));
        }
        let Some(answer) = self.despite_failure(run.selected.as_ref(), reply.request, now)? else {
            return Ok(None);
        };
        run.lead.take().map(|lead| lead.answer_error(status, fingerprint, now));
        let handled = forwarded(run.why, status, false);
        Ok(Some(Responded::Answer(answer.told(handled, None))))
    }

    /// The stale response, where it may be served because it could not be refreshed (RFC 5861,
    /// section 4).
    pub(crate) fn despite_failure(
        &self,
        selected: Option<&Selected>,
        request: Request<'_>,
        now: i64,
    ) -> Result<Option<Answer>, Wanted> {
        let Some(Selected { held, times, .. }) =
            selected.filter(|known| known.times.outlives_errors(now))
        else {
            return Ok(None);
        };
        let answer = answer_to(request, &held.stored, *times, now)?;
        count(&self.instance().counters.error_hits);
        Ok(Some(answer.told(Handled::Hit, Some("stale-if-error"))))
    }
}

/// Errors that a stale response is better than (RFC 5861, section 4).
pub(crate) fn is_failure(status: u16) -> bool {
    matches!(status, 500 | 502..=504)
}
