//! What a provider of this shape is sent.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use serde_json::{Value, json};

use crate::Shape;
use crate::neutral::{Answering, ApiError, Effort, Origin, Profile, State, StateFormat, Thinking};
use crate::shapes::{Parameters, envelope};
use crate::translate::{self, Upstream};

fn openai() -> Profile {
    let mut profile = Profile { model: "gpt-5".to_owned(), origin: origin(), ..Profile::default() };
    profile.host.openai_fields = true;
    profile
}

fn origin() -> Origin<'static> {
    Origin { provider: "openai".into(), family: "gpt-5".into(), account: "a".into() }
}

fn translated(client: Shape, body: &Value, profile: &Profile) -> Result<(Value, String, Answering), ApiError> {
    let upstream = Upstream { shape: Shape::Responses, profile, stream: false, max_output: None, without_state: false };
    let translated = translate::request(client, body.to_string().as_bytes(), upstream)?;
    Ok((serde_json::from_slice(&translated.body).unwrap(), translated.losses.to_string(), translated.answering))
}

fn chat(more: Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn sent(more: Value) -> (Value, String) {
    let (body, losses, _) = translated(Shape::Chat, &chat(more), &openai()).unwrap();
    (body, losses)
}

fn refused(more: Value, profile: &Profile) -> ApiError {
    translated(Shape::Chat, &chat(more), profile).unwrap_err()
}

#[test]
fn nothing_is_stored_and_state_of_reasoning_is_asked_for() {
    let (body, losses) = sent(json!({}));
    assert_eq!(
        body,
        json!({"model": "gpt-5", "store": false, "include": ["reasoning.encrypted_content"], "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}]})
    );
    assert_eq!(losses, "");
    let resting = Profile { thinking: Thinking::None, ..openai() };
    let (body, ..) = translated(Shape::Chat, &chat(json!({"stream": true})), &resting).unwrap();
    assert!(body.get("include").is_none(), "a model that does not reason refuses to be asked for it");
    assert_eq!(body["stream"], true);
}

#[test]
fn settings_have_their_names_here() {
    let (body, losses) = sent(json!({
        "max_completion_tokens": 5, "temperature": 0.5, "top_p": 0.5, "reasoning_effort": "low", "verbosity": "low",
        "user": "u", "prompt_cache_key": "k", "service_tier": "default", "metadata": {"a": "b"}, "parallel_tool_calls": false,
        "response_format": {"type": "json_schema", "json_schema": {"name": "a b", "schema": {"type": "object"}}},
        "tools": [{"type": "function", "function": {"name": "f"}}],
    }));
    assert_eq!(
        (&body["max_output_tokens"], &body["temperature"], &body["top_p"]),
        (&json!(16), &json!(0.5), &json!(0.5))
    );
    assert_eq!(body["reasoning"], json!({"effort": "low", "summary": "auto"}));
    let format = json!({"type": "json_schema", "name": "a_b", "schema": {"type": "object"}, "strict": false});
    assert_eq!(body["text"], json!({"format": format, "verbosity": "low"}));
    assert_eq!((&body["safety_identifier"], &body["prompt_cache_key"]), (&json!("u"), &json!("k")));
    assert_eq!((&body["service_tier"], &body["metadata"]), (&json!("default"), &json!({"a": "b"})));
    assert_eq!(body["parallel_tool_calls"], false);
    assert_eq!(losses, "clamped:max_tokens");
}

#[test]
fn what_the_api_has_no_field_for_is_reported_or_refused() {
    let (body, losses) = sent(json!({
        "seed": 1, "frequency_penalty": 0.5, "presence_penalty": 0.5, "logit_bias": {"1": 1}, "prediction": {"type": "content", "content": "x"}, "store": true, "logprobs": true,
    }));
    assert_eq!(
        losses,
        "dropped:seed, dropped:frequency_penalty, dropped:presence_penalty, dropped:logit_bias, dropped:prediction, dropped:store, dropped:logprobs"
    );
    assert_eq!(body["store"], false);
    for (more, param) in [
        (json!({"n": 2}), "n"),
        (json!({"modalities": ["text", "audio"]}), "modalities"),
        (json!({"audio": {"voice": "x"}}), "audio"),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}]}]}),
            "content.input_audio",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "https://x/y"}}]}]}),
            "content.video",
        ),
    ] {
        assert_eq!(refused(more, &openai()).param.as_deref(), Some(param));
    }
}

#[test]
fn stops_are_looked_for_by_the_gateway() {
    let (body, _, answering) = translated(Shape::Chat, &chat(json!({"stop": ["a", "b"]})), &openai()).unwrap();
    assert_eq!(answering.stops, ["a", "b"]);
    assert!(body.get("stop").is_none());
}

