//! A client in one shape, a provider in the other: answers, streams, failures, losses and state, through the running gateway.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{After, Answer, End, Gate, Gateway, Request, Response, Shape, Upstream, Way, within};

/// The other shape.
const fn other(shape: Shape) -> Shape {
    match shape {
        Shape::Chat | Shape::Responses | Shape::GenerateContent => Shape::Messages,
        Shape::Messages => Shape::Chat,
    }
}

/// A gateway whose providers speak only the shape that its clients do not.
struct Crossing {
    gateway: Gateway,
    client: Shape,
}

/// The routes: `sole` has the first provider, `pair` both, `mixed` the first and then one that speaks the client's shape.
async fn crossing(client: Shape, settings: &str, first: &Upstream, second: &Upstream) -> Crossing {
    let name = |shape| if shape == Shape::Chat { "chat" } else { "messages" };
    let provider = |id: &str, upstream: &Upstream, shape| {
        format!(
            "  {id}: {{base_url: '{}', api_key: upstream-secret-of-{id}-0123456789, shapes: [{}], models: [model]}}\n",
            upstream.base_url(),
            name(shape)
        )
    };
    let config = format!(
        "{settings}\nproviders:\n{}{}{}routes:\n  sole: {{providers: [first], models: [model]}}\n  \
         pair: {{providers: [first, second], models: [model]}}\n  mixed: {{providers: [first, own], models: [model]}}\n",
        provider("first", first, other(client)),
        provider("second", second, other(client)),
        provider("own", second, client),
    );
    Crossing { gateway: Gateway::start(&config).await, client }
}

impl Crossing {
    async fn ask(&self, body: &Value) -> Response {
        self.gateway.post(self.client, body.to_string()).await
    }

    /// A plain request with these fields.
    fn request(&self, route: &str, fields: &Value) -> Value {
        let mut request: Value = serde_json::from_str(&self.client.ask(route, "hello")).unwrap();
        for (key, value) in fields.as_object().unwrap() {
            request[key] = value.clone();
        }
        request
    }
}

/// The texts of a stream's events, put together.
fn streamed(shape: Shape, text: &str) -> String {
    text.lines().filter_map(|line| line.strip_prefix("data: ")).map(|data| shape.delta(data)).collect()
}

#[tokio::test]
async fn a_client_of_either_shape_is_answered_by_a_provider_of_the_other() {
    for client in Shape::BOTH {
        let upstream = Upstream::new(move |seen| {
            let asks_stream = seen.json()["stream"] == json!(true);
            if asks_stream {
                Answer::streamed(other(client), &["one ", "two"])
            } else {
                Answer::plain(other(client), "whole")
            }
        })
        .await;
        let crossing = crossing(client, "h2c: true\n", &upstream, &upstream).await;
        for way in Way::ALL {
            for (stream, expected) in [(false, "whole"), (true, "one two")] {
                let body = crossing.request("sole", &json!({"stream": stream}));
                let request = crossing.gateway.request(client, body.to_string());
                let response = crossing.gateway.send(&request, way).await;
                assert_eq!(response.status, 200, "{way:?} {response:?}");
                if stream {
                    assert_eq!(streamed(client, response.text()), expected, "{way:?} {}", response.text());
                    assert!(response.text().contains(client.success_mark()), "{}", response.text());
                    assert_eq!(response.header("x-accel-buffering"), Some("no"));
                } else {
                    assert_eq!(client.text(&response.json()), expected, "{way:?}");
                    assert!(response.header("content-type").unwrap().starts_with("application/json"));
                }
            }
        }
        let seen = upstream.requests();
        for seen in &seen {
            let head = &seen.head;
            assert_eq!(seen.shape(), other(client));
            assert!(head.header("content-length").is_some());
            assert_eq!(head.header("anthropic-version").is_some(), client == Shape::Chat);
            assert_eq!(seen.json()["model"], "model");
        }
        let bodies: BTreeSet<Vec<u8>> = seen.iter().map(|seen| seen.body.to_vec()).collect();
        assert_eq!(bodies.len(), 2, "the same request gives the same bytes, however it came");
    }
}

