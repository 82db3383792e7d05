//! The tests' own tools, client against upstream with no gateway between: a fault seen elsewhere is then the gateway's.

use crate::support::{Answer, Connection, End, Gate, Request, Shape, Upstream, Way};

#[tokio::test]
async fn every_framing_arrives_whole() {
    let upstream = Upstream::new(|seen| Answer::json(200, seen.body.clone())).await;
    for way in [Way::Http10, Way::Sized, Way::Chunked] {
        for size in [0, 1, 9_999, 10_000, 10_001, 300_000] {
            let request = Request::post("/", vec![b'x'; size]);
            let response = Connection::open(upstream.address()).await.exchange(&request, way).await;
            assert_eq!((response.body, response.end), (request.body, End::Complete), "{way:?}");
        }
    }
}

#[tokio::test]
async fn a_stream_is_read_event_by_event_as_it_comes() {
    let gate = Gate::new();
    let answer =
        Answer::stream().event("data: on").event("e\n\n: two\n\n").wait(&gate).event("data: three\n\n").finished();
    let upstream = Upstream::always(answer).await;
    let mut connection = Connection::open(upstream.address()).await;
    connection.send(&Request::post("/", "{}"), Way::Sized).await;
    assert_eq!(connection.head().await.status(), 200);
    assert_eq!(connection.event().await.unwrap().data(), "one");
    assert!(connection.event().await.unwrap().is_heartbeat());
    gate.open();
    assert_eq!(connection.content_event().await.unwrap().data(), "three");
    assert!(connection.events().await.is_empty());
    assert_eq!(connection.end(), End::Complete);
}

#[tokio::test]
async fn a_broken_body_is_told_from_a_whole_one() {
    let begun = Answer::stream().event("data: begun\n\n");
    let closed = Answer::raw("HTTP/1.1 200 OK\r\n\r\nbegun");
    let cases = [
        (begun.clone().finished(), End::Complete),
        (begun.clone().cut(), End::Cut),
        (Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbegun").cut(), End::Cut),
        (closed.clone().cut(), End::Closed),
    ];
    for (answer, end) in cases {
        let upstream = Upstream::always(answer).await;
        let response = Connection::open(upstream.address()).await.exchange(&Request::get("/"), Way::Sized).await;
        assert_eq!(response.end, end);
    }
}

#[tokio::test]
async fn an_upstream_sees_its_peer_leave() {
    let gate = Gate::new();
    let waiting = Answer::stream().wait(&gate).finished();
    for upstream in
        [Upstream::always(Answer::silence()).await, Upstream::always(waiting).await, Upstream::silent().await]
    {
        for reset in [false, true] {
            let index = upstream.links().len();
            let mut connection = Connection::open(upstream.address()).await;
            connection.send(&Request::post("/", "{}"), Way::Sized).await;
            let link = upstream.link(index).await;
            assert!(link.is_open());
            if reset {
                connection.reset()
            } else {
                drop(connection)
            }
            link.closed().await;
        }
    }
}

#[tokio::test]
async fn scripted_answers_come_in_order_on_one_connection() {
    let answers = ["one", "two"].map(|text| Answer::plain(Shape::Chat, text));
    let upstream = Upstream::script(answers.to_vec()).await;
    let mut connection = Connection::open(upstream.address()).await;
    for expected in ["one", "two", "two"] {
        let response = connection.exchange(&Request::post("/", "{}"), Way::Sized).await;
        assert_eq!(Shape::Chat.text(&response.json()), expected);
    }
    assert_eq!(upstream.links().len(), 1);
}
