//! Stale-if-error: stale responses for clients of a handler that fails (RFC 5861, section 4).

use std::sync::Arc;

use crate::cache::instance::Instance;
use crate::cache::proxy::handler_response::{HandlerResponse, forwarded};
use crate::cache::proxy::lookup::{HandlerRun, answer_to};
use crate::cache::proxy::outcome::{ResponseOutcome, Unshared};
use crate::cache::{Cache, MissingInput, Request};
use crate::coalescing::Failure;
use crate::memory::Selected;
use crate::response::{Answer, Handling};
use crate::stats::Counter;
use crate::time::UnixMillis;

/// Outcome of a failed run.
#[derive(Debug)]
pub enum FailureOutcome {
    /// The stale response is served.
    Answer(Answer),
    /// The failure, for the caller and the waiters. `None` for a background run.
    Failure(Option<Arc<Failure>>),
}

impl Cache {
    /// Ends a run whose handler threw an error or timed out.
    ///
    /// # Errors
    /// [`MissingInput`] if the caller has to send more of the request first. The call has had no
    /// effect.
    pub fn fail(
        &self,
        run: &mut HandlerRun,
        request: Request<'_>,
        message: &str,
        now: UnixMillis,
    ) -> Result<FailureOutcome, MissingInput> {
        if run.background {
            self.back_off(run, request, message, now);
            return Ok(FailureOutcome::Failure(None));
        }
        let answer = self.stale_if_error(run.selected.as_ref(), request, now)?;
        let failure = run.lead.take().map(|lead| lead.fail(message, request.fingerprint, now));
        let why = Handling::Forwarded {
            why: run.why.word(),
            status: None,
            stored: false,
            collapsed: false,
        };
        Ok(answer.map_or(FailureOutcome::Failure(failure), |answer| {
            FailureOutcome::Answer(answer.handled_as(why, None))
        }))
    }

    /// Ends a run whose handler threw an answer for its own client, such as a `Response`, with
    /// `status` if it has one. The answer is neither shared nor a failure. A 404 or 410 removes the
    /// stale entry; otherwise a background run has failed.
    pub fn thrown_answer(
        &self,
        run: &mut HandlerRun,
        request: Request<'_>,
        status: Option<u16>,
        now: UnixMillis,
    ) {
        if matches!(status, Some(404 | 410)) {
            if let Some(Selected { held, .. }) = run.selected.take() {
                self.instance().store.outdate(&held);
            }
        } else if run.background {
            self.back_off(run, request, "the handler threw an answer", now);
        }
        if let Some(lead) = run.lead.take() {
            lead.release();
        }
    }

    /// Ends a background run that has failed: the stale response stays, and the next refresh waits.
    fn back_off(&self, run: &mut HandlerRun, request: Request<'_>, message: &str, now: UnixMillis) {
        self.count_failed_refresh(run, now);
        run.lead.take().map(|lead| lead.fail(message, request.fingerprint, now));
    }

    fn count_failed_refresh(&self, run: &HandlerRun, now: UnixMillis) {
        let Instance { store, counters, .. } = self.instance();
        counters.count(Counter::FailedRefreshes);
        if let Some(Selected { held, .. }) = &run.selected {
            store.back_off(held, now);
        }
    }

    /// Ends a run whose response is a server error, if a stale response can replace it or the run
    /// is a background one.
    pub(crate) fn handle_server_error(
        &self,
        run: &mut HandlerRun,
        handler_response: &HandlerResponse<'_>,
    ) -> Result<Option<ResponseOutcome>, MissingInput> {
        let (status, now) = (handler_response.head.status, handler_response.at);
        let fingerprint = handler_response.request.fingerprint;
        if run.background {
            self.count_failed_refresh(run, now);
            run.lead.take().map(|lead| lead.answer_error(status, fingerprint, now));
            return Ok(Some(ResponseOutcome::Unshared(String::new(), Unshared::Failed)));
        }
        let Some(answer) =
            self.stale_if_error(run.selected.as_ref(), handler_response.request, now)?
        else {
            return Ok(None);
        };
        run.lead.take().map(|lead| lead.answer_error(status, fingerprint, now));
        let handled = forwarded(run.why, status, false);
        Ok(Some(ResponseOutcome::Answer(answer.handled_as(handled, None))))
    }

    /// The stale response, if it may be served in place of an error (RFC 5861, section 4).
    pub(crate) fn stale_if_error(
        &self,
        selected: Option<&Selected>,
        request: Request<'_>,
        now: UnixMillis,
    ) -> Result<Option<Answer>, MissingInput> {
        let Some(Selected { held, times, .. }) =
            selected.filter(|known| known.times.outlives_errors(now))
        else {
            return Ok(None);
        };
        let answer = answer_to(request, &held.stored, *times, now)?;
        self.instance().counters.count(Counter::ErrorHits);
        Ok(Some(answer.handled_as(Handling::Hit, Some("stale-if-error"))))
    }
}

/// Whether a status is an error that a stale response may replace (RFC 5861, section 4).
pub(crate) fn is_failure(status: u16) -> bool {
    matches!(status, 500 | 502..=504)
}
