//! 256 MB of memory, with the settings as they are: streams by the hundred, large bodies and a large ledger; and at the bound a clean 503.
//!
//! The bound is a control group where one can be made (version 2 or 1), which kills the process that passes it; else a limit of address space, at
//! which an allocation fails and aborts it. Either way a gateway that ends has failed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::time::SystemTime;

use ovth_filters::money::PicoDollars;
use ovth_gateway::config::{Allowance, LedgerSettings};
use ovth_gateway::keys::KeyId;
use ovth_gateway::ledger::{Amount, Demand, EndUser, Entry, Facts, Ledger, Payer};
use ovth_gateway::store::Store;

use crate::support::{
    Answer, Connection, Gate, Gateway, LAUNCHER, Response, Shape, Upstream, Way, provider, send, tell,
};

/// What the process may have.
const BYTES: u64 = 256 << 20;
/// What the image and the unit for systemd set: else glibc keeps what is freed, in a place for each thread.
const ALLOCATOR: &str = "export MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=1048576 MALLOC_MMAP_THRESHOLD_=262144";
/// Streams at the same time.
const STREAMS: usize = 500;
/// A body with images.
const LARGE: usize = 10 << 20;
/// Entries of a ledger.
const ENTRIES: u64 = 100_000;

/// A bound on memory, taken away when dropped.
enum Bound {
    Group(PathBuf),
    /// Address space: threads' stacks and the allocator's arenas take far more of it than of memory.
    Space,
}

impl Bound {
    fn new() -> Bound {
        let name = format!("ovth-test-{}", process::id());
        for (root, limit) in [("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")] {
            let group = Path::new(root).join(&name);
            // In version 1 the root is an ordinary folder, in which anything can be made.
            if Path::new(root).join("cgroup.procs").exists() && fs::create_dir(&group).is_ok() {
                if fs::write(group.join(limit), BYTES.to_string()).is_ok() {
                    tell(&format!("the bound is a control group: {limit}"));
                    return Bound::Group(group);
                }
                fs::remove_dir(&group).ok();
            }
        }
        tell("no control group can be made here: the bound is a limit of address space");
        Bound::Space
    }

    /// What brings a process under it.
    fn launcher(&self) -> String {
        match self {
            Bound::Group(group) => format!("{ALLOCATOR} && echo $$ > {}/cgroup.procs", group.display()),
            Bound::Space => format!("{ALLOCATOR} && ulimit -v {}", 4 * BYTES / 1024),
        }
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if let Bound::Group(group) = self {
            // A process that has just been killed may still be in it; an empty group costs nothing.
            fs::remove_dir(group).ok();
        }
    }
}

/// A gateway in a small box, in front of a provider that serves both shapes, and of the same one that is told to serve one only.
async fn small(bound: &Bound, upstream: &Upstream) -> Gateway {
    let models = ["m".to_owned()];
    let mut config = "h2c: true\nproviders:\n".to_owned();
    config += &provider("both", &upstream.base_url(), &models);
    config += &provider("chat", &upstream.base_url(), &models).replace("[chat, messages]", "[chat]");
    config += &provider("messages", &upstream.base_url(), &models).replace("[chat, messages]", "[messages]");
    config += "routes:\n  same: {providers: [both]}\n  to-chat: {providers: [chat]}\n  to-messages: {providers: [messages]}\n";
    Gateway::start_with(&config, &[(LAUNCHER, &bound.launcher())]).await
}

/// The route on which this shape is translated.
const fn other(shape: Shape) -> &'static str {
    match shape {
        Shape::Chat | Shape::Responses | Shape::GenerateContent => "to-messages",
        Shape::Messages => "to-chat",
    }
}

impl Bound {
    /// A control group ends what is over it; a limit of address space says little of memory, so that it is looked at here.
    fn holds(&self, peak_kib: u64) -> bool {
        matches!(self, Bound::Group(_)) || peak_kib * 1024 <= BYTES
    }
}

