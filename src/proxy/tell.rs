//! Tells a client that all targets failed: with the failure that says most, in its shape.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use ovth_filters::neutral::{ApiError, ErrorClass};

use super::attempt::Failed;
use super::context::Context;
use super::downstream::Downstream;
use super::targets::End;
use crate::providers::Next;
use crate::routing::{Plan, Target};

/// Tells the client of the failure that says most, in its shape: with a status, or inside the stream when heartbeats fixed that.
pub(super) async fn tell(
    downstream: &mut Downstream<'_>,
    context: &Context,
    plan: &Plan,
    failures: Vec<(Failed, Arc<Target>)>,
    out_of_time: bool,
) -> End {
    let waiting_helps = failures.iter().any(|(failed, _)| is_transient(failed.failure.error.class));
    let soonest = failures.iter().filter_map(|(failed, _)| failed.failure.error.retry_after).min();
    let Some((mut failed, target)) = failures.into_iter().max_by_key(|(failed, _)| told_before(failed)) else {
        let error = if out_of_time {
            ApiError::new(ErrorClass::Timeout, "the exchange took longer than timeouts.total")
        } else {
            ApiError::new(ErrorClass::Unavailable, "no target could be tried; try again").with_retry_after(1)
        };
        return tell_error(downstream, context, (&error, None)).await;
    };
    downstream.marks().set("x-should-retry", if waiting_helps { "true" } else { "false" });
    let class = failed.failure.error.class;
    if let Some(answer) = failed.answer.take()
        && !downstream.head_written()
    {
        let written = downstream.write_whole(answer.status, answer.headers, answer.body.freeze()).await;
        return if written.is_ok() { End::Told(class) } else { End::Gone };
    }
    if is_transient(class) && failed.failure.error.retry_after.is_some() {
        failed.failure.error.retry_after = soonest;
    }
    // What could not be told to it is no failure of its.
    let provider = (failed.failure.next != Next::OtherTranslation).then(|| target.upstream.name());
    tell_error(downstream, context, (&plan.last_error(failed.failure.error), provider)).await
}

/// Tells the client of one error, in its form; with the name of the provider whose failure it is, if it is one's.
pub(super) async fn tell_error(
    downstream: &mut Downstream<'_>,
    context: &Context,
    (error, provider): (&ApiError, Option<&str>),
) -> End {
    let written = if downstream.head_written() {
        downstream.end_with_error(error).await
    } else {
        let encoded = downstream.voice().error(error, &context.request_id, provider);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = error.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        downstream.write_whole(encoded.status, headers, Bytes::from(encoded.body)).await
    };
    if written.is_ok() { End::Told(error.class) } else { End::Gone }
}

/// Whether the same request may succeed in a while.
const fn is_transient(class: ErrorClass) -> bool {
    matches!(
        class,
        ErrorClass::RateLimit
            | ErrorClass::Overloaded
            | ErrorClass::Timeout
            | ErrorClass::Transport
            | ErrorClass::Upstream
            | ErrorClass::Unavailable
    )
}

/// What a failure weighs. What could not be told to one target says nothing of the request if another was asked.
fn told_before(failed: &Failed) -> u8 {
    if failed.failure.next == Next::OtherTranslation { 0 } else { 1 + weight(failed.failure.error.class) }
}

/// Of several failures the client is told the one with the largest weight, of equal ones the last: what it can act on by itself first,
/// then what passes by itself, then what only the operator can cure.
const fn weight(class: ErrorClass) -> u8 {
    match class {
        ErrorClass::BadRequest | ErrorClass::ContentRefused | ErrorClass::TooLarge => 7,
        ErrorClass::ContextOverflow => 6,
        ErrorClass::RateLimit => 5,
        ErrorClass::Overloaded => 4,
        ErrorClass::Timeout => 3,
        ErrorClass::Upstream | ErrorClass::Transport => 2,
        ErrorClass::OperatorModel => 1,
        _ => 0,
    }
}
