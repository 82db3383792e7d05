//! What newer models refuse that older ones took, by the version in their ids.

/// Whether Chat Completions takes `max_completion_tokens` for a model and refuses `max_tokens`: GPT-5 and later, and the
/// o-series (<https://platform.openai.com/docs/api-reference/chat/create>).
pub(super) fn refuses_max_tokens(model: &str) -> bool {
    let is_o_series =
        model.strip_prefix('o').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
    is_o_series || gpt(model).is_some_and(|version| version >= (5, 0))
}

/// Whether Chat Completions refuses function tools for a model while it reasons: GPT-5.4 and later
/// (<https://github.com/openai/openai-openapi/issues/541>).
pub(super) fn refuses_tools_while_reasoning(model: &str) -> bool {
    gpt(model).is_some_and(|version| version >= (5, 4))
}

/// Whether Messages refuses sampling parameters for a model: everything after Claude Opus 4.6
/// (<https://platform.claude.com/docs/en/about-claude/models/migration-guide>).
pub(super) fn refuses_sampling(model: &str) -> bool {
    claude(model).is_some_and(|version| version > (4, 6))
}

/// The version in `gpt-5.4-mini`; none for ids such as `gpt-4o` and `gpt-audio`.
fn gpt(model: &str) -> Option<(u32, u32)> {
    let version = model.strip_prefix("gpt-")?.split('-').next()?;
    match version.split_once('.') {
        Some((major, minor)) => Some((major.parse().ok()?, minor.parse().ok()?)),
        None => Some((version.parse().ok()?, 0)),
    }
}

/// The version in `claude-opus-4-7`, with a date behind it or not; none for older ids, whose version comes first.
fn claude(model: &str) -> Option<(u32, u32)> {
    let mut parts = model.strip_prefix("claude-")?.split('-');
    parts.next().filter(|family| family.bytes().all(|byte| byte.is_ascii_alphabetic()))?;
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next().filter(|minor| minor.len() <= 2).and_then(|minor| minor.parse().ok());
    Some((major, minor.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_ids() {
        for (model, max_tokens, tools) in [
            ("gpt-5", true, false),
            ("gpt-5.2-2025-12-11", true, false),
            ("gpt-5.4-mini", true, true),
            ("gpt-6-luna", true, true),
            ("o3-mini", true, false),
            ("gpt-4.1", false, false),
            ("gpt-4o", false, false),
            ("gpt-audio", false, false),
            ("ollama", false, false),
        ] {
            assert_eq!(
                (refuses_max_tokens(model), refuses_tools_while_reasoning(model)),
                (max_tokens, tools),
                "{model}"
            );
        }
        for (model, expected) in [
            ("claude-opus-4-7", true),
            ("claude-fable-5", true),
            ("claude-sonnet-5-5-20260901", true),
            ("claude-opus-4-6", false),
            ("claude-haiku-4-5-20251001", false),
            ("claude-opus-4-20250514", false),
            ("claude-3-7-sonnet-20250219", false),
            ("claude-mythos-preview", false),
        ] {
            assert_eq!(refuses_sampling(model), expected, "{model}");
        }
    }
}
