//! Clients that send or read a byte a second: they are cut at their bounds, and others do not notice them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::support::{Answer, Bed, Connection, Shape, Upstream, Way, tell, within};

/// What a slow client is slow at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slow {
    Head,
    Body,
    Reader,
}

/// A gateway in front of an upstream that answers a stream with half a megabyte, and anything else at once.
async fn bed(settings: &str) -> Bed {
    let word = "word ".repeat(1_600);
    let words: Vec<&str> = (0..64).map(|_| word.as_str()).collect();
    let streamed = Answer::streamed(Shape::Chat, &words);
    let first = Upstream::new(move |seen| {
        if seen.json()["stream"] == true { streamed.clone() } else { Answer::plain(Shape::Chat, "served") }
    })
    .await;
    Bed::start_with(settings, first, Upstream::silent().await).await
}

/// A connection whose own buffers take next to nothing.
async fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let stream = within("a connection", socket.connect(address)).await.expect("the gateway accepts connections");
    stream.set_nodelay(true).unwrap();
    stream
}

/// Is slow until it is cut. It begins after `lag`, as not all clients of the world act at the same moment.
async fn be_slow(address: SocketAddr, key: String, slow: Slow, lag: Duration) {
    tokio::time::sleep(lag).await;
    let mut stream = connect(address).await;
    let body = Shape::Chat.ask_stream("sole-0", "go");
    let line = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\n");
    let begin = match slow {
        Slow::Head => format!("{line}x-slow: "),
        Slow::Body => format!("{line}content-length: 1000000\r\n\r\n{{"),
        Slow::Reader => format!("{line}content-length: {}\r\n\r\n{body}", body.len()),
    };
    if stream.write_all(begin.as_bytes()).await.is_err() {
        return;
    }
    let mut byte = [0; 1];
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let is_cut = match slow {
            // What the gateway answers before it closes is the end as well.
            Slow::Head | Slow::Body => stream.write_all(b" ").await.is_err() || stream.try_read(&mut byte).is_ok(),
            Slow::Reader => !matches!(stream.read(&mut byte).await, Ok(1)),
        };
        if is_cut {
            return;
        }
    }
}

/// Slow clients on a thread of their own, so that those who are measured do not wait for them here; they leave when this is dropped.
struct Crowd {
    leave: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Crowd {
    fn start(bed: &Bed, counts: [(Slow, usize); 3]) -> Crowd {
        let (address, key) = (bed.gateway.address(), bed.gateway.key().to_owned());
        let (leave, left) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let mut clients = JoinSet::new();
                let kinds = counts.into_iter().flat_map(|(slow, count)| std::iter::repeat_n(slow, count));
                for (index, slow) in kinds.enumerate() {
                    let lag = Duration::from_millis((index * 617 % 1_000) as u64);
                    clients.spawn(be_slow(address, key.clone(), slow, lag));
                }
                // It is dropped to tell the same.
                let _ = left.await;
            });
        });
        Crowd { leave: Some(leave), thread: Some(thread) }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        drop(self.leave.take());
        self.thread.take().map(std::thread::JoinHandle::join);
    }
}

async fn metric(bed: &Bed, line: &str) -> u64 {
    let page = bed.gateway.metrics().await;
    let value = page.lines().find_map(|text| text.strip_prefix(line)).expect("a metric").trim();
    value.parse().expect("a whole number")
}

