//! What must not be in a captured body: credentials and files, found in time proportional to its length.

use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

/// What is written in place of what was taken out.
pub(super) const REDACTED: &str = "[redacted]";

/// So many bytes beyond what is written are looked at, so that what is cut off in the middle is still seen for what it is.
pub(super) const MARGIN: usize = 4 << 10;

/// The most memory that one pattern may take when it is compiled, in bytes.
const PATTERN_BYTES: usize = 1 << 20;

/// A run of so many characters of base64 is a file, wherever it stands.
const FILE_CHARS: usize = 512;

/// Files in base64 may be cut into lines, no shorter than this but the last.
const LINE_CHARS: usize = 60;

/// Texts shorter than this are no secrets: taking them out would leave nothing to read.
const SHORTEST_SECRET: usize = 6;

/// What always is taken out: where there is a group `s`, only what it matches.
const PATTERNS: [&str; 10] = [
    // Keys of this gateway.
    r"ovth_[A-Za-z]+_[A-Za-z0-9_-]{8,}",
    // OpenAI, Anthropic, OpenRouter, DeepSeek, Stripe and many more.
    r"\b(?:sk|rk|pk)[-_][A-Za-z0-9_-]{8,}",
    // Google.
    r"AIza[0-9A-Za-z_-]{16,}",
    // Groq, xAI, Perplexity, Hugging Face, Replicate, NVIDIA, GitHub, GitLab, Cerebras, Slack.
    r"\b(?:gsk|xai|pplx|hf|r8|nvapi|ghp|gho|ghs|ghu|github_pat|glpat|csk|xox[abprs])[-_][A-Za-z0-9_-]{10,}",
    // Amazon.
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    // JSON web tokens.
    r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?",
    r"(?i)\bbearer\s+(?<s>[A-Za-z0-9._~+/=-]{8,})",
    // Names that say what their value is.
    r#"(?i)(?:api[-_]?key|[-_]token|secret|passwd|password|authorization)\\?["']?\s*[:=]\s*\\?["']?(?:bearer\s+|basic\s+)?(?<s>[^\s"'&,;<>\\]{8,})"#,
    r#"(?i)[?&](?:key|apikey|token|sig|signature)=(?<s>[^\s"'&<>\\#]{4,})"#,
    r"(?s)-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?<s>.*?)(?:-----END|\z)",
];

/// The content of a `data:` URL; a slash may be escaped as JSON has it.
const DATA_URL: &str = r#"(?i)data:[^,"'\s]{0,200};base64,(?<s>[A-Za-z0-9+/=_%\\-]+)"#;

/// Finds what is to be taken out.
pub(super) struct Redactor {
    rules: Vec<Regex>,
}

impl Redactor {
    /// The fixed rules, these patterns, and these texts wherever they are.
    ///
    /// # Errors
    /// A pattern that is too large.
    pub(super) fn new(patterns: Vec<Regex>, secrets: &[String]) -> Result<Redactor, regex::Error> {
        let mut rules = patterns;
        for pattern in PATTERNS.into_iter().chain([DATA_URL]) {
            rules.push(pattern_of(pattern)?);
        }
        let known: Vec<String> = secrets
            .iter()
            .filter(|secret| secret.len() >= SHORTEST_SECRET)
            .map(|secret| regex::escape(secret))
            .collect();
        if !known.is_empty() {
            // They are the operator's own, few and short.
            rules.push(RegexBuilder::new(&known.join("|")).unicode(false).build()?);
        }
        Ok(Redactor { rules })
    }

    /// Where there is what is to be taken out: in order, apart from each other.
    pub(super) fn ranges(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for rule in &self.rules {
            if rule.capture_names().flatten().any(|name| name == "s") {
                let groups = rule.captures_iter(text).filter_map(|captures| captures.name("s"));
                found.extend(groups.map(|group| group.range()));
            } else {
                found.extend(rule.find_iter(text).map(|found| found.range()));
            }
        }
        found.extend(files(text));
        found.retain(|range| !range.is_empty());
        found.sort_by_key(|range| range.start);
        let mut apart: Vec<Range<usize>> = Vec::with_capacity(found.len());
        for range in found {
            match apart.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => apart.push(range),
            }
        }
        apart
    }

    /// The text without what is to be taken out, up to a place in it; none when there is nothing of that kind in it.
    pub(super) fn redacted(&self, text: &[u8], until: usize) -> Option<Vec<u8>> {
        let ranges = self.ranges(text);
        if ranges.is_empty() {
            return None;
        }
        let mut out = Vec::with_capacity(text.len().min(until));
        let mut at = 0;
        for range in ranges.iter().take_while(|range| range.start < until) {
            out.extend_from_slice(text.get(at..range.start).unwrap_or_default());
            out.extend_from_slice(REDACTED.as_bytes());
            at = range.end;
        }
        out.extend_from_slice(text.get(at..until.min(text.len())).unwrap_or_default());
        Some(out)
    }
}

/// A pattern as settings have it: of bytes, so that it knows ASCII's classes only.
///
/// # Errors
/// It is no pattern, or too large.
pub(super) fn pattern_of(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).unicode(false).size_limit(PATTERN_BYTES).build()
}

/// Long runs of base64.
fn files(text: &[u8]) -> Vec<Range<usize>> {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-' | b'=');
    let mut found = Vec::new();
    let (mut start, mut line) = (0, 0);
    let mut end_run = |start: usize, end: usize| {
        if end - start >= FILE_CHARS {
            found.push(start..end);
        }
    };
    for (at, byte) in text.iter().enumerate() {
        if is_base64(*byte) {
            continue;
        }
        let is_fold = matches!(byte, b'\r' | b'\n') && (at == line || at - line >= LINE_CHARS);
        if !is_fold {
            end_run(start, at);
            start = at + 1;
        }
        line = at + 1;
    }
    end_run(start, text.len());
    found
}
