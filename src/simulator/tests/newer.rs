//! The Responses and generateContent shapes, and embeddings: whole, streamed, called and refused.

use serde_json::{Value, json};

use super::client::{Answer, Client, simulator};

const RESPONSES: &str = "/v1/responses";
const GEMINI: &str = "/v1beta/models/gemini-3.5-flash";

fn post(path: &str, body: &Value) -> Answer {
    Client::post(simulator().addr, path, &body.to_string())
}

fn with(mut body: Value, fields: Value) -> Value {
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

fn responses(fields: Value) -> Answer {
    post(RESPONSES, &with(json!({"model": "gpt-5", "input": "hello there"}), fields))
}

fn gemini(method: &str, fields: Value) -> Answer {
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "hello there"}]}]});
    post(&format!("{GEMINI}:{method}"), &with(body, fields))
}

/// The records of a stream, whatever its line ends.
fn data(answer: &Answer) -> Vec<Value> {
    answer
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

#[test]
fn responses_echo_whole_and_streamed_with_numbered_events() {
    let whole = responses(json!({})).json();
    assert_eq!(whole["output"][0]["content"][0]["text"], "You said: hello there");
    assert_eq!((&whole["status"], &whole["usage"]["output_tokens"]), (&"completed".into(), &4.into()));

    let events = data(&responses(json!({"stream": true})));
    let numbers: Vec<u64> = events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>());
    let text: String = events
        .iter()
        .filter(|event| event["type"] == "response.output_text.delta")
        .map(|event| event["delta"].as_str().unwrap())
        .collect();
    assert_eq!(text, "You said: hello there");
    assert_eq!(events.last().unwrap()["type"], "response.completed");
    assert_eq!(events.last().unwrap()["response"]["output"][0]["content"][0]["text"], text);

    let short = responses(json!({"input": "[words=40] hello", "max_output_tokens": 16})).json();
    assert_eq!(
        (&short["status"], &short["incomplete_details"]["reason"]),
        (&"incomplete".into(), &"max_output_tokens".into())
    );
}