fn tell_peak(bound: &Bound, gateway: &Gateway, what: &str) {
    let peak_kib = gateway.peak_kib();
    tell(&format!("{what}: at most {} MiB resident", peak_kib / 1024));
    assert!(bound.holds(peak_kib), "{what}: {peak_kib} KiB");
    gateway.forget_peak();
}

#[tokio::test]
#[ignore = "takes a minute: make test-long"]
async fn in_256_mb_500_streams_large_bodies_and_a_large_ledger_are_all_well_and_too_much_is_a_503() {
    rlimit::increase_nofile_limit(rlimit::INFINITY).unwrap();
    let bound = Bound::new();
    let gate = Gate::new();
    let slow = gate.clone();
    let upstream = Upstream::new(move |seen| {
        let shape = seen.shape();
        if seen.json()["stream"] != true {
            return Answer::plain(shape, "served");
        }
        let begun = Answer::stream().event(shape.opening()).event(shape.content("before"));
        begun.wait(&slow).event(shape.content("after")).event(shape.closing()).finished()
    })
    .await;
    let mut gateway = small(&bound, &upstream).await;
    tell_peak(&bound, &gateway, "idle");
    gateway.stop().await;
    fill(gateway.folder());
    gateway.start_again().await;
    ledger(&gateway).await;
    tell_peak(&bound, &gateway, "100,000 entries: start, sums, pages, check");
    streams(&gateway, &gate).await;
    tell_peak(&bound, &gateway, "500 streams, half of them translated");
    bodies(&gateway).await;
    tell_peak(&bound, &gateway, "bodies of 10 MiB");
    tiny_messages(&gateway).await;
    tell_peak(&bound, &gateway, "10 MiB of tiny messages");
    too_much(&gateway).await;
    tell_peak(&bound, &gateway, "64 bodies of 10 MiB at once");
    streams(&gateway, &gate).await;
    tell_peak(&bound, &gateway, "500 streams after that");
    assert_eq!(gateway.stop().await.code(), Some(0), "it ends in good order");
}

/// Writes a large ledger, as the gateway's own code does.
fn fill(folder: &Path) {
    let store = Arc::new(Store::open(&folder.join("data")).unwrap());
    let ledger = Ledger::open(Arc::clone(&store), LedgerSettings::default()).unwrap();
    let keys: Vec<KeyId> = (0..50).map(|number| KeyId::parse(&format!("key_{number:016x}")).unwrap()).collect();
    let now = SystemTime::now();
    for number in 0..ENTRIES {
        let key = &keys[usize::try_from(number % 50).unwrap()];
        let end_user = EndUser { name: format!("user-{}", number % 5_000).into(), limits: Allowance::default() };
        let payer = Payer {
            key: key.clone(),
            key_limits: Allowance::default(),
            gateway_limits: Allowance::default(),
            end_user: Some(end_user),
        };
        let demand = Demand {
            payer: &payer,
            input: Amount::default(),
            output_tokens: 100,
            output_weight: 1_000,
            output_price: PicoDollars::default(),
            can_cap: false,
            facts: Facts::default(),
        };
        let reservation = ledger.reserve(demand, now).unwrap();
        let entry = Entry {
            request_id: format!("req_{number:032x}").into(),
            started_at_ms: u64::try_from(now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis()).unwrap(),
            key_id: key.as_str().into(),
            operation: "generate".into(),
            shape: "chat".into(),
            model: Some("a-model-of-a-provider".into()),
            provider: Some("both".into()),
            outcome: "ok".into(),
            ..Entry::default()
        };
        reservation.settle(Amount { tokens: number % 5_000, cost: PicoDollars::default() }, entry);
        if number.is_multiple_of(2_000) {
            ledger.flush().unwrap();
        }
    }
    ledger.shutdown().unwrap();
    store.shutdown().unwrap();
}

