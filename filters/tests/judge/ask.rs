//! Targets of many kinds and ways to be answered, each made of one number so that a fuzzer can choose.

use ovth_filters::Shape;
use ovth_filters::neutral::{Answering, Effort, HostRules, Origin, Profile, SystemRole, Thinking};
use ovth_filters::shapes::Parameters;
use ovth_filters::translate::Upstream;

/// Whose state the targets take.
pub(crate) fn origin() -> Origin<'static> {
    Origin { provider: "anthropic".into(), family: "claude-opus".into(), account: "a1".into() }
}

/// A target; every bit of the number decides something.
pub(crate) fn profile(number: u16) -> Profile {
    let bit = |place: u16| number >> place & 1 == 1;
    let thinking = [Thinking::Unknown, Thinking::Budget, Thinking::Adaptive, Thinking::AlwaysOrBetweenTools];
    let refused = ["temperature", "top_p", "stop", "seed", "n", "logprobs"];
    let refused = refused.iter().filter_map(|name| Parameters::named(name)).reduce(|all, one| all | one);
    Profile {
        model: "the-model".to_owned(),
        origin: origin(),
        refused: if bit(0) { refused.unwrap_or_default() } else { Parameters::default() },
        refused_while_reasoning: if bit(1) { refused.unwrap_or_default() } else { Parameters::default() },
        rests_by_default: bit(2),
        max_output: bit(3).then_some(8_192),
        thinking: thinking[usize::from(number >> 4 & 3)],
        reads_signatures: bit(5),
        efforts: if bit(6) { vec![Effort::Low, Effort::High] } else { Vec::new() },
        refuses_effort_none: bit(6),
        refuses_forced_tools: bit(7),
        refuses_prefill: bit(8),
        chat_tools_need_no_reasoning: bit(9),
        budget: None,
        structured_outputs: [None, Some(true), Some(false), None][usize::from(number >> 10 & 3)],
        system_between_turns: bit(12),
        one_of_temperature_and_top_p: bit(13),
        host: HostRules {
            system_role: if bit(14) { SystemRole::Developer } else { SystemRole::System },
            max_completion_tokens: bit(14),
            openai_fields: bit(14),
            cache_breakpoints: bit(14),
            stream_options: !bit(15),
            router_fields: bit(15),
            wants_reasoning_content: bit(15),
            thinking_toggle: bit(15),
            newest_claude: false,
            no_call_ids: bit(13),
        },
    }
}

/// How to ask that target.
pub(crate) fn upstream(shape: Shape, profile: &Profile, number: u8) -> Upstream<'_> {
    Upstream {
        shape,
        profile,
        stream: number & 1 == 1,
        max_output: (number & 2 == 2).then_some(100),
        without_state: number & 4 == 4,
    }
}

/// How an answer is to be told.
pub(crate) fn answering(number: u8) -> Answering {
    let bit = |place: u8| number >> place & 1 == 1;
    let names = [("get_weather", "get.weather"), ("apply_patch", "apply patch")];
    let names = names.map(|(sent, own)| (sent.to_owned(), own.to_owned()));
    Answering {
        tool_names: if bit(0) { names.to_vec() } else { Vec::new() },
        custom_tools: if bit(1) { vec!["apply patch".to_owned(), "get_weather".to_owned()] } else { Vec::new() },
        groups: Vec::new(),
        echo: std::sync::Arc::default(),
        raw_thoughts: bit(5),
        splits_parallel: bit(6),
        deprecated_functions: false,
        include_usage: bit(2),
        hide_reasoning: bit(3),
        stops: if bit(4) { vec!["STOP".to_owned(), "\n\n".to_owned(), "e".to_owned()] } else { Vec::new() },
        origin: origin(),
        created: 1_700_000_000,
        seed: "seed".to_owned(),
        model: "the-model".to_owned(),
    }
}