#[tokio::test]
async fn an_entry_has_the_provider_s_figures_whatever_the_client_speaks() {
    for client in Shape::BOTH {
        for stream in [false, true] {
            let upstream = Upstream::new(move |seen| {
                let asks_stream = seen.json()["stream"] == json!(true);
                if asks_stream {
                    Answer::streamed(other(client), &["text"])
                } else {
                    Answer::plain(other(client), "text")
                }
            })
            .await;
            let crossing = crossing(client, "", &upstream, &upstream).await;
            let response = crossing.ask(&crossing.request("sole", &json!({"stream": stream}))).await;
            let entry = crossing.gateway.entry(response.request_id()).await;
            assert_eq!(entry["upstream_shape"], if client == Shape::Chat { "messages" } else { "chat" });
            assert_eq!(entry["outcome"], "ok");
            if !stream || client == Shape::Chat {
                assert_eq!((&entry["tokens"]["input"], &entry["tokens"]["output"]), (&json!(11), &json!(7)), "{entry}");
                assert_eq!(entry["usage_source"], "provider");
            }
        }
    }
}

#[tokio::test]
async fn pitfall_3_an_error_as_the_first_event_fails_over_and_another_shape_can_take_it() {
    for client in Shape::BOTH {
        let first = Upstream::always(Answer::stream().event(other(client).overloaded_event()).finished()).await;
        let second = Upstream::new(|seen| Answer::streamed(seen.shape(), &["served"])).await;
        let crossing = crossing(client, "", &first, &second).await;
        for route in ["pair", "mixed"] {
            let response = crossing.ask(&crossing.request(route, &json!({"stream": true}))).await;
            assert_eq!((response.status, streamed(client, response.text())), (200, "served".to_owned()), "{route}");
        }
        let shapes: Vec<Shape> = second.requests().iter().map(|seen| seen.shape()).collect();
        assert_eq!(shapes, [other(client), client]);
    }
}

#[tokio::test]
async fn pitfall_5_a_failure_after_the_first_byte_ends_the_stream_with_the_client_s_error_event() {
    for client in Shape::BOTH {
        let upstream_shape = other(client);
        let begun = || Answer::stream().event(upstream_shape.opening()).event(upstream_shape.content("begun"));
        let cases = [
            ("cut", begun().cut()),
            ("pitfall_6: ended without a reason", begun().finished()),
            ("pitfall_10: error event", begun().event(upstream_shape.overloaded_event()).finished()),
            ("garbage", begun().event("data: {\"a\": nonsense}\n\nevent: x\ndata: {]\n\n").finished()),
        ];
        for (name, answer) in cases {
            let (upstream, silent) = (Upstream::always(answer).await, Upstream::silent().await);
            let crossing = crossing(client, "", &upstream, &silent).await;
            let response = crossing.ask(&crossing.request("sole", &json!({"stream": true}))).await;
            assert_eq!(response.status, 200, "{name}");
            assert!(streamed(client, response.text()).starts_with("begun"), "{name}: {}", response.text());
            client.assert_ended_by_error(response.text(), response.end);
        }
    }
}

#[tokio::test]
async fn pitfall_6_a_whole_answer_that_breaks_off_is_an_error_with_a_status() {
    // Asked for a whole answer, a model that may say much is made to stream, and the answer is put together.
    for client in Shape::BOTH {
        let upstream_shape = other(client);
        let begun = Answer::stream().event(upstream_shape.opening()).event(upstream_shape.content("begun")).finished();
        let (upstream, silent) = (Upstream::always(begun).await, Upstream::silent().await);
        let crossing = crossing(client, "", &upstream, &silent).await;
        let field = if client == Shape::Chat { "max_completion_tokens" } else { "max_tokens" };
        let response = crossing.ask(&crossing.request("sole", &json!({field: 30_000}))).await;
        assert_eq!(response.status, 502, "{response:?}");
        client.error_type(&response.json());
    }
}

