//! What a client is told when its targets fail, by class and in its own shape.

use crate::support::{Answer, Bed, Response, Shape, Upstream};

/// One failure of the only target, and what the client must see.
struct Case {
    name: &'static str,
    answer: fn(Shape) -> Answer,
    chat: &'static [u16],
    messages: &'static [u16],
    /// Whether a new try cannot help, so that `x-should-retry` must say `false`.
    hopeless: bool,
}

impl Case {
    fn check(&self, shape: Shape, response: &Response) {
        let name = format!("{shape:?}: {}", self.name);
        let allowed = if shape == Shape::Messages { self.messages } else { self.chat };
        let allowed: Vec<u16> = allowed.iter().map(|status| shape.own_status(*status)).collect();
        assert!(allowed.contains(&response.status), "{name}: {response:?}");
        assert_eq!(response.header("content-type"), Some("application/json"), "{name}");
        shape.error_type(&response.json());
        assert_eq!(response.attempts(), 1, "{name}");
        let refuses = response.header("x-should-retry") == Some("false");
        assert_eq!(refuses, self.hopeless, "{name}: {response:?}");
    }
}

fn overflow(shape: Shape) -> Answer {
    Answer::json(
        400,
        match shape {
            Shape::Chat | Shape::Responses => {
                r#"{"error":{"message":"This model's maximum context length is 8 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#
            }
            Shape::Messages => {
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8 maximum"}}"#
            }
            Shape::GenerateContent => {
                r#"{"error":{"code":400,"message":"The input token count (9) exceeds the maximum number of tokens allowed (8).","status":"INVALID_ARGUMENT"}}"#
            }
        },
    )
}

fn no_credit(shape: Shape) -> Answer {
    match shape {
        Shape::Chat | Shape::Responses => Answer::json(
            429,
            r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
        ),
        Shape::Messages => Answer::error(shape, 402),
        Shape::GenerateContent => Answer::json(
            403,
            r#"{"error":{"code":403,"message":"This API method requires billing to be enabled.","status":"PERMISSION_DENIED"}}"#,
        ),
    }
}

const CASES: [Case; 12] = [
    Case {
        name: "the operator's key is refused",
        answer: |shape| Answer::error(shape, 401),
        chat: &[502],
        messages: &[502],
        hopeless: true,
    },
    Case {
        name: "the operator has no access",
        answer: |shape| Answer::error(shape, 403),
        chat: &[502],
        messages: &[502],
        hopeless: true,
    },
    Case {
        name: "the operator has no credit",
        answer: no_credit,
        chat: &[502, 503],
        messages: &[502, 529],
        hopeless: true,
    },
    Case {
        name: "the provider does not know the model",
        answer: |shape| Answer::error(shape, 404),
        chat: &[404, 502],
        messages: &[404, 502],
        hopeless: true,
    },
    Case {
        name: "rate limit",
        answer: |shape| Answer::error(shape, 429),
        chat: &[429],
        messages: &[429],
        hopeless: false,
    },
    Case {
        name: "overloaded, 503",
        answer: |shape| Answer::error(shape, 503),
        chat: &[503],
        messages: &[529, 502],
        hopeless: false,
    },
    Case {
        name: "overloaded, 529",
        answer: |shape| Answer::error(shape, 529),
        chat: &[503],
        messages: &[529],
        hopeless: false,
    },
    Case {
        name: "server error",
        answer: |shape| Answer::error(shape, 500),
        chat: &[502],
        messages: &[502, 500],
        hopeless: false,
    },
    Case {
        name: "no JSON",
        answer: |_| Answer::whole(502, &[("content-type", "text/html")], "<html>bad</html>"),
        chat: &[502],
        messages: &[502, 500],
        hopeless: false,
    },
    Case {
        name: "an answer that is no answer",
        answer: |_| Answer::whole(301, &[("location", "http://127.0.0.1:1/")], ""),
        chat: &[502],
        messages: &[502, 500],
        hopeless: false,
    },
    Case {
        name: "bad request",
        answer: |shape| Answer::error(shape, 400),
        chat: &[400],
        messages: &[400],
        hopeless: true,
    },
    Case { name: "context overflow", answer: overflow, chat: &[400], messages: &[400], hopeless: true },
];

