//! How the process ends: what is in flight is finished first, and when nothing is, it ends at once and quietly.

use std::time::{Duration, Instant};

use crate::support::{Answer, Bed, End, Gate, Shape, Upstream, Way, free_address, send, within};

/// What the log says when the end has begun.
const BEGINS: &str = "shutting down";
/// An idle gateway is gone by then.
const QUICK: Duration = Duration::from_secs(1);

/// A stream that tells when its first half is written, and waits.
fn half_told(shape: Shape, written: &Gate, gate: &Gate) -> Answer {
    let begun = Answer::stream().event(shape.opening()).event(shape.content("before"));
    begun.tell(written).wait(gate).event(shape.content("after")).event(shape.closing()).finished()
}

fn whole(shape: Shape) -> String {
    shape.opening() + &shape.content("before") + &shape.content("after") + &shape.closing()
}

#[tokio::test]
async fn streams_in_flight_are_finished_after_sigterm() {
    for shape in Shape::ALL {
        let [gate, written] = [Gate::new(), Gate::new()];
        let first = Upstream::always(half_told(shape, &written, &gate)).await;
        let settings = "h2c: true\ncommit_after: 200ms\nheartbeat: 200ms\n";
        let mut bed = Bed::start_with(settings, first, Upstream::silent().await).await;
        let request = bed.gateway.request(shape, shape.ask_stream(&bed.sole(), "go"));
        let address = bed.gateway.address();
        let over_http_2 = tokio::spawn(async move { send(address, &request, Way::H2c).await });
        within("half of the stream", written.opened()).await;

        let mut connection = bed.gateway.open(shape, shape.ask_stream(&bed.sole(), "go")).await;
        connection.head().await;
        let mut told = String::new();
        while !told.contains("before") {
            told += std::str::from_utf8(&connection.content_event().await.unwrap().raw).unwrap();
        }
        bed.gateway.signal("TERM");
        bed.gateway.logged(BEGINS).await;
        // The gateway goes on for as long as the streams do, and keeps them alive.
        for _ in 0..3 {
            assert!(connection.event().await.expect("the stream goes on").is_heartbeat());
        }
        gate.open();
        while let Some(event) = connection.content_event().await {
            told += std::str::from_utf8(&event.raw).unwrap();
        }
        assert_eq!(told, whole(shape));
        assert_eq!(connection.end(), End::Complete);

        let response = over_http_2.await.unwrap();
        assert_eq!((response.status, response.end), (200, End::Complete), "{response:?}");
        let is_heartbeat = |event: &&str| event.starts_with(':') || event.starts_with("event: ping");
        let told: String = if shape == Shape::GenerateContent {
            // Blank lines between events that end in blank lines of another kind.
            response.text().split_inclusive('\n').filter(|line| *line != "\n").collect()
        } else {
            response.text().split_inclusive("\n\n").filter(|event| !is_heartbeat(event)).collect()
        };
        assert_eq!(told, whole(shape), "over HTTP/2");
        let status = bed.gateway.ended().await;
        assert!(status.success(), "{status}");
    }
}

#[tokio::test]
async fn an_idle_gateway_ends_at_once() {
    // The quickest of several, so that a busy machine does not matter. A kept connection is idle too.
    let mut quickest = Duration::MAX;
    for _ in 0..3 {
        let first = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
        let mut bed = Bed::start(first, Upstream::silent().await).await;
        let mut kept = bed.gateway.open(Shape::Chat, Shape::Chat.ask(&bed.sole(), "hello")).await;
        assert_eq!(kept.response().await.status, 200);
        let asked = Instant::now();
        let status = bed.gateway.stop().await;
        assert!(status.success(), "{status}");
        quickest = quickest.min(asked.elapsed());
    }
    println!("an idle gateway ends within {quickest:?}");
    assert!(quickest < QUICK, "{quickest:?}");
}

#[tokio::test]
async fn an_interrupt_of_an_idle_gateway_is_no_error() {
    let first = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
    let mut bed = Bed::start(first, Upstream::silent().await).await;
    let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask(&bed.sole(), "hello")).await;
    assert_eq!(response.status, 200, "{response:?}");
    bed.gateway.record(response.request_id()).await;
    bed.gateway.signal("INT");
    let status = bed.gateway.ended().await;
    assert!(status.success(), "{status}");
    let log = bed.gateway.log();
    assert!(!log.contains("\"level\":\"error\""), "{log}");
}

/// A gateway whose start waits until its configuration can be read.
struct Starting {
    child: std::process::Child,
    config: Option<std::fs::File>,
    _folder: tempfile::TempDir,
}

impl Starting {
    /// Begins to start. The configuration is a pipe: it can be opened for writing when the gateway has opened it for reading.
    fn new() -> Starting {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("config.yaml");
        let made = std::process::Command::new("sh").arg("-c").arg(format!("mkfifo '{}'", pipe.display())).status();
        assert!(made.unwrap().success());
        let child = std::process::Command::new(env!("CARGO_BIN_EXE_ovth"))
            .args(["serve", "--config"])
            .arg(&pipe)
            .env_clear()
            .env("OVTH_MASTER_KEY", "master-0123456789abcdef0123456789abcdef")
            .env("OPENAI_API_KEY", "no-provider-is-asked-0123456789")
            .env("OVTH_LISTEN", free_address().to_string())
            .env("OVTH_METRICS_LISTEN", free_address().to_string())
            .env("OVTH_DATA_DIR", folder.path().join("data"))
            .stdin(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let config = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
        Starting { child, config: Some(config), _folder: folder }
    }

    /// Gives it a configuration, and the end of it.
    fn configure(&mut self) {
        let mut config = self.config.take().unwrap();
        std::io::Write::write_all(&mut config, b"routes: {}\n").unwrap();
    }

    fn signal(&self, name: &str) {
        let asked =
            std::process::Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.child.id())).status();
        assert!(asked.unwrap().success());
    }

    async fn ended(&mut self) -> Option<i32> {
        within("the gateway to end", async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status.code();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
    }
}

