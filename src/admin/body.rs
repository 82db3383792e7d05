//! The body of `POST /admin/keys`, checked field by field so that the answer names all that is wrong with it at once.

use std::fmt;
use std::num::NonZeroU64;

use http::StatusCode;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::config::{Allowance, Cap};
use crate::keys::{KeySettings, Label, NewKey};

use super::response::{AdminResponse, ErrorBody, excerpt};

const FIELDS: [&str; 2] = ["label", "quota"];
const QUOTA_FIELDS: [&str; 1] = ["daily_tokens"];

/// How many problems an answer lists; the rest is counted.
const MAX_LISTED: usize = 10;

/// How alike two names are when one is taken for a slip of the other; 1 is equal.
const LIKENESS: f64 = 0.75;

/// Reads the body of a request for a new key.
pub(super) fn new_key(body: &[u8]) -> Result<NewKey, Problems> {
    let mut problems = Problems::default();
    let mut label = None;
    let mut daily_tokens = None;
    let members = match serde_json::from_slice::<Members>(body) {
        Ok(members) => members,
        Err(error) => {
            problems.add(None, "invalid_json", not_an_object(&error));
            return Err(problems);
        }
    };
    for (name, value) in problems.distinct("", members) {
        match name.as_str() {
            "label" => label = Some(problems.label(&value)),
            "quota" => daily_tokens = problems.quota(&value),
            _ => problems.unknown("", &name, &FIELDS),
        }
    }
    let label = label.unwrap_or_else(|| {
        problems.add(
            Some("label"),
            "missing_required_parameter",
            "`label` is missing: a name for the key, like \"cursor\"",
        );
        None
    });
    match label {
        Some(label) if problems.0.is_empty() => {
            let limits =
                Allowance { daily_tokens: daily_tokens.map(|tokens| Cap::At(tokens.get())), ..Allowance::default() };
            Ok(NewKey { label, settings: KeySettings { limits, ..KeySettings::default() } })
        }
        _ => Err(problems),
    }
}

fn not_an_object(error: &serde_json::Error) -> String {
    let example = r#"{"label":"cursor","quota":{"daily_tokens":100000}}"#;
    if error.is_data() {
        format!("the body must be a JSON object like {example}")
    } else {
        let (line, column) = (error.line(), error.column());
        format!("the body is not JSON (line {line}, column {column}); it must be an object like {example}")
    }
}

/// All that is wrong with a body; not empty when it is an error.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

#[derive(Debug)]
struct Problem {
    param: Option<String>,
    code: &'static str,
    message: String,
}

impl Problems {
    /// A 400 whose message has all problems; its `param` and `code` are those of the first.
    pub(super) fn into_response(self) -> AdminResponse {
        let more = self.0.len().saturating_sub(MAX_LISTED);
        let mut message = String::from("The key was not made: ");
        for (index, problem) in self.0.iter().take(MAX_LISTED).enumerate() {
            message.push_str(if index > 0 { "; " } else { "" });
            message.push_str(&problem.message);
        }
        if more > 0 {
            message.push_str(&format!("; and {more} more"));
        }
        message.push('.');
        let (param, code) =
            self.0.into_iter().next().map_or((None, "invalid_value"), |first| (first.param, first.code));
        ErrorBody::request(message, code).with_param(param).into_response(StatusCode::BAD_REQUEST)
    }

    fn add(&mut self, param: Option<&str>, code: &'static str, message: impl Into<String>) {
        self.0.push(Problem { param: param.map(str::to_owned), code, message: message.into() });
    }

    /// The members without those whose name came before: which of them counts would be a guess.
    fn distinct(&mut self, prefix: &str, members: Members) -> Vec<(String, Box<RawValue>)> {
        let mut kept: Vec<(String, Box<RawValue>)> = Vec::new();
        for (name, value) in members.0 {
            let known = FIELDS.contains(&name.as_str()) || QUOTA_FIELDS.contains(&name.as_str());
            if known && kept.iter().any(|(earlier, _)| *earlier == name) {
                let path = format!("{prefix}{name}");
                self.add(Some(&path), "invalid_value", format!("`{path}` is there twice"));
            } else {
                kept.push((name, value));
            }
        }
        kept
    }

