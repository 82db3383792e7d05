//! The phases of an exchange, and how one is brought to each of them: by events, never by the clock.

use std::collections::BTreeMap;

use serde_json::json;

use super::seen::{Client, Socket};
use super::{Way, held};
use crate::support::{self, Answer, Gate, Gateway, Seen, Shape, Upstream, provider, within};

/// Larger than what the sockets on the way hold, so that it is still under way while the provider does not read.
const LARGE: usize = 12 << 20;

/// Where an exchange is when the process is told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Head,
    Body,
    Connecting,
    Sending,
    Waiting,
    Held,
    Heartbeats,
    Streaming,
    Translated,
    Http2,
    Gathered,
    Settling,
    Refused,
    Idle,
}

impl Phase {
    pub(super) const ALL: [Phase; 14] = [
        Phase::Head,
        Phase::Body,
        Phase::Connecting,
        Phase::Sending,
        Phase::Waiting,
        Phase::Held,
        Phase::Heartbeats,
        Phase::Streaming,
        Phase::Translated,
        Phase::Http2,
        Phase::Gathered,
        Phase::Settling,
        Phase::Refused,
        Phase::Idle,
    ];

    /// All but the one that needs quick heartbeats.
    pub(super) fn others() -> Vec<Phase> {
        Phase::ALL.into_iter().filter(|phase| *phase != Phase::Heartbeats).collect()
    }

    /// What the table calls it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Phase::Head => "the client sends its head",
            Phase::Body => "the client sends its body",
            Phase::Connecting => "the provider is connected to (TLS)",
            Phase::Sending => "the body is under way to the provider",
            Phase::Waiting => "the provider has not begun to answer",
            Phase::Held => "a stream is held, as nothing of content has come",
            Phase::Heartbeats => "a silent stream is kept alive",
            Phase::Streaming => "a stream is under way",
            Phase::Translated => "a translated stream is under way",
            Phase::Http2 => "a stream over HTTP/2 is under way",
            Phase::Gathered => "an answer that is not streamed is gathered",
            Phase::Settling => "the client has its whole answer, and it is being settled",
            Phase::Refused => "the client has the provider's error",
            Phase::Idle => "the connection is idle",
        }
    }

    /// The model of its own that it asks for.
    fn model(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// Whether it asks for a stream.
    pub(super) fn is_stream(self) -> bool {
        matches!(self, Phase::Held | Phase::Heartbeats | Phase::Streaming | Phase::Translated | Phase::Http2)
    }
}

/// What an entry may say when the process dies within the 250 ms that a settlement may take: it, or all that was set aside.
pub(super) fn unsure(held: &str) -> String {
    let may = ["`recovered`, all that was set aside", "`ok`, the provider's figures", "`bad_request`, nothing charged"];
    assert!(may.contains(&held), "{held}");
    "as without the crash, or, within the last 250 ms, `recovered` with all that was set aside".to_owned()
}

/// A gateway, its providers, and the gates at which exchanges wait.
pub(super) struct Stage {
    shape: Shape,
    gateway: Gateway,
    silent: Option<Upstream>,
    go: Gate,
    told: BTreeMap<Phase, Gate>,
    /// The id of the key that each phase has for itself.
    keys: BTreeMap<Phase, String>,
    /// Not dropped before the end.
    _others: [Upstream; 2],
}

