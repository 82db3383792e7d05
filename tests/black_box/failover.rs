//! Failover, over every form a request can take: the second target gets the same whole body.

use crate::support::{After, Answer, Bed, Connection, End, Gateway, Shape, Upstream, Way, provider};

/// Two upstreams: the first reads everything and refuses, the second answers.
async fn failing_first(settings: &str) -> Bed {
    let first = Upstream::always(Answer::json(503, r#"{"error":{"message":"down","type":"server_error"}}"#)).await;
    let second = Upstream::new(|seen| Answer::plain(seen.shape(), "served")).await;
    Bed::start_with(settings, first, second).await
}

#[tokio::test]
async fn the_second_target_gets_the_whole_body_in_every_way() {
    let bed = failing_first("h2c: true\n").await;
    for shape in Shape::ALL {
        for way in Way::ALL {
            let before = bed.second.requests().len();
            let request = bed.gateway.request(shape, shape.ask_sized(&bed.pair(), 200_000));
            let response = bed.gateway.send(&request, way).await;
            assert_eq!(response.status, 200, "{way:?}: {response:?}");
            assert_eq!(shape.text(&response.json()), "served", "{way:?}");
            assert_eq!(response.attempts(), 2, "{way:?}");
            assert_eq!(response.header(shape.id_header()), Some(response.request_id()));
            assert_ne!(response.end, End::Cut, "{way:?}");
            let asked = &bed.first.requests()[before];
            let served = &bed.second.requests()[before];
            assert_eq!(asked.body, served.body, "{way:?}: both targets have the same model, so the same bytes");
            assert_eq!(served.body.len(), served.head.header("content-length").unwrap().parse::<usize>().unwrap());
        }
    }
}

#[tokio::test]
async fn a_stream_fails_over_in_every_way() {
    let first = Upstream::always(Answer::json(500, "oops")).await;
    let second = Upstream::always(Answer::streamed(Shape::Chat, &["to", "the", "end"])).await;
    let bed = Bed::start_with("h2c: true\n", first, second).await;
    for way in Way::ALL {
        let request = bed.gateway.request(Shape::Chat, Shape::Chat.ask_stream(&bed.pair(), "go"));
        let response = bed.gateway.send(&request, way).await;
        assert_eq!(response.status, 200, "{way:?}: {response:?}");
        let expected = Shape::Chat.opening()
            + &["to", "the", "end"].map(|word| Shape::Chat.content(word)).concat()
            + &Shape::Chat.closing();
        assert_eq!(response.text(), expected, "{way:?}");
        assert_ne!(response.end, End::Cut, "{way:?}");
        if way == Way::Http10 {
            assert_eq!(response.header("transfer-encoding"), None, "HTTP/1.0 knows no chunks");
        }
    }
}

#[tokio::test]
async fn an_http_1_0_client_gets_a_plain_answer_with_its_length() {
    let upstream = Upstream::always(
        Answer::stream_with(200, &[("content-type", "application/json")]).event(Shape::Chat.plain("sized")).finished(),
    )
    .await;
    let bed = Bed::start(upstream, Upstream::silent().await).await;
    let request = bed.gateway.request(Shape::Chat, Shape::Chat.ask(&bed.sole(), "hello"));
    let response = bed.gateway.send(&request, Way::Http10).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-length").unwrap(), response.body.len().to_string());
    assert_eq!(response.end, End::Complete);
}

#[tokio::test]
async fn an_unreachable_first_target_is_passed_over() {
    // A port that was free a moment ago: connecting is refused.
    let gone = Upstream::silent().await.base_url();
    let second = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
    let models = ["model".to_owned()];
    let config = format!(
        "providers:\n{}{}routes:\n  pair: {{providers: [gone, second], models: [model]}}\n",
        provider("gone", &gone, &models),
        provider("second", &second.base_url(), &models),
    );
    let gateway = Gateway::start(&config).await;
    let response = gateway.post(Shape::Chat, Shape::Chat.ask("pair", "hello")).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.attempts(), 2);
    // Cooled now: the next request goes to the second target at once.
    let response = gateway.post(Shape::Chat, Shape::Chat.ask("pair", "hello")).await;
    assert_eq!(response.attempts(), 1);
}

#[tokio::test]
async fn an_answer_that_breaks_off_before_its_first_byte_fails_over() {
    for broken in [Answer::silence().cut(), Answer::silence().reset()] {
        let second = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
        let bed = Bed::start(Upstream::always(broken).await, second).await;
        let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask(&bed.pair(), "hello")).await;
        assert_eq!((response.status, response.attempts()), (200, 2), "{response:?}");
    }
}

