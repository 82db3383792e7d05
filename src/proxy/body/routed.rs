//! The last stage of a chat answer to a client that takes us for a hosted router: what a router adds, and what the answer costs.

use std::sync::Arc;

use bytes::Bytes;
use ovth_filters::neutral::{ApiError, Usage};
use ovth_filters::router::{Answer, Billed, Speaker};
use ovth_filters::tap::Tap;
use ovth_filters::tokens::Family;

use super::Progress;
use crate::routing::Target;

/// What an answer is told and reckoned with.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Telling {
    /// The words.
    pub(in crate::proxy) speaker: Speaker,
    /// Whose prices hold.
    pub(in crate::proxy) target: Arc<Target>,
    /// The prompt in tokens, where the provider does not count it.
    pub(in crate::proxy) input_estimate: u64,
}

/// One answer.
pub(super) struct Routed {
    answer: Answer,
    target: Arc<Target>,
    input_estimate: u64,
}

impl Routed {
    /// Before the first byte.
    pub(super) fn new(telling: Telling) -> Routed {
        let Telling { speaker, target, input_estimate } = telling;
        Routed { answer: Answer::new(speaker), target, input_estimate }
    }

    /// Takes what was about to go to the client of a stream and leaves in its place what goes.
    pub(super) fn events(&mut self, body: &mut Option<Bytes>, end: bool, progress: &Progress, tap: &Tap) {
        let ended_well = progress.complete && progress.error.is_none() && progress.exhausted.is_none();
        let end = (end || progress.done).then_some(ended_well);
        let (target, input_estimate) = (&self.target, self.input_estimate);
        *body = self.answer.stream(body.take(), end, &|| billed(target, input_estimate, tap));
    }

    /// The same for a whole answer.
    pub(super) fn whole(&mut self, body: &mut Option<Bytes>, progress: &Progress, tap: &Tap) {
        if progress.error.is_some() || !progress.complete {
            return;
        }
        let (target, input_estimate) = (&self.target, self.input_estimate);
        *body = body.take().map(|body| self.answer.whole(body, &|| billed(target, input_estimate, tap)));
    }

    /// An error as the event that ends the stream.
    pub(super) fn error_event(&self, error: &ApiError) -> Bytes {
        self.answer.error_event(error).into()
    }
}

/// What an answer has come to: the provider's figures, or what can be counted of it.
fn billed(target: &Target, input_estimate: u64, tap: &Tap) -> Billed {
    let delivered = || tap.delivered_tokens_by(Family::of(target.shape, &target.model));
    let usage = match tap.usage() {
        Some(usage) if tap.usage_is_final() => usage,
        Some(usage) => Usage {
            input: if usage.prompt() == 0 { input_estimate } else { usage.input },
            output: usage.output.max(delivered()),
            ..usage
        },
        None => Usage { input: input_estimate, output: delivered(), ..Usage::default() },
    };
    let prompt = Usage { output: 0, reasoning: 0, audio_output: 0, image_output: 0, web_searches: 0, ..usage };
    let cost = |usage: &Usage| target.price().and_then(|price| price.cost(usage, tap.service_class()));
    let whole = target.told_cost(tap).or_else(|| cost(&usage));
    let prompt_cost = cost(&prompt).unwrap_or_default().min(whole.unwrap_or_default());
    Billed { usage, cost: whole, prompt_cost }
}
