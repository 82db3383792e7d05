//! What a router's clients may ask: models to go on with, wishes of providers, suffixes, and fields that a plain provider must not see.

use serde_json::json;

use super::{CHAT, ask, chat, gateway, param, text};
use crate::support::{Answer, Gateway, Request, Shape, Upstream, Way};

async fn serving(text: &'static str) -> Upstream {
    Upstream::new(move |seen| Answer::plain(seen.shape(), text)).await
}

#[tokio::test]
async fn models_are_tried_one_after_the_other_and_need_no_model() {
    let first = Upstream::new(|_| Answer::error(Shape::Chat, 503)).await;
    let second = serving("second").await;
    let gateway = gateway(&first, &second).await;
    let response = ask(&gateway, json!({"models": ["one", "no-such-model", "second/two"], "route": "fallback"})).await;
    assert_eq!((text(&response).as_str(), response.attempts()), ("second", 2));
    assert_eq!(response.header("x-ovth-warnings"), Some("skipped:models[1]"));
    let sent = second.requests()[0].json();
    assert_eq!(sent["model"], "two");
    assert!(sent.get("models").is_none() && sent.get("route").is_none(), "{sent}");
    let response = ask(&gateway, json!({"model": "one", "models": ["two"]})).await;
    assert_eq!(text(&response), "second");
    let response = ask(&gateway, json!({"models": ["no-such-model", "nor-this-one"]})).await;
    assert_eq!(param(&response, 404), "model");
    assert_eq!(param(&ask(&gateway, json!({})).await, 400), "model");
}

#[tokio::test]
async fn wishes_decide_which_providers_are_tried_and_in_which_order() {
    let (first, second) = (serving("first").await, serving("second").await);
    let gateway = gateway(&first, &second).await;
    for (wishes, expected) in [
        (json!({}), "first"),
        (json!({"order": ["second"]}), "second"),
        (json!({"order": ["nobody", "Second/turbo", "first"]}), "second"),
        (json!({"only": ["second"]}), "second"),
        (json!({"ignore": ["first"]}), "second"),
        (json!({"sort": "price"}), "second"),
        (json!({"sort": {"by": "price", "partition": "none"}}), "second"),
        (json!({"max_price": {"prompt": 1.5}}), "second"),
        (json!({"max_price": {"completion": "3"}}), "second"),
    ] {
        let response = ask(&gateway, json!({"model": "shared", "provider": wishes})).await;
        assert_eq!(text(&response), expected, "{wishes}");
    }
    for (wishes, field) in [
        (json!({"only": ["nobody"]}), "provider.only"),
        (json!({"ignore": ["first", "second"]}), "provider.ignore"),
        (json!({"max_price": {"prompt": 0.5}}), "provider.max_price"),
        (json!({"order": ["nobody"], "allow_fallbacks": false}), "provider.order"),
    ] {
        let response = ask(&gateway, json!({"model": "shared", "provider": wishes})).await;
        assert_eq!(param(&response, 404), field, "{wishes}");
    }
    assert_eq!(
        param(&ask(&gateway, json!({"model": "shared", "provider": {"sort": "best"}})).await, 400),
        "provider.sort"
    );
    for (name, expected) in [("shared:floor", "second"), ("openrouter/auto", "first"), ("auto:floor", "second")] {
        let response = ask(&gateway, json!({"model": name})).await;
        assert_eq!(text(&response), expected, "{name}");
    }
    assert_eq!(param(&ask(&gateway, json!({"model": "shared:online"})).await, 400), "model");
    assert_eq!(param(&ask(&gateway, json!({"model": "shared", "plugins": [{"id": "web"}]})).await, 400), "plugins");
    assert_eq!(param(&ask(&gateway, json!({"model": "shared:free"})).await, 404), "model");
}

#[tokio::test]
async fn whoever_was_seen_to_be_the_fastest_serves_who_asks_for_speed() {
    // So many tokens that no machine's own slowness makes up for them.
    let telling = |text: &'static str, tokens: u64| {
        Upstream::new(move |_| {
            let body = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "shared",
                "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": tokens + 1}});
            Answer::json(200, body.to_string())
        })
    };
    for (slow, fast) in [("first", "second"), ("second", "first")] {
        let tokens = |name: &str| if name == fast { 1_000_000_000 } else { 1 };
        let (first, second) = (telling("first", tokens("first")).await, telling("second", tokens("second")).await);
        let gateway = gateway(&first, &second).await;
        for name in [slow, fast] {
            let response = ask(&gateway, json!({"model": "shared", "provider": {"only": [name]}})).await;
            assert_eq!(text(&response), name);
            gateway.record(response.request_id()).await;
        }
        for asked in [json!({"model": "shared:nitro"}), json!({"model": "shared", "provider": {"sort": "throughput"}})]
        {
            assert_eq!(text(&ask(&gateway, asked.clone()).await), fast, "{asked}");
        }
    }
}

