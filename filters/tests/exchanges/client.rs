//! What clients of each shape send: a request, and the next one with all of the answer in it.

use ovth_filters::Shape;
use serde_json::{Value, json};

use super::{
    Ask, BOUND, IMAGE, IMAGE_URL, MODEL, Picture, QUESTION, RESULTS, SAID_BEFORE, SYSTEM, TOOL, TOOL_WORDS, arguments,
    ids, list, parameters, schema,
};

/// The cities of the calls of a history.
const CITIES: [&str; 2] = ["Bonn", "Kyiv"];

/// A request with all that is asked.
pub(crate) fn request(shape: Shape, ask: Ask) -> Value {
    let mut body = match shape {
        Shape::Chat => chat(ask),
        Shape::Responses => responses(ask),
        Shape::Messages => messages(ask),
        Shape::GenerateContent => return contents(ask),
    };
    body["model"] = json!(MODEL);
    if ask.stream {
        body["stream"] = json!(true);
    }
    body
}

fn chat(ask: Ask) -> Value {
    let mut content = vec![json!({"type": "text", "text": QUESTION})];
    content.extend(ask.image.map(|image| {
        let url = if image == Picture::Bytes { format!("data:image/png;base64,{IMAGE}") } else { IMAGE_URL.to_owned() };
        json!({"type": "image_url", "image_url": {"url": url}})
    }));
    let mut messages = vec![json!({"role": "system", "content": SYSTEM}), json!({"role": "user", "content": content})];
    if ask.results {
        let calls: Vec<Value> = ids(Shape::Chat).iter().zip(CITIES)
            .map(|(id, city)| json!({"id": id, "type": "function", "function": {"name": TOOL, "arguments": arguments(city).to_string()}})).collect();
        messages.push(json!({"role": "assistant", "content": SAID_BEFORE, "tool_calls": calls}));
        messages.extend(
            ids(Shape::Chat)
                .iter()
                .zip(RESULTS)
                .map(|(id, text)| json!({"role": "tool", "tool_call_id": id, "content": text})),
        );
    }
    let mut body = json!({"messages": messages, "max_completion_tokens": BOUND});
    if ask.stream {
        body["stream_options"] = json!({"include_usage": true});
    }
    if ask.tools {
        body["tools"] = json!([{"type": "function", "function": {"name": TOOL, "description": TOOL_WORDS, "parameters": parameters()}}]);
    }
    if ask.thinks {
        body["reasoning_effort"] = json!("low");
    }
    if ask.schema {
        body["response_format"] =
            json!({"type": "json_schema", "json_schema": {"name": "verdict", "schema": schema(), "strict": true}});
    }
    body
}

