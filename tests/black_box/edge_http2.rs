//! Connections of HTTP/2 at the edge: which are idle, how long, and what follows a reload.

use bytes::Bytes;
use h2::client::SendRequest;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::support::{Answer, Bed, Gate, Gateway, Shape, Upstream, within};

/// A connection of HTTP/2 that stays.
struct Client {
    sender: SendRequest<Bytes>,
    /// Ends with the connection.
    connection: JoinHandle<()>,
}

/// What came back: a status, and the body.
type Answered = (u16, String);

impl Client {
    async fn open(gateway: &Gateway) -> Client {
        let stream = TcpStream::connect(gateway.address()).await.unwrap();
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        Client { sender, connection: tokio::spawn(async move { connection.await.unwrap_or_default() }) }
    }

    async fn ask(&self, head: http::request::Builder, body: String) -> JoinHandle<Answered> {
        let mut sender = self.sender.clone().ready().await.expect("the connection is there");
        let (answer, mut sending) = sender.send_request(head.body(()).unwrap(), body.is_empty()).unwrap();
        if !body.is_empty() {
            sending.send_data(body.into(), true).unwrap();
        }
        tokio::spawn(async move {
            let (head, mut stream) = answer.await.expect("an answer").into_parts();
            let mut body = Vec::new();
            while let Some(piece) = stream.data().await {
                let piece = piece.expect("a whole body");
                stream.flow_control().release_capacity(piece.len()).unwrap();
                body.extend_from_slice(&piece);
            }
            (head.status.as_u16(), String::from_utf8(body).unwrap())
        })
    }

    async fn get(&self, gateway: &Gateway, header: (&str, String)) -> Answered {
        let head = http::Request::get(format!("http://{}/", gateway.address())).header(header.0, header.1);
        within("an answer", self.ask(head, String::new()).await).await.unwrap()
    }

    async fn closed(self) {
        within("the connection to be closed", self.connection).await.unwrap();
    }
}

const NOTHING_SPECIAL: (&str, String) = ("x-nothing", String::new());

/// Changes a setting in the file, and has it taken over.
async fn reload(gateway: &Gateway, from: &str, to: &str) {
    let file = gateway.folder().join("config.yaml");
    let config = std::fs::read_to_string(&file).unwrap();
    assert!(config.contains(from));
    std::fs::write(&file, config.replace(from, to)).unwrap();
    let reloaded = gateway.ask_admin("POST", "/admin/reload", "").await;
    assert_eq!(reloaded.status, 200, "{reloaded:?}");
}

async fn bed(settings: &str, gate: &Gate) -> Bed {
    let gate = gate.clone();
    let first = Upstream::new(move |seen| match seen.json()["stream"] == true {
        true => Answer::streamed(Shape::Chat, &["late"]).behind(&gate),
        false => Answer::plain(seen.shape(), "served"),
    });
    Bed::start_with(settings, first.await, Upstream::silent().await).await
}

/// A request for a stream that says nothing until the gate opens.
async fn stream(bed: &Bed, client: &Client) -> JoinHandle<Answered> {
    let head = http::Request::post(format!("http://{}/v1/chat/completions", bed.gateway.address()))
        .header("authorization", format!("Bearer {}", bed.gateway.key()));
    let answer = client.ask(head, Shape::Chat.ask_stream(&bed.sole(), "go")).await;
    bed.first.request(0).await;
    answer
}

#[tokio::test]
async fn idle_connections_of_http2_make_room_and_busy_ones_stay() {
    let gate = Gate::new();
    let bed = bed("h2c: true\nclients: {connections: 4}\n", &gate).await;
    let busy = Client::open(&bed.gateway).await;
    let late = stream(&bed, &busy).await;
    let mut idle = Vec::new();
    for asks in [1, 2, 0] {
        let client = Client::open(&bed.gateway).await;
        for _ in 0..asks {
            assert_eq!(client.get(&bed.gateway, NOTHING_SPECIAL).await.0, 200);
        }
        idle.push(Box::pin(client.closed()));
    }
    futures::future::select_all(idle).await;
    gate.open();
    let (status, body) = within("the stream", late).await.unwrap();
    assert_eq!(status, 200);
    assert!(body.contains("late") && body.contains("[DONE]"), "{body}");
}

#[tokio::test]
async fn the_idle_time_of_http2_is_the_one_in_force_and_streams_are_not_idle() {
    let gate = Gate::new();
    let bed = bed("h2c: true\nclients: {idle_time: 1h}\n", &gate).await;
    let before = Client::open(&bed.gateway).await;
    assert_eq!(before.get(&bed.gateway, NOTHING_SPECIAL).await.0, 200);
    reload(&bed.gateway, "idle_time: 1h", "idle_time: 2s").await;

    let busy = Client::open(&bed.gateway).await;
    let late = stream(&bed, &busy).await;
    for asks in [0, 1, 2] {
        let client = Client::open(&bed.gateway).await;
        for _ in 0..asks {
            assert_eq!(client.get(&bed.gateway, NOTHING_SPECIAL).await.0, 200);
        }
        client.closed().await;
    }
    assert_eq!(before.get(&bed.gateway, NOTHING_SPECIAL).await.0, 200, "it began with an hour");
    before.closed().await;
    gate.open();
    let (status, body) = within("the stream", late).await.unwrap();
    assert!(status == 200 && body.contains("[DONE]"), "{body}");
    busy.closed().await;
}

#[tokio::test]
async fn the_bound_on_heads_of_http2_is_the_one_in_force() {
    let bed = bed("h2c: true\nclients: {header_bytes: 4KiB}\n", &Gate::new()).await;
    let long = |bytes: usize| ("x-long", "v".repeat(bytes));
    let client = Client::open(&bed.gateway).await;
    let (status, body) = client.get(&bed.gateway, long(5_000)).await;
    assert!(status == 431 && body.contains("clients.header_bytes"), "{status} {body}");
    let (status, _) = client.get(&bed.gateway, long(12_000)).await;
    assert_eq!(status, 431, "over twice the bound the library says so");

    reload(&bed.gateway, "header_bytes: 4KiB", "header_bytes: 64KiB").await;
    let client = Client::open(&bed.gateway).await;
    assert_eq!(client.get(&bed.gateway, long(50_000)).await.0, 200);

    reload(&bed.gateway, "header_bytes: 64KiB", "header_bytes: 8KiB").await;
    let (status, body) = client.get(&bed.gateway, long(50_000)).await;
    assert!(status == 431 && body.contains("8192 bytes"), "{status} {body}");
}
