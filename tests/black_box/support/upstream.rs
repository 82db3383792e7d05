//! A provider that does what a test tells it: answers, stalls, cuts, resets and lies; and that remembers what it saw.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::answer::{After, Answer, Step};
use super::http1::{End, Head, Reader, reset_on_close};
use super::shape::Shape;
use super::within;

/// One request as an upstream saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// How many requests came before it.
    pub(crate) index: usize,
    /// Its head.
    pub(crate) head: Head,
    /// Its body; empty when the upstream answers without reading it.
    pub(crate) body: Bytes,
    /// The connection it came on.
    pub(crate) link: Arc<Link>,
}

impl Seen {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    /// The shape it is in.
    pub(crate) fn shape(&self) -> Shape {
        match self.head.path() {
            path if path.ends_with("messages") => Shape::Messages,
            path if path.ends_with("responses") => Shape::Responses,
            path if path.contains("enerateContent") => Shape::GenerateContent,
            _ => Shape::Chat,
        }
    }

    /// Whether a stream is asked for.
    pub(crate) fn streams(&self) -> bool {
        self.head.path().contains(":streamGenerateContent") || self.json()["stream"] == true
    }

    /// What the request says, in whatever shape.
    pub(crate) fn prompt(&self) -> String {
        let body = self.json();
        let content = match self.shape() {
            Shape::Chat | Shape::Messages => &body["messages"][0]["content"],
            Shape::Responses => &body["input"],
            Shape::GenerateContent => &body["contents"][0]["parts"][0]["text"],
        };
        content.as_str().expect("a prompt").to_owned()
    }
}

/// One connection as an upstream saw it.
#[derive(Debug, Default)]
pub(crate) struct Link {
    closed: watch::Sender<Option<Instant>>,
    /// What came without being understood at a silent upstream, and what was read late at an early one.
    raw: Mutex<Vec<u8>>,
}

impl Link {
    /// When the peer closed the connection.
    pub(crate) async fn closed(&self) -> Instant {
        let mut closed = self.closed.subscribe();
        let closed = within("the gateway to close its connection", closed.wait_for(Option::is_some)).await;
        closed.expect("the link exists").expect("it is closed")
    }

    pub(crate) fn is_open(&self) -> bool {
        self.closed.borrow().is_none()
    }

    /// All bytes that a silent upstream was sent, or those that an early one read by [`Answer::read_body`].
    pub(crate) fn raw(&self) -> Vec<u8> {
        self.raw.lock().unwrap().clone()
    }

    fn close(&self) {
        self.closed.send_if_modified(|closed| closed.replace(Instant::now()).is_none());
    }
}

type Handler = Arc<dyn Fn(&Seen) -> Answer + Send + Sync>;

#[derive(Clone)]
enum Manner {
    /// Answers when the whole request was read.
    Whole(Handler),
    /// Answers when the head was read, and leaves the body alone.
    Early(Handler),
    /// Accepts, and says nothing.
    Silent,
}

#[derive(Default)]
struct Memory {
    /// Nothing is remembered: for so many requests that they would not be still.
    forgets: bool,
    requests: watch::Sender<Vec<Arc<Seen>>>,
    links: watch::Sender<Vec<Arc<Link>>>,
}

/// A mock upstream on loopback; gone when dropped, with its connections.
pub(crate) struct Upstream {
    address: SocketAddr,
    memory: Arc<Memory>,
    _tasks: JoinSet<()>,
}