#[test]
fn responses_reason_and_call_tools_in_items_of_their_own() {
    let tool = json!({"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}});
    let called = responses(json!({
        "tools": [tool], "tool_choice": "required", "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
    }))
    .json();
    assert_eq!(called["output"][0]["type"], "reasoning");
    assert!(called["output"][0]["encrypted_content"].is_string());
    let call = &called["output"][1];
    assert_eq!((&call["type"], &call["arguments"]), (&"function_call".into(), &r#"{"city":"hello"}"#.into()));

    let id = &call["call_id"];
    let history = json!([{"role": "user", "content": "x"}, call, {"type": "function_call_output", "call_id": id, "output": "sunny"}]);
    let answered = responses(json!({"input": history, "tools": [tool]})).json();
    assert_eq!(answered["output"][0]["content"][0]["text"], "The tool said: sunny");

    let reasoning = &called["output"][0];
    let with = |reasoning: &Value| {
        let history = json!([{"role": "user", "content": "x"}, reasoning, call, {"type": "function_call_output", "call_id": id, "output": "sunny"}]);
        responses(json!({"input": history, "tools": [tool]}))
    };
    assert_eq!(with(reasoning).status, 200);
    let mut bare = reasoning.clone();
    bare.as_object_mut().unwrap().remove("encrypted_content");
    let refused = with(&bare);
    assert!(refused.status == 404 && refused.text().contains("not persisted"), "{}", refused.text());
    let mut altered = reasoning.clone();
    altered["encrypted_content"] = "gAAAAABother".into();
    let refused = with(&altered);
    assert!(refused.status == 400 && refused.text().contains("could not be verified"), "{}", refused.text());

    let stray = responses(json!({"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}));
    assert_eq!((stray.status, &stray.json()["error"]["param"]), (400, &"input".into()));
    let custom = json!({"type": "custom", "name": "shell"});
    let called = responses(json!({"tools": [custom], "tool_choice": "required"})).json();
    assert_eq!(called["output"][0]["type"], "custom_tool_call");
}

#[test]
fn responses_keeps_no_state_and_counts_input() {
    let refused = responses(json!({"previous_response_id": "resp_1"}));
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (400, &"previous_response_not_found".into()));
    let counted = post("/v1/responses/input_tokens", &json!({"model": "gpt-5", "input": "hello there"})).json();
    assert_eq!(counted["input_tokens"], responses(json!({})).json()["usage"]["input_tokens"]);
}

#[test]
fn gemini_echoes_whole_as_events_and_as_an_array() {
    let whole = gemini("generateContent", json!({})).json();
    assert_eq!(whole["candidates"][0]["content"]["parts"][0]["text"], "You said: hello there");
    assert_eq!(
        (&whole["candidates"][0]["finishReason"], &whole["usageMetadata"]["candidatesTokenCount"]),
        (&"STOP".into(), &4.into())
    );

    let streamed = gemini("streamGenerateContent?alt=sse", json!({}));
    assert!(streamed.text().contains("\r\n\r\n"));
    let text = |records: &[Value]| -> String {
        records
            .iter()
            .map(|record| record["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(text(&data(&streamed)), "You said: hello there");
    let array = gemini("streamGenerateContent", json!({}));
    assert_eq!(array.header("content-type"), Some("application/json"));
    assert_eq!(text(array.json().as_array().unwrap()), "You said: hello there");

    let counted = gemini("countTokens", json!({})).json();
    assert_eq!(counted["totalTokens"], whole["usageMetadata"]["promptTokenCount"]);
    let wrapped =
        json!({"generateContentRequest": {"model": "models/m", "contents": [{"parts": [{"text": "hello there"}]}]}});
    assert_eq!(post(&format!("{GEMINI}:countTokens"), &wrapped).json()["totalTokens"], counted["totalTokens"]);
}

#[test]
fn gemini_signs_its_calls_and_wants_the_signature_back() {
    let declared =
        json!({"name": "get_weather", "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}});
    let tools = json!([{"functionDeclarations": [declared]}]);
    let forced = json!({"functionCallingConfig": {"mode": "ANY"}});
    let called = gemini("generateContent", json!({"tools": tools, "toolConfig": forced})).json();
    let part = called["candidates"][0]["content"]["parts"][0].clone();
    assert_eq!(part["functionCall"]["args"], json!({"city": "hello"}));
    assert!(part["thoughtSignature"].is_string());

    let response = json!({"functionResponse": {"name": "get_weather", "response": {"output": "sunny"}}});
    let history = |call: &Value| {
        json!({"tools": tools, "contents": [
            {"role": "user", "parts": [{"text": "x"}]}, {"role": "model", "parts": [call]}, {"role": "user", "parts": [response]},
        ]})
    };
    let answered = gemini("generateContent", history(&part)).json();
    assert_eq!(answered["candidates"][0]["content"]["parts"][0]["text"], "The tool said: sunny");
    let mut bare = part.clone();
    bare.as_object_mut().unwrap().remove("thoughtSignature");
    let refused = gemini("generateContent", history(&bare));
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("missing a thought_signature"));
    let mut altered = part.clone();
    altered["thoughtSignature"] = format!("{}AAAA", part["thoughtSignature"].as_str().unwrap()).into();
    let refused = gemini("generateContent", history(&altered));
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("signature is not valid"));
    let mut unknown = part;
    unknown["thoughtSignature"] = "skip_thought_signature_validator".into();
    assert_eq!(gemini("generateContent", history(&unknown)).status, 200);
}

#[test]
fn gemini_thinks_stops_and_refuses_in_its_own_form() {
    let thought =
        gemini("generateContent", json!({"generationConfig": {"thinkingConfig": {"includeThoughts": true}}})).json();
    assert_eq!(thought["candidates"][0]["content"]["parts"][0]["thought"], true);
    assert!(thought["usageMetadata"]["thoughtsTokenCount"].as_u64().unwrap() > 0);
    let short = gemini("generateContent", json!({"generationConfig": {"maxOutputTokens": 2}})).json();
    assert_eq!(short["candidates"][0]["finishReason"], "MAX_TOKENS");

    let both = json!({"generationConfig": {"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"}}});
    let refused = gemini("generateContent", both);
    assert_eq!((refused.status, &refused.json()["error"]["status"]), (400, &"INVALID_ARGUMENT".into()));
    let unknown =
        post("/v1beta/models/no-such-model:generateContent", &json!({"contents": [{"parts": [{"text": "x"}]}]}));
    assert_eq!((unknown.status, &unknown.json()["error"]["status"]), (404, &"NOT_FOUND".into()));
    let fault =
        post("/v1beta/models/sim-fault-rate-limit:generateContent", &json!({"contents": [{"parts": [{"text": "x"}]}]}));
    assert_eq!((fault.status, &fault.json()["error"]["details"][0]["retryDelay"]), (429, &"2s".into()));
    let keyless = {
        let simulator = simulator();
        let mut client = Client::new(simulator.addr);
        client.raw("GET /v1beta/models?key=invalid HTTP/1.1\r\nhost: sim\r\n\r\n");
        client.answer().unwrap()
    };
    assert_eq!(keyless.json()["error"]["details"][0]["reason"], "API_KEY_INVALID");
    let listed = Client::call(simulator().addr, "GET", "/v1beta/models", "").json();
    assert_eq!(listed["models"][0]["name"], "models/gemini-2.5-flash");
}

#[test]
fn embeddings_are_the_same_vectors_in_every_form() {
    let floats = post("/v1/embeddings", &json!({"model": "m", "input": ["a", "b"], "dimensions": 4})).json();
    let first: Vec<f64> =
        floats["data"][0]["embedding"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    assert_eq!((first.len(), floats["data"].as_array().unwrap().len()), (4, 2));
    let encoded =
        post("/v1/embeddings", &json!({"model": "m", "input": "a", "dimensions": 4, "encoding_format": "base64"}))
            .json();
    assert_eq!(encoded["data"][0]["embedding"].as_str().unwrap().len(), 24);
    let one = json!({"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 4});
    let google = post(&format!("{GEMINI}:embedContent"), &one).json();
    assert_eq!(google["embedding"]["values"], floats["data"][0]["embedding"]);
    let batch = post(&format!("{GEMINI}:batchEmbedContents"), &json!({"requests": [one, one]})).json();
    assert_eq!(batch["embeddings"][1]["values"], floats["data"][0]["embedding"]);
}
