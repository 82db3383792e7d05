//! The conversation.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{again, fields, messages, openai, plain, refused, router, sent, try_send};
use crate::Shape;
use crate::json::View;
use crate::neutral::{HostRules, Losses, Profile};
use crate::shapes::codec;

/// A PNG of one pixel, as far as its first bytes tell.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAf";

fn written(list: Value, profile: &Profile) -> Value {
    sent(&messages(list), profile).body["messages"].clone()
}

fn tool_use(id: &str) -> Value {
    json!({"type": "tool_use", "id": id, "name": "f", "input": {"b": 1, "a": 2}})
}

fn tool_result(id: &str, content: Value) -> Value {
    json!({"type": "tool_result", "tool_use_id": id, "content": content})
}

#[test]
fn instructions_are_one_message_of_the_hosts_role() {
    let body = fields(json!({"system": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}));
    let parts = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
    assert_eq!(sent(&body, &openai()).body["messages"][0], json!({"role": "developer", "content": parts}));
    assert_eq!(sent(&body, &plain()).body["messages"][0], json!({"role": "system", "content": "a\n\nb"}));
    let one = fields(json!({"system": "a"}));
    assert_eq!(sent(&one, &openai()).body["messages"][0], json!({"role": "developer", "content": "a"}));
}

#[test]
fn pitfall_119_the_billing_header_of_claude_code_goes_nowhere() {
    let turn = |stamp: &str, list: Value| {
        let mut body = messages(list);
        body["system"] = json!([
            {"type": "text", "text": format!("x-anthropic-billing-header: cc_version=2; cch={stamp};")},
            {"type": "text", "text": "You help."},
        ]);
        sent(&body, &openai())
    };
    let first = turn("1f", json!([{"role": "user", "content": "a"}]));
    let second = turn(
        "2e",
        json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]),
    );
    assert!(!first.bytes.contains("billing") && first.losses.is_empty());
    let prefix = first.bytes.strip_suffix("]}").unwrap();
    assert!(second.bytes.starts_with(prefix), "{}\n{}", first.bytes, second.bytes);
}

#[test]
fn pitfall_96_later_system_messages_stay_where_they_are() {
    let list = json!([{"role": "user", "content": "a"}, {"role": "system", "content": "b"}, {"role": "assistant", "content": "c"}, {"role": "user", "content": "d"}]);
    assert_eq!(written(list.clone(), &plain()), list);
    assert_eq!(written(list, &openai())[1], json!({"role": "developer", "content": "b"}));
}

#[test]
fn pitfall_35_a_turn_of_calls_only_has_null_content_and_a_silent_one_an_empty_text() {
    let list = json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [tool_use("a")]},
        {"role": "user", "content": [tool_result("a", json!("done"))]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": "s"}]},
        {"role": "user", "content": "next"},
    ]);
    let call = json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": r#"{"b":1,"a":2}"#}});
    assert_eq!(
        written(list, &openai()),
        json!([
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "a", "content": "done"},
            {"role": "assistant", "content": ""},
            {"role": "user", "content": "next"},
        ])
    );
}

#[test]
fn pitfall_26_a_call_without_arguments_is_sent_with_an_empty_object() {
    let list = json!([{"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": " "}}]}]);
    let sent = again(&json!({"model": "m", "messages": list}), &plain());
    assert_eq!(sent.body["messages"][0]["tool_calls"][0]["function"]["arguments"], "{}");
    let list = json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]}]);
    assert_eq!(written(list, &plain())[1]["tool_calls"][0]["function"]["arguments"], "{}");
}

#[test]
fn pitfall_31_broken_arguments_of_history_go_on_as_they_are() {
    let list = json!([{"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"a\":"}}]}]);
    let sent = again(&json!({"model": "m", "messages": list}), &plain());
    assert_eq!(sent.body["messages"][0]["tool_calls"][0]["function"]["arguments"], "{\"a\":");
}