    fn unknown(&mut self, prefix: &str, name: &str, known: &[&str]) {
        let path = format!("{prefix}{}", excerpt(name));
        let cure = match nearest(name, known) {
            Some(near) => format!("did you mean `{prefix}{near}`?"),
            None => format!(
                "known are: {}",
                known.iter().map(|name| format!("`{prefix}{name}`")).collect::<Vec<_>>().join(", ")
            ),
        };
        self.add(Some(&path), "unknown_parameter", format!("`{path}` is not a field of this request, {cure}"));
    }

    fn label(&mut self, value: &RawValue) -> Option<Label> {
        let Ok(text) = serde_json::from_str::<String>(value.get()) else {
            let found = kind(value);
            self.add(Some("label"), "invalid_type", format!("`label` must be a string, not {found}"));
            return None;
        };
        match Label::parse(&text) {
            Ok(label) => Some(label),
            Err(error) => {
                self.add(Some("label"), "invalid_value", format!("`label` {error}"));
                None
            }
        }
    }

    /// The quota's limit; none when it is absent, null or wrong.
    fn quota(&mut self, value: &RawValue) -> Option<NonZeroU64> {
        if is_null(value) {
            return None;
        }
        let Ok(members) = serde_json::from_str::<Members>(value.get()) else {
            let found = kind(value);
            let message = format!("`quota` must be an object like {{\"daily_tokens\":100000}}, not {found}");
            self.add(Some("quota"), "invalid_type", message);
            return None;
        };
        let mut daily_tokens = None;
        for (name, value) in self.distinct("quota.", members) {
            match name.as_str() {
                "daily_tokens" => daily_tokens = self.daily_tokens(&value),
                _ => self.unknown("quota.", &name, &QUOTA_FIELDS),
            }
        }
        daily_tokens
    }

    fn daily_tokens(&mut self, value: &RawValue) -> Option<NonZeroU64> {
        if is_null(value) {
            return None;
        }
        let read = serde_json::from_str(value.get()).ok();
        if read.is_none() {
            let found = if is_number(value) { excerpt(value.get()) } else { kind(value).to_owned() };
            let message = format!("`quota.daily_tokens` must be a whole number of at least 1, not {found}");
            let code = if is_number(value) { "invalid_value" } else { "invalid_type" };
            self.add(Some("quota.daily_tokens"), code, message);
        }
        read
    }
}

/// The members of a JSON object in their order, values unread.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

fn is_number(value: &RawValue) -> bool {
    kind(value) == "a number"
}

