//! What tools of the field do beside the API's own requests: they send a key of their environment with ours, and probe the root.

use crate::support::{Answer, Bed, Request, Shape, Upstream, Way};

async fn bed() -> Bed {
    let first = Upstream::new(|seen| Answer::plain(seen.shape(), "served")).await;
    Bed::start_with("h2c: true\n", first, Upstream::silent().await).await
}

#[tokio::test]
async fn a_foreign_key_beside_ours_does_no_harm_and_goes_nowhere() {
    let bed = bed().await;
    let key = bed.gateway.key();
    let bearer = |key: &str| ("authorization", format!("Bearer {key}"));
    let api_key = |key: &str| ("x-api-key", key.to_owned());
    let foreign_api_key = [api_key("sk-ant-foreign"), bearer(key)];
    let foreign_bearer = [bearer("sk-ant-foreign"), api_key(key)];
    for (path, shape) in [
        (Shape::Messages.path(), Shape::Messages),
        ("/v1/messages", Shape::Messages),
        (Shape::Chat.path(), Shape::Chat),
    ] {
        for mut headers in [foreign_api_key.clone(), foreign_bearer.clone()] {
            for _ in 0..2 {
                headers.reverse();
                for way in [Way::Sized, Way::H2c] {
                    let mut request = Request::post(path, shape.ask(&bed.sole(), "hello"));
                    request.headers.extend(headers.clone().map(|(name, value)| (name.to_owned(), value)));
                    let response = bed.gateway.send(&request, way).await;
                    assert_eq!(response.status, 200, "{path}, {way:?}, {}: {response:?}", headers[0].0);
                    assert_eq!(shape.text(&response.json()), "served");
                }
            }
        }
    }
    for seen in bed.first.requests() {
        let foreign = seen.head.headers.iter().find(|(_, value)| value.contains("foreign") || value.contains(key));
        assert_eq!(foreign, None, "a client's key went to a provider");
    }
    assert!(!bed.gateway.log().contains("foreign"), "a key is never logged");
}

#[tokio::test]
async fn the_root_may_be_probed_without_a_key() {
    let bed = bed().await;
    for path in ["/", "/anthropic"] {
        for way in [Way::Sized, Way::H2c] {
            let whole = bed.gateway.send(&Request::get(path), way).await;
            assert_eq!(whole.status, 200, "{path}, {way:?}: {whole:?}");
            assert!(whole.json().is_object());
            let head = bed.gateway.send(&Request::new("HEAD", path), way).await;
            assert_eq!((head.status, head.body.len()), (200, 0), "{path}, {way:?}: {head:?}");
            assert_eq!(head.header("content-length"), whole.header("content-length"), "{path}, {way:?}");
        }
    }
}
