//! What is asked, and how providers answer, with something planted in every place there is.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Answer, Seen, Shape, Upstream, gzip, within};

/// What is planted in prompts: it is in base64 as well.
const PROMPT: &str = "pLaNtEd-prompt-5b1e";
/// `a file with pLaNtEd-content in it`
const FILE: &str = "YSBmaWxlIHdpdGggcExhTnRFZC1jb250ZW50IGluIGl0";

/// How a provider answers, by the number in the model's name.
pub(super) type Case = fn(&Seen) -> Answer;

/// The key that a provider was sent.
fn key(seen: &Seen) -> String {
    let names = ["authorization", "x-api-key", "x-goog-api-key"];
    let key = names.into_iter().find_map(|name| seen.head.header(name)).unwrap_or("no key");
    format!("{} {} pLaNtEd-answer", key, seen.head.header("x-team-token").unwrap_or_default())
}

fn error(seen: &Seen, status: u16) -> Answer {
    let message = format!("no: {} said {}", key(seen), String::from_utf8_lossy(&seen.body));
    let body = json!({"type": "error", "error": {"message": message, "type": "invalid_request_error", "param": key(seen), "code": key(seen)}});
    Answer::whole(
        status,
        &[("content-type", "application/json"), ("x-request-id", "up-1"), ("retry-after", "0"), ("x-echo", &key(seen))],
        body.to_string(),
    )
}

fn streamed(seen: &Seen) -> Answer {
    Answer::streamed(seen.shape(), &["pLaNtEd-", "answer ", "pLaNtEd-end"])
}

pub(super) const CASES: [Case; 22] = [
    |seen| if seen.json()["stream"] == true { streamed(seen) } else { Answer::plain(seen.shape(), "pLaNtEd-answer") },
    tool_call,
    |seen| error(seen, 400),
    |seen| error(seen, 401),
    |seen| error(seen, 402),
    |seen| error(seen, 403),
    |seen| error(seen, 404),
    |seen| error(seen, 408),
    |seen| error(seen, 413),
    |seen| error(seen, 418),
    |seen| error(seen, 422),
    |seen| error(seen, 429),
    |seen| error(seen, 500),
    |seen| error(seen, 503),
    |seen| error(seen, 529),
    |seen| Answer::whole(302, &[("location", &format!("http://127.0.0.1:9/?key={}", key(seen)))], ""),
    |seen| Answer::json(200, format!("{{\"broken\": \"{}", key(seen))),
    |seen| Answer::raw(format!("{} is no HTTP\r\n\r\n", key(seen))).cut(),
    |seen| Answer::json(200, json!({"error": {"message": key(seen), "type": "server_error"}}).to_string()),
    |seen| {
        Answer::stream().event(format!("event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"overloaded_error\",\"message\":\"{}\"}}}}\n\n", key(seen))).finished()
    },
    |seen| {
        let begun = Answer::stream().event(seen.shape().opening()).event(seen.shape().content("pLaNtEd-begun"));
        begun.event(format!("data: {{\"error\":{{\"message\":\"{}\",\"code\":500}}}}\n\n", key(seen))).finished()
    },
    |seen| Answer::stream().event(seen.shape().opening()).event(seen.shape().content("pLaNtEd-half")).reset(),
];