fn responses(ask: Ask) -> Value {
    let mut content = vec![json!({"type": "input_text", "text": QUESTION})];
    content.extend(ask.image.map(|image| {
        let url = if image == Picture::Bytes { format!("data:image/png;base64,{IMAGE}") } else { IMAGE_URL.to_owned() };
        json!({"type": "input_image", "image_url": url, "detail": "auto"})
    }));
    let mut input = vec![json!({"role": "user", "content": content})];
    if ask.results {
        input.push(json!({"type": "message", "id": "msg_h", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": SAID_BEFORE, "annotations": []}]}));
        input.extend(ids(Shape::Responses).iter().zip(CITIES)
            .map(|(id, city)| json!({"type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": TOOL, "arguments": arguments(city).to_string(), "status": "completed"})));
        input.extend(
            ids(Shape::Responses)
                .iter()
                .zip(RESULTS)
                .map(|(id, text)| json!({"type": "function_call_output", "call_id": id, "output": text})),
        );
    }
    let mut body = json!({"instructions": SYSTEM, "input": input, "max_output_tokens": BOUND, "store": false});
    if ask.tools {
        body["tools"] = json!([{"type": "function", "name": TOOL, "description": TOOL_WORDS, "parameters": parameters(), "strict": false}]);
    }
    if ask.thinks {
        body["reasoning"] = json!({"effort": "low", "summary": "auto"});
        body["include"] = json!(["reasoning.encrypted_content"]);
    }
    if ask.schema {
        body["text"] =
            json!({"format": {"type": "json_schema", "name": "verdict", "schema": schema(), "strict": true}});
    }
    body
}

fn messages(ask: Ask) -> Value {
    let mut content = vec![json!({"type": "text", "text": QUESTION})];
    content.extend(ask.image.map(|image| {
        let source = match image {
            Picture::Bytes => json!({"type": "base64", "media_type": "image/png", "data": IMAGE}),
            Picture::Address => json!({"type": "url", "url": IMAGE_URL}),
        };
        json!({"type": "image", "source": source})
    }));
    let mut messages = vec![json!({"role": "user", "content": content})];
    if ask.results {
        let mut said = vec![json!({"type": "text", "text": SAID_BEFORE})];
        said.extend(
            ids(Shape::Messages)
                .iter()
                .zip(CITIES)
                .map(|(id, city)| json!({"type": "tool_use", "id": id, "name": TOOL, "input": arguments(city)})),
        );
        messages.push(json!({"role": "assistant", "content": said}));
        let results: Vec<Value> = ids(Shape::Messages)
            .iter()
            .zip(RESULTS)
            .map(|(id, text)| json!({"type": "tool_result", "tool_use_id": id, "content": text}))
            .collect();
        messages.push(json!({"role": "user", "content": results}));
    }
    let mut body = json!({"system": SYSTEM, "messages": messages, "max_tokens": BOUND});
    if ask.tools {
        body["tools"] = json!([{"name": TOOL, "description": TOOL_WORDS, "input_schema": parameters()}]);
    }
    if ask.thinks {
        body["thinking"] = json!({"type": "adaptive", "display": "summarized"});
        body["output_config"]["effort"] = json!("low");
    }
    if ask.schema {
        body["output_config"]["format"] = json!({"type": "json_schema", "schema": schema()});
    }
    body
}

fn contents(ask: Ask) -> Value {
    let mut parts = vec![json!({"text": QUESTION})];
    parts.extend(ask.image.map(|image| match image {
        Picture::Bytes => json!({"inlineData": {"mimeType": "image/png", "data": IMAGE}}),
        Picture::Address => json!({"fileData": {"mimeType": "image/png", "fileUri": IMAGE_URL}}),
    }));
    let mut contents = vec![json!({"role": "user", "parts": parts})];
    if ask.results {
        let mut said = vec![json!({"text": SAID_BEFORE})];
        said.extend(
            ids(Shape::GenerateContent)
                .iter()
                .zip(CITIES)
                .map(|(id, city)| json!({"functionCall": {"id": id, "name": TOOL, "args": arguments(city)}})),
        );
        contents.push(json!({"role": "model", "parts": said}));
        let results: Vec<Value> = ids(Shape::GenerateContent)
            .iter()
            .zip(RESULTS)
            .map(|(id, text)| json!({"functionResponse": {"id": id, "name": TOOL, "response": {"output": text}}}))
            .collect();
        contents.push(json!({"role": "user", "parts": results}));
    }
    let mut config = json!({"maxOutputTokens": BOUND});
    if ask.thinks {
        config["thinkingConfig"] = json!({"thinkingLevel": "LOW", "includeThoughts": true});
    }
    if ask.schema {
        config["responseMimeType"] = json!("application/json");
        config["responseJsonSchema"] = schema();
    }
    let mut body =
        json!({"systemInstruction": {"parts": [{"text": SYSTEM}]}, "contents": contents, "generationConfig": config});
    if ask.tools {
        body["tools"] = json!([{"functionDeclarations": [{"name": TOOL, "description": TOOL_WORDS, "parametersJsonSchema": parameters()}]}]);
    }
    body
}

/// The next request: the one before, all of the whole answer as it came, and a result for each call.
pub(crate) fn next_request(shape: Shape, mut request: Value, answer: &Value) -> Value {
    let mut results = RESULTS.iter();
    let mut result = || *results.next().unwrap_or(&RESULTS[0]);
    match shape {
        Shape::Chat => {
            let message = &answer["choices"][0]["message"];
            let turns = request["messages"].as_array_mut().unwrap();
            turns.push(message.clone());
            turns.extend(
                list(&message["tool_calls"])
                    .iter()
                    .map(|call| json!({"role": "tool", "tool_call_id": call["id"], "content": result()})),
            );
        }
        Shape::Responses => {
            let items = request["input"].as_array_mut().unwrap();
            items.extend(list(&answer["output"]).iter().cloned());
            items.extend(
                list(&answer["output"]).iter().filter(|item| item["type"] == "function_call").map(
                    |call| json!({"type": "function_call_output", "call_id": call["call_id"], "output": result()}),
                ),
            );
        }
        Shape::Messages => {
            let turns = request["messages"].as_array_mut().unwrap();
            turns.push(json!({"role": "assistant", "content": answer["content"]}));
            let results: Vec<Value> = list(&answer["content"])
                .iter()
                .filter(|block| block["type"] == "tool_use")
                .map(|call| json!({"type": "tool_result", "tool_use_id": call["id"], "content": result()}))
                .collect();
            turns.push(json!({"role": "user", "content": results}));
        }
        Shape::GenerateContent => {
            let contents = request["contents"].as_array_mut().unwrap();
            let content = &answer["candidates"][0]["content"];
            contents.push(content.clone());
            let results: Vec<Value> = list(&content["parts"])
                .iter()
                .filter_map(|part| part.get("functionCall"))
                .map(|call| {
                    let mut told = json!({"name": call["name"], "response": {"output": result()}});
                    if let Some(id) = call.get("id") {
                        told["id"] = id.clone();
                    }
                    json!({"functionResponse": told})
                })
                .collect();
            contents.push(json!({"role": "user", "parts": results}));
        }
    }
    request
}
