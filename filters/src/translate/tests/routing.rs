//! OpenRouter's routing fields, which say where a request goes and nothing of what it asks.

use serde_json::{Value, json};

use super::{other, taking_all};
use crate::Shape;
use crate::neutral::{ApiError, Losses};
use crate::translate::{self, Upstream};

fn crossing(client: Shape, more: &Value) -> Result<Losses, ApiError> {
    let mut body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let profile = taking_all();
    let upstream =
        Upstream { shape: other(client), profile: &profile, stream: false, max_output: None, without_state: false };
    translate::request(client, body.to_string().as_bytes(), upstream).map(|translated| translated.losses)
}

#[test]
fn routing_fields_are_told_but_are_no_losses_to_who_allows_none() {
    for client in [Shape::Chat, Shape::Messages] {
        let provider = json!({"provider": {"order": ["anthropic"], "require_parameters": true}});
        assert_eq!(crossing(client, &provider).unwrap().to_string(), "", "{client}");
        let all = json!({
            "provider": {"require_parameters": true}, "models": ["a"], "route": "fallback", "transforms": ["middle-out"],
            "plugins": [{"id": "web"}],
        });
        let told = crossing(client, &all).unwrap().to_string();
        assert_eq!(told, "dropped:models, dropped:route, dropped:transforms, dropped:plugins", "{client}");
        let lost = json!({"provider": {"require_parameters": true}, "models": ["a"], "later": 1});
        let error = crossing(client, &lost).unwrap_err();
        assert_eq!(error.param.as_deref(), Some("later"), "{client}");
    }
}