#[test]
fn pitfall_48_nothing_is_invented_next_to_calls() {
    let list = json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [{"type": "text", "text": "\n"}, tool_use("a")]},
        {"role": "user", "content": [tool_result("a", json!(""))]},
    ]);
    let written = written(list, &plain());
    assert_eq!((&written[1]["content"], &written[2]["content"]), (&Value::Null, &json!("")));
    assert_eq!(written.as_array().unwrap().len(), 3);
}

#[test]
fn results_follow_their_calls_in_the_order_of_the_calls_and_the_rest_comes_after() {
    let list = json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [{"type": "text", "text": "two"}, tool_use("a")]},
        {"role": "assistant", "content": [tool_use("b")]},
        {"role": "user", "content": [tool_result("b", json!("2"))]},
        {"role": "user", "content": [{"type": "text", "text": "and"}, tool_result("a", json!([{"type": "text", "text": "1"}]))]},
        {"role": "system", "content": "s"},
    ]);
    let sent = sent(&messages(list), &plain());
    let seen: Vec<(&str, &str)> = sent.body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| (message["role"].as_str().unwrap(), message["content"].as_str().unwrap()))
        .collect();
    let expected =
        [("user", "go"), ("assistant", "two"), ("tool", "1"), ("tool", "2"), ("user", "and"), ("system", "s")];
    assert_eq!(seen, expected);
    assert_eq!(sent.body["messages"][1]["tool_calls"].as_array().unwrap().len(), 2);
    assert_eq!(sent.losses, "");
}

#[test]
fn missing_results_are_put_in_and_results_of_no_call_are_words() {
    let list = json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [tool_use("a")]},
        {"role": "user", "content": [tool_result("z", json!("lost")), {"type": "text", "text": "and"}]},
    ]);
    let sent = sent(&messages(list), &plain());
    assert_eq!(sent.body["messages"][2], json!({"role": "tool", "tool_call_id": "a", "content": "[no result]"}));
    assert_eq!(sent.body["messages"][3], json!({"role": "user", "content": "[result of call z]\nlost\n\nand"}));
    assert_eq!(sent.losses, "repaired:tool_result");
}

#[test]
fn failed_tools_say_so_in_words() {
    let result = |text: &str| json!({"type": "tool_result", "tool_use_id": "a", "content": text, "is_error": true});
    for (told, expected) in [("no file", "Error: no file"), ("Error: no file", "Error: no file"), ("", "Error")] {
        let list = json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": [tool_use("a")]}, {"role": "user", "content": [result(told)]}]);
        assert_eq!(written(list, &plain())[2]["content"], expected, "{told}");
    }
}

#[test]
fn pitfall_42_images_in_results_stay_images() {
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}});
    let list = json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [tool_use("a"), tool_use("b")]},
        {"role": "user", "content": [
            tool_result("a", json!([{"type": "text", "text": "shot"}, image])),
            tool_result("b", json!("ok")),
            {"type": "text", "text": "well?"},
        ]},
    ]);
    let sent = sent(&messages(list), &openai());
    let written = &sent.body["messages"];
    let texts = json!([{"type": "text", "text": "shot"}, {"type": "text", "text": "[image result of call a follows]"}]);
    assert_eq!(written[2], json!({"role": "tool", "tool_call_id": "a", "content": texts}));
    assert_eq!(written[3]["role"], "tool");
    let url = format!("data:image/png;base64,{PNG}");
    assert_eq!(
        written[4],
        json!({"role": "user", "content": [
            {"type": "text", "text": "[image result of call a]"},
            {"type": "image_url", "image_url": {"url": url}},
        ]})
    );
    assert_eq!(written[5], json!({"role": "user", "content": "well?"}));
    assert_eq!(sent.losses, "approximated:tool_result.content");
}