/// Waits until so many clients were cut for each reason.
async fn all_cut(bed: &Bed, counts: [(Slow, usize); 3], patience: Duration) {
    let began = Instant::now();
    for (slow, count) in counts {
        let reason = match slow {
            Slow::Head => "slow_head",
            Slow::Body => "slow_body",
            Slow::Reader => "slow_reader",
        };
        let line = format!("ovth_clients_cut_total{{reason=\"{reason}\"}}");
        loop {
            let cut = metric(bed, &line).await;
            if cut >= count as u64 {
                break;
            }
            assert!(began.elapsed() < patience, "{cut} of {count} were cut: {reason}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Sends requests one after another on one connection, until `enough`, and tells how long each took.
async fn ask_until(bed: &Bed, pause: Duration, enough: impl Fn(usize) -> bool) -> Vec<Duration> {
    let mut connection = Connection::open(bed.gateway.address()).await;
    let request = bed.gateway.request(Shape::Chat, Shape::Chat.ask("sole-1", "hello"));
    let mut took = Vec::new();
    while !enough(took.len()) {
        let began = Instant::now();
        let response = connection.exchange(&request, Way::Sized).await;
        took.push(began.elapsed());
        assert_eq!(response.status, 200, "{response:?}");
        tokio::time::sleep(pause).await;
    }
    took
}

#[tokio::test]
async fn slow_clients_are_cut_while_others_are_served() {
    const COUNTS: [(Slow, usize); 3] = [(Slow::Head, 10), (Slow::Body, 10), (Slow::Reader, 10)];
    let bed = bed("clients: {head_time: 2s, body_time: 2s, write_time: 2s}\n").await;
    let _crowd = Crowd::start(&bed, COUNTS);
    let served = ask_until(&bed, Duration::from_millis(10), |served| served >= 100).await;
    assert_eq!(served.len(), 100);
    all_cut(&bed, COUNTS, Duration::from_secs(60)).await;
    within("every connection to be closed", async { while metric(&bed, "ovth_connections ").await > 0 {} }).await;
}

/// Milliseconds of others in one round.
struct Round {
    count: usize,
    p50: f64,
    p99: f64,
}

impl Round {
    fn new(mut took: Vec<Duration>) -> Round {
        took.sort_unstable();
        let percentile =
            |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)].as_secs_f64() * 1_000.0;
        Round { count: took.len(), p50: percentile(50), p99: percentile(99) }
    }
}

/// The figure of the round in the middle: one round in which the machine did something else as well changes nothing.
fn median(rounds: &[Round], figure: impl Fn(&Round) -> f64) -> f64 {
    let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Latencies of others, in two connections, for a few seconds.
async fn measured(bed: &Bed) -> Round {
    let until = Instant::now() + Duration::from_secs(5);
    let ask = || ask_until(bed, Duration::from_millis(10), |_| Instant::now() >= until);
    let (one, other) = tokio::join!(ask(), ask());
    Round::new([one, other].concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn a_thousand_slow_clients_do_not_slow_down_others() {
    const COUNTS: [(Slow, usize); 3] = [(Slow::Head, 400), (Slow::Body, 300), (Slow::Reader, 300)];
    const ROUNDS: usize = 5;
    /// Milliseconds that two busy cores may add.
    const SLACK: f64 = 0.2;
    rlimit::increase_nofile_limit(rlimit::INFINITY).expect("files may be opened");
    let bed = bed("clients: {head_time: 30s, body_time: 30s, write_time: 30s}\n").await;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    // The first requests of a process are slow.
    measured(&bed).await;
    for round in 1..=ROUNDS {
        without.push(measured(&bed).await);
        let crowd = Crowd::start(&bed, COUNTS);
        within("all slow clients to be connected", async {
            while metric(&bed, "ovth_connections ").await < 1_000 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        // Until the readers have what the kernel takes for them, they are no slow clients but busy ones.
        tokio::time::sleep(Duration::from_secs(8)).await;
        with.push(measured(&bed).await);
        assert!(metric(&bed, "ovth_connections ").await >= 1_000, "all of them were there all the time");
        if round == ROUNDS {
            all_cut(&bed, COUNTS, Duration::from_secs(120)).await;
        }
        drop(crowd);
        within("every connection to be closed", async {
            while metric(&bed, "ovth_connections ").await > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
    let count = |rounds: &[Round]| rounds.iter().map(|round| round.count).sum::<usize>();
    let [before, after] = [&without, &with].map(|rounds| median(rounds, |round| round.p99));
    let allowed = before * 1.1 + SLACK;
    tell(&format!(
        "others, without and with 1,000 slow clients ({} and {} requests, medians of {ROUNDS} rounds): p50 {:.2} and {:.2} ms, p99 {before:.2} \
         and {after:.2} ms, of which {allowed:.2} ms are allowed (a tenth and {SLACK} ms); resident {} KiB",
        count(&without),
        count(&with),
        median(&without, |round| round.p50),
        median(&with, |round| round.p50),
        bed.gateway.resident_kib(),
    ));
    assert!(after <= allowed, "others are slowed down");
}
