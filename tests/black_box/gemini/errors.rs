//! Failures before an answer and in the middle of it, in Google's form, whichever the framing.

use ovth_gateway::simulator::{Behaviour, InStream};
use serde_json::{Value, json};

use super::{MODELS, Scene, ask, elements, events};
use crate::support::{Answer, End, Gateway, Request, Upstream, Way};

const FRAMINGS: [&str; 3] = ["generateContent", "streamGenerateContent?alt=sse", "streamGenerateContent"];

/// The error of an answer; that to who asked for an array is in one.
fn error(method: &str, body: &Value) -> Value {
    let body = if method == FRAMINGS[2] { &body[0] } else { body };
    body["error"].clone()
}

#[tokio::test]
async fn an_error_before_the_answer_has_google_s_form_and_comes_in_an_array_to_who_asked_for_one() {
    let scene = Scene::start().await;
    for method in FRAMINGS {
        let unknown = scene.call(&format!("no-such-model-at-all:{method}"), &ask("hi")).await;
        let told = error(method, &unknown.json());
        assert_eq!((unknown.status, &told["code"], &told["status"]), (404, &json!(404), &json!("NOT_FOUND")), "{told}");

        let wrong = scene.call(&format!("auto:{method}"), &json!({"contents": "hi"})).await;
        let told = error(method, &wrong.json());
        assert_eq!((wrong.status, &told["status"]), (400, &json!("INVALID_ARGUMENT")), "{told}");
        assert_eq!(told["details"][0]["fieldViolations"][0]["field"], "contents", "{told}");

        let stranger = Request::post(format!("/gemini/v1beta/models/auto:{method}"), ask("hi").to_string());
        let stranger = scene.gateway.send(&stranger, Way::Sized).await;
        assert_eq!(error(method, &stranger.json())["details"][0]["reason"], "API_KEY_INVALID", "{stranger:?}");
    }
}

#[tokio::test]
async fn what_another_shape_cannot_be_told_is_named_as_google_s_clients_call_it() {
    let scene = Scene::start().await;
    let stops: Vec<String> = (0..100).map(|number| format!("stop {number}")).collect();
    let mut asks = ask("hi");
    asks["generationConfig"] = json!({"stopSequences": stops});
    let bounded = json!({"label": "bounded", "strict": true, "quota": {"max_output_tokens": 10}}).to_string();
    let minted = scene.gateway.admin(&bounded).await;
    assert_eq!(minted.status, 201, "{minted:?}");
    let key = minted.json()["key"].as_str().unwrap().to_owned();
    for (model, _) in &MODELS[1..] {
        if *model != "claude-local" {
            let refused = scene.call(&format!("{model}:generateContent"), &asks).await;
            let told = &refused.json()["error"]["details"][0]["fieldViolations"][0];
            assert_eq!(told["field"], "generationConfig.stopSequences", "{model}: {refused:?}");
        }
        let mut long = ask("hi");
        long["generationConfig"] = json!({"maxOutputTokens": 100});
        let request = Request::post(format!("/gemini/v1beta/models/{model}:generateContent"), long.to_string());
        let refused = scene.gateway.send(&request.header("x-goog-api-key", &*key), Way::Sized).await;
        let told = &refused.json()["error"]["details"][0]["fieldViolations"][0];
        assert_eq!(told["field"], "generationConfig.maxOutputTokens", "{model}: {refused:?}");
        assert!(told["description"].as_str().unwrap().contains("`generationConfig.maxOutputTokens` is 100"), "{told}");
    }
}

#[tokio::test]
async fn a_provider_s_refusal_is_told_in_google_s_form_whoever_it_is() {
    let scene = Scene::start().await;
    for (model, _) in MODELS {
        let provider =
            ["google", "plain", "newer", "other"][MODELS.iter().position(|(name, _)| *name == model).unwrap()];
        for method in FRAMINGS {
            let limited = Behaviour {
                status: Some(429),
                headers: [("retry-after".to_owned(), Some("0".to_owned()))].into(),
                ..Behaviour::default()
            };
            scene.simulator.namespace(provider).script([limited]);
            let call = format!("{provider}/limited-{}:{method}", FRAMINGS.iter().position(|it| *it == method).unwrap());
            let response = scene.call(&call, &ask("hi")).await;
            let told = error(method, &response.json());
            assert_eq!(
                (response.status, &told["status"]),
                (429, &json!("RESOURCE_EXHAUSTED")),
                "{provider} {response:?}"
            );
            assert!(response.header("content-type").unwrap().starts_with("application/json"));
        }
    }
}