#[tokio::test]
async fn a_signal_while_it_starts_ends_the_process_in_good_order_and_sighup_does_not() {
    // It gets to where it could serve, and goes down from there.
    let mut starting = Starting::new();
    starting.signal("HUP");
    starting.signal("TERM");
    starting.configure();
    assert_eq!(starting.ended().await, Some(0));
    // It never gets there, and has its time.
    let mut starting = Starting::new();
    starting.signal("INT");
    assert_eq!(starting.ended().await, Some(3));
    // A second signal takes that time away as well.
    let mut starting = Starting::new();
    starting.signal("TERM");
    starting.signal("INT");
    assert_eq!(starting.ended().await, Some(3));
}

#[tokio::test]
async fn sighup_does_not_end_a_gateway_that_serves_and_the_next_sigterm_does() {
    let first = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
    let mut bed = Bed::start(first, Upstream::silent().await).await;
    bed.gateway.signal("HUP");
    let response = bed.gateway.post(Shape::Chat, Shape::Chat.ask(&bed.sole(), "hello")).await;
    assert_eq!(response.status, 200, "{response:?}");
    let status = bed.gateway.stop().await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn new_connections_are_refused_while_it_drains() {
    let gate = Gate::new();
    let first = Upstream::always(Answer::plain(Shape::Chat, "served").behind(&gate)).await;
    let mut bed = Bed::start(first, Upstream::silent().await).await;
    let mut held = bed.gateway.open(Shape::Chat, Shape::Chat.ask(&bed.sole(), "hello")).await;
    bed.first.request(0).await;
    bed.gateway.signal("INT");
    bed.gateway.logged(BEGINS).await;
    let address = bed.gateway.address();
    within("the listener to close", async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    gate.open();
    let response = held.response().await;
    assert_eq!((response.status, response.header("connection")), (200, Some("close")), "{response:?}");
    assert_eq!(bed.gateway.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_client_that_does_not_read_does_not_hold_the_end_and_is_settled() {
    let first =
        Upstream::always(Answer::stream().event(Shape::Chat.opening()).flood(Shape::Chat.content(&"x".repeat(30_000))))
            .await;
    let mut bed = Bed::start_with("shutdown_grace: 100ms\n", first, Upstream::silent().await).await;
    let mut deaf = bed.gateway.open(Shape::Chat, Shape::Chat.ask_stream(&bed.sole(), "go")).await;
    assert_eq!(deaf.head().await.status(), 200);
    bed.gateway.signal("TERM");
    assert_eq!(bed.gateway.ended().await.code(), Some(3));
    bed.gateway.start_again().await;
    let entries = bed.gateway.entries().await;
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(
        (&entries[0]["outcome"], &entries[0]["usage_source"]),
        (&"unavailable".into(), &"estimated".into()),
        "{entries:?}"
    );
}

#[tokio::test]
async fn as_process_1_of_a_container_it_ends_at_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.yaml"), "routes: {}\n").unwrap();
    let address = free_address();
    let spawned = std::process::Command::new("unshare")
        .args(["--fork", "--pid", "--kill-child", env!("CARGO_BIN_EXE_ovth"), "serve", "--config"])
        .arg(folder.path().join("config.yaml"))
        .env("OVTH_MASTER_KEY", "master-0123456789abcdef0123456789abcdef")
        .env("OPENAI_API_KEY", "no-provider-is-asked-0123456789")
        .env("OVTH_LISTEN", address.to_string())
        .env("OVTH_METRICS_LISTEN", free_address().to_string())
        .env("OVTH_DATA_DIR", folder.path().join("data"))
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn();
    let Ok(mut child) = spawned else { return crate::support::tell("no unshare here: process 1 is not tried") };
    let serves = within("the gateway to serve, or unshare to be refused", async {
        loop {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            if tokio::net::TcpStream::connect(address).await.is_ok() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    if !serves {
        return crate::support::tell("namespaces are refused here: process 1 is not tried");
    }
    let parent = child.id();
    let gateway = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
    let asked = std::process::Command::new("sh").arg("-c").arg(format!("kill -TERM {}", gateway.trim())).status();
    assert!(asked.unwrap().success());
    let status = within("process 1 to end", async {
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn an_http_2_client_is_told_to_go_away_and_its_stream_goes_on() {
    let gate = Gate::new();
    let first = Upstream::always(Answer::plain(Shape::Chat, "served").behind(&gate)).await;
    let mut bed = Bed::start_with("h2c: true\n", first, Upstream::silent().await).await;
    let stream = tokio::net::TcpStream::connect(bed.gateway.address()).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = bed.gateway.request(Shape::Chat, Shape::Chat.ask(&bed.sole(), "hello"));
    let mut head = http::Request::post(format!("http://{}{}", bed.gateway.address(), request.path));
    for (name, value) in &request.headers {
        head = head.header(name, value);
    }
    let (response, mut body) = client.send_request(head.body(()).unwrap(), false).unwrap();
    body.send_data(request.body.clone(), true).unwrap();
    bed.first.request(0).await;
    bed.gateway.signal("TERM");
    bed.gateway.logged(BEGINS).await;
    within("GOAWAY", async {
        while client.clone().ready().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    gate.open();
    let response = within("the answer", response).await.unwrap();
    assert_eq!(response.status(), 200);
    within("the connection to end", connection).await.unwrap().unwrap();
    assert_eq!(bed.gateway.ended().await.code(), Some(0));
}