/// What kind of JSON a value is, in words. Never the value: a caller may have put a secret there.
fn kind(value: &RawValue) -> &'static str {
    match value.get().bytes().next() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// The known name that the given one is most likely a slip of.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name: String = name.chars().take(64).flat_map(char::to_lowercase).collect();
    let alike = known.iter().map(|known| (strsim::jaro_winkler(&name, known), *known));
    alike.filter(|(likeness, _)| *likeness >= LIKENESS).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn problems(body: &str) -> Vec<String> {
        new_key(body.as_bytes()).unwrap_err().0.into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn a_label_is_enough_and_a_quota_is_taken() {
        let new = new_key(br#" {"label":"cursor"} "#).unwrap();
        assert_eq!((new.label.as_str(), new.settings), ("cursor", KeySettings::default()));
        let new = new_key(br#"{"quota":{"daily_tokens":100000},"label":"cursor"}"#).unwrap();
        assert_eq!(new.settings.limits.daily_tokens, Some(Cap::At(100_000)));
        for quota in ["null", "{}", r#"{"daily_tokens":null}"#] {
            let body = format!(r#"{{"label":"a","quota":{quota}}}"#);
            assert_eq!(new_key(body.as_bytes()).unwrap().settings, KeySettings::default());
        }
    }

    #[test]
    fn everything_wrong_is_named_at_once_with_the_nearest_name() {
        let found = problems(r#"{"lable":"x","quota":{"dailyTokens":5,"daily_tokens":0},"zzz":1}"#);
        assert_eq!(found.len(), 5, "{found:?}");
        let all = found.join("\n");
        assert!(all.contains("`lable` is not a field of this request, did you mean `label`?"), "{all}");
        assert!(
            all.contains("`quota.dailyTokens` is not a field of this request, did you mean `quota.daily_tokens`?"),
            "{all}"
        );
        assert!(all.contains("`quota.daily_tokens` must be a whole number of at least 1, not 0"), "{all}");
        assert!(all.contains("`zzz` is not a field of this request, known are: `label`, `quota`"), "{all}");
        assert!(all.contains("`label` is missing"), "{all}");
    }

    #[test]
    fn wrong_types_are_named_without_their_values() {
        assert_eq!(problems(r#"{"label":7}"#), ["`label` must be a string, not a number"]);
        assert_eq!(problems(r#"{"label":null}"#), ["`label` must be a string, not null"]);
        assert_eq!(problems(r#"{"label":""}"#), ["`label` must not be blank"]);
        assert_eq!(problems(r#"{"label":"a\nb"}"#).len(), 1);
        let found = problems(r#"{"label":"a","quota":"ovth_live_secret"}"#);
        assert_eq!(found, [r#"`quota` must be an object like {"daily_tokens":100000}, not a string"#]);
        for number in ["-1", "1.5", "1e3", "99999999999999999999999"] {
            let found = problems(&format!(r#"{{"label":"a","quota":{{"daily_tokens":{number}}}}}"#));
            assert_eq!(found, [format!("`quota.daily_tokens` must be a whole number of at least 1, not {number}")]);
        }
        let found = problems(r#"{"label":"a","quota":{"daily_tokens":"5"}}"#);
        assert_eq!(found, ["`quota.daily_tokens` must be a whole number of at least 1, not a string"]);
    }

    #[test]
    fn a_field_that_is_there_twice_is_refused() {
        assert_eq!(problems(r#"{"label":"a","label":"b"}"#), ["`label` is there twice"]);
        assert_eq!(
            problems(r#"{"label":"a","quota":{"daily_tokens":1,"daily_tokens":2}}"#),
            ["`quota.daily_tokens` is there twice"]
        );
    }

    #[test]
    fn what_is_no_object_is_told_so() {
        for body in ["[]", "null", "7", "\"x\""] {
            assert!(problems(body).join("").contains("must be a JSON object"), "{body}");
        }
        for body in ["", "{", "label=cursor", r#"{"label":"a"} x"#, "{\"label\":\"a\u{0}\"}"] {
            assert!(problems(body).join("").contains("is not JSON (line "), "{body}");
        }
    }

    #[test]
    fn an_answer_to_thousands_of_unknown_fields_is_short() {
        let fields: Vec<String> = (0..5_000).map(|number| format!("\"{}{number}\":0", "x".repeat(100))).collect();
        let answer = new_key(format!("{{{}}}", fields.join(",")).as_bytes()).unwrap_err().into_response();
        assert!(answer.bytes().len() < 2_500, "{}", answer.bytes().len());
        assert!(std::str::from_utf8(answer.bytes()).unwrap().contains("; and 4991 more."));
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Err(problems) = new_key(&body) {
                prop_assert!(!problems.0.is_empty());
                problems.into_response();
            }
        }

        #[test]
        fn random_json_never_panics(
            name in "label|quota|daily_tokens|\\PC{0,8}",
            inner in "daily_tokens|\\PC{0,8}",
            value in "null|-?[0-9]{1,25}(\\.[0-9])?|\"\\PC{0,200}\"|\\[\\]|true",
        ) {
            for body in [
                format!("{{\"{name}\":{value}}}"),
                format!("{{\"label\":\"a\",\"{name}\":{value}}}"),
                format!("{{\"label\":{value},\"quota\":{{\"{inner}\":{value}}}}}"),
            ] {
                if let Err(problems) = new_key(body.as_bytes()) {
                    prop_assert!(!problems.0.is_empty());
                    problems.into_response();
                }
            }
        }
    }
}