impl Stage {
    pub(super) async fn start(shape: Shape, settings: &str) -> Stage {
        let go = Gate::new();
        let told: BTreeMap<Phase, Gate> = Phase::ALL.into_iter().map(|phase| (phase, Gate::new())).collect();
        let gates = (go.clone(), told.clone());
        let upstream = Upstream::new(move |seen| answer(seen, &gates.0, &gates.1)).await;
        let mut slow = Answer::raw("").tell(&told[&Phase::Sending]).wait(&go).read_body();
        slow.steps.extend(Answer::plain(shape, "late").steps);
        let early = Upstream::early(slow).await;
        let silent = Upstream::silent().await;

        let other = if shape == Shape::Chat { "messages" } else { "chat" };
        let models: Vec<String> = Phase::ALL.into_iter().map(Phase::model).chain(["marker".to_owned()]).collect();
        let mut config = format!("threads: 1\n{settings}\nproviders:\n");
        config += &provider("first", &upstream.base_url(), &models);
        config += &provider("early", &early.base_url(), &models);
        config += &provider("tls", &format!("https://{}/v1", silent.address()), &models);
        config += &provider("other", &upstream.base_url(), &models).replace("[chat, messages]", &format!("[{other}]"));
        config += "routes:\n";
        for model in &models {
            let providers = match model.as_str() {
                "connecting" => "tls, first",
                "sending" => "early",
                "translated" => "other",
                _ => "first",
            };
            config += &format!("  to-{model}: {{providers: [{providers}], models: [{model}]}}\n");
        }
        let gateway = Gateway::start(&config).await;
        Stage { shape, gateway, silent: Some(silent), go, told, keys: BTreeMap::new(), _others: [upstream, early] }
    }

    /// Brings an exchange to this phase.
    pub(super) async fn reach(&mut self, phase: Phase) -> Client {
        let minted = self.gateway.admin(&json!({"label": phase.words()}).to_string()).await.json();
        self.keys.insert(phase, minted["id"].as_str().expect("an id").to_owned());
        let route = format!("to-{}", phase.model());
        let shape = self.shape;
        let body = match phase {
            Phase::Sending => shape.ask_sized(&route, LARGE),
            _ if phase.is_stream() => shape.ask_stream(&route, "go"),
            _ => shape.ask(&route, "go"),
        };
        let request = shape.post(body).bearer(minted["key"].as_str().expect("a key"));
        if phase == Phase::Http2 {
            let address = self.gateway.address();
            let client = tokio::spawn(async move { support::send(address, &request, support::Way::H2c).await });
            self.wait_told(phase).await;
            return Client::Two(client);
        }
        let expects = if phase == Phase::Body { "expect: 100-continue\r\n" } else { "" };
        let mut head = format!("POST {} HTTP/1.1\r\nhost: gateway.test\r\n{expects}", request.path);
        for (name, value) in &request.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("content-length: {}\r\n\r\n", request.body.len());
        let mut socket = Socket::open(self.gateway.address()).await;
        match phase {
            Phase::Head => socket.send(&head.as_bytes()[..head.len() / 2]).await,
            Phase::Body => {
                socket.send(head.as_bytes()).await;
                // The gateway asks for the body, and so is reading it.
                socket.until("100 Continue\r\n\r\n").await;
                let (first, rest) = request.body.split_at(request.body.len() / 2);
                socket.send(first).await;
                socket.rest = rest.to_vec();
            }
            Phase::Idle => {
                socket.send(b"GET /healthz HTTP/1.1\r\nhost: gateway.test\r\n\r\n").await;
                socket.until("\r\n\r\n").await;
                // Its body is short, and comes with its head or right after it: another answer on the connection proves that it is there.
                socket.send(b"GET /nowhere HTTP/1.1\r\nhost: gateway.test\r\n\r\n").await;
                socket.until("There is no /nowhere here").await;
                socket.until("}}").await;
                socket.forget();
            }
            _ => {
                socket.send(head.as_bytes()).await;
                socket.send(&request.body).await;
            }
        }
        match phase {
            Phase::Head | Phase::Body | Phase::Idle => {}
            Phase::Connecting => {
                let silent = self.silent.as_ref().expect("it is there until the end");
                silent.link(0).await;
            }
            Phase::Sending | Phase::Waiting | Phase::Held | Phase::Gathered => self.wait_told(phase).await,
            Phase::Heartbeats => socket.until(heartbeat(shape)).await,
            Phase::Streaming | Phase::Translated => socket.until("before").await,
            Phase::Settling => socket.until("served").await,
            Phase::Refused => socket.until("the provider says 400").await,
            Phase::Http2 => unreachable!("it has a client of its own"),
        }
        Client::One(socket)
    }

    async fn wait_told(&self, phase: Phase) {
        within(phase.words(), self.told[&phase].opened()).await;
    }

