//! What a client of responses makes of an answer, and what a provider of that shape asks of a request; they break where those would.

use std::collections::BTreeSet;

use ovth_filters::sse::RawEvent;
use serde_json::{Value, json};

use super::answer::{End, Said, id, lossy, name, text};

/// Reads a whole answer.
pub(crate) fn whole(body: &Value) -> Said {
    assert_eq!((&body["object"], body["error"].is_null()), (&json!("response"), true));
    for member in ["tools", "tool_choice", "parallel_tool_calls", "instructions", "metadata", "usage"] {
        assert!(body.get(member).is_some(), "{member} is there");
    }
    assert!(!id(&body["id"]).is_empty() && body["model"].is_string() && body["created_at"].is_u64());
    let mut said = Said::default();
    for item in body["output"].as_array().expect("the output is an array") {
        assert!(!id(&item["id"]).is_empty());
        match text(&item["type"]) {
            "message" => {
                for part in item["content"].as_array().expect("content is an array") {
                    said.text += text(&part["text"]);
                    said.refusal += text(&part["refusal"]);
                }
            }
            "reasoning" => {
                for part in ["summary", "content"].iter().filter_map(|member| item[*member].as_array()).flatten() {
                    said.reasoning += text(&part["text"]);
                }
            }
            "function_call" => {
                said.calls.push((id(&item["call_id"]), name(&item["name"]), text(&item["arguments"]).to_owned()));
            }
            "custom_tool_call" => {
                said.calls.push((id(&item["call_id"]), name(&item["name"]), text(&item["input"]).to_owned()));
            }
            kind => assert!(!kind.is_empty(), "every item has a type"),
        }
    }
    said.finish = match text(&body["status"]) {
        "completed" => "completed".to_owned(),
        "incomplete" => text(&body["incomplete_details"]["reason"]).to_owned(),
        status => panic!("no such status: {status}"),
    };
    said
}

/// Reads a stream: events are numbered, every item is added, told and done, and the last event repeats all of it.
pub(crate) fn stream(events: Vec<RawEvent>) -> (Said, End) {
    let mut output: Vec<Value> = Vec::new();
    let mut done = BTreeSet::new();
    let (mut said, mut end) = (Said::default(), End::Cut);
    for (number, event) in events.into_iter().filter(|event| !event.is_comment()).enumerate() {
        assert_eq!(end, End::Cut, "nothing follows the end: {}", lossy(&event.bytes));
        let data: Value = serde_json::from_slice(&event.data()).expect("every event is JSON on one line");
        let kind = text(&data["type"]);
        assert_eq!(event.name(), Some(kind.as_bytes()), "the event has its name");
        assert_eq!(data["sequence_number"], number, "events are numbered: {data}");
        match (number, kind) {
            (_, "response.failed") => {
                assert!(!text(&data["response"]["error"]["code"]).is_empty());
                end = End::Error;
            }
            (0, kind) => assert_eq!(kind, "response.created"),
            (1, kind) => assert_eq!(kind, "response.in_progress"),
            (_, "response.completed" | "response.incomplete") => {
                assert_eq!(kind, format!("response.{}", text(&data["response"]["status"])));
                assert_eq!(data["response"]["output"], json!(output), "the last event repeats the output");
                assert_eq!(done.len(), output.len(), "every item is done");
                said = whole(&data["response"]);
                end = End::Success;
            }
            (_, kind) => item(kind, &data, &mut output, &mut done),
        }
    }
    (said, end)
}

/// An event of an item: pieces come to what the item says when it is done.
fn item(kind: &str, data: &Value, output: &mut Vec<Value>, done: &mut BTreeSet<usize>) {
    let place = |name: &str| usize::try_from(data[name].as_u64().unwrap_or_else(|| panic!("{name}: {data}"))).unwrap();
    let index = place("output_index");
    if kind == "response.output_item.added" {
        assert_eq!(index, output.len(), "items are added in order");
        return output.push(data["item"].clone());
    }
    assert!(!done.contains(&index), "nothing is said of an item that is done: {data}");
    let known = output.get_mut(index).expect("an item was added before it is told");
    if let Some(id) = data.get("item_id") {
        assert_eq!(*id, known["id"]);
    }
    let add = |to: &mut Value| *to = (text(to).to_owned() + text(&data["delta"])).into();
    match kind.strip_prefix("response.").unwrap_or(kind) {
        "content_part.added" if known["type"] == "reasoning" => known["content"] = json!([data["part"]]),
        "content_part.added" => known["content"].as_array_mut().unwrap().push(data["part"].clone()),
        "reasoning_summary_part.added" => known["summary"].as_array_mut().unwrap().push(data["part"].clone()),
        "output_text.delta" | "reasoning_text.delta" => add(&mut known["content"][place("content_index")]["text"]),
        "refusal.delta" => add(&mut known["content"][place("content_index")]["refusal"]),
        "reasoning_summary_text.delta" => add(&mut known["summary"][place("summary_index")]["text"]),
        "function_call_arguments.delta" => add(&mut known["arguments"]),
        "custom_tool_call_input.delta" => add(&mut known["input"]),
        "output_text.annotation.added" => {
            known["content"][place("content_index")]["annotations"]
                .as_array_mut()
                .unwrap()
                .push(data["annotation"].clone());
        }
        "content_part.done" => assert_eq!(known["content"][place("content_index")], data["part"]),
        "reasoning_summary_part.done" => assert_eq!(known["summary"][place("summary_index")], data["part"]),
        "output_text.done" | "reasoning_text.done" | "refusal.done" | "reasoning_summary_text.done" => {}
        "function_call_arguments.done" => assert_eq!(known["arguments"], data["arguments"]),
        "custom_tool_call_input.done" => assert_eq!(known["input"], data["input"]),
        "output_item.done" => {
            for member in ["id", "type", "content", "summary", "call_id", "name", "arguments", "input"] {
                assert_eq!(known.get(member), data["item"].get(member), "{member}: {data}");
            }
            *known = data["item"].clone();
            done.insert(index);
        }
        kind => panic!("no such event: {kind}"),
    }
}

/// What a provider asks of a request.
pub(crate) fn request(body: &Value) {
    assert_eq!(body["store"], false, "nothing is kept there");
    let items = body["input"].as_array().expect("the input is an array");
    assert!(!items.is_empty());
    let (mut open, mut all) = (Vec::new(), BTreeSet::new());
    for (at, item) in items.iter().enumerate() {
        let call = || text(&item["call_id"]);
        match text(&item["type"]) {
            "function_call" | "custom_tool_call" => {
                assert!(!call().is_empty() && all.insert(call()), "ids are unlike: {body}");
                open.push(call());
            }
            "function_call_output" | "custom_tool_call_output" => {
                let found = open.iter().position(|open| *open == call()).unwrap_or_else(|| panic!("no call: {body}"));
                open.remove(found);
            }
            "reasoning" => {
                let next = items.get(at + 1).expect("reasoning leads to something");
                assert!(matches!(text(&next["role"]), "" | "assistant"), "reasoning leads to something: {body}");
            }
            "message" => {
                assert!(matches!(text(&item["role"]), "user" | "assistant" | "system" | "developer"));
                assert!(!item["content"].as_array().expect("content is an array").is_empty(), "{body}");
            }
            kind => assert!(!kind.is_empty(), "every item has a type"),
        }
        let is_call = |item: &Value| text(&item["type"]).ends_with("_call");
        assert!(is_call(item) || open.is_empty() || items.get(at + 1).is_some(), "every call has its output: {body}");
    }
    assert!(open.is_empty(), "every call has its output: {body}");
}