#[test]
fn pitfall_80_models_that_reason_are_not_told_how_to_choose_words() {
    let reasons = Parameters::TEMPERATURE | Parameters::TOP_P;
    let profile = Profile { refused_while_reasoning: reasons, efforts: Effort::ALL.to_vec(), ..openai() };
    let (body, losses, _) = translated(Shape::Chat, &chat(json!({"temperature": 0.2, "top_p": 1})), &profile).unwrap();
    assert!(body.get("temperature").is_none() && body.get("top_p").is_none());
    assert_eq!(losses, "dropped:temperature");
    let off = chat(json!({"temperature": 0.2, "reasoning_effort": "none"}));
    let (body, losses, _) = translated(Shape::Chat, &off, &profile).unwrap();
    assert_eq!(
        (&body["temperature"], &body["reasoning"], losses.as_str()),
        (&json!(0.2), &json!({"effort": "none"}), "")
    );
}

#[test]
fn pitfall_76_and_79_efforts_are_those_that_the_model_takes() {
    let effort = |efforts: &[Effort], refuses_none: bool, asked: &str| {
        let profile = Profile { efforts: efforts.to_vec(), refuses_effort_none: refuses_none, ..openai() };
        let (body, losses, _) = translated(Shape::Chat, &chat(json!({"reasoning_effort": asked})), &profile).unwrap();
        (body["reasoning"]["effort"].as_str().unwrap().to_owned(), losses)
    };
    let approximated = "approximated:reasoning.effort".to_owned();
    assert_eq!(effort(&[Effort::Low, Effort::High], false, "max"), ("high".to_owned(), approximated.clone()));
    assert_eq!(effort(&[Effort::Minimal, Effort::High], true, "none"), ("minimal".to_owned(), approximated));
    assert_eq!(effort(&[Effort::Low], false, "none"), ("none".to_owned(), String::new()));
    let resting = Profile { thinking: Thinking::None, ..openai() };
    let (body, losses, _) = translated(Shape::Chat, &chat(json!({"reasoning_effort": "low"})), &resting).unwrap();
    assert!(body.get("reasoning").is_none());
    assert_eq!(losses, "dropped:reasoning.effort");
}

#[test]
fn tools_are_flat_and_say_whether_they_are_strict() {
    let open = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let closed = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
    let (body, losses) = sent(json!({"tools": [
        {"type": "function", "function": {"name": "open", "description": "d", "parameters": open}},
        {"type": "function", "function": {"name": "closed", "parameters": closed, "strict": true}},
        {"type": "function", "function": {"name": "unfit", "parameters": open, "strict": true}},
        {"type": "function", "function": {"name": "none"}},
        {"type": "custom", "custom": {"name": "patch", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}}},
    ], "tool_choice": {"type": "custom", "custom": {"name": "patch"}}}));
    assert_eq!(
        body["tools"],
        json!([
            {"type": "function", "name": "open", "description": "d", "parameters": open, "strict": false},
            {"type": "function", "name": "closed", "parameters": closed, "strict": true},
            {"type": "function", "name": "unfit", "parameters": open, "strict": false},
            {"type": "function", "name": "none", "parameters": {"type": "object", "properties": {}}, "strict": false},
            {"type": "custom", "name": "patch", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
        ])
    );
    assert_eq!(body["tool_choice"], json!({"type": "custom", "name": "patch"}));
    assert_eq!(losses, "approximated:tools.strict");
}

#[test]
fn choices_of_tools_are_flat() {
    let tools =
        json!([{"type": "function", "function": {"name": "a.b"}}, {"type": "function", "function": {"name": "c"}}]);
    let choice = |choice: Value, profile: &Profile| {
        translated(Shape::Chat, &chat(json!({"tools": tools, "tool_choice": choice})), profile)
    };
    let named = json!({"type": "function", "function": {"name": "a.b"}});
    let (body, _, answering) = choice(named.clone(), &openai()).unwrap();
    let sent = body["tools"][0]["name"].as_str().unwrap();
    assert_eq!(body["tool_choice"], json!({"type": "function", "name": sent}));
    assert_eq!(answering.tool_names, [(sent.to_owned(), "a.b".to_owned())]);
    let allowed = json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "c"}}]}});
    let (body, ..) = choice(allowed.clone(), &openai()).unwrap();
    assert_eq!(
        body["tool_choice"],
        json!({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "c"}]})
    );
    let (body, losses, _) = choice(allowed, &Profile { model: "m".to_owned(), ..Profile::default() }).unwrap();
    assert_eq!((body["tools"].as_array().unwrap().len(), &body["tool_choice"]), (1, &json!("auto")));
    assert_eq!(losses, "approximated:tool_choice");
    let error = choice(named, &Profile { refuses_forced_tools: true, ..openai() }).unwrap_err();
    assert_eq!(error.param.as_deref(), Some("tool_choice"));
}

