//! Tells keys from what only looks like one: placeholders of guides, commands that no shell ran, damaged copies.

use super::Secret;

/// The shortest master key: 32 hex digits hold 128 bits.
pub(super) const MIN_MASTER_KEY_CHARS: usize = 32;

/// What a secret is for; it decides what is asked of it and what the cure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The key of the admin API, made by the operator.
    Master,
    /// A key that a provider gave out.
    Provider,
}

impl Purpose {
    /// How to come by a good one.
    pub(super) const fn cure(self) -> &'static str {
        match self {
            Purpose::Master => "make a good one with `openssl rand -hex 32`",
            Purpose::Provider => "put the key from the provider's console there, or leave it out",
        }
    }

    const fn shell_cure(self) -> &'static str {
        match self {
            Purpose::Master => "run `openssl rand -hex 32` yourself and paste what it prints",
            Purpose::Provider => "paste the key itself",
        }
    }
}

/// Why a value is no secret. Never holds any part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("is empty; {}", .0.cure())]
    Empty(Purpose),
    #[error("is a placeholder; {}", .0.cure())]
    Placeholder(Purpose),
    #[error("holds `$(`, `${{` or a backtick, and no shell runs here to replace it; {}", .0.shell_cure())]
    ShellCommand(Purpose),
    #[error("holds white space or a character that cannot be sent in a header; {}", .0.cure())]
    Unsendable(Purpose),
    #[error("is shorter than {MIN_MASTER_KEY_CHARS} characters; {}", Purpose::Master.cure())]
    Short,
}

/// Takes a value as a secret when it can be one.
pub(super) fn judge(value: &str, purpose: Purpose) -> Result<Secret, Flaw> {
    if value.is_empty() {
        return Err(Flaw::Empty(purpose));
    }
    if is_placeholder(value) {
        return Err(Flaw::Placeholder(purpose));
    }
    if value.contains("$(") || value.contains("${") || value.contains('`') {
        return Err(Flaw::ShellCommand(purpose));
    }
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Flaw::Unsendable(purpose));
    }
    if purpose == Purpose::Master && value.len() < MIN_MASTER_KEY_CHARS {
        return Err(Flaw::Short);
    }
    Ok(Secret::new(value))
}

/// What guides and example files print where the key belongs.
fn is_placeholder(value: &str) -> bool {
    const WORDS: [&str; 8] = [
        "changeme",
        "change-me",
        "replaceme",
        "replace-me",
        "placeholder",
        "your-key",
        "your-api-key",
        "your-master-key",
    ];
    let word = value.trim().to_lowercase().replace(['_', ' '], "-");
    let word = word.trim_end_matches("-here");
    // Guides shorten keys with dots; no real key has three in a row.
    word.contains("...")
        || is_masked(word)
        || word.contains('…')
        || word.chars().all(|c| c == '.')
        || (word.starts_with('<') && word.ends_with('>'))
        || WORDS.contains(&word)
        || (word.starts_with("your-") && word.ends_with("-key"))
        || word.contains("your-key")
        || word.contains("your-api-key")
}

/// Whether nothing but `x` or `*` stands where a key is random: `sk-xxxx`, `********`, `AIzaXXXXXXXXXX`. The word is in
/// lower case, with hyphens for underscores.
fn is_masked(word: &str) -> bool {
    /// Shorter ones are in real keys.
    const WHOLE_PART: usize = 3;
    const LONG_RUN: usize = 8;
    let rest = word.trim_end_matches(['x', '*']);
    let masked = word.len() - rest.len();
    masked >= LONG_RUN || (masked >= WHOLE_PART && (rest.is_empty() || rest.ends_with('-')))
}

/// Whether a text looks like a key that slipped into the wrong place, so that no message repeats it.
pub(super) fn resembles_key(text: &str) -> bool {
    const PREFIXES: [&str; 10] = ["sk-", "sk_", "aiza", "ovth_", "gsk_", "xai-", "pplx-", "hf_", "bearer ", "r8_"];
    let text = text.trim_start();
    PREFIXES.iter().any(|prefix| {
        text.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::{Flaw, Purpose, judge, resembles_key};

    #[test]
    fn placeholders_and_commands_are_no_keys() {
        use Purpose::{Master, Provider};
        let good = "0123456789abcdef0123456789abcdef";
        for (value, purpose, flaw) in [
            (good, Master, None),
            ("k", Provider, None),
            ("sk-ant-api03-aB_c-d.e", Provider, None),
            ("", Provider, Some(Flaw::Empty(Provider))),
            (".", Provider, Some(Flaw::Placeholder(Provider))),
            ("..", Provider, Some(Flaw::Placeholder(Provider))),
            ("...", Master, Some(Flaw::Placeholder(Master))),
            ("................................", Master, Some(Flaw::Placeholder(Master))),
            ("…", Provider, Some(Flaw::Placeholder(Provider))),
            ("sk-...", Provider, Some(Flaw::Placeholder(Provider))),
            ("sk-ant-...", Provider, Some(Flaw::Placeholder(Provider))),
            ("sk-ant-…", Provider, Some(Flaw::Placeholder(Provider))),
            ("AIza...", Provider, Some(Flaw::Placeholder(Provider))),
            ("<your key>", Provider, Some(Flaw::Placeholder(Provider))),
            ("your-key-here", Provider, Some(Flaw::Placeholder(Provider))),
            ("YOUR_API_KEY", Provider, Some(Flaw::Placeholder(Provider))),
            ("your_openai_api_key_here", Provider, Some(Flaw::Placeholder(Provider))),
            ("sk-your-key-here", Provider, Some(Flaw::Placeholder(Provider))),
            ("changeme", Master, Some(Flaw::Placeholder(Master))),
            ("sk-xxxx", Provider, Some(Flaw::Placeholder(Provider))),
            ("xxxxxxxx", Provider, Some(Flaw::Placeholder(Provider))),
            ("sk-ant-api03-XXXX", Provider, Some(Flaw::Placeholder(Provider))),
            ("gsk_***", Provider, Some(Flaw::Placeholder(Provider))),
            ("AIzaSyXXXXXXXXXX", Provider, Some(Flaw::Placeholder(Provider))),
            ("********************************", Master, Some(Flaw::Placeholder(Master))),
            ("x", Provider, None),
            ("sk-abcxxxx", Provider, None),
            ("sk-xxxxa", Provider, None),
            ("secret", Provider, None),
            ("$(openssl rand -hex 32)", Master, Some(Flaw::ShellCommand(Master))),
            ("`openssl rand -hex 32`", Master, Some(Flaw::ShellCommand(Master))),
            ("${OTHER_KEY}", Provider, Some(Flaw::ShellCommand(Provider))),
            ("two words", Provider, Some(Flaw::Unsendable(Provider))),
            ("two\nlines", Provider, Some(Flaw::Unsendable(Provider))),
            ("kéy", Provider, Some(Flaw::Unsendable(Provider))),
            ("0123456789abcdef0123456789abcde", Master, Some(Flaw::Short)),
        ] {
            assert_eq!(judge(value, purpose).err(), flaw, "{value:?}");
        }
    }

    #[test]
    fn texts_that_look_like_keys_are_known() {
        for (text, expected) in [
            ("sk-abc", true),
            ("Bearer abc", true),
            ("AIzaSy", true),
            ("sk", false),
            ("gpt-5", false),
            ("claude-sonnet-4-5", false),
        ] {
            assert_eq!(resembles_key(text), expected, "{text}");
        }
    }
}