#[test]
fn pitfall_108_images_become_data_urls_of_the_type_that_they_show() {
    let image = |media_type: &str| json!({"type": "image", "source": {"type": "base64", "media_type": media_type, "data": PNG}});
    let url = json!({"type": "image", "source": {"type": "url", "url": "https://x/y.png"}});
    let written = written(json!([{"role": "user", "content": [image("image/jpeg"), url]}]), &plain());
    let data = format!("data:image/png;base64,{PNG}");
    assert_eq!(
        written[0]["content"],
        json!([
            {"type": "image_url", "image_url": {"url": data}},
            {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
        ])
    );
}

#[test]
fn documents_become_files_or_words() {
    let document =
        |source: Value| json!([{"role": "user", "content": [{"type": "document", "title": "T", "source": source}]}]);
    let pdf = json!({"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjc="});
    assert_eq!(
        written(document(pdf), &plain())[0]["content"],
        json!([{"type": "file", "file": {"filename": "T.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjc="}}])
    );
    let text = messages(document(json!({"type": "text", "media_type": "text/plain", "data": "hello"})));
    let text = sent(&text, &plain());
    assert_eq!(text.body["messages"][0]["content"], "Title: T\n\nhello");
    assert_eq!(text.losses, "approximated:content.document");
    let url = json!({"type": "url", "url": "https://x/y.pdf"});
    let error = refused(&messages(document(url.clone())), &plain());
    assert_eq!(error.param.as_deref(), Some("content.document.source"));
    assert_eq!(written(document(url), &router())[0]["content"][0]["file"]["file_data"], "https://x/y.pdf");
    let file = refused(&messages(document(json!({"type": "file", "file_id": "f"}))), &openai());
    assert_eq!(file.param.as_deref(), Some("content.document.source"));
}

#[test]
fn marks_of_the_cache_are_said_as_the_host_says_them() {
    let body = json!({"model": "c", "max_tokens": 9,
        "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "b"}]}],
    });
    let stripped = sent(&body, &openai());
    assert!(!stripped.bytes.contains("cache_control") && !stripped.bytes.contains("breakpoint"));
    assert_eq!(stripped.losses, "");
    let routed = sent(&body, &router()).body["messages"].clone();
    assert_eq!(
        routed[0]["content"],
        json!([{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "1h"}}])
    );
    assert_eq!(routed[1]["content"][0]["cache_control"], json!({"type": "ephemeral"}));
    let newer = openai();
    let newer = Profile { host: HostRules { cache_breakpoints: true, ..newer.host }, ..newer };
    let marked = sent(&body, &newer).body["messages"].clone();
    assert_eq!(
        marked[0]["content"],
        json!([{"type": "text", "text": "s", "prompt_cache_breakpoint": {"mode": "explicit"}}])
    );
    assert_eq!(marked[1]["content"][1], json!({"type": "text", "text": "b"}));
}

#[test]
fn blocks_that_only_messages_has_are_left_out_by_name() {
    let list = json!([
        {"role": "user", "content": [{"type": "container_upload", "file_id": "f"}, {"type": "text", "text": "a"}]},
        {"role": "assistant", "content": [{"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}, {"type": "text", "text": "b"}]},
        {"role": "user", "content": "c"},
    ]);
    let sent = sent(&messages(list), &plain());
    assert_eq!(sent.body["messages"].as_array().unwrap().len(), 3);
    assert_eq!(sent.losses, "dropped:content.container_upload, dropped:content.server_tool_use");
}

#[test]
fn the_beginning_of_an_answer_goes_on_with_a_warning() {
    let list = json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "{"}]);
    let sent = sent(&messages(list.clone()), &plain());
    assert_eq!((&sent.body["messages"], sent.losses.as_str()), (&list, "approximated:messages.prefill"));
    let refuses = Profile { refuses_prefill: true, ..plain() };
    assert_eq!(refused(&messages(list), &refuses).param.as_deref(), Some("messages"));
}