async fn ledger(gateway: &Gateway) {
    let entries = gateway.entries().await;
    assert!(entries.len() as u64 >= ENTRIES, "{} entries", entries.len());
    tell(&format!("{} entries are listed", entries.len()));
    for path in ["/admin/usage", "/admin/usage?group_by=key,model", "/admin/usage?group_by=end_user", "/admin/quotas"] {
        gateway.admin_json(path).await;
    }
    let check = gateway.ask_admin("POST", "/admin/ledger/check", "").await;
    assert_eq!((check.status, &check.json()["problems"]), (200, &serde_json::json!([])), "{check:?}");
}

async fn streams(gateway: &Gateway, gate: &Gate) {
    gate.close();
    let mut open = Vec::new();
    for number in 0..STREAMS {
        let shape = Shape::BOTH[number % 2];
        let route = if number % 4 < 2 { "same" } else { other(shape) };
        let body = shape.ask_stream(route, &"a question of some length ".repeat(400));
        let mut connection = Connection::open(gateway.address()).await;
        connection.send(&gateway.request(shape, body), Way::Sized).await;
        open.push((shape, connection));
    }
    for (_, connection) in &mut open {
        assert_eq!(connection.head().await.status(), 200);
    }
    gate.open();
    for (shape, mut connection) in open {
        let last = connection.events().await.pop().expect("an event");
        let text = String::from_utf8_lossy(&last.raw).into_owned();
        assert!(text.contains(shape.success_mark()), "{text}");
    }
}

/// A body of many tiny messages takes far more than its bytes while it is translated.
async fn tiny_messages(gateway: &Gateway) {
    for shape in Shape::BOTH {
        let pair = r#"{"role":"user","content":"a"},{"role":"assistant","content":"b"},"#;
        let ask = shape.ask(other(shape), "go");
        let (before, after) = ask.split_once("\"messages\":[").unwrap();
        let body = format!("{before}\"messages\":[{}{after}", pair.repeat(LARGE / pair.len()));
        let response = gateway.send(&gateway.request(shape, body), Way::Sized).await;
        assert!([413, 503].contains(&response.status), "{}: {}", response.status, response.text());
        shape.error_type(&response.json());
    }
}

/// One after the other, and three at once.
async fn bodies(gateway: &Gateway) {
    for shape in Shape::BOTH {
        for route in ["same", other(shape)] {
            for way in [Way::Sized, Way::Chunked, Way::Gzip, Way::H2c] {
                let response = gateway.send(&gateway.request(shape, shape.ask_sized(route, LARGE)), way).await;
                assert_eq!(response.status, 200, "{shape:?} to {route}, {way:?}: {}", response.text());
            }
        }
    }
    for response in at_once(gateway, 3, "same").await {
        assert_eq!(response.status, 200, "{}", response.text());
    }
}

async fn at_once(gateway: &Gateway, count: usize, route: &str) -> Vec<Response> {
    let asked: Vec<_> = (0..count)
        .map(|number| {
            let shape = Shape::BOTH[number % 2];
            let route = if route == "mixed" && number % 4 > 1 { other(shape) } else { "same" };
            let request = gateway.request(shape, shape.ask_sized(route, LARGE));
            let address = gateway.address();
            tokio::spawn(async move { send(address, &request, Way::Sized).await })
        })
        .collect();
    let mut responses = Vec::new();
    for response in asked {
        responses.push(response.await.expect("the gateway answers"));
    }
    responses
}

async fn too_much(gateway: &Gateway) {
    let responses = at_once(gateway, 64, "mixed").await;
    let served = responses.iter().filter(|response| response.status == 200).count();
    for response in responses.iter().filter(|response| response.status != 200) {
        assert_eq!(response.status, 503, "{}", response.text());
        assert!(response.header("retry-after").is_some(), "{response:?}");
    }
    tell(&format!("of 64 bodies of 10 MiB at once {served} are served, and the others are told 503"));
    assert!(served > 0);
    // All that was held is given back.
    bodies(gateway).await;
}