#[tokio::test]
async fn a_long_answer_is_streamed_by_the_provider_and_put_together() {
    for client in Shape::BOTH {
        let upstream = Upstream::always(Answer::streamed(other(client), &["put ", "together"])).await;
        let crossing = crossing(client, "", &upstream, &Upstream::silent().await).await;
        let field = if client == Shape::Chat { "max_completion_tokens" } else { "max_tokens" };
        let response = crossing.ask(&crossing.request("sole", &json!({field: 30_000}))).await;
        assert_eq!((response.status, client.text(&response.json())), (200, "put together".to_owned()));
        assert!(response.header("content-type").unwrap().starts_with("application/json"));
        assert_eq!(upstream.requests()[0].json()["stream"], true);
        assert_eq!(upstream.requests()[0].head.header("accept"), Some("text/event-stream"));
    }
}

#[tokio::test]
async fn a_provider_that_does_not_stream_though_it_was_asked_to_is_told_as_a_stream() {
    for client in Shape::BOTH {
        let upstream = Upstream::always(Answer::plain(other(client), "all at once")).await;
        let crossing = crossing(client, "", &upstream, &Upstream::silent().await).await;
        let response = crossing.ask(&crossing.request("sole", &json!({"stream": true}))).await;
        assert_eq!((response.status, streamed(client, response.text())), (200, "all at once".to_owned()));
        assert!(response.header("content-type").unwrap().starts_with("text/event-stream"));
        assert!(response.text().contains(client.success_mark()));
    }
}