#[tokio::test]
async fn a_plain_answer_that_breaks_off_in_its_body_fails_over() {
    let half = Answer::stream_with(200, &[("content-type", "application/json")]).event("{\"id\":\"chatcmpl-1\",");
    for broken in [half.clone().cut(), half.reset()] {
        let second = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
        let bed = Bed::start(Upstream::always(broken).await, second).await;
        let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask(&bed.pair(), "hello")).await;
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(Shape::Chat.text(&response.json()), "served");
    }
}

#[tokio::test]
async fn an_early_refusal_to_a_body_that_is_not_read_is_an_answer() {
    // 20 MB are more than loopback buffers hold, so the write is under way when the answer comes.
    let refusal = Answer::json(401, Shape::Chat.error(401)).hold();
    let second = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
    let bed = Bed::start(Upstream::early(refusal).await, second).await;
    let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask_sized(&bed.pair(), 20_000_000)).await;
    assert_eq!((response.status, response.attempts()), (200, 2), "{response:?}");
    let length: usize = bed.second.requests()[0].head.header("content-length").unwrap().parse().unwrap();
    assert!(length.abs_diff(20_000_000) < 100, "the body is whole, but for the model's name: {length}");
    // A half-written connection is not kept: the rest of this body would be taken for the next request.
    bed.first.requests()[0].link.closed().await;
}

#[tokio::test]
async fn a_stale_pooled_connection_is_tried_once_more_on_a_fresh_one() {
    let first = Upstream::script(vec![
        Answer::plain(Shape::Chat, "one").then(After::ResetOnReuse),
        Answer::plain(Shape::Chat, "two"),
    ])
    .await;
    let bed = Bed::start(first, Upstream::silent().await).await;
    let route = bed.sole();
    let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask(&route, "hello")).await;
    assert_eq!(response.status, 200, "{response:?}");
    // The answer is with the client a moment before the connection is back in the pool.
    bed.gateway.record(response.request_id()).await;
    let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask(&route, "hello again")).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(Shape::Chat.text(&response.json()), "two");
    assert_eq!(bed.first.links().len(), 2);
    assert_eq!(response.attempts(), 2, "upstream may have begun work on the first try");
}

#[tokio::test]
async fn both_connections_are_kept_between_good_exchanges() {
    let first = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
    let bed = Bed::start(first, Upstream::silent().await).await;
    let route = bed.sole();
    let mut connection = Connection::open(bed.gateway.address()).await;
    for _ in 0..5 {
        let request = bed.gateway.request(Shape::Chat, Shape::Chat.ask(&route, "hello"));
        let response = connection.exchange(&request, Way::Sized).await;
        assert_eq!((response.status, response.end), (200, End::Complete));
    }
    assert_eq!(bed.first.links().len(), 1, "one connection upstream served all five");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let first = Upstream::new(|seen| {
        let text = seen.json()["messages"][0]["content"].as_str().unwrap().to_owned();
        Answer::plain(Shape::Chat, &text)
    })
    .await;
    let bed = Bed::start(first, Upstream::silent().await).await;
    let route = bed.sole();
    let mut connection = bed.gateway.open(Shape::Chat, Shape::Chat.ask(&route, "one")).await;
    connection.send(&bed.gateway.request(Shape::Chat, Shape::Chat.ask(&route, "two")), Way::Sized).await;
    for expected in ["one", "two"] {
        let response = connection.response().await;
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(Shape::Chat.text(&response.json()), expected);
    }
}

#[tokio::test]
async fn interim_responses_are_passed_over() {
    let interim = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
    let answer = Answer::plain(Shape::Chat, "final").after_raw(interim);
    let bed = Bed::start(Upstream::always(answer).await, Upstream::silent().await).await;
    let request = bed.gateway.request(Shape::Chat, Shape::Chat.ask(&bed.sole(), "hello"));
    let response = bed.gateway.send(&request, Way::Sized).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(Shape::Chat.text(&response.json()), "final");
}

#[tokio::test]
async fn a_host_that_lets_nobody_in_is_waited_for_once_and_not_for_each_of_its_models() {
    let stalled = Upstream::silent().await;
    let backup = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
    let models: Vec<String> = ["one", "two", "three"].map(str::to_owned).to_vec();
    let config = format!(
        "timeouts: {{connect: 200ms}}\nproviders:\n{}{}routes:\n  all: {{providers: [stalled, backup], models: [one, two, three, last]}}\n",
        provider("stalled", &format!("https://{}/v1", stalled.address()), &models),
        provider("backup", &backup.base_url(), &["last".to_owned()]),
    );
    let gateway = Gateway::start(&config).await;
    for attempts in [2, 1] {
        let response = gateway.post(Shape::Chat, Shape::Chat.ask("all", "go")).await;
        // The second request knows already that the host lets nobody in.
        assert_eq!((response.status, response.attempts()), (200, attempts), "{response:?}");
    }
}
