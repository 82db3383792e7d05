//! The parameters behind the `?` of a request, each taken by its name; what is left over is unknown.

use std::borrow::Cow;
use std::time::SystemTime;

use super::moment::{MOMENT_FORMS, Moment};
use super::problems::Problems;
use super::response::{Refused, excerpt};

/// How many rows a page has when nothing is said, and at most.
const DEFAULT_LIMIT: usize = 100;
pub(super) const MAX_LIMIT: usize = 1000;

/// The longest name of a key, model, provider, route or end user.
const MAX_TEXT: usize = 512;

/// The parameters of one request.
#[derive(Debug)]
pub(super) struct Parameters<'a> {
    given: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    problems: Problems,
}

impl<'a> Parameters<'a> {
    /// Reads a query. Names that are not among the known ones, or come twice, are problems.
    pub(super) fn new(query: Option<&'a str>, known: &[&str]) -> Parameters<'a> {
        let mut problems = Problems::default();
        let mut given: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&name.as_ref()) {
                problems.unknown("", &name, "parameter", known);
            } else if given.iter().any(|(earlier, _)| *earlier == name) {
                problems.add(&name, "invalid_value", format!("`{name}` is there twice"));
            } else {
                given.push((name, value));
            }
        }
        Parameters { given, problems }
    }

    /// Notes a problem with a parameter.
    pub(super) fn wrong(&mut self, name: &str, wanted: impl std::fmt::Display, found: &str) {
        self.problems.add(name, "invalid_value", format!("`{name}` must be {wanted}, not \"{}\"", excerpt(found)));
    }

    /// The value as it is.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_ref())
    }

    /// A name to filter by.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let value = self.value(name)?.to_owned();
        if value.chars().count() > MAX_TEXT {
            self.wrong(name, format_args!("at most {MAX_TEXT} characters long"), &value);
            return None;
        }
        Some(value)
    }

    /// A value that is read; `wanted` is what it must be.
    pub(super) fn read<T>(
        &mut self,
        name: &str,
        wanted: impl std::fmt::Display,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(name)?.to_owned();
        let read = read(&value);
        if read.is_none() {
            self.wrong(name, wanted, &value);
        }
        read
    }

    /// How many rows a page has.
    pub(super) fn limit(&mut self) -> usize {
        self.limit_or(DEFAULT_LIMIT)
    }

    /// How many rows a page has; so many when nothing is said.
    pub(super) fn limit_or(&mut self, default: usize) -> usize {
        let wanted = format!("a whole number from 1 to {MAX_LIMIT}");
        let limit = self
            .read("limit", wanted, |text| text.parse::<usize>().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit)));
        limit.unwrap_or(default)
    }

    /// Whether something is wanted; by default it is not.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        let flag = self.read(name, "true or false", |text| match text {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        });
        flag.unwrap_or(false)
    }

    /// The span of time that `since` and `until` say.
    pub(super) fn span(&mut self, now: SystemTime) -> (Option<Moment>, Option<Moment>) {
        let since = self.read("since", MOMENT_FORMS, |text| Moment::parse(text, now));
        let until = self.read("until", MOMENT_FORMS, |text| Moment::parse(text, now));
        if let (Some(since), Some(until)) = (since, until)
            && since.begin_ms() > until.begin_ms().max(until.end_ms().saturating_sub(1))
        {
            self.problems.add("since", "invalid_value", "`since` lies after `until`; swap them");
        }
        (since, until)
    }

    /// All is read.
    ///
    /// # Errors
    /// The answer that says what is wrong, if anything is.
    pub(super) fn finish(self) -> Result<(), Refused> {
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(Box::new(self.problems.into_response("The query is not understood")))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    const KNOWN: [&str; 5] = ["limit", "since", "until", "model", "include_revoked"];

    fn message(parameters: Parameters<'_>) -> String {
        let response = parameters.finish().unwrap_err();
        assert_eq!(response.status, 400);
        String::from_utf8(response.bytes().to_vec()).unwrap()
    }

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_795_305_600)
    }

    #[test]
    fn values_are_read_and_decoded_and_have_defaults() {
        let mut query = Parameters::new(Some("model=a%2Fb+c&limit=5&include_revoked=true"), &KNOWN);
        assert_eq!(query.text("model").as_deref(), Some("a/b c"));
        assert_eq!((query.limit(), query.flag("include_revoked")), (5, true));
        query.finish().unwrap();
        for empty in [None, Some("")] {
            let mut query = Parameters::new(empty, &KNOWN);
            assert_eq!((query.limit(), query.flag("include_revoked"), query.text("model")), (100, false, None));
            assert_eq!(query.span(now()), (None, None));
            query.finish().unwrap();
        }
    }

    #[test]
    fn everything_wrong_is_named_at_once_with_its_cure() {
        let mut query = Parameters::new(
            Some("limit=1001&modle=x&colour=red&since=yesterday&model=a&model=b&include_revoked=maybe"),
            &KNOWN,
        );
        let _ = (query.limit(), query.text("model"), query.span(now()), query.flag("include_revoked"));
        let message = message(query);
        for expected in [
            "`limit` must be a whole number from 1 to 1000, not \\\"1001\\\"",
            "`modle` is not a parameter of this request, did you mean `model`?",
            "`colour` is not a parameter of this request, known are: `limit`, `since`, `until`, `model`, `include_revoked`",
            "`since` must be a date (2026-11-22), a time with its zone (2026-11-22T12:00:00Z), or a span before now (24h, 7d), not",
            "`model` is there twice",
            "`include_revoked` must be true or false, not \\\"maybe\\\"",
        ] {
            assert!(message.contains(expected), "{expected}: {message}");
        }
    }

    #[test]
    fn the_bounds_of_a_span_are_in_order() {
        let mut query = Parameters::new(Some("since=2026-11-22&until=2026-11-21"), &KNOWN);
        query.span(now());
        assert!(message(query).contains("`since` lies after `until`"));
        let mut query = Parameters::new(Some("since=2026-11-22&until=2026-11-22"), &KNOWN);
        query.span(now());
        query.finish().unwrap();
    }

    #[test]
    fn limits_are_whole_and_within_bounds() {
        for (limit, good) in [("1", true), ("1000", true), ("0", false), ("-1", false), ("", false), ("1e2", false)] {
            let text = format!("limit={limit}");
            let mut query = Parameters::new(Some(&text), &KNOWN);
            query.limit();
            assert_eq!(query.finish().is_ok(), good, "{limit}");
        }
    }
}