#[tokio::test]
async fn each_class_has_its_status_in_each_shape() {
    for shape in Shape::ALL {
        // Each case is asked for plain and as a stream, so that each answer is given twice.
        let answers = CASES.iter().flat_map(|case| [(case.answer)(shape), (case.answer)(shape)]).collect();
        let bed = Bed::start(Upstream::script(answers).await, Upstream::silent().await).await;
        for case in &CASES {
            for stream in [false, true] {
                let route = bed.sole();
                let body = if stream { shape.ask_stream(&route, "go") } else { shape.ask(&route, "go") };
                let response = bed.gateway.post(shape, body).await;
                case.check(shape, &response);
                let record = bed.gateway.record(response.request_id()).await;
                assert_eq!(
                    (record.status, record.attempt_count),
                    (Some(response.status), 1),
                    "{}: {record:?}",
                    case.name
                );
            }
        }
    }
}

#[tokio::test]
async fn the_client_s_own_bad_request_comes_back_as_the_provider_said_it_and_is_not_tried_again() {
    for shape in Shape::ALL {
        let first = Upstream::always(Answer::error(shape, 400)).await;
        let second = Upstream::always(Answer::plain(shape, "never")).await;
        let bed = Bed::start(first, second).await;
        let response = bed.gateway.post(shape, shape.ask(&bed.pair(), "go")).await;
        assert_eq!((response.status, response.text()), (400, shape.error(400).as_str()));
        assert!(bed.second.requests().is_empty());
    }
}

#[tokio::test]
async fn an_operator_s_401_says_nothing_of_the_key() {
    let quoting = r#"{"error":{"message":"Incorrect API key provided: upstream*****6789.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#;
    let bed = Bed::start(Upstream::always(Answer::json(401, quoting)).await, Upstream::silent().await).await;
    let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask(&bed.sole(), "go")).await;
    assert_eq!(response.status, 502);
    assert!(!response.text().contains("6789"), "{response:?}");
    assert!(!bed.gateway.log().contains("6789"), "not in the log either");
}

#[tokio::test]
async fn operator_faults_and_overload_go_to_the_next_target() {
    for shape in Shape::ALL {
        let statuses = [401, 402, 403, 404, 408, 429, 500, 502, 503, 504, 529];
        for status in statuses {
            // A refused key is avoided with all its models, so each case has a gateway of its own.
            let first = Upstream::always(Answer::error(shape, status)).await;
            let bed = Bed::start(first, Upstream::always(Answer::plain(shape, "served")).await).await;
            let response = bed.gateway.post(shape, shape.ask(&bed.pair(), "go")).await;
            assert_eq!((response.status, response.attempts()), (200, 2), "{shape:?} {status}: {response:?}");
        }
    }
}

#[tokio::test]
async fn when_all_fail_the_client_hears_of_all_attempts() {
    let first = Upstream::always(Answer::error(Shape::Chat, 500)).await;
    let second = Upstream::always(Answer::error(Shape::Chat, 401)).await;
    let bed = Bed::start(first, second).await;
    let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask(&bed.pair(), "go")).await;
    assert_eq!((response.status, response.attempts()), (502, 2), "{response:?}");
    Shape::Chat.error_type(&response.json());
}

#[tokio::test]
async fn a_rate_limited_target_cools_down_as_long_as_it_asked() {
    let limited =
        Answer::whole(429, &[("content-type", "application/json"), ("retry-after", "600")], Shape::Chat.error(429));
    let first = Upstream::always(limited).await;
    let second = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
    let bed = Bed::start(first, second).await;
    let route = bed.pair();
    for attempts in [2, 1, 1] {
        let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask(&route, "go")).await;
        assert_eq!((response.status, response.attempts()), (200, attempts), "{response:?}");
    }
    // A sole target is tried however cool it is: refusing would be worse than asking.
    let route = route.replace("pair", "sole");
    for requests in [2, 3] {
        let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask(&route, "go")).await;
        assert_eq!(response.status, 429, "{response:?}");
        let retry_after: u64 = response.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=600).contains(&retry_after), "{retry_after}");
        assert_eq!(bed.first.requests().len(), requests);
    }
}

#[tokio::test]
async fn an_error_body_that_never_ends_is_bounded() {
    let flood = (0..64).fold(Answer::stream_with(500, &[("content-type", "application/json")]), |answer, _| {
        answer.event(vec![b'x'; 64 << 10])
    });
    let second = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
    let bed = Bed::start(Upstream::always(flood.hold()).await, second).await;
    let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask(&bed.pair(), "go")).await;
    assert_eq!((response.status, response.attempts()), (200, 2), "{response:?}");
}
