//! What a request would be answered by, and what speaks against every other candidate.

use std::fmt::Write as _;
use std::path::Path;

use ovth_filters::shapes::{self, InPath, Peek};
use ovth_filters::{Operation, Shape};
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::failure::Failure;
use super::super::figures::thousands;
use super::super::table::Table;
use crate::routing::{Ask, Candidate, Explained, Live, Snapshot, in_words};

/// The largest request that is read, in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// What is asked when no request is given.
const QUESTION: &str = r#"{"messages": [{"role": "user", "content": "Hello."}]}"#;

/// A request to be explained.
pub(super) struct Asked {
    shape: Shape,
    operation: Operation,
    peek: Peek,
}

/// An explanation, with the request that it is of.
pub(super) struct Told {
    asked: String,
    explained: Explained,
}

#[derive(Serialize)]
struct Json<'a> {
    request: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    choice: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'a str>,
    candidates: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<usize>,
    provider: &'a str,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_usd: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<&'a str>,
}

impl Asked {
    /// Reads a request, or takes a short question; the name is that of the route or model, where it is not the request's own.
    pub(super) fn read(
        file: Option<&Path>,
        shape: Option<Shape>,
        (name, snapshot): (Option<&str>, &Snapshot),
    ) -> Result<Asked, Failure> {
        let text = match file {
            Some(file) => text_of(file)?,
            None => QUESTION.to_owned(),
        };
        let shown = file.map_or_else(|| "the question".to_owned(), |file| file.display().to_string());
        let mut body: Map<String, Value> = serde_json::from_str(&text)
            .map_err(|error| Failure::Said(format!("{shown} is no JSON object, as a request is: {error}")))?;
        if let Some(name) = name {
            body.insert("model".to_owned(), Value::String(name.to_owned()));
        }
        let shape = shape.unwrap_or_else(|| looks_like(&body));
        let model = body.get("model").and_then(Value::as_str).unwrap_or_default().to_owned();
        let operation = if snapshot.embeds(&model) { Operation::Embed } else { Operation::Generate };
        // A text to embed is called `input` as well.
        let shape = if operation == Operation::Embed && shape == Shape::Responses { Shape::Chat } else { shape };
        if shape == Shape::GenerateContent {
            if model.is_empty() {
                let cure = "the path names the model of such a request, and so must --route";
                return Err(Failure::Said(format!("{shown} is of the shape {shape}: {cure}")));
            }
            body.remove("model");
        }
        let bytes = serde_json::to_vec(&body).expect("what was read can be written");
        let peek = match shape {
            Shape::GenerateContent => {
                shapes::peek_in_path(shape, operation, InPath { model: &model, stream: false }, &bytes)
            }
            _ => shapes::peek(shape, operation, &bytes),
        };
        let peek = peek
            .map_err(|error| Failure::Said(format!("{shown} is no request of the shape {shape}: {}", error.message)))?;
        Ok(Asked { shape, operation, peek })
    }

    /// What the snapshot would do with it.
    pub(super) fn explain(&self, snapshot: &Snapshot) -> Result<Told, Failure> {
        let peek = &self.peek;
        let ask = Ask {
            shape: self.shape,
            operation: self.operation,
            model: &peek.model,
            needs: peek.needs,
            input_tokens: peek.estimated_input_tokens(),
            max_output: peek.max_output,
        };
        let explained = snapshot.explain(&ask, &Live::nothing());
        if let (Err(error), true) = (&explained.plan, explained.candidates.is_empty()) {
            return Err(Failure::Said(error.message.clone()));
        }
        Ok(Told { asked: self.words(), explained })
    }

    fn words(&self) -> String {
        let (peek, needs) = (&self.peek, &self.peek.needs);
        let mut words = format!(
            "`{}` in the shape {}, about {} tokens",
            peek.model,
            self.shape,
            thousands(peek.estimated_input_tokens())
        );
        if let Some(bound) = peek.max_output {
            let _ = write!(words, ", an answer of at most {}", thousands(bound));
        }
        let mut needed = in_words(needs);
        if needs.streaming {
            needed.push("streaming");
        }
        if !needed.is_empty() {
            let _ = write!(words, "; needs {}", needed.join(", "));
        }
        words
    }
}

