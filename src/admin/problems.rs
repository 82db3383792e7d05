//! All that is wrong with a request, told in one answer.

use http::StatusCode;

use super::response::{AdminResponse, ErrorBody, excerpt};

/// How many problems an answer lists; the rest is counted.
const MAX_LISTED: usize = 10;

/// How alike two names are when one is taken for a slip of the other; 1 is equal.
const LIKENESS: f64 = 0.75;

/// All that is wrong with a request; not empty when it is an error.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

#[derive(Debug)]
struct Problem {
    param: Option<String>,
    code: &'static str,
    message: String,
}

impl Problems {
    /// Notes a problem with one field or parameter.
    pub(super) fn add(&mut self, param: &str, code: &'static str, message: impl Into<String>) {
        self.0.push(Problem { param: Some(param.to_owned()), code, message: message.into() });
    }

    /// Notes a problem with all of a body.
    pub(super) fn add_whole(&mut self, code: &'static str, message: impl Into<String>) {
        self.0.push(Problem { param: None, code, message: message.into() });
    }

    /// Notes a name that is none of the known ones. `kind` is what it is no name of.
    pub(super) fn unknown(&mut self, prefix: &str, name: &str, kind: &str, known: &[&str]) {
        let path = format!("{prefix}{}", excerpt(name));
        let cure = match nearest(name, known) {
            Some(near) => format!("did you mean `{prefix}{near}`?"),
            None if known.is_empty() => format!("it takes no {kind}s"),
            None => {
                let list: Vec<String> = known.iter().map(|name| format!("`{prefix}{name}`")).collect();
                format!("known are: {}", list.join(", "))
            }
        };
        self.add(&path, "unknown_parameter", format!("`{path}` is not a {kind} of this request, {cure}"));
    }

    /// Whether nothing is wrong.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A 400 whose message has all problems; its `param` and `code` are those of the first. `lead` says what did not come about.
    pub(super) fn into_response(self, lead: &str) -> AdminResponse {
        let more = self.0.len().saturating_sub(MAX_LISTED);
        let mut message = format!("{lead}: ");
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

    /// The messages.
    #[cfg(test)]
    pub(super) fn messages(self) -> Vec<String> {
        self.0.into_iter().map(|problem| problem.message).collect()
    }
}

/// The known name that the given one is most likely a slip of.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name: String = name.chars().take(64).flat_map(char::to_lowercase).collect();
    let alike = known.iter().map(|known| (strsim::jaro_winkler(&name, known), *known));
    alike.filter(|(likeness, _)| *likeness >= LIKENESS).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}
