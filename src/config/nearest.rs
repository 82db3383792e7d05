//! The nearest known name, for "did you mean".

/// The candidate that `name` is most likely a slip of; none when nothing is close.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&name, &candidate.to_lowercase()), candidate))
        // A third of the letters may differ; in very short names one.
        .filter(|(distance, candidate)| *distance <= (name.chars().count().max(candidate.chars().count()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean "x"?` when there is a nearest name, else nothing.
pub(super) fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map_or_else(String::new, |found| format!("; did you mean {found:?}?"))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_find_their_name_and_strangers_find_none() {
        let known = ["anthropic", "google", "openai", "openrouter"];
        for (name, expected) in [
            ("opnai", Some("openai")),
            ("OpenAI", Some("openai")),
            ("gogle", Some("google")),
            ("antrophic", Some("anthropic")),
            ("mistral", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
    }
}
