//! What the path of a request says: the model, what is asked of it, and how the answer is to come.

use crate::Operation;

/// How a streamed answer is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// As server-sent events: `alt=sse`.
    Events,
    /// As one JSON array, written piece by piece: what Google does without `alt=sse`. See [`crate::sse::ArrayWriter`].
    Array,
}

/// A call of a model in Google's form: `models/MODEL:METHOD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelCall {
    /// The model, without `models/` before it; never empty.
    pub model: String,
    /// What is asked.
    pub operation: Operation,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// How, if so.
    pub framing: Framing,
    /// Whether several texts are to be embedded at once: `batchEmbedContents`.
    pub batch: bool,
}

impl ModelCall {
    /// The methods that are known, and what each of them asks.
    pub const METHODS: [(&str, Operation); 5] = [
        ("generateContent", Operation::Generate),
        ("streamGenerateContent", Operation::Generate),
        ("countTokens", Operation::CountTokens),
        ("embedContent", Operation::Embed),
        ("batchEmbedContents", Operation::Embed),
    ];

    /// Reads what stands behind the version in a path (`models/gemini-3.8-flash:generateContent`, percent-encoding undone), and
    /// the query. `None` for a path that names no model or no method that is known.
    ///
    /// ```
    /// use ovth_filters::shapes::{Framing, ModelCall};
    /// let call = ModelCall::read("models/google/gemini:x:streamGenerateContent", Some("key=1&alt=sse")).unwrap();
    /// assert_eq!((call.model.as_str(), call.stream, call.framing), ("google/gemini:x", true, Framing::Events));
    /// ```
    #[must_use]
    pub fn read(path: &str, query: Option<&str>) -> Option<ModelCall> {
        // Names of models hold slashes and colons: the method is behind the last colon.
        let (model, method) = path.rsplit_once(':')?;
        let (_, operation) = ModelCall::METHODS.into_iter().find(|(name, _)| *name == method)?;
        let stream = method == "streamGenerateContent";
        let model = model.strip_prefix("models/").unwrap_or(model);
        if model.is_empty() {
            return None;
        }
        let is_events = query.unwrap_or_default().split('&').any(|pair| pair.eq_ignore_ascii_case("alt=sse"));
        let framing = if is_events { Framing::Events } else { Framing::Array };
        let batch = method == "batchEmbedContents";
        Some(ModelCall { model: model.to_owned(), operation, stream, framing, batch })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_path_names_model_and_method() {
        let read = |path: &str, query: Option<&str>| ModelCall::read(path, query).unwrap();
        let whole = read("models/gemini-3.8-flash:generateContent", None);
        assert_eq!(
            (whole.model.as_str(), whole.operation, whole.stream),
            ("gemini-3.8-flash", Operation::Generate, false)
        );
        let array = read("models/a/b:free:streamGenerateContent", Some("key=x"));
        assert_eq!((array.model.as_str(), array.stream, array.framing), ("a/b:free", true, Framing::Array));
        assert_eq!(read("models/m:streamGenerateContent", Some("key=x&alt=sse")).framing, Framing::Events);
        assert_eq!(read("tunedModels/t:countTokens", None).model, "tunedModels/t");
        assert_eq!(read("models/m:countTokens", None).operation, Operation::CountTokens);
        let embeds = read("models/m:batchEmbedContents", None);
        assert_eq!((embeds.operation, embeds.batch), (Operation::Embed, true));
        assert!(!read("models/m:embedContent", None).batch);
        for path in ["models/m", "models/:generateContent", "models/m:delete", ":generateContent", ""] {
            assert_eq!(ModelCall::read(path, None), None, "{path}");
        }
    }
}