fn tool_call(seen: &Seen) -> Answer {
    let arguments = "{\"path\":\"/pLaNtEd/argument\"}";
    let body = match seen.shape() {
        Shape::Chat | Shape::Responses | Shape::GenerateContent => json!({
            "id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": null,
                "reasoning_content": "pLaNtEd-thought",
                "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "read", "arguments": arguments}}]}}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }),
        Shape::Messages => json!({
            "id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use", "stop_sequence": null,
            "content": [
                {"type": "thinking", "thinking": "pLaNtEd-thought", "signature": "cExhTnRFZC1zaWduYXR1cmU="},
                {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "/pLaNtEd/argument"}},
            ],
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }),
    };
    Answer::json(200, body.to_string())
}

/// What the shapes of Responses and Gemini answer with: whole and streamed, the latter ended by an error that holds the key.
fn newer(seen: &Seen) -> Answer {
    let (is_google, error) = (seen.head.path().contains("enerateContent"), json!({"message": key(seen), "code": 500}));
    let streams = seen.head.path().contains(":stream") || seen.json()["stream"] == true;
    let whole = if is_google {
        json!({"responseId": "r", "modelVersion": "m", "candidates": [{"content": {"role": "model", "parts": [
            {"text": "pLaNtEd-thought", "thought": true}, {"text": "pLaNtEd-answer", "thoughtSignature": "cExhTnRFZC1zaWduYXR1cmU="},
            {"functionCall": {"name": "read", "args": {"path": "/pLaNtEd/argument"}}}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}})
    } else {
        json!({"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": [
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "pLaNtEd-thought"}], "encrypted_content": "cExhTnRFZC0="},
            {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [{"type": "output_text", "text": "pLaNtEd-answer", "annotations": []}]},
            {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "read", "arguments": "{\"path\":\"/pLaNtEd/argument\"}", "status": "completed"}],
            "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}})
    };
    match (streams, is_google) {
        (false, _) => Answer::json(200, whole.to_string()),
        (true, true) => {
            Answer::stream().event(format!("data: {whole}\r\n\r\ndata: {}\r\n\r\n", json!({"error": error}))).finished()
        }
        (true, false) => {
            let begun = json!({"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1", "object": "response", "status": "in_progress", "output": []}});
            let failed =
                json!({"type": "error", "sequence_number": 1, "code": key(seen), "message": key(seen), "param": null});
            Answer::stream()
                .event(format!("event: response.created\ndata: {begun}\n\nevent: error\ndata: {failed}\n\n"))
                .finished()
        }
    }
}

/// An upstream of the newer shapes: fails as the others do, and serves in its own form.
pub(super) async fn newer_upstream() -> Upstream {
    Upstream::new(|seen| {
        let in_path = seen.head.path().split(['/', ':']).find(|part| part.starts_with("case-")).map(str::to_owned);
        let model = in_path.unwrap_or_else(|| seen.json()["model"].as_str().unwrap_or_default().to_owned());
        match model.strip_prefix("case-").and_then(|number| number.parse::<usize>().ok()) {
            // Those in between fail in the same way whatever the shape.
            Some(number @ 2..19) => CASES[number](seen),
            Some(_) => newer(seen),
            None => error(seen, 404),
        }
    })
    .await
}

/// An upstream that answers by the number in the model's name.
pub(super) async fn upstream() -> Upstream {
    Upstream::new(|seen| {
        if seen.head.path().contains("/models") {
            return error(seen, 401);
        }
        let model = seen.json()["model"].as_str().unwrap_or_default().to_owned();
        let case = model.strip_prefix("case-").and_then(|number| number.parse::<usize>().ok());
        let case = case.and_then(|number| CASES.get(number));
        case.map_or_else(|| error(seen, 404), |case| case(seen))
    })
    .await
}

/// One request to a model or route.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    shape: Shape,
    path: &'static str,
    body: String,
}

impl Ask {
    /// In the shapes of the older APIs and of Responses, plain and streamed, small and with everything in it, and the count of tokens.
    pub(super) fn all(model: &str) -> Vec<Ask> {
        let mut all = Vec::new();
        for shape in Shape::BOTH {
            let path = shape.path();
            all.push(Ask { shape, path, body: shape.ask(model, PROMPT) });
            all.push(Ask { shape, path, body: shape.ask_stream(model, PROMPT) });
            all.push(Ask { shape, path, body: full(shape, model).to_string() });
        }
        for stream in [false, true] {
            let body = json!({"model": model, "stream": stream, "instructions": "pLaNtEd-system", "input": [
                {"role": "user", "content": [{"type": "input_text", "text": PROMPT}]},
                {"type": "function_call", "call_id": "call_1", "name": "read", "arguments": "{\"path\":\"pLaNtEd-argument\"}"},
                {"type": "function_call_output", "call_id": "call_1", "output": "pLaNtEd-result"}]});
            all.push(Ask { shape: Shape::Chat, path: "/v1/responses", body: body.to_string() });
        }
        let body = Shape::Messages.ask(model, PROMPT);
        all.push(Ask { shape: Shape::Messages, path: "/anthropic/v1/messages/count_tokens", body });
        all
    }

    pub(super) fn bytes(&self, client_key: &str) -> Vec<u8> {
        let credential = match self.shape {
            Shape::Chat | Shape::Responses | Shape::GenerateContent => format!("authorization: Bearer {client_key}"),
            Shape::Messages => format!("x-api-key: {client_key}\r\nanthropic-version: 2023-06-01"),
        };
        request("POST", &format!("{}?key=pLaNtEd-query&api_key=pLaNtEd", self.path), &credential, self.body.as_bytes())
    }
}

/// A request with something planted in each kind of content.
fn full(shape: Shape, model: &str) -> serde_json::Value {
    let parameters =
        json!({"type": "object", "properties": {"path": {"type": "string", "description": "pLaNtEd-schema"}}});
    match shape {
        Shape::Chat | Shape::Responses | Shape::GenerateContent => json!({
            "model": model, "metadata": {"note": "pLaNtEd-metadata"}, "stop": ["pLaNtEd-stop"], "logit_bias": {"1": 1},
            "prompt_cache_key": "pLaNtEd-cache-key", "pLaNtEd-unknown": "pLaNtEd-unknown",
            "tools": [{"type": "function", "function": {"name": "read", "description": "pLaNtEd-description", "parameters": parameters}}],
            "messages": [
                {"role": "system", "content": "pLaNtEd-system"},
                {"role": "user", "name": "pLaNtEd", "content": [
                    {"type": "text", "text": PROMPT},
                    {"type": "image_url", "image_url": {"url": "https://images.example/a.png?key=pLaNtEd-image"}},
                    {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{FILE}")}},
                ]},
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "read", "arguments": "{\"path\":\"pLaNtEd-argument\"}"}},
                ]},
                {"role": "tool", "tool_call_id": "call_1", "content": "pLaNtEd-result"},
            ],
        }),
        Shape::Messages => json!({
            "model": model, "max_tokens": 64, "system": "pLaNtEd-system", "stop_sequences": ["pLaNtEd-stop"],
            "pLaNtEd-unknown": "pLaNtEd-unknown",
            "tools": [{"name": "read", "description": "pLaNtEd-description", "input_schema": parameters}],
            "messages": [
                {"role": "user", "content": [
                    {"type": "text", "text": PROMPT},
                    {"type": "image", "source": {"type": "url", "url": "https://images.example/a.png?key=pLaNtEd-image"}},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": FILE}},
                ]},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "pLaNtEd-argument"}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "pLaNtEd-result"}]},
            ],
        }),
    }
}