impl Told {
    /// Whether anything would be tried.
    pub(super) fn is_served(&self) -> bool {
        self.explained.plan.is_ok()
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        let mut text = format!("{}\n", self.asked);
        let _ = match &self.explained.plan {
            Ok(_) => writeln!(
                text,
                "would be answered by {}{}",
                self.answered_by().unwrap_or_default(),
                self.choice().map(|choice| format!(" ({choice})")).unwrap_or_default()
            ),
            Err(error) => writeln!(text, "would be refused: {}", error.message),
        };
        let mut table = Table::new(["#place", "provider", "model", "route", "#expected $", "what speaks against it"]);
        for candidate in &self.explained.candidates {
            table.row([
                candidate.place.map_or_else(|| "-".to_owned(), |place| place.to_string()),
                candidate.provider.to_string(),
                candidate.model.to_string(),
                candidate.route.as_deref().unwrap_or_default().to_owned(),
                expected(candidate).unwrap_or_else(|| "unknown".to_owned()),
                candidate.against.clone().unwrap_or_default(),
            ]);
        }
        let _ = write!(text, "\n{table}");
        text
    }

    /// For programs.
    pub(super) fn json(&self) -> String {
        let rows = self.explained.candidates.iter().map(|candidate| Row {
            place: candidate.place,
            provider: &candidate.provider,
            model: &candidate.model,
            route: candidate.route.as_deref(),
            expected_usd: expected(candidate),
            against: candidate.against.as_deref(),
        });
        let json = Json {
            request: &self.asked,
            answered_by: self.answered_by(),
            choice: self.choice(),
            refused: self.explained.plan.as_ref().err().map(|error| &*error.message),
            candidates: rows.collect(),
        };
        serde_json::to_string_pretty(&json).expect("strings and numbers always serialise")
    }

    fn answered_by(&self) -> Option<String> {
        let first = self.explained.plan.as_ref().ok()?.targets.first()?;
        Some(format!("{}/{}", first.upstream.id(), first.model))
    }

    fn choice(&self) -> Option<String> {
        self.explained.plan.as_ref().ok()?.choice.map(|choice| choice.to_string())
    }
}

fn expected(candidate: &Candidate) -> Option<String> {
    candidate.expected.map(|expected| expected.to_string())
}

fn text_of(file: &Path) -> Result<String, Failure> {
    let unreadable = || Failure::io(format!("{} cannot be read", file.display()));
    let size = std::fs::metadata(file).map_err(unreadable())?.len();
    if size > MAX_BYTES {
        return Err(Failure::Said(format!("{} has {} bytes; at most {MAX_BYTES} are read", file.display(), size)));
    }
    std::fs::read_to_string(file).map_err(unreadable())
}

/// The shape of a request by its fields.
fn looks_like(body: &Map<String, Value>) -> Shape {
    let is_anthropic = |tool: &Value| tool.get("input_schema").is_some();
    let tools = body.get("tools").and_then(Value::as_array);
    if body.contains_key("contents") || body.contains_key("content") {
        Shape::GenerateContent
    } else if body.contains_key("input") {
        Shape::Responses
    } else if body.contains_key("system")
        || body.contains_key("anthropic_version")
        || body.contains_key("thinking")
        || tools.is_some_and(|tools| tools.iter().any(is_anthropic))
    {
        Shape::Messages
    } else {
        Shape::Chat
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::catalog::{Catalog, Date};
    use crate::config::{Environment, parse};

    #[test]
    fn a_request_is_known_by_its_fields() {
        for (body, expected) in [
            (json!({"messages": []}), Shape::Chat),
            (json!({"messages": [], "system": "x"}), Shape::Messages),
            (json!({"messages": [], "tools": [{"name": "f", "input_schema": {}}]}), Shape::Messages),
            (json!({"messages": [], "tools": [{"type": "function"}]}), Shape::Chat),
            (json!({"input": "x"}), Shape::Responses),
            (json!({"contents": []}), Shape::GenerateContent),
        ] {
            assert_eq!(body.as_object().map(looks_like), Some(expected), "{body}");
        }
    }

    #[test]
    fn what_is_no_request_is_said_so() {
        let env = Environment::from_pairs([
            ("OPENAI_API_KEY", "sk-proj-0123456789abcdef0123"),
            ("OVTH_MASTER_KEY", "0123456789abcdef0123456789abcdef"),
        ]);
        let (config, _) = parse("{}", Path::new("/"), &env, crate::providers::builtins()).expect("a configuration");
        let catalog = Arc::new(Catalog::embedded().expect("the catalogue"));
        let (snapshot, _) =
            Snapshot::build(config, catalog, "2026-11-22".parse::<Date>().expect("a date")).expect("a snapshot");
        let said = |shape, name| match Asked::read(None, shape, (name, &snapshot)) {
            Ok(_) => String::new(),
            Err(failure) => failure.to_string(),
        };
        assert_eq!(said(None, Some("auto")), "");
        assert!(said(None, None).contains("`model` is missing"));
        assert!(
            said(Some(Shape::Responses), Some("auto")).contains("the question is no request of the shape responses")
        );
    }
}