#[tokio::test]
async fn pitfall_9_116_117_122_errors_come_in_the_client_s_shape_with_what_clients_look_for() {
    let overflow = |shape| match shape {
        Shape::Chat | Shape::Responses | Shape::GenerateContent => json!({"error": {
            "message": "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
            "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded",
        }}),
        Shape::Messages => json!({"type": "error", "error": {
            "type": "invalid_request_error", "message": "prompt is too long: 210000 tokens > 200000 maximum",
        }}),
    };
    for client in Shape::BOTH {
        let upstream_shape = other(client);
        let limited = [("content-type", "application/json"), ("retry-after", "7"), ("x-request-id", "req_theirs")];
        let cases = [
            ("pitfall_122", Answer::json(400, overflow(upstream_shape).to_string()), 400, 400),
            ("bad request", Answer::error(upstream_shape, 400), 400, 400),
            ("pitfall_117", Answer::error(upstream_shape, 401), 502, 502),
            ("pitfall_9", Answer::whole(429, &limited, upstream_shape.error(429)), 429, 429),
            (
                "pitfall_116",
                Answer::error(upstream_shape, if upstream_shape == Shape::Chat { 503 } else { 529 }),
                503,
                529,
            ),
            ("broken", Answer::json(500, "<html>"), 502, 502),
        ];
        for (name, answer, for_chat, for_messages) in cases {
            let (upstream, silent) = (Upstream::always(answer).await, Upstream::silent().await);
            let crossing = crossing(client, "", &upstream, &silent).await;
            for stream in [false, true] {
                let response = crossing.ask(&crossing.request("sole", &json!({"stream": stream}))).await;
                let status = if client == Shape::Chat { for_chat } else { for_messages };
                if stream && response.status == 503 && name != "pitfall_116" {
                    continue;
                }
                assert_eq!(response.status, status, "{name} {response:?}");
                let body = response.json();
                client.error_type(&body);
                let message = body["error"]["message"].as_str().unwrap();
                match name {
                    "pitfall_122" if client == Shape::Chat => {
                        assert_eq!(body["error"]["code"], "context_length_exceeded");
                        assert!(message.contains("maximum context length"), "{message}");
                    }
                    "pitfall_122" => assert!(message.starts_with("prompt is too long: "), "{message}"),
                    "pitfall_9" => {
                        assert_eq!(response.header("retry-after"), Some("7"));
                        assert_eq!(response.header("x-upstream-request-id"), Some("req_theirs"));
                        assert_eq!(response.header(client.id_header()), Some(response.request_id()));
                    }
                    _ => {}
                }
                if name != "pitfall_122" && name != "bad request" {
                    // The target cools down: what is asked next is not what this case is about.
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_lost_is_told_and_refused_where_no_loss_is_allowed() {
    let upstream = Upstream::new(|seen| Answer::plain(seen.shape(), "served")).await;
    let lossy = json!({"logit_bias": {"1": 2}});
    let crossing_ = crossing(Shape::Chat, "", &upstream, &upstream).await;
    let response = crossing_.ask(&crossing_.request("sole", &lossy)).await;
    assert_eq!((response.status, response.header("x-ovth-warnings")), (200, Some("dropped:logit_bias")));

    let mut strict = lossy.clone();
    strict["provider"] = json!({"require_parameters": true});
    let response = crossing_.ask(&crossing_.request("sole", &strict)).await;
    // That is a hosted router's word, and so is the error in its form.
    assert_eq!((response.status, response.json()["error"]["metadata"]["param"].as_str()), (400, Some("logit_bias")));
    // Who speaks the client's own shape loses nothing.
    let response = crossing_.ask(&crossing_.request("mixed", &strict)).await;
    assert_eq!((response.status, response.header("x-ovth-warnings")), (200, None));

    let strictly = crossing(Shape::Chat, "keys: {strict: true}\n", &upstream, &upstream).await;
    let response = strictly.ask(&strictly.request("sole", &lossy)).await;
    assert_eq!((response.status, response.json()["error"]["param"].as_str()), (400, Some("logit_bias")));
    let response = strictly.ask(&strictly.request("sole", &json!({}))).await;
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn what_cannot_be_translated_names_the_field_in_the_client_s_shape() {
    let upstream = Upstream::new(|seen| Answer::plain(seen.shape(), "served")).await;
    let crossing = crossing(Shape::Chat, "", &upstream, &upstream).await;
    let before = upstream.requests().len();
    for (fields, param) in [
        (json!({"n": 2}), "n"),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}]}]}),
            "messages",
        ),
    ] {
        let response = crossing.ask(&crossing.request("sole", &fields)).await;
        assert_eq!(response.status, 400, "{response:?}");
        let error = &response.json()["error"];
        assert!(error["param"].as_str().is_some_and(|named| named.starts_with(param)), "{error}");
        assert_eq!(response.header("x-should-retry"), Some("false"));
    }
    assert_eq!(upstream.requests().len(), before, "nothing was sent");
    let key = crossing.gateway.admin_json("/admin/quotas").await;
    assert!(key["data"].as_array().unwrap().iter().all(|account| account["today"]["tokens"] == json!(0)), "{key}");
}