/// The bytes of a request, with something planted in headers that nobody reads.
fn request(method: &str, target: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "{method} {target} HTTP/1.1\r\nhost: pLaNtEd.example\r\n{headers}\r\ncookie: session=pLaNtEd-cookie\r\nx-planted-header: pLaNtEd-header-value\r\n\
         x-forwarded-for: pLaNtEd\r\nx-claude-code-session-id: pLaNtEd-session\r\ntraceparent: pLaNtEd\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Requests that are refused, each in another way, and one that makes the gateway panic.
pub(super) fn wrong(client_key: &str) -> Vec<(String, Vec<u8>)> {
    let chat = Shape::Chat.path();
    let right = format!("authorization: Bearer {client_key}");
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    let mut add = |name: &str, bytes: Vec<u8>| all.push((name.to_owned(), bytes));
    let ask = Shape::Chat.ask("first-case-0", PROMPT);
    for (index, body) in [
        "pLaNtEd",
        "{\"pLaNtEd\"",
        "[\"pLaNtEd\"]",
        "{\"model\":7,\"messages\":\"pLaNtEd\"}",
        "{\"messages\":[\"pLaNtEd\"]}",
        "\u{0}pLaNtEd",
        "",
        "{\"model\":\"first-case-0\",\"messages\":\"pLaNtEd\"}",
        "{\"model\":\"second-case-0\",\"messages\":[{\"role\":\"pLaNtEd\",\"content\":{\"pLaNtEd\":1}}]}",
        "{\"model\":\"second-case-0\",\"max_tokens\":\"pLaNtEd\",\"messages\":[]}",
        "{\"model\":\"first-case-0\",\"stream\":\"pLaNtEd\",\"messages\":[]}",
    ]
    .into_iter()
    .enumerate()
    {
        for path in [
            chat,
            "/anthropic/v1/messages",
            "/anthropic/v1/messages/count_tokens",
            "/v1/responses",
            "/v1/embeddings",
            "/gemini/v1beta/models/x:generateContent",
        ] {
            add(&format!("body {index} to {path}"), request("POST", path, &right, body.as_bytes()));
        }
    }
    for credential in [
        "authorization: Bearer pLaNtEd",
        "authorization: Basic pLaNtEd",
        "authorization: pLaNtEd",
        "x-api-key: pLaNtEd",
        "x-goog-api-key: pLaNtEd",
        "authorization: Bearer ovth_live_pLaNtEdpLaNtEdpLaNtEdpLaNtEdpLaNtEdpLaNtEdp",
        "authorization: Bearer a\r\nauthorization: Bearer pLaNtEd",
        "x-none: none",
    ] {
        add(credential, request("POST", chat, credential, ask.as_bytes()));
        add(credential, request("GET", "/v1/key", credential, b""));
        add(credential, request("GET", "/admin/keys", credential, b""));
    }
    for (method, target) in [
        ("GET", "/pLaNtEd?key=pLaNtEd"),
        ("GET", "/v1/models/pLaNtEd"),
        ("GET", "/v1/models?key=pLaNtEd&limit=pLaNtEd"),
        ("DELETE", "/v1/chat/completions?pLaNtEd"),
        ("pLaNtEd", "/v1/models"),
        ("GET", "/admin/pLaNtEd"),
        ("POST", "/gemini/v1beta/models/pLaNtEd:generateContent?key=pLaNtEd"),
        ("OPTIONS", "/v1/models?pLaNtEd"),
        ("GET", "http://pLaNtEd:pLaNtEd@127.0.0.1/v1/models"),
        ("GET", "/readyz?pLaNtEd"),
        ("GET", "/%70LaNtEd%00"),
        ("GET", "*"),
    ] {
        add(target, request(method, target, &right, b""));
    }
    let gzipped = format!("{right}\r\ncontent-encoding: gzip");
    add("gzip", request("POST", chat, &gzipped, &gzip(ask.as_bytes())));
    let mut cut = gzip(ask.as_bytes());
    cut.truncate(cut.len() / 2);
    add("broken gzip", request("POST", chat, &gzipped, &cut));
    add("unknown encoding", request("POST", chat, &format!("{right}\r\ncontent-encoding: pLaNtEd"), ask.as_bytes()));
    add("too large", request("POST", chat, &right, Shape::Chat.ask("first-case-0", &PROMPT.repeat(10_000)).as_bytes()));
    let bomb = gzip(Shape::Chat.ask("first-case-0", &PROMPT.repeat(100_000)).as_bytes());
    add("too large when it is inflated", request("POST", chat, &gzipped, &bomb));
    for head in ["pLaNtEd", "GET /pLaNtEd HTTP/9.9", "GET /pLaNtEd", "\u{1}\u{2}pLaNtEd", "PRI * HTTP/2.0"] {
        add(head, format!("{head}\r\n\r\npLaNtEd").into_bytes());
    }
    let mut long = b"GET / HTTP/1.1\r\n".to_vec();
    for index in 0..400 {
        write!(long, "x-{index}: pLaNtEd-long-header\r\n").expect("a vector");
    }
    add("many headers", [long, b"connection: close\r\n\r\n".to_vec()].concat());
    add("wrong length", request("POST", chat, &format!("{right}\r\ncontent-length: pLaNtEd"), ask.as_bytes()));
    add(
        "wrong chunks",
        format!("POST {chat} HTTP/1.1\r\nhost: a\r\n{right}\r\ntransfer-encoding: chunked\r\n\r\npLaNtEd\r\npLaNtEd")
            .into_bytes(),
    );
    let mut early = request("POST", chat, &right, ask.as_bytes());
    early.truncate(early.len() - 5);
    add("a client that leaves", early);
    if cfg!(debug_assertions) {
        add("a panic", request("POST", chat, &format!("{right}\r\nx-ovth-fault: panic"), ask.as_bytes()));
    }
    all
}

/// Requests to the admin API, with the master key.
pub(super) fn admin() -> Vec<(&'static str, String, String)> {
    let mut all = Vec::new();
    let mut add = |method, path: &str, body: &str| all.push((method, path.to_owned(), body.to_owned()));
    add("POST", "/admin/keys", "{\"label\":\"second\"}");
    for body in [
        "pLaNtEd",
        "{\"pLa\u{7}NtEd",
        "{\"label\":{\"pLaNtEd\":1}}",
        "{\"label\":\"a\",\"quota\":{\"daily_tokens\":\"pLaNtEd\"}}",
        "{\"label\":\"\\u0007 pLaNtEd\"}",
        "{\"label\":\"a\",\"models\":[\"pLaNt\\nEd pLaNtEd\"]}",
        "{\"label\":\"a\",\"expires_at\":\"pLaNtEd\"}",
        "{\"label\":\"a\",\"strict\":\"pLaNtEd\"}",
    ] {
        add("POST", "/admin/keys", body);
        add("PUT", "/admin/log", body);
        add("PATCH", "/admin/keys/key_0123456789abcdef", body);
    }
    add("PUT", "/admin/log", "{\"level\":\"pLaNtEd\",\"levels\":{\"pLaNtEd pLaNtEd\":\"info\",\"ovth\":\"pLaNtEd\"}}");
    all
}

/// Files that are no configuration, with secrets where they must not be.
pub(super) fn bad_files() -> Vec<String> {
    let mut files: Vec<String> = [
        "master_key: sk-pLaNtEd-0123456789abcdef",
        "master_key: {file: key.txt}",
        "master_key: [sk-pLaNtEd-0123456789abcdef]",
        "providers: {openai: {api_key: [[sk-pLaNtEd]]}}",
        "providers: {openai: {api_keys: ['sk-pLaNtEd-0123456789abcdef', 'sk-pLaNtEd-0123456789abcdef', 7]}}",
        "providers: {openai: {api_key: 'sk-pLaNtEd ${UNKNOWN}'}}",
        "providers: {openai: {api_key: {file: key.txt}}}",
        "providers: {openai: {headers: {authorization: 'Bearer pLaNtEd\u{7}'}}}",
        "providers: {openai: {base_url: 'https://user:pLaNtEd@host/v1'}}",
        "providers: {openai: {base_url: 'https://host/v1?key=pLaNtEd'}}",
        "sk-pLaNtEd-0123456789abcdef: 1",
        "listen: sk-pLaNtEd-0123456789abcdef",
        "routes: {sk-pLaNtEd-0123456789abcdef: {strategy: sk-pLaNtEd-0123456789abcdef}}",
        "log: {capture: {keys: [a], redact: ['pLaNtEd(']}}",
        "log: {level: sk-pLaNtEd-0123456789abcdef}",
        "threads: ${NAME}",
        "listen: '${NAME}'",
        "data_dir: [sk-pLaNtEd",
    ]
    .map(str::to_owned)
    .into();
    files.push("a: 'sk-pLaNtEd-0123456789abcdef\nb: \"".to_owned());
    files
}

/// Sends these bytes, and reads until the peer closes or has nothing more to say.
pub(super) async fn raw(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    /// A head that is not finished keeps its connection open.
    const SILENCE: Duration = Duration::from_secs(3);
    let mut stream = within("a connection", TcpStream::connect(address)).await.expect("the gateway listens");
    // A peer that has answered may stop reading.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let mut piece = vec![0; 64 << 10];
    while let Ok(Ok(count @ 1..)) = tokio::time::timeout(SILENCE, stream.read(&mut piece)).await {
        answer.extend_from_slice(&piece[..count]);
    }
    answer
}