#[test]
fn ids_of_calls_that_are_too_long_for_openai_are_shortened_alike_in_call_and_result() {
    let id = "toolu_".to_owned() + &"x".repeat(60);
    let list = json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": [tool_use(&id)]}, {"role": "user", "content": [tool_result(&id, json!("r"))]}]);
    let written_openai = written(list.clone(), &openai());
    let short = written_openai[1]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(short.len() <= 40 && written_openai[2]["tool_call_id"] == short, "{short}");
    assert_eq!(written(list, &plain())[2]["tool_call_id"], id);
}

#[test]
fn pitfall_82_each_turn_of_an_agent_sends_the_bytes_of_the_one_before_and_more() {
    for profile in [plain(), openai(), router(), super::deepseek()] {
        let mut list =
            vec![json!({"role": "user", "content": [{"type": "text", "text": "go"}, {"type": "text", "text": "on"}]})];
        let mut before: Option<String> = None;
        for turn in 0..20 {
            let mut body = messages(Value::Array(list.clone()));
            body["system"] = json!([{"type": "text", "text": "You help."}, {"type": "text", "text": "Be brief."}]);
            body["thinking"] = json!({"type": "adaptive"});
            body["tools"] = json!([{"name": "a.b".repeat(30), "description": "d", "input_schema": {"type": "object", "properties": {"x": {"type": "number", "maximum": 1e300}}}}]);
            let bytes = sent(&body, &profile).bytes;
            if let Some(before) = &before {
                assert!(bytes.starts_with(before.strip_suffix("]}").unwrap()), "turn {turn}\n{before}\n{bytes}");
            }
            before = Some(bytes);
            let id = format!("toolu_{turn}");
            let mut content = vec![json!({"type": "thinking", "thinking": format!("t{turn}"), "signature": "c2ln"})];
            if turn % 3 == 0 {
                content.push(json!({"type": "text", "text": "I look."}));
            }
            content.push(
                json!({"type": "tool_use", "id": id, "name": "a.b".repeat(30), "input": {"x": turn, "a": [1.50, "é"]}}),
            );
            list.push(json!({"role": "assistant", "content": content}));
            let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}});
            let result = if turn % 4 == 0 { json!([{"type": "text", "text": "seen"}, image]) } else { json!("seen") };
            list.push(
                json!({"role": "user", "content": [tool_result(&id, result), {"type": "text", "text": "go on"}]}),
            );
        }
    }
}

#[test]
fn chat_requests_come_out_of_the_neutral_form_as_they_went_in() {
    let body = json!({
        "model": "m", "stream": true, "stream_options": {"include_usage": true}, "max_completion_tokens": 50,
        "temperature": 0.5, "top_p": 0.9, "seed": 7, "stop": ["a"], "safety_identifier": "u", "prompt_cache_key": "k",
        "service_tier": "flex", "reasoning_effort": "low",
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object", "properties": {}}}},
        "logprobs": true, "top_logprobs": 2, "metadata": {"a": "b"},
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {"z": {}, "a": {}}}, "strict": false}},
            {"type": "custom", "custom": {"name": "c", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}}},
        ],
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [
            {"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "c"}}]}},
        "parallel_tool_calls": false,
        "messages": [
            {"role": "developer", "content": "s"},
            {"role": "user", "name": "bob", "content": [
                {"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "https://x/y", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
                {"type": "file", "file": {"file_id": "f1"}},
            ]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{ \"a\": 1e400 }"}},
                {"id": "2", "type": "custom", "custom": {"name": "c", "input": "free"}},
            ]},
            {"role": "tool", "tool_call_id": "1", "content": "r"},
            {"role": "tool", "tool_call_id": "2", "content": "r"},
            {"role": "assistant", "content": "no", "refusal": "I will not"},
            {"role": "user", "content": "z"},
        ],
    });
    let sent = again(&body, &openai());
    assert_eq!(sent.body, body);
    assert_eq!(sent.losses, "");
}