#[tokio::test]
async fn an_error_in_the_stream_ends_it_and_an_array_is_still_json() {
    let scene = Scene::start().await;
    for provider in ["google", "plain", "newer", "other"] {
        for (index, fault) in ["error-mid-stream", "cut", "reset"].into_iter().enumerate() {
            // A model of its own for each, as one that failed is cooled.
            for method in &FRAMINGS[1..] {
                let behaviour = match fault {
                    "error-mid-stream" => Behaviour {
                        error_event: Some(InStream { after_events: 6, ..InStream::default() }),
                        ..Behaviour::default()
                    },
                    name => Behaviour::named(name).unwrap(),
                };
                let behaviour = match behaviour.stop.clone() {
                    None => behaviour,
                    Some(mut stop) => {
                        stop.after_events = Some(8);
                        Behaviour { stop: Some(stop), ..behaviour }
                    }
                };
                scene.simulator.namespace(provider).script([behaviour]);
                let call = format!("{provider}/broken-{index}:{method}");
                let response = scene.call(&call, &ask("[words=40] go")).await;
                assert_eq!((response.status, response.end), (200, End::Complete), "{provider} {fault}: {response:?}");
                let chunks = if *method == FRAMINGS[2] { elements(&response) } else { events(&response) };
                let last = chunks.last().unwrap();
                assert!(last["error"]["code"].is_u64(), "{provider} {fault} {method}: {last}");
                assert!(last["error"]["status"].is_string(), "{last}");
                assert!(chunks.len() > 1, "{chunks:?}");
                let entry = scene.gateway.entry(response.request_id()).await;
                assert_ne!(entry["outcome"], "ok", "{entry}");
            }
        }
    }
}

#[tokio::test]
async fn a_limit_of_the_gateway_is_told_with_the_time_after_which_it_ends() {
    let scene = Scene::start().await;
    let minted = scene.gateway.admin(r#"{"label":"one a minute","quota":{"requests_per_minute":1}}"#).await.json();
    let key = minted["key"].as_str().unwrap();
    let mut last = None;
    for _ in 0..2 {
        let request = Request::post("/gemini/v1beta/models/auto:generateContent", ask("hi").to_string());
        last = Some(scene.gateway.send(&request.header("x-goog-api-key", key), Way::Sized).await);
    }
    let refused = last.unwrap();
    let error = &refused.json()["error"];
    assert_eq!((refused.status, &error["status"]), (429, &json!("RESOURCE_EXHAUSTED")), "{refused:?}");
    let seconds = refused.header("retry-after").unwrap();
    let info = error["details"].as_array().unwrap().iter().find(|detail| detail["retryDelay"].is_string());
    assert_eq!(info.unwrap()["retryDelay"], format!("{seconds}s"));
}

#[tokio::test]
async fn google_s_own_words_reach_its_own_clients() {
    let body =
        r#"{"error":{"code":400,"message":"Please use a valid role.","status":"INVALID_ARGUMENT","details":[]}}"#;
    let upstream = Upstream::new(move |_| Answer::json(400, body)).await;
    let base = upstream.base_url();
    let config = format!("providers:\n  google: {{base_url: '{base}', api_key: google-secret-0123456789}}\n");
    let gateway = Gateway::start(&config).await;
    for method in FRAMINGS {
        let path = format!("/gemini/v1beta/models/gemini-3.8-flash:{method}");
        let request = Request::post(path, ask("hi").to_string()).header("x-goog-api-key", gateway.key());
        let response = gateway.send(&request, Way::Sized).await;
        assert_eq!(
            (response.status, error(method, &response.json())["message"].as_str()),
            (400, Some("Please use a valid role."))
        );
        if method != FRAMINGS[2] {
            assert_eq!(response.text(), body);
        }
    }
}