impl Upstream {
    /// Answers each request by a function of it.
    pub(crate) async fn new(handler: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Upstream {
        Upstream::start(Manner::Whole(Arc::new(handler))).await
    }

    /// The same, without remembering what it saw.
    pub(crate) async fn forgetful(handler: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Upstream {
        Upstream::start_with(Manner::Whole(Arc::new(handler)), Memory { forgets: true, ..Memory::default() }).await
    }

    /// Answers every request in the same way.
    pub(crate) async fn always(answer: Answer) -> Upstream {
        Upstream::new(move |_| answer.clone()).await
    }

    /// Answers the first request by the first answer and so on; the last answer is repeated.
    pub(crate) async fn script(answers: Vec<Answer>) -> Upstream {
        Upstream::new(move |seen| answers[seen.index.min(answers.len() - 1)].clone()).await
    }

    /// Answers after each head without reading the body.
    pub(crate) async fn early(answer: Answer) -> Upstream {
        Upstream::start(Manner::Early(Arc::new(move |_| answer.clone()))).await
    }

    /// Accepts connections and never says a byte, not even of a TLS handshake.
    pub(crate) async fn silent() -> Upstream {
        Upstream::start(Manner::Silent).await
    }

    async fn start(manner: Manner) -> Upstream {
        Upstream::start_with(manner, Memory::default()).await
    }

    async fn start_with(manner: Manner, memory: Memory) -> Upstream {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a loopback port");
        let address = listener.local_addr().expect("a bound address");
        let memory = Arc::new(memory);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, manner, Arc::clone(&memory)));
        Upstream { address, memory, _tasks: tasks }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL, as OpenAI-like hosts have it.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Arc<Seen>> {
        self.memory.requests.borrow().clone()
    }

    /// Waits for the request of that index.
    pub(crate) async fn request(&self, index: usize) -> Arc<Seen> {
        let mut requests = self.memory.requests.subscribe();
        let requests = within("a request upstream", requests.wait_for(|requests| requests.len() > index)).await;
        Arc::clone(&requests.expect("the upstream exists")[index])
    }

    /// The connections so far.
    pub(crate) fn links(&self) -> Vec<Arc<Link>> {
        self.memory.links.borrow().clone()
    }

    /// Waits for the connection of that index.
    pub(crate) async fn link(&self, index: usize) -> Arc<Link> {
        let mut links = self.memory.links.subscribe();
        let links = within("a connection upstream", links.wait_for(|links| links.len() > index)).await;
        Arc::clone(&links.expect("the upstream exists")[index])
    }
}

async fn accept(listener: TcpListener, manner: Manner, memory: Arc<Memory>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let link = Arc::new(Link::default());
        if !memory.forgets {
            memory.links.send_modify(|links| links.push(Arc::clone(&link)));
        }
        let (manner, memory) = (manner.clone(), Arc::clone(&memory));
        connections.spawn(async move {
            serve(stream, manner, &memory, &link).await;
            link.close();
        });
    }
}

async fn serve(stream: TcpStream, manner: Manner, memory: &Memory, link: &Arc<Link>) {
    stream.set_nodelay(true).expect("nodelay");
    let (read, mut write) = stream.into_split();
    let mut reader = Reader::new(read);
    let (early, handler) = match manner {
        Manner::Whole(handler) => (false, handler),
        Manner::Early(handler) => (true, handler),
        Manner::Silent => return keep(&mut reader, link).await,
    };
    while let Some(head) = reader.head().await {
        let body = if early {
            Bytes::new()
        } else {
            let (body, end) = reader.rest(&mut head.framing(false)).await;
            if end == End::Cut {
                return;
            }
            body
        };
        let mut seen = None;
        memory.requests.send_modify(|requests| {
            let request = Arc::new(Seen { index: requests.len(), head, body, link: Arc::clone(link) });
            seen = Some(Arc::clone(&request));
            if !memory.forgets {
                requests.push(request);
            }
        });
        let seen = seen.expect("it was just made");
        if !play(&handler(&seen), &seen, &mut reader, &mut write).await {
            return;
        }
    }
}

/// Plays one answer; whether the connection takes another request.
async fn play(answer: &Answer, seen: &Seen, reader: &mut Reader<OwnedReadHalf>, write: &mut OwnedWriteHalf) -> bool {
    for step in &answer.steps {
        match step {
            Step::Send(bytes) => {
                if write.write_all(bytes).await.is_err() {
                    return false;
                }
            }
            Step::Wait(gate) => {
                tokio::select! {
                    () = gate.opened() => {}
                    () = peer_closed(reader.inner()) => return false,
                }
            }
            Step::Pause(time) => {
                tokio::select! {
                    () = tokio::time::sleep(*time) => {}
                    () = peer_closed(reader.inner()) => return false,
                }
            }
            Step::Tell(gate) => gate.open(),
            Step::ReadBody => {
                let (body, end) = reader.rest(&mut seen.head.framing(false)).await;
                seen.link.raw.lock().unwrap().extend_from_slice(&body);
                if end == End::Cut {
                    return false;
                }
            }
            Step::Flood(bytes) => while write.write_all(bytes).await.is_ok() {},
        }
    }
    match answer.after {
        After::KeepAlive => return true,
        After::Close => {}
        After::Reset => reset_on_close(reader.inner().as_ref()).expect("a socket option"),
        After::Hold => while drain(reader).await {},
        After::ResetOnReuse => {
            if reader.fill().await {
                reset_on_close(reader.inner().as_ref()).expect("a socket option");
            }
        }
    }
    false
}

/// Resolves when the peer closes or resets; never while it has unread bytes here.
async fn peer_closed(read: &OwnedReadHalf) {
    let mut byte = [0];
    match read.as_ref().peek(&mut byte).await {
        Ok(0) | Err(_) => {}
        Ok(_) => std::future::pending().await,
    }
}

async fn drain(reader: &mut Reader<OwnedReadHalf>) -> bool {
    reader.take_rest();
    reader.fill().await
}

async fn keep(reader: &mut Reader<OwnedReadHalf>, link: &Link) {
    while reader.fill().await {
        link.raw.lock().unwrap().extend_from_slice(&reader.take_rest());
    }
}
