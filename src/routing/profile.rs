//! What a translated request has to heed of the model and the host that it goes to, from catalogue and provider.

use ovth_filters::Shape;
use ovth_filters::neutral::{HostRules, Origin, Profile, SystemRole};
use sha2::{Digest, Sha256};

use super::target::Served;
use crate::catalog::undated;
use crate::config::Secret;

/// Bytes of the digest of a credential that tell accounts apart.
const ACCOUNT_BYTES: usize = 6;

/// The profile of a model at a provider, with that credential.
pub(super) fn of(served: &Served<'_>, credential: Option<&Secret>) -> Profile {
    let Served { upstream, model, entry, .. } = *served;
    let entry = entry.map(|entry| &**entry);
    let reseller = upstream.is_reseller();
    let origin = Origin {
        provider: upstream.id().to_string().into(),
        family: undated(entry.map_or(&**model, |entry| &*entry.id)).to_owned().into(),
        account: credential.map(account).unwrap_or_default().into(),
    };
    let host = HostRules {
        max_completion_tokens: !reseller
            && entry.map_or(upstream.host_rules().openai_fields, |entry| entry.takes_max_completion_tokens),
        system_role: match entry {
            Some(entry) if upstream.host_rules().openai_fields && entry.takes_max_completion_tokens => {
                SystemRole::Developer
            }
            _ => SystemRole::System,
        },
        thinking_toggle: !reseller && entry.is_some_and(|entry| entry.reasons.toggle),
        wants_reasoning_content: entry.is_some_and(|entry| entry.reasons.text_goes_back),
        cache_breakpoints: false,
        ..upstream.host_rules()
    };
    let base = Profile { model: model.to_string(), origin, host, ..Profile::default() };
    let Some(entry) = entry else { return base };
    // Resellers leave out by themselves what a model refuses.
    let (refused, refused_while_reasoning, rests_by_default) =
        if reseller { Default::default() } else { entry.refusals() };
    let can = &entry.capabilities;
    Profile {
        refused,
        refused_while_reasoning,
        rests_by_default,
        max_output: entry.max_output_tokens,
        thinking: entry.reasons.thinking,
        budget: entry.reasons.budget,
        // Its maker serves it in that shape alone, so that is where its signatures are from.
        reads_signatures: entry.shapes == [Shape::Messages],
        efforts: entry.reasons.efforts.clone(),
        refuses_effort_none: !reseller && entry.reasons.refuses_none,
        refuses_forced_tools: upstream.refuses_forced_tools(&entry.id) || can.tool_choice == Some(false),
        refuses_prefill: can.assistant_prefill == Some(false),
        chat_tools_need_no_reasoning: !reseller && can.chat_tools_while_reasoning == Some(false),
        structured_outputs: can.structured_outputs,
        system_between_turns: can.system_between_turns == Some(true),
        one_of_temperature_and_top_p: entry.takes_one_of_temperature_and_top_p,
        ..base
    }
}

/// A digest of a credential, the same after a restart: state that clients hold outlives the process. Nothing of the
/// credential can be read from it.
fn account(credential: &Secret) -> String {
    let digest = Sha256::digest(credential.expose());
    digest.iter().take(ACCOUNT_BYTES).map(|byte| format!("{byte:02x}")).collect()
}
