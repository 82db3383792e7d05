//! The time that a whole exchange may take, from the first byte of the request to the last of the answer.

use crate::support::{Answer, Bed, Connection, End, Shape, Upstream, Way, within};

const SETTINGS: &str = "h2c: true\ntimeouts: {total: 1s}\n";

#[tokio::test]
async fn a_stream_that_goes_on_too_long_ends_with_an_error_event() {
    for shape in Shape::ALL {
        let begun = Answer::stream().event(shape.opening()).event(shape.content("begun"));
        let endless = [("silent", begun.clone().hold()), ("busy", begun.flood(shape.content("on and on")))];
        for (name, answer) in endless {
            let second = Upstream::always(Answer::streamed(shape, &["never"])).await;
            let bed = Bed::start_with(SETTINGS, Upstream::always(answer).await, second).await;
            let mut connection = bed.gateway.open(shape, shape.ask_stream(&bed.pair(), "go")).await;
            let head = connection.head().await;
            assert_eq!(head.status(), 200, "{name}");
            let mut last = None;
            while let Some(event) = connection.event().await {
                assert!(!event.data().contains(shape.success_mark()), "{name}");
                last = Some(event);
            }
            let last = last.unwrap();
            shape.assert_ended_by_error(std::str::from_utf8(&last.raw).unwrap(), connection.end());
            bed.first.request(0).await.link.closed().await;
            let record = bed.gateway.record(head.header(shape.id_header()).unwrap()).await;
            assert_eq!(record.outcome, "timeout", "{name}: {record:?}");
            assert!(bed.second.requests().is_empty(), "{name}: content is a commit");
        }
    }
}

#[tokio::test]
async fn an_exchange_without_content_in_time_is_a_504() {
    for shape in Shape::ALL {
        let bed = Bed::start_with(SETTINGS, Upstream::silent().await, Upstream::silent().await).await;
        for way in [Way::Sized, Way::H2c] {
            let response = bed.gateway.send(&bed.gateway.request(shape, shape.ask(&bed.pair(), "go")), way).await;
            assert_eq!(response.status, 504, "{way:?}: {response:?}");
            shape.error_type(&response.json());
        }
    }
}

#[tokio::test]
async fn a_request_body_that_comes_too_slowly_is_a_408() {
    let bed = Bed::start_with(SETTINGS, Upstream::silent().await, Upstream::silent().await).await;
    for shape in Shape::ALL {
        let key = bed.gateway.key();
        let head = format!("POST {} HTTP/1.1\r\nhost: gateway.test\r\nauthorization: Bearer {key}\r\n", shape.path());
        for body in [
            "content-length: 1000\r\n\r\n{\"mod",
            "content-length: 1000\r\n\r\n",
            "transfer-encoding: chunked\r\n\r\n5\r\n{\"mod\r\n",
        ] {
            let mut connection = Connection::open(bed.gateway.address()).await;
            connection.send_raw((head.clone() + body).as_bytes()).await;
            let response = connection.response().await;
            assert_eq!((response.status, response.end), (408, End::Complete), "{body:?}: {response:?}");
            shape.error_type(&response.json());
            // What may still come of the body would be taken for the next request.
            within("the gateway to close", connection.closed()).await;
        }
    }
    assert!(bed.first.links().is_empty());
}

#[tokio::test]
async fn a_client_that_waits_for_less_is_told_before_it_gives_up() {
    for header in ["x-stainless-timeout", "x-stainless-read-timeout"] {
        let settings = "timeouts: {first_byte: 10m, idle: 10m, total: 10m}\n";
        let bed = Bed::start_with(settings, Upstream::silent().await, Upstream::silent().await).await;
        let asked = bed.gateway.request(Shape::Chat, Shape::Chat.ask(&bed.sole(), "go")).header(header, "2.0");
        let response = bed.gateway.send(&asked, Way::Sized).await;
        assert_eq!(response.status, 504, "{response:?}");
        bed.first.link(0).await.closed().await;
    }
}