#[test]
fn the_search_of_the_web_is_a_tool_here() {
    let options = json!({"search_context_size": "low", "user_location": {"type": "approximate", "approximate": {"country": "DE"}}});
    let (body, losses) = sent(json!({"web_search_options": options}));
    assert_eq!(
        body["tools"],
        json!([{"type": "web_search", "search_context_size": "low", "user_location": {"type": "approximate", "country": "DE"}}])
    );
    assert_eq!(losses, "");
}

#[test]
fn pitfall_96_instructions_come_first_and_later_ones_stay_in_their_place() {
    let (body, _) = sent(json!({"messages": [
        {"role": "system", "content": "a"}, {"role": "developer", "content": "b"}, {"role": "user", "content": "x"},
        {"role": "assistant", "content": "y"}, {"role": "system", "content": "later"}, {"role": "user", "content": "z"},
    ]}));
    assert_eq!(body["instructions"], "a\n\nb");
    let roles: Vec<&str> =
        body["input"].as_array().unwrap().iter().map(|item| item["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "developer", "user"]);
    assert_eq!(body["input"][1]["content"], json!([{"type": "output_text", "text": "y"}]));
    let marked = json!({"model": "m", "max_tokens": 99, "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "t"}], "messages": [{"role": "user", "content": "x"}]});
    let mut profile = openai();
    assert_eq!(translated(Shape::Messages, &marked, &profile).unwrap().0["instructions"], "s\n\nt");
    profile.host.cache_breakpoints = true;
    let (body, ..) = translated(Shape::Messages, &marked, &profile).unwrap();
    assert_eq!(
        body["input"][0],
        json!({"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "s", "prompt_cache_breakpoint": {"mode": "explicit"}}, {"type": "input_text", "text": "t"}]})
    );
}

fn calls(ids: &[&str]) -> Value {
    let calls = ids.iter().map(|id| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": ""}}));
    json!({"role": "assistant", "content": null, "tool_calls": calls.collect::<Vec<_>>()})
}

#[test]
fn pitfall_26_and_34_every_call_has_one_output_right_behind_it() {
    let result = |id: &str, content: Value| json!({"role": "tool", "tool_call_id": id, "content": content});
    let (body, losses) = sent(json!({"messages": [
        {"role": "user", "content": "x"}, calls(&["a", "b", "c"]), result("c", json!("3")), result("zzz", json!("?")), result("a", json!("1")),
        {"role": "user", "content": "go on"}, calls(&["a"]), result("a", json!("again")),
    ]}));
    let items = body["input"].as_array().unwrap();
    let kinds: Vec<String> = items
        .iter()
        .map(|item| format!("{} {}", item["type"].as_str().unwrap(), item["call_id"].as_str().unwrap_or("")))
        .collect();
    assert_eq!(
        kinds,
        [
            "message ",
            "function_call a",
            "function_call b",
            "function_call c",
            "function_call_output a",
            "function_call_output b",
            "function_call_output c",
            "message ",
            "message ",
            "function_call a_2",
            "function_call_output a_2"
        ]
    );
    assert_eq!((&items[1]["arguments"], &items[5]["output"]), (&json!("{}"), &json!("[no result]")));
    assert!(items[7]["content"][0]["text"].as_str().unwrap().contains("zzz"));
    assert!(items[1].get("id").is_none());
    assert_eq!(losses, "repaired:tool_result, repaired:tool_calls.id");
}

#[test]
fn pitfall_42_images_and_errors_in_results_are_said() {
    let body = json!({"model": "m", "max_tokens": 99, "messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}, {"type": "tool_use", "id": "b", "name": "f", "input": {"k": "HUGE"}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "see"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}]},
            {"type": "tool_result", "tool_use_id": "b", "is_error": true, "content": "broken"},
            {"type": "text", "text": "and"},
        ]},
    ]});
    let upstream = openai();
    let upstream =
        Upstream { shape: Shape::Responses, profile: &upstream, stream: false, max_output: None, without_state: false };
    let text = body.to_string().replace("\"HUGE\"", "1e400");
    let bytes = translate::request(Shape::Messages, text.as_bytes(), upstream).unwrap().body;
    let body: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(
        body["input"][3]["output"],
        json!([{"type": "input_text", "text": "see"}, {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,iVBORw0KGgo="}])
    );
    assert_eq!(body["input"][4]["output"], "Error: broken");
    assert_eq!(body["input"][5]["content"][0]["text"], "and");
    assert!(String::from_utf8(bytes).unwrap().contains("1e400"), "numbers survive");
}

#[test]
fn pitfall_74_reasoning_goes_back_encrypted_before_what_it_led_to_and_never_alone() {
    let own = |data: &str, id: &str| json!({"type": "reasoning.encrypted", "data": data, "id": id, "format": "openai-responses-v1", "index": 0});
    let assistant = |details: Value, calls: bool| {
        let mut message = json!({"role": "assistant", "content": if calls { Value::Null } else { json!("said") }, "reasoning_details": details});
        if calls {
            message["tool_calls"] =
                json!([{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]);
        }
        message
    };
    let foreign =
        State { format: StateFormat::AnthropicSignature, data: "EqQB".into(), id: None, origin: None, extra: None };
    let foreign = envelope::seal(&foreign, &Origin::default());
    let (body, _) = sent(json!({"messages": [
        {"role": "user", "content": "x"},
        assistant(json!([{"type": "reasoning.summary", "summary": "plan", "format": "openai-responses-v1", "index": 0}, own("gAAA", "rs_1")]), true),
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        assistant(json!([{"type": "reasoning.text", "text": "t", "signature": foreign, "index": 0}]), false),
        {"role": "user", "content": "y"},
        assistant(json!([{"type": "reasoning.text", "text": "plain", "index": 0}]), false),
        {"role": "user", "content": "z"},
        {"role": "assistant", "content": "", "reasoning_details": [own("gBBB", "rs_2")]},
        {"role": "user", "content": "w"},
    ]}));
    let items = body["input"].as_array().unwrap();
    assert_eq!(
        items[1],
        json!({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "plan"}], "encrypted_content": "gAAA"})
    );
    assert_eq!(items[2]["type"], "function_call");
    let reasoning = items.iter().filter(|item| item["type"] == "reasoning").count();
    assert_eq!(reasoning, 1, "{body}");
}

#[test]
fn pitfall_75_hosts_that_want_plain_thoughts_back_get_them_with_their_calls() {
    let mut profile = Profile { model: "deepseek".to_owned(), origin: origin(), ..Profile::default() };
    let body = chat(json!({"messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": null, "reasoning_content": "hm", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ]}));
    let (plain, ..) = translated(Shape::Chat, &body, &profile).unwrap();
    assert_eq!(plain["input"][1]["type"], "function_call");
    profile.host.wants_reasoning_content = true;
    let (back, ..) = translated(Shape::Chat, &body, &profile).unwrap();
    assert_eq!(
        back["input"][1],
        json!({"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]})
    );
}

#[test]
fn files_are_data_addresses_or_ids_of_openai() {
    let part = |part: Value| {
        let (body, _) = sent(json!({"messages": [{"role": "user", "content": [part]}]}));
        body["input"][0]["content"][0].clone()
    };
    assert_eq!(
        part(json!({"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "high"}})),
        json!({"type": "input_image", "detail": "high", "image_url": "https://x/y.png"})
    );
    assert_eq!(
        part(
            json!({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}})
        ),
        json!({"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="})
    );
    assert_eq!(
        part(json!({"type": "file", "file": {"file_id": "file_1"}})),
        json!({"type": "input_file", "file_id": "file_1"})
    );
    let url = json!({"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": [{"type": "document", "title": "t", "source": {"type": "url", "url": "https://x/y.pdf"}}]}]});
    let (body, ..) = translated(Shape::Messages, &url, &openai()).unwrap();
    assert_eq!(body["input"][0]["content"][0], json!({"type": "input_file", "file_url": "https://x/y.pdf"}));
}

#[test]
fn the_tool_that_models_call_by_themselves_is_looked_for_unless_it_is_declared() {
    let splits = |name: &str| {
        let body = chat(json!({"tools": [{"type": "function", "function": {"name": name}}]}));
        translated(Shape::Chat, &body, &openai()).unwrap().2.splits_parallel
    };
    assert!(splits("f") && !splits("parallel"));
}

#[test]
fn a_conversation_that_ends_with_the_model_s_words_is_told() {
    let body = json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]});
    let (_, losses) = sent(body.clone());
    assert_eq!(losses, "approximated:messages.prefill");
    let error = refused(body, &Profile { refuses_prefill: true, ..openai() });
    assert_eq!(error.param.as_deref(), Some("messages"));
}