#[tokio::test]
async fn pitfall_68_a_refused_signature_is_left_out_once_and_the_answer_comes() {
    let refusal = json!({"type": "error", "error": {
        "type": "invalid_request_error",
        "message": "messages.1.content.0: Invalid `signature` in `thinking` block",
    }});
    let upstream = Upstream::new(move |seen| {
        let text = String::from_utf8_lossy(&seen.body).into_owned();
        if text.contains("\"thinking\"") {
            Answer::json(400, refusal.to_string())
        } else {
            Answer::plain(Shape::Messages, "repaired")
        }
    })
    .await;
    let details = json!([{"type": "reasoning.text", "text": "hm", "signature": "c2ln", "format": "anthropic-claude-v1", "index": 0}]);
    let chat = json!([
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b", "reasoning_details": details},
        {"role": "user", "content": "c"},
    ]);
    let crossing_ = crossing(Shape::Chat, "", &upstream, &upstream).await;
    let response = crossing_.ask(&crossing_.request("sole", &json!({"messages": chat}))).await;
    assert_eq!((response.status, Shape::Chat.text(&response.json())), (200, "repaired".to_owned()), "{response:?}");
    assert_eq!(response.attempts(), 2);
    assert!(response.header("x-ovth-warnings").unwrap().contains("dropped:reasoning"));

    // The same in one shape.
    let own = Upstream::new(move |seen| {
        let text = String::from_utf8_lossy(&seen.body).into_owned();
        if text.contains("\"thinking\"") {
            Answer::json(400, json!({"type": "error", "error": {"type": "invalid_request_error", "message": "messages.1.content.0: Invalid signature in thinking block"}}).to_string())
        } else {
            Answer::plain(Shape::Messages, "repaired")
        }
    })
    .await;
    let same = crossing(Shape::Messages, "", &own, &own).await;
    let turns = json!([
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "c2ln"}, {"type": "text", "text": "b"}]},
        {"role": "user", "content": "c"},
    ]);
    let mut request = same.request("mixed", &json!({"messages": turns}));
    request["model"] = json!("own/model");
    let response = same.ask(&request).await;
    assert_eq!((response.status, Shape::Messages.text(&response.json())), (200, "repaired".to_owned()), "{response:?}");
    assert_eq!(response.attempts(), 2);
}

#[tokio::test]
async fn thinking_that_a_chat_client_leaves_out_of_a_tool_loop_comes_back_before_its_calls() {
    let thinking = json!({"type": "thinking", "thinking": "hm", "signature": "c2ln"});
    let call = json!({"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}});
    let whole = json!({"id": "m", "type": "message", "role": "assistant", "model": "c", "content": [thinking, call],
        "stop_reason": "tool_use", "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 5}});
    let events = [
        json!({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "model": "c", "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1, "content_block": call}),
        json!({"type": "content_block_stop", "index": 1}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": {"output_tokens": 5}}),
        json!({"type": "message_stop"}),
    ];
    for stream in [false, true] {
        let (whole, events) = (whole.to_string(), events.clone());
        let upstream = Upstream::new(move |seen| {
            if !stream {
                return Answer::json(200, whole.clone());
            }
            assert_eq!(seen.json()["stream"], json!(true));
            let tell = |answer: Answer, event: &Value| {
                answer.event(format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()))
            };
            events.iter().fold(Answer::stream(), tell).finished()
        })
        .await;
        let crossing = crossing(Shape::Chat, "", &upstream, &upstream).await;
        let tools = json!([{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]);
        let response = crossing.ask(&crossing.request("sole", &json!({"stream": stream, "tools": tools}))).await;
        assert_eq!(response.status, 200, "{response:?}");
        assert!(response.text().contains("toolu_1"), "{}", response.text());
        // All that an SDK keeps which does not know `reasoning_details`.
        let history = |id: &str| {
            json!([
                {"role": "user", "content": "hello"},
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": id, "type": "function", "function": {"name": "look", "arguments": "{}"}},
                ]},
                {"role": "tool", "tool_call_id": id, "content": "seen"},
            ])
        };
        let next = |id| crossing.request("sole", &json!({"stream": stream, "tools": tools, "messages": history(id)}));
        assert_eq!(crossing.ask(&next("toolu_1")).await.status, 200);
        let sent = upstream.requests().pop().unwrap().json();
        let kept = |block: &Value| (block["type"].clone(), block["signature"].clone(), block["thinking"].clone());
        let turn = &sent["messages"][1]["content"];
        assert_eq!(kept(&turn[0]), (json!("thinking"), json!("c2ln"), json!("hm")), "{sent}");
        assert_eq!((&turn[1]["type"], &turn[1]["id"]), (&json!("tool_use"), &json!("toolu_1")), "{sent}");
        // Of a call that is not remembered there is nothing to put back.
        assert_eq!(crossing.ask(&next("toolu_2")).await.status, 200);
        let sent = upstream.requests().pop().unwrap().json();
        assert_eq!(sent["messages"][1]["content"][0]["type"], "tool_use", "{sent}");
    }
}

#[tokio::test]
async fn pitfall_67_reasoning_of_a_chat_host_never_comes_to_anthropic_as_a_signature() {
    let reasoned = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{
        "index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": "yes", "reasoning_content": "because"},
    }], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}});
    let first = Upstream::always(Answer::json(200, reasoned.to_string())).await;
    let second = Upstream::new(|seen| Answer::plain(seen.shape(), "again")).await;
    let crossing = crossing(Shape::Messages, "", &first, &second).await;
    let response = crossing.ask(&crossing.request("sole", &json!({}))).await;
    let answer = response.json();
    let block = &answer["content"][0];
    assert_eq!((&block["type"], &block["thinking"]), (&json!("thinking"), &json!("because")), "{answer}");
    assert!(block["signature"].as_str().unwrap().starts_with("gw1."));
    // The next turn goes to a provider of the client's own shape, and its bytes are the client's but for that block.
    let turns = json!([
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": answer["content"].clone()},
        {"role": "user", "content": "go on"},
    ]);
    let response = crossing.ask(&crossing.request("own/model", &json!({"messages": turns}))).await;
    assert_eq!(response.status, 200);
    let seen = second.requests().pop().unwrap().json();
    assert_eq!(seen["messages"][1]["content"], json!([{"type": "text", "text": "yes"}]), "{seen}");
}

