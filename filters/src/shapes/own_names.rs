//! What each shape calls the things that a request can be refused for, so that a client is told of its own field.

use crate::Shape;
use crate::neutral::ApiError;

/// The names of one thing, in the order of [`place`]; of several that a shape has the usual one first, none where it has no such thing.
type Names = [&'static [&'static str]; 4];

const TABLE: [Names; 14] = [
    [
        &["max_completion_tokens", "max_tokens"],
        &["max_output_tokens"],
        &["max_tokens"],
        &["generationConfig.maxOutputTokens"],
    ],
    [&["messages"], &["input"], &["messages"], &["contents"]],
    [&["tools"], &["tools"], &["tools"], &["tools"]],
    [&["tool_choice"], &["tool_choice"], &["tool_choice"], &["toolConfig"]],
    [&["stop"], &[], &["stop_sequences"], &["generationConfig.stopSequences"]],
    [&["n"], &[], &[], &["generationConfig.candidateCount"]],
    [&["reasoning_effort"], &["reasoning.effort"], &["output_config.effort"], &["generationConfig.thinkingConfig"]],
    [&["reasoning.max_tokens"], &[], &["thinking.budget_tokens"], &["generationConfig.thinkingConfig.thinkingBudget"]],
    [
        &["response_format"],
        &["text.format"],
        &["output_config.format"],
        &["generationConfig.responseJsonSchema", "generationConfig.responseSchema"],
    ],
    [&["temperature"], &["temperature"], &["temperature"], &["generationConfig.temperature"]],
    [&["top_p"], &["top_p"], &["top_p"], &["generationConfig.topP"]],
    [&["modalities"], &["modalities"], &[], &["generationConfig.responseModalities"]],
    [&["audio"], &["audio"], &[], &["generationConfig.speechConfig"]],
    [
        &["messages.tool_call_id"],
        &["input.call_id"],
        &["messages.content.tool_use_id"],
        &["contents.parts.functionResponse"],
    ],
];

const fn place(shape: Shape) -> usize {
    match shape {
        Shape::Chat => 0,
        Shape::Responses => 1,
        Shape::Messages => 2,
        Shape::GenerateContent => 3,
    }
}

/// An error that names a field in any shape's words, in the words of the shape that the client speaks.
#[must_use]
pub fn in_words_of(client: Shape, mut error: ApiError) -> ApiError {
    let Some(param) = error.param.take() else { return error };
    let own = own_name(client, &param);
    if own != param {
        error.message = renamed(&error.message, &param, &own);
    }
    error.param = Some(own);
    error
}

/// What the client calls it: the same where it has that name itself, or none.
fn own_name(client: Shape, field: &str) -> String {
    let own = |names: &Names| names.get(place(client)).copied().unwrap_or_default();
    let meant: Vec<&Names> = TABLE.iter().filter(|names| names.iter().any(|shape| shape.contains(&field))).collect();
    if meant.is_empty() {
        // A place within the conversation.
        let within = field.strip_prefix("messages.").or(Some(field).filter(|field| field.starts_with("content.")));
        return match within {
            Some(within) if client == Shape::Responses => format!("input.{within}"),
            Some(within) if client == Shape::GenerateContent => {
                format!("contents.parts.{}", within.strip_prefix("content.").unwrap_or(within))
            }
            _ => field.to_owned(),
        };
    }
    if meant.iter().any(|names| own(names).contains(&field)) {
        return field.to_owned();
    }
    meant.iter().find_map(|names| own(names).first()).map_or(field, |name| name).to_owned()
}

/// The text with the name in it where it stands in back quotes, by itself or with a value.
fn renamed(text: &str, field: &str, own: &str) -> String {
    let text = text.replace(&format!("`{field}`"), &format!("`{own}`"));
    text.replace(&format!("`{field}: "), &format!("`{own}: "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neutral::ErrorClass;

    fn told(client: Shape, field: &str, message: &str) -> (String, String) {
        let error = in_words_of(client, ApiError::new(ErrorClass::BadRequest, message).with_param(field));
        (error.param.unwrap_or_default(), error.message)
    }

    #[test]
    fn a_field_is_told_as_the_client_calls_it() {
        let message = "a request for no output (`max_tokens: 0`) cannot be sent: raise `max_tokens`";
        for (client, own) in [
            (Shape::Chat, "max_tokens"),
            (Shape::Messages, "max_tokens"),
            (Shape::Responses, "max_output_tokens"),
            (Shape::GenerateContent, "generationConfig.maxOutputTokens"),
        ] {
            assert_eq!(told(client, "max_tokens", message), (own.to_owned(), message.replace("max_tokens", own)));
        }
        for (client, field, own) in [
            (Shape::GenerateContent, "messages", "contents"),
            (Shape::Responses, "messages", "input"),
            (Shape::Responses, "messages.content.image", "input.content.image"),
            (Shape::GenerateContent, "messages.content.image", "contents.parts.image"),
            (Shape::GenerateContent, "content.video", "contents.parts.video"),
            (Shape::Messages, "content.video", "content.video"),
            (Shape::GenerateContent, "tool_choice", "toolConfig"),
            (Shape::Chat, "stop_sequences", "stop"),
            (Shape::Messages, "response_format", "output_config.format"),
            (Shape::GenerateContent, "thinking.budget_tokens", "generationConfig.thinkingConfig.thinkingBudget"),
            (Shape::Chat, "max_completion_tokens", "max_completion_tokens"),
            (Shape::Chat, "messages.tool_call_id", "messages.tool_call_id"),
        ] {
            assert_eq!(told(client, field, "").0, own, "{client} {field}");
        }
    }

    #[test]
    fn what_the_client_has_no_name_for_is_told_as_it_is() {
        for (client, field) in [
            (Shape::Responses, "stop_sequences"),
            (Shape::Messages, "n"),
            (Shape::GenerateContent, "mcp_servers"),
            (Shape::Chat, ""),
        ] {
            assert_eq!(told(client, field, "`x`"), (field.to_owned(), "`x`".to_owned()), "{client} {field}");
        }
        assert_eq!(in_words_of(Shape::Chat, ApiError::new(ErrorClass::BadRequest, "no")).param, None);
    }
}
