//! Loops with tools over two turns: calls, their signatures and their answers, whoever serves the model.

use serde_json::{Value, json};

use super::{MODELS, Scene, elements, events, text};

fn turn(contents: &[Value]) -> Value {
    let parameters = json!({"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]});
    json!({"contents": contents, "tools": [{"functionDeclarations": [
        {"name": "weather", "description": "tells the weather", "parameters": parameters}]}]})
}

/// The parts of an answer in the order they came.
fn parts(chunks: &[Value]) -> Vec<Value> {
    let parts = chunks.iter().filter_map(|chunk| chunk["candidates"][0]["content"]["parts"].as_array());
    parts.flatten().cloned().collect()
}

#[tokio::test]
async fn a_call_and_its_answer_go_through_two_turns_with_all_that_they_carry() {
    let scene = Scene::start().await;
    for ((model, _), provider) in MODELS.into_iter().zip(["google", "plain", "newer", "other"]) {
        for method in ["generateContent", "streamGenerateContent?alt=sse", "streamGenerateContent"] {
            let user = json!({"role": "user", "parts": [{"text": "[tool] what is the weather?"}]});
            let first = scene.call(&format!("{model}:{method}"), &turn(std::slice::from_ref(&user))).await;
            assert_eq!(first.status, 200, "{first:?}");
            let chunks = match method {
                "generateContent" => vec![first.json()],
                "streamGenerateContent" => elements(&first),
                _ => events(&first),
            };
            let parts = parts(&chunks);
            let call = parts.iter().find(|part| part["functionCall"].is_object());
            let call = call.unwrap_or_else(|| panic!("{model} {method}: no call in {parts:?}"));
            assert_eq!(call["functionCall"]["name"], "weather");
            // Google's own, or an envelope with what another provider wants back: clients insist on one.
            let signature = call["thoughtSignature"].as_str().unwrap_or_else(|| panic!("{model} {method}: {call}"));
            assert_eq!(chunks.last().unwrap()["candidates"][0]["finishReason"], "STOP", "calls end with it");

            let mut response = json!({"name": "weather", "response": {"output": "sunny"}});
            if let Some(id) = call["functionCall"].get("id") {
                response["id"] = id.clone();
            }
            let contents = [
                user,
                json!({"role": "model", "parts": parts}),
                json!({"role": "user", "parts": [{"functionResponse": response}]}),
            ];
            let second = scene.call(&format!("{model}:generateContent"), &turn(&contents)).await;
            assert_eq!(second.status, 200, "{model} {method}: {second:?}");
            assert_eq!(text(&second.json()), "The tool said: sunny", "{model} {method}");
            let sent = scene.simulator.namespace(provider).requests().pop().unwrap();
            let sent = sent.body.unwrap().to_string();
            assert_eq!(sent.contains(signature), provider == "google", "{sent}");
        }
    }
}