#[test]
fn what_clients_of_messages_sent_becomes_chat_in_which_every_call_is_answered() {
    let Some(root) = std::env::var_os("OVTH_RECORDINGS").map(PathBuf::from) else { return };
    let mut read = 0;
    for entry in std::fs::read_dir(root.join("messages")).unwrap() {
        let path = entry.unwrap().path();
        let exchange: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let body = &exchange["request"]["body"];
        if !body.is_object() {
            continue;
        }
        for profile in [plain(), openai(), router(), super::deepseek()] {
            // What must not be left out is refused by the name of a field.
            let sent = match try_send(Shape::Messages, body, &profile) {
                Ok(sent) => sent,
                Err(error) => {
                    assert!(error.param.is_some(), "{}: {error:?}", path.display());
                    continue;
                }
            };
            let written = sent.body["messages"].as_array().unwrap();
            let mut open: Vec<&Value> = Vec::new();
            for message in written {
                if message["role"] == "tool" {
                    assert_eq!(open.remove(0), &message["tool_call_id"], "{}", path.display());
                } else {
                    assert!(open.is_empty(), "{}", path.display());
                }
                open.extend(message["tool_calls"].as_array().into_iter().flatten().map(|call| &call["id"]));
            }
            assert!(open.is_empty() && !sent.bytes.contains("\"thinking\":\"\""), "{}", path.display());
            read += 1;
        }
    }
    assert!(read > 100, "only {read} requests");
}

#[test]
fn calls_of_one_turn_with_the_same_id_are_told_apart_and_so_are_their_results() {
    let list = json!([
        {"role": "assistant", "content": [tool_use("t"), tool_use("t_2"), tool_use("t")]},
        {"role": "user", "content": [tool_result("t", json!("a")), tool_result("t_2", json!("b")), tool_result("t", json!("c"))]},
    ]);
    let written = sent(&messages(list), &plain());
    let ids: Vec<&Value> =
        written.body["messages"][0]["tool_calls"].as_array().unwrap().iter().map(|call| &call["id"]).collect();
    assert_eq!(ids, ["t", "t_2", "t_3"]);
    let results = written.body["messages"].as_array().unwrap().iter().skip(1);
    let results: Vec<Value> = results.map(|result| json!([result["tool_call_id"], result["content"]])).collect();
    assert_eq!(results, [json!(["t", "a"]), json!(["t_2", "b"]), json!(["t_3", "c"])]);
    assert_eq!(written.losses, "repaired:tool_calls.id");
}

#[test]
fn as_many_calls_as_a_body_holds_get_their_results_at_once() {
    const MANY: usize = 30_000;
    let calls = (0..MANY).map(
        |number| json!({"type": "tool_use", "id": format!("c{number}"), "name": format!("f.{number}"), "input": {}}),
    );
    let result = |id: String| json!({"type": "tool_result", "tool_use_id": id, "content": "r"});
    let results = (0..MANY).rev().flat_map(|number| [result(format!("c{number}")), result(format!("o{number}"))]);
    let body = messages(json!([
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": calls.collect::<Vec<_>>()},
        {"role": "user", "content": results.collect::<Vec<_>>()},
    ]))
    .to_string();
    let mut losses = Losses::default();
    let request =
        codec(Shape::Messages).unwrap().decode_request(View::parse(body.as_bytes()).unwrap(), &mut losses).unwrap();
    let begun = std::time::Instant::now();
    let (bytes, answering) = super::super::request(&request, &plain(), &mut losses).unwrap();
    let took = begun.elapsed();
    assert_eq!(answering.tool_names.len(), MANY);
    assert!(bytes.len() > MANY * 100);
    assert!(took < std::time::Duration::from_secs(60), "{took:?}");
}

#[test]
fn tools_that_a_search_found_are_named_in_words() {
    let found =
        json!([{"type": "tool_reference", "tool_name": "Grep"}, {"type": "tool_reference", "tool_name": "Glob"}]);
    let sent = sent(
        &messages(json!([
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "ToolSearch", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": found}]},
        ])),
        &plain(),
    );
    assert_eq!(sent.body["messages"][2]["content"], "Tool available: Grep\nTool available: Glob");
    assert_eq!(sent.losses, "approximated:tool_result.content");
}