#[tokio::test]
async fn stop_texts_that_the_provider_cannot_be_told_end_the_answer_here() {
    // Chat takes four; a messages client may send more.
    let upstream = Upstream::new(|seen| {
        let asks_stream = seen.json()["stream"] == json!(true);
        let words = ["one ", "EN", "D two"];
        if asks_stream { Answer::streamed(Shape::Chat, &words) } else { Answer::plain(Shape::Chat, &words.concat()) }
    })
    .await;
    let crossing = crossing(Shape::Messages, "", &upstream, &upstream).await;
    let stops = json!(["a1", "b2", "c3", "d4", "END"]);
    for stream in [false, true] {
        let fields = json!({"stop_sequences": stops, "stream": stream});
        let response = crossing.ask(&crossing.request("sole", &fields)).await;
        assert_eq!(upstream.requests().pop().unwrap().json()["stop"].as_array().unwrap().len(), 4);
        if stream {
            assert_eq!(streamed(Shape::Messages, response.text()), "one ");
            assert!(response.text().contains("\"stop_sequence\":\"END\""), "{}", response.text());
            assert!(response.text().contains("message_stop"));
        } else {
            assert_eq!(Shape::Messages.text(&response.json()), "one ");
            assert_eq!(response.json()["stop_reason"], "stop_sequence");
        }
    }
}

#[tokio::test]
async fn pitfall_18_a_client_that_leaves_a_translated_stream_closes_upstream_and_is_charged() {
    for client in Shape::BOTH {
        let upstream_shape = other(client);
        let answer = Answer::stream().event(upstream_shape.opening()).event(upstream_shape.content("begun")).hold();
        let upstream = Upstream::always(answer).await;
        let crossing = crossing(client, "", &upstream, &Upstream::silent().await).await;
        let body = crossing.request("sole", &json!({"stream": true})).to_string();
        let mut connection = crossing.gateway.open(client, body).await;
        let head = connection.head().await;
        let request_id = head.header(client.id_header()).unwrap().to_owned();
        while client.delta(&connection.event().await.unwrap().data()) != "begun" {}
        drop(connection);
        within("the upstream connection to close", upstream.request(0).await.link.closed()).await;
        let entry = crossing.gateway.entry(&request_id).await;
        assert_eq!((&entry["outcome"], &entry["usage_source"]), (&json!("client_abort"), &json!("estimated")));
        assert!(entry["tokens"]["input"].as_u64().unwrap() > 0 && entry["tokens"]["output"].as_u64().unwrap() > 0);
    }
}

