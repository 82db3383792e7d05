//! Where an operation of a shape lives below a provider's base URL.

use ovth_filters::{Operation, Shape};

use super::upstream::Call;

/// The path of one call. OpenAI-like base URLs end in their version (`/v1`), as the official SDKs have it; those of
/// Anthropic and Google do not, and the version is added unless it is already there.
pub(super) fn path(base: &str, call: &Call<'_>) -> String {
    let Call { shape, operation, model, .. } = *call;
    match shape {
        Shape::Chat => format!("{base}{}", openai(operation, "/chat/completions")),
        Shape::Responses => format!("{base}{}", openai(operation, "/responses")),
        Shape::Messages => format!("{}{}", versioned(base, "/v1"), messages(operation)),
        Shape::GenerateContent => {
            let base = if base.ends_with("/v1") { base.to_owned() } else { versioned(base, "/v1beta") };
            match google_method(call) {
                None => format!("{base}/models"),
                Some(method) => format!("{base}/models/{}:{method}", Segment(model.trim_start_matches("models/"))),
            }
        }
    }
}

fn openai(operation: Operation, generate: &'static str) -> &'static str {
    match operation {
        Operation::Generate => generate,
        Operation::Embed => "/embeddings",
        // The only counter OpenAI has: <https://platform.openai.com/docs/api-reference/responses/input-tokens>.
        Operation::CountTokens => "/responses/input_tokens",
        Operation::ListModels => "/models",
    }
}

fn messages(operation: Operation) -> &'static str {
    match operation {
        Operation::Generate => "/messages",
        // Anthropic has none; a host that adds one would have it here.
        Operation::Embed => "/embeddings",
        Operation::CountTokens => "/messages/count_tokens",
        Operation::ListModels => "/models",
    }
}

fn google_method(call: &Call<'_>) -> Option<&'static str> {
    match call.operation {
        Operation::Generate if call.stream => Some("streamGenerateContent?alt=sse"),
        Operation::Generate => Some("generateContent"),
        Operation::Embed if call.batch => Some("batchEmbedContents"),
        Operation::Embed => Some("embedContent"),
        Operation::CountTokens => Some("countTokens"),
        Operation::ListModels => None,
    }
}

fn versioned(base: &str, version: &str) -> String {
    if base.ends_with(version) { base.to_owned() } else { format!("{base}{version}") }
}

/// A model id as one path segment: whatever could end the segment is percent-encoded.
struct Segment<'a>(&'a str);

impl std::fmt::Display for Segment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use std::fmt::Write;
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
                f.write_char(char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn path(base: &str, shape: Shape, operation: Operation, model: &str, stream: bool) -> String {
        let client = &HeaderMap::new();
        let call = Call {
            shape,
            operation,
            batch: false,
            model,
            stream,
            credential: None,
            client_shape: shape,
            client,
            query: None,
        };
        super::path(base, &call)
    }

    #[test]
    fn each_operation_has_its_path() {
        use Operation::{CountTokens, Embed, Generate, ListModels};
        let cases = [
            ("/v1", Shape::Chat, Generate, "/v1/chat/completions"),
            ("/v1", Shape::Chat, Embed, "/v1/embeddings"),
            ("/v1", Shape::Chat, ListModels, "/v1/models"),
            ("/api/v1", Shape::Responses, Generate, "/api/v1/responses"),
            ("/v1", Shape::Responses, CountTokens, "/v1/responses/input_tokens"),
            ("", Shape::Chat, Generate, "/chat/completions"),
            ("", Shape::Messages, Generate, "/v1/messages"),
            ("", Shape::Messages, CountTokens, "/v1/messages/count_tokens"),
            ("/v1", Shape::Messages, Generate, "/v1/messages"),
            ("/api/v1", Shape::Messages, Generate, "/api/v1/messages"),
            ("/anthropic", Shape::Messages, ListModels, "/anthropic/v1/models"),
            ("", Shape::GenerateContent, Generate, "/v1beta/models/gemini-3.5-flash:generateContent"),
            ("/v1", Shape::GenerateContent, CountTokens, "/v1/models/gemini-3.5-flash:countTokens"),
            ("/v1beta", Shape::GenerateContent, ListModels, "/v1beta/models"),
            ("/v1beta/openai", Shape::Chat, Generate, "/v1beta/openai/chat/completions"),
        ];
        for (base, shape, operation, expected) in cases {
            assert_eq!(path(base, shape, operation, "gemini-3.5-flash", false), expected, "{base} {shape} {operation}");
        }
    }

    #[test]
    fn a_model_cannot_leave_its_path_segment() {
        let made = path("", Shape::GenerateContent, Operation::Generate, "models/gemini-x/../y?key=1#é", true);
        assert_eq!(made, "/v1beta/models/gemini-x%2F..%2Fy%3Fkey%3D1%23%C3%A9:streamGenerateContent?alt=sse");
    }
}
