//! Request bodies of every awkward size in every framing, also when the first target fails after reading all of them.

use bytes::Bytes;

use crate::support::{Answer, Bed, Gateway, Shape, Upstream, Way, gzip};

/// The sizes where buffers begin and end.
const SIZES: [usize; 4] = [65_535, 65_536, 65_537, 1 << 20];
const BIG: usize = 10 << 20;

async fn echoing_length() -> Upstream {
    Upstream::new(|seen| Answer::plain(Shape::Chat, &seen.body.len().to_string())).await
}

async fn serve_size(bed: &Bed, route: &str, size: usize, way: Way) {
    let request = bed.gateway.request(Shape::Chat, Shape::Chat.ask_sized(route, size));
    let response = bed.gateway.send(&request, way).await;
    assert_eq!(response.status, 200, "{size} bytes, {way:?}: {response:?}");
    let told: usize = Shape::Chat.text(&response.json()).parse().unwrap();
    // Only the model's name differs: the route's on the way in, the provider's on the way up.
    let model = route.replace("pair-", "model-").replace("sole-", "model-");
    assert_eq!(told, size - route.len() + model.len(), "{size} bytes, {way:?}");
}

#[tokio::test]
async fn bodies_of_all_sizes_are_served_in_all_ways() {
    let bed = Bed::start_with("h2c: true\n", echoing_length().await, Upstream::silent().await).await;
    let route = bed.sole();
    for size in SIZES {
        for way in Way::ALL {
            serve_size(&bed, &route, size, way).await;
        }
    }
}

#[tokio::test]
async fn bodies_of_all_sizes_reach_the_second_target_whole() {
    let first = Upstream::always(Answer::error(Shape::Chat, 500)).await;
    let bed = Bed::start_with("h2c: true\n", first, echoing_length().await).await;
    for size in SIZES {
        for way in Way::ALL {
            let before = bed.first.requests().len();
            serve_size(&bed, &bed.pair(), size, way).await;
            assert_eq!(bed.first.requests().len(), before + 1, "the first target read all of it");
        }
    }
}

#[tokio::test]
async fn ten_mebibytes_are_served_in_all_ways_by_the_second_target() {
    let first = Upstream::always(Answer::error(Shape::Chat, 500)).await;
    let bed = Bed::start_with("h2c: true\n", first, echoing_length().await).await;
    for way in Way::ALL {
        serve_size(&bed, &bed.pair(), BIG, way).await;
    }
}

#[tokio::test]
async fn the_bytes_that_go_up_are_the_bytes_that_came() {
    let bed = Bed::start_with("h2c: true\n", echoing_length().await, Upstream::silent().await).await;
    let route = bed.sole();
    let model = route.replace("sole", "model");
    // White space, key order, escapes, numbers and unknown fields are nobody's business but the provider's.
    let body = |name: &str| {
        format!(
            "{{ \"zzz\" : 1e3,\n\t\"messages\":[ {{\"content\":\"\\u0041 \\/ \u{e9}\", \"role\":\"user\"}} ] ,\
             \"model\"  :  \"{name}\", \"temperature\":0.70000000000000001 , \"unknown\":{{\"a\":[ ]}} }}\r\n"
        )
    };
    for (index, way) in Way::ALL.into_iter().enumerate() {
        let request = bed.gateway.request(Shape::Chat, body(&route));
        let response = bed.gateway.send(&request, way).await;
        assert_eq!(response.status, 200, "{way:?}: {response:?}");
        let seen = bed.first.request(index).await;
        assert_eq!(std::str::from_utf8(&seen.body).unwrap(), body(&model), "{way:?}");
        assert_eq!(seen.head.header("content-encoding"), None);
        assert_eq!(seen.head.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn empty_and_tiny_bodies_are_refused_at_once() {
    let bed = Bed::start_with("h2c: true\n", echoing_length().await, Upstream::silent().await).await;
    for shape in Shape::BOTH {
        for body in ["", "x", "{", "[]", "null", "\"model\"", "{}", "{} {}"] {
            for way in Way::ALL {
                let request = bed.gateway.request(shape, body);
                let response = bed.gateway.send(&request, way).await;
                assert_eq!(response.status, 400, "{body:?}, {way:?}: {response:?}");
                shape.error_type(&response.json());
            }
        }
    }
    assert!(bed.first.requests().is_empty());
}

#[tokio::test]
async fn the_content_type_of_a_client_does_not_matter() {
    let bed = Bed::start(echoing_length().await, Upstream::silent().await).await;
    let mut request = bed.gateway.request(Shape::Chat, Shape::Chat.ask(&bed.sole(), "hello"));
    request.headers.retain(|(name, _)| name != "content-type");
    for (index, kind) in ["application/x-www-form-urlencoded", "text/plain; charset=utf-8"].into_iter().enumerate() {
        let response = bed.gateway.send(&request.clone().header("content-type", kind), Way::Sized).await;
        assert_eq!(response.status, 200, "{kind}: {response:?}");
        assert_eq!(bed.first.request(index).await.head.header("content-type"), Some("application/json"));
    }
}

async fn limited() -> Gateway {
    // Some provider must be there; nothing reaches it.
    let environment = [("OPENAI_API_KEY", "upstream-secret-openai-0123456789")];
    Gateway::start_with("h2c: true\nlimits: {body_bytes: 1MiB}\n", &environment).await
}

#[tokio::test]
async fn a_body_over_the_limit_gets_a_413_that_the_client_can_read() {
    let gateway = limited().await;
    for shape in Shape::BOTH {
        // Just over the limit, over it by more than is drained, and by far.
        for size in [(1 << 20) + 1, 3 << 20, 20 << 20] {
            for way in Way::ALL {
                let request = gateway.request(shape, shape.ask_sized("gpt-5", size));
                let response = gateway.send(&request, way).await;
                assert_eq!(response.status, 413, "{size} bytes, {way:?}: {response:?}");
                shape.error_type(&response.json());
            }
        }
    }
}

#[tokio::test]
async fn a_small_body_that_unpacks_to_a_huge_one_is_refused() {
    let gateway = limited().await;
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 1 << 20);
    let request = gateway.request(Shape::Chat, Bytes::from(bomb)).header("content-encoding", "gzip");
    let before = gateway.resident_kib();
    let response = gateway.send(&request, Way::Sized).await;
    assert_eq!(response.status, 413, "{response:?}");
    let grown = gateway.resident_kib().saturating_sub(before);
    assert!(grown < 32 << 10, "the bomb was unpacked to {grown} KiB");
}

#[tokio::test]
async fn pitfall_19_encodings_that_are_not_known_or_are_broken_are_named() {
    let gateway = limited().await;
    let body = Shape::Chat.ask("gpt-5", "hello");
    let cases = [
        ("br", Bytes::from(body.clone())),
        ("gzip", Bytes::from(body.clone())),
        ("gzip", gzip(body.as_bytes())[..20].to_vec().into()),
    ];
    for (encoding, body) in cases {
        let request = gateway.request(Shape::Chat, body).header("content-encoding", encoding);
        let response = gateway.send(&request, Way::Sized).await;
        assert!(matches!(response.status, 400 | 415), "{encoding}: {response:?}");
        Shape::Chat.error_type(&response.json());
    }
}