#[tokio::test]
async fn pitfall_4_nothing_goes_out_before_the_first_good_event_but_heartbeats() {
    for client in Shape::BOTH {
        let upstream_shape = other(client);
        let gate = Gate::new();
        let answer = Answer::stream().wait(&gate).event(upstream_shape.opening()).event(upstream_shape.content("late"));
        let upstream = Upstream::always(answer.event(upstream_shape.closing()).finished()).await;
        let settings = "commit_after: 200ms\nheartbeat: 200ms\n";
        let crossing = crossing(client, settings, &upstream, &Upstream::silent().await).await;
        let body = crossing.request("sole", &json!({"stream": true})).to_string();
        let mut connection = crossing.gateway.open(client, body).await;
        assert_eq!(connection.head().await.status(), 200);
        // pitfall_20, pitfall_120: silence is bridged in the client's own way.
        let beat = connection.event().await.unwrap();
        assert!(beat.is_heartbeat(), "{beat:?}");
        gate.open();
        let text: String = connection.events().await.iter().map(|event| client.delta(&event.data())).collect();
        assert_eq!(text, "late");
    }
}

#[tokio::test]
async fn tokens_are_counted_here_for_a_model_that_cannot_be_asked() {
    let upstream = Upstream::silent().await;
    let crossing = crossing(Shape::Messages, "", &upstream, &upstream).await;
    let body = crossing.request("sole", &json!({}));
    let request = Request::post("/anthropic/v1/messages/count_tokens", body.to_string());
    let request = request.bearer(crossing.gateway.key());
    let response = crossing.gateway.send(&request, Way::Sized).await;
    assert_eq!(response.status, 200, "{response:?}");
    let tokens = response.json()["input_tokens"].as_u64().unwrap();
    assert!((3..30).contains(&tokens), "{tokens}");
    assert_eq!(response.header("x-ovth-warnings"), Some("approximated:input_tokens"));
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn pitfall_110_and_114_headers_of_the_client_s_own_provider_go_no_further() {
    let upstream = Upstream::new(|seen| Answer::plain(seen.shape(), "served").then(After::KeepAlive)).await;
    for client in Shape::BOTH {
        let crossing = crossing(client, "", &upstream, &upstream).await;
        let body = crossing.request("sole", &json!({})).to_string();
        let mut request = crossing.gateway.request(client, body);
        for (name, value) in [
            ("anthropic-beta", "claude-code-20250219"),
            ("openai-organization", "org-theirs"),
            ("openai-beta", "x=1"),
            ("x-stainless-lang", "python"),
            ("cookie", "a=b"),
            ("x-forwarded-for", "10.0.0.1"),
        ] {
            request = request.header(name, value);
        }
        assert_eq!(crossing.gateway.send(&request, Way::Sized).await.status, 200);
        let seen = upstream.requests().pop().unwrap();
        for name in
            ["openai-organization", "x-stainless-lang", "cookie", "x-forwarded-for", "anthropic-beta", "openai-beta"]
        {
            assert_eq!(seen.head.header(name), None, "pitfall_114: {name}");
        }
    }
}

#[tokio::test]
async fn pitfall_7_a_refusal_of_a_stream_reaches_the_client_whole_however_long_it_is() {
    for client in Shape::BOTH {
        let long = "why ".repeat(20_000);
        let body = json!({"type": "error", "error": {"type": "invalid_request_error", "message": long}});
        let first = Upstream::always(Answer::json(400, body.to_string())).await;
        let second = Upstream::always(Answer::json(400, body.to_string())).await;
        let crossing = crossing(client, "", &first, &second).await;
        for route in ["sole", "own/model"] {
            let response = crossing.ask(&crossing.request(route, &json!({"stream": true}))).await;
            assert_eq!((response.status, response.end), (400, End::Complete), "{route}");
            assert_eq!(response.header("content-length"), Some(response.body.len().to_string().as_str()));
            client.error_type(&response.json());
            if route == "own/model" {
                assert_eq!(response.json(), body, "its own words, in its own shape");
            }
        }
    }
}

#[tokio::test]
async fn pitfall_112_no_redirect_of_a_provider_is_followed_with_its_key() {
    let elsewhere = Upstream::new(|seen| Answer::plain(seen.shape(), "stolen")).await;
    let location = format!("{}/v1/messages", elsewhere.base_url());
    for client in Shape::BOTH {
        let moved = Answer::whole(307, &[("content-type", "application/json"), ("location", &location)], "{}");
        let (first, second) = (Upstream::always(moved).await, Upstream::silent().await);
        let crossing = crossing(client, "", &first, &second).await;
        let response = crossing.ask(&crossing.request("sole", &json!({}))).await;
        assert_eq!(response.status, 502, "{response:?}");
        assert_eq!(response.header("location"), None);
        client.error_type(&response.json());
    }
    assert!(elsewhere.links().is_empty(), "nobody came");
}

#[tokio::test]
async fn pitfall_115_a_spent_account_is_not_asked_again_and_a_rate_limit_is_told_as_one() {
    let spent = json!({"error": {"message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota"}});
    let limited = json!({"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}});
    for (body, status, retry) in [(spent, 502, "false"), (limited, 429, "true")] {
        let upstream = Upstream::always(Answer::json(429, body.to_string())).await;
        let crossing = crossing(Shape::Messages, "", &upstream, &Upstream::silent().await).await;
        let response = crossing.ask(&crossing.request("sole", &json!({}))).await;
        let expected = if status == 502 { [502, 529].as_slice() } else { &[429] };
        assert!(expected.contains(&response.status), "{response:?}");
        assert_eq!(response.header("x-should-retry"), Some(retry), "{response:?}");
        assert_eq!(upstream.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_model_that_calls_no_tools_on_chat_while_it_reasons_is_asked_not_to_where_it_is_served_there_only() {
    let upstream = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
    let config = format!(
        "providers:\n  openai: {{base_url: '{}', api_key: sk-good-0123456789, shapes: [chat]}}\n",
        upstream.base_url()
    );
    let gateway = Gateway::start(&config).await;
    let tool =
        json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}});
    let ask = |model: &str, more: Value| {
        let mut body = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body.to_string()
    };
    let tools = json!({"tools": [tool]});
    let with = |effort: Value| json!({"tools": [tool], "reasoning_effort": effort});
    const TOLD: Option<&str> = Some("approximated:reasoning_effort");
    for (body, effort, warned) in [
        (ask("gpt-6-luna", tools.clone()), json!("none"), TOLD),
        (ask("gpt-6-luna", with(json!("high"))), json!("none"), TOLD),
        (ask("gpt-6-luna", with(Value::Null)), json!("none"), TOLD),
        (ask("gpt-6-luna", with(json!("none"))), json!("none"), None),
        (ask("gpt-6-luna", json!({"reasoning_effort": "high"})), json!("high"), None),
        (ask("gpt-6-luna", json!({"tools": []})), Value::Null, None),
        (ask("gpt-5.4", tools.clone()), Value::Null, None),
        (ask("gpt-5.4", with(json!("low"))), json!("none"), TOLD),
        (ask("gpt-4.1", tools.clone()), Value::Null, None),
    ] {
        let answer = gateway.post(Shape::Chat, body.clone()).await;
        assert_eq!((answer.status, answer.header("x-ovth-warnings")), (200, warned), "{body}: {answer:?}");
        let sent = upstream.requests().pop().unwrap().json();
        assert_eq!(sent["reasoning_effort"], effort, "{body}: {sent}");
    }
    let strict = gateway.admin(&json!({"label": "strict", "strict": true}).to_string()).await;
    let strict = strict.json()["key"].as_str().unwrap().to_owned();
    let asked = upstream.requests().len();
    let request = Request::post(Shape::Chat.path(), ask("gpt-6-luna", with(json!("high")))).bearer(&strict);
    let refused = gateway.send(&request, Way::Sized).await;
    assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!("reasoning_effort")), "{refused:?}");
    assert_eq!(upstream.requests().len(), asked);
}