    /// One whole exchange: what was set aside before it is on disk when it is over.
    pub(super) async fn marker(&self) {
        let response = self.gateway.post(self.shape, self.shape.ask_stream("to-marker", "go")).await;
        assert_eq!(response.status, 200, "{response:?}");
    }

    /// Ends the process.
    pub(super) async fn end(&mut self, way: Way, clients: &mut [(Phase, Client)]) {
        let first = match way {
            Way::Killed => return self.gateway.signal("KILL"),
            Way::Drained(signal) | Way::Late(signal) | Way::Twice(signal, _) => signal,
        };
        self.gateway.signal(first);
        self.gateway.logged("shutting down").await;
        match way {
            Way::Drained(_) => {
                for (phase, client) in clients {
                    if let (Phase::Idle | Phase::Head, Client::One(socket)) = (*phase, &mut *client) {
                        // Before any other exchange is over.
                        socket.closed().await;
                    }
                    if let Client::One(socket) = client {
                        socket.send_rest().await;
                    }
                }
                // Its connections are cut, and so another target serves.
                self.silent = None;
                self.go.open();
            }
            Way::Twice(_, second) => self.gateway.signal(second),
            Way::Late(_) | Way::Killed => {}
        }
    }

    /// Waits for the end of the process, and starts it again.
    pub(super) async fn ended(&mut self, way: Way) {
        let status = self.gateway.ended().await;
        let expected = match way {
            Way::Drained(_) => Some(0),
            Way::Late(_) | Way::Twice(..) => Some(3),
            Way::Killed => None,
        };
        assert_eq!(status.code(), expected, "{way:?}");
        self.gateway.start_again().await;
    }

    /// What the ledger holds of each phase.
    pub(super) async fn ledger(&self) -> BTreeMap<Phase, String> {
        let entries = self.gateway.entries().await;
        let of = |key: &String| entries.iter().filter(|entry| entry["key_id"] == *key).collect::<Vec<_>>();
        self.keys.iter().map(|(phase, key)| (*phase, held(&of(key)))).collect()
    }
}

const fn heartbeat(shape: Shape) -> &'static str {
    match shape {
        Shape::Chat | Shape::Responses => "\n: ",
        Shape::GenerateContent => "\n\n",
        Shape::Messages => "event: ping",
    }
}

/// The end of a stream, with the provider's figures.
fn closing(shape: Shape) -> String {
    let usage = json!({
        "id": "chatcmpl-test", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "served-model", "choices": [],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    });
    // Messages tells them in the events that every stream has.
    shape.closing().replace("data: [DONE]", &format!("data: {usage}\n\ndata: [DONE]"))
}

/// What the provider does in each phase.
fn answer(seen: &Seen, go: &Gate, told: &BTreeMap<Phase, Gate>) -> Answer {
    let shape = seen.shape();
    let model = seen.json()["model"].as_str().expect("a model").to_owned();
    let half = || Answer::stream().event(shape.opening()).event(shape.content("before"));
    let rest = |answer: Answer| answer.event(shape.content("after")).event(closing(shape)).finished();
    let Some(phase) = Phase::ALL.into_iter().find(|phase| phase.model() == model) else {
        return Answer::streamed(shape, &["marker"]);
    };
    let told = &told[&phase];
    match phase {
        Phase::Waiting => {
            let mut answer = Answer::raw("").tell(told).wait(go);
            answer.steps.extend(Answer::plain(shape, "late").steps);
            answer
        }
        Phase::Heartbeats => rest(half()).behind(go),
        // Comments alone are held for as long as it takes.
        Phase::Held => {
            let held = Answer::stream().event(": thinking\n\n").tell(told).wait(go);
            rest(held.event(shape.opening()).event(shape.content("before")))
        }
        Phase::Streaming | Phase::Translated | Phase::Http2 => rest(half().tell(told).wait(go)),
        Phase::Gathered => {
            let body = shape.plain("gathered");
            let (first, second) = body.split_at(body.len() / 2);
            let begun = Answer::stream_with(200, &[("content-type", "application/json")]).event(first);
            begun.tell(told).wait(go).event(second).finished()
        }
        Phase::Refused => Answer::error(shape, 400),
        _ => Answer::plain(shape, "served"),
    }
}