#[tokio::test]
async fn the_nearest_names_are_told_of_the_first_name_that_stands_for_nothing() {
    let (first, second) = (serving("first").await, serving("second").await);
    let gateway = gateway(&first, &second).await;
    for named in
        [json!({"models": ["no-such-thing", "shard"]}), json!({"model": "shard:floor", "models": ["on", "tow:nitro"]})]
    {
        let response = ask(&gateway, named.clone()).await;
        assert_eq!(param(&response, 404), "model");
        let told = response.json()["error"]["message"].as_str().unwrap().to_owned();
        let is_near = named.get("model").is_some();
        assert_eq!(told.contains("Nearest: `shared`"), is_near, "{told}");
        assert!(told.contains(if is_near { "`shard`" } else { "`no-such-thing`" }), "{told}");
    }
    assert_eq!(text(&ask(&gateway, json!({"model": "shared", "models": ["shard:floor", "x", "y"]})).await), "first");
}

#[tokio::test]
async fn models_and_presets_in_escaped_names_choose_nothing_past_the_gateway() {
    let (first, second) = (serving("first").await, serving("second").await);
    let gateway = gateway(&first, &second).await;
    let send = async |field: &str| {
        let body = format!(r#"{{"model":"shared",{field},"messages":[{{"role":"user","content":"hello"}}]}}"#);
        gateway.send(&Request::post("/v1/chat/completions", body).bearer(gateway.key()), Way::Sized).await
    };
    let escaped = r#""model\u0073":["two"],"p\u0072ovider":{"ignore":["first"]},"plu\u0067ins":[]"#;
    assert_eq!(text(&send(escaped).await), "second");
    let sent = second.requests()[0].json();
    let mut names: Vec<&String> = sent.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["messages", "model"], "{sent}");
    let refused = send(r#""pre\u0073et":"mine""#).await;
    assert_eq!((refused.status, refused.json()["error"]["param"].as_str()), (400, Some("preset")), "{refused:?}");
    let twice = send(r#""top_k":1,"top\u005fk":2"#).await;
    assert_eq!(twice.status, 400, "{twice:?}");
}

#[tokio::test]
async fn without_fallbacks_only_the_first_choice_is_tried() {
    let first = Upstream::new(|_| Answer::error(Shape::Chat, 503)).await;
    let second = serving("second").await;
    let gateway = gateway(&first, &second).await;
    let response = ask(&gateway, json!({"model": "shared", "provider": {"allow_fallbacks": false}})).await;
    assert_eq!((response.status, second.requests().len()), (529, 0), "{response:?}");
    assert_eq!(text(&ask(&gateway, json!({"model": "shared"})).await), "second");
}

#[tokio::test]
async fn a_plain_provider_sees_nothing_of_it_and_what_is_ignored_is_told() {
    let (first, second) = (serving("first").await, serving("second").await);
    let gateway = gateway(&first, &second).await;
    let fields = json!({"model": "shared", "provider": {"zdr": true, "quantizations": ["fp8"]}, "usage": {"include": true},
        "session_id": "s", "transforms": ["middle-out"], "plugins": [{"id": "response-healing"}], "trace": {"trace_id": "t"},
        "reasoning": {"effort": "low"}, "user": "u"});
    let response = ask(&gateway, fields).await;
    assert_eq!(text(&response), "first");
    let ignored = ["provider.zdr", "provider.quantizations", "transforms", "plugins.response-healing", "trace"];
    let warnings = response.header("x-ovth-warnings").unwrap().to_owned();
    for field in ignored {
        assert!(warnings.contains(&format!("ignored:{field}")), "{warnings}");
    }
    let expected = json!({"model": "shared", "messages": [{"role": "user", "content": "hello"}], "reasoning_effort": "low", "user": "u"});
    assert_eq!(first.requests()[0].json(), expected);
}

#[tokio::test]
async fn texts_are_embedded_by_whom_the_request_wishes() {
    let embeds = |name: &'static str| {
        Upstream::new(move |_| {
            let body = json!({"object": "list", "model": name, "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
                "usage": {"prompt_tokens": 1, "total_tokens": 1}});
            Answer::json(200, body.to_string())
        })
    };
    let (first, second) = (embeds("first").await, embeds("second").await);
    let gateway = gateway(&first, &second).await;
    let body =
        json!({"model": "shared", "input": "hello", "provider": {"only": ["second"], "data_collection": "deny"}});
    let request = Request::post("/api/v1/embeddings", body.to_string()).bearer(gateway.key());
    let response = gateway.send(&request, Way::Sized).await;
    assert_eq!((response.status, response.json()["model"].as_str()), (200, Some("second")), "{response:?}");
    assert_eq!(second.requests()[0].json(), json!({"model": "shared", "input": "hello"}));
}

#[tokio::test]
async fn a_key_s_models_bound_what_may_be_gone_on_with() {
    let first = Upstream::new(|_| Answer::error(Shape::Chat, 503)).await;
    let second = serving("second").await;
    let gateway = gateway(&first, &second).await;
    let made = gateway.admin(&json!({"label": "narrow", "models": ["one"]}).to_string()).await;
    let key = made.json()["key"].as_str().unwrap().to_owned();
    let body = chat(json!({"model": "one", "models": ["two", "auto"]}));
    let response = gateway.send(&Request::post(CHAT, body).bearer(&key), Way::Sized).await;
    assert_eq!((response.status, second.requests().len()), (529, 0), "{response:?}");
}

#[tokio::test]
async fn a_provider_that_is_a_router_itself_is_sent_the_words_and_its_own_figures_are_told() {
    let answer = json!({"id": "gen-theirs", "provider": "Somebody", "object": "chat.completion", "created": 1, "model": "openai/gpt-4o",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "found"}, "finish_reason": "stop", "native_finish_reason": "eos"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7, "cost": 0.5}});
    let router = Upstream::new(move |_| Answer::json(200, answer.to_string())).await;
    let config = format!(
        "providers:\n  openrouter:\n    base_url: {}\n    api_key: router-key-0123456789abcdef\n",
        router.base_url()
    );
    let gateway = Gateway::start(&config).await;
    let fields = json!({"model": "openai/gpt-4o:online", "models": ["openai/gpt-4.1"], "provider": {"only": ["azure"], "zdr": true},
        "plugins": [{"id": "web"}], "reasoning": {"effort": "low"}});
    let response = ask(&gateway, fields).await;
    let told = response.json();
    assert_eq!((told["provider"].as_str(), told["usage"]["cost"].as_f64()), (Some("Somebody"), Some(0.5)), "{told}");
    assert_eq!(told["usage"]["cost_details"]["upstream_inference_cost"], 0.5, "{told}");
    let entry = gateway.entry(response.request_id()).await;
    assert_eq!((entry["cost_usd"].as_f64(), entry["price_source"].as_str()), (Some(0.5), Some("provider")), "{entry}");
    assert_eq!(told["choices"][0]["native_finish_reason"], "eos");
    assert!(told["id"].as_str().is_some_and(|id| id.starts_with("gen-") && id != "gen-theirs"), "{told}");
    let sent = router.requests()[0].json();
    assert_eq!(sent["model"], "openai/gpt-4o:online");
    assert_eq!((&sent["provider"]["only"][0], &sent["plugins"][0]["id"]), (&json!("azure"), &json!("web")));
    assert_eq!((sent["reasoning"]["effort"].as_str(), sent.get("models")), (Some("low"), None));
}

#[tokio::test]
async fn sampling_that_openai_refuses_is_left_out_and_told_unless_all_is_required() {
    let openai = serving("openai").await;
    let config = format!(
        "providers:\n  openai:\n    base_url: {}\n    api_key: openai-key-0123456789abcdef\n",
        openai.base_url()
    );
    let gateway = Gateway::start(&config).await;
    let fields = json!({"model": "openai/gpt-4o", "top_k": 4, "temperature": 0.5});
    let response = ask(&gateway, fields.clone()).await;
    assert_eq!((text(&response).as_str(), response.header("x-ovth-warnings")), ("openai", Some("dropped:top_k")));
    let sent = openai.requests()[0].json();
    assert_eq!((sent.get("top_k"), sent["temperature"].as_f64()), (None, Some(0.5)));
    let mut required = fields;
    required["provider"] = json!({"require_parameters": true});
    assert_eq!(param(&ask(&gateway, required).await, 400), "top_k");
}
