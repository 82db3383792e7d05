//! The resolver as requests see it, with answers of the test's own and a clock that stands still.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use futures::future::{BoxFuture, join_all, pending};
use tokio::sync::Semaphore;
use tokio::time::advance;

use super::*;

/// Longer than any answer is fresh.
const STALE: Duration = Duration::from_secs(34);

enum Reply {
    Found(&'static str),
    Fails,
    Never,
}

/// Gives the replies one after the other, the last one for ever, each after a permit.
struct Script {
    replies: Mutex<VecDeque<Reply>>,
    asked: AtomicUsize,
    permits: Semaphore,
}

fn script(replies: impl IntoIterator<Item = Reply>, permits: usize) -> (Resolver, Arc<Script>) {
    let script = Arc::new(Script {
        replies: Mutex::new(replies.into_iter().collect()),
        asked: AtomicUsize::new(0),
        permits: Semaphore::new(permits),
    });
    let shared = Arc::clone(&script);
    let lookup = move |_: Arc<str>, port: u16| -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let script = Arc::clone(&shared);
        async move { script.reply(port).await }.boxed()
    };
    (Resolver::with_lookup(lookup), script)
}

impl Script {
    async fn reply(&self, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.permits.acquire().await.unwrap().forget();
        let reply = {
            let mut replies = self.replies.lock().unwrap();
            if replies.len() > 1 { replies.pop_front().unwrap() } else { replies.front().unwrap().again() }
        };
        match reply {
            Reply::Found(list) => {
                Ok(list.split_whitespace().map(|ip| SocketAddr::new(ip.parse().unwrap(), port)).collect())
            }
            Reply::Fails => Err(io::Error::other("no such host")),
            Reply::Never => pending().await,
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Reply {
    fn again(&self) -> Reply {
        match self {
            Reply::Found(list) => Reply::Found(list),
            Reply::Fails => Reply::Fails,
            Reply::Never => Reply::Never,
        }
    }
}

async fn ips(resolver: &Resolver) -> Result<String, ResolveError> {
    let addresses = resolver.addresses("api.example", 443).await?;
    Ok(addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(" "))
}

/// Lets background tasks run until they wait.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

fn address(ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), 443)
}

#[tokio::test(start_paused = true)]
async fn an_ip_address_is_its_own_answer() {
    let (resolver, script) = script([Reply::Fails], 9);
    for ip in ["127.0.0.1", "::1"] {
        assert_eq!(*resolver.addresses(ip, 8_080).await.unwrap(), [SocketAddr::new(ip.parse().unwrap(), 8_080)]);
    }
    assert_eq!(script.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_first_requests_share_one_look_up() {
    let (resolver, script) = script([Reply::Found("10.0.0.1")], 1);
    let answers = join_all((0..50).map(|_| ips(&resolver))).await;
    assert!(answers.iter().all(|answer| answer.as_deref() == Ok("10.0.0.1")), "{answers:?}");
    assert_eq!(script.asked(), 1);
    assert_eq!(ips(&resolver).now_or_never().unwrap().unwrap(), "10.0.0.1");
}

#[tokio::test(start_paused = true)]
async fn a_look_up_goes_on_when_the_request_that_began_it_is_dropped() {
    let (resolver, script) = script([Reply::Found("10.0.0.1")], 0);
    assert!(ips(&resolver).now_or_never().is_none());
    settle().await;
    script.permits.add_permits(1);
    settle().await;
    assert_eq!(ips(&resolver).now_or_never().unwrap().unwrap(), "10.0.0.1");
    assert_eq!(script.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_old_answer_is_given_at_once_and_renewed_behind() {
    let (resolver, script) = script([Reply::Found("10.0.0.1"), Reply::Found("10.0.0.2")], 1);
    ips(&resolver).await.unwrap();
    advance(STALE).await;
    for _ in 0..3 {
        assert_eq!(ips(&resolver).now_or_never().unwrap().unwrap(), "10.0.0.1");
        settle().await;
    }
    assert_eq!(script.asked(), 2, "one renewal at a time");
    script.permits.add_permits(1);
    settle().await;
    assert_eq!(ips(&resolver).now_or_never().unwrap().unwrap(), "10.0.0.2");
    assert_eq!(script.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_last_good_answer_outlives_failures_and_silence() {
    let (resolver, script) = script([Reply::Found("10.0.0.1"), Reply::Fails, Reply::Never], 9);
    ips(&resolver).await.unwrap();
    advance(STALE).await;
    for expected in [2, 3] {
        assert_eq!(ips(&resolver).now_or_never().unwrap().unwrap(), "10.0.0.1");
        settle().await;
        assert_eq!(script.asked(), expected);
        advance(Duration::from_secs(2)).await;
    }
    advance(LOOKUP_TIMEOUT).await;
    settle().await;
    advance(Duration::from_secs(2)).await;
    assert_eq!(ips(&resolver).now_or_never().unwrap().unwrap(), "10.0.0.1");
    settle().await;
    assert_eq!(script.asked(), 4, "the look-up that hung was given up");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_remembered_for_a_second() {
    let (resolver, script) = script([Reply::Fails, Reply::Found(""), Reply::Found("10.0.0.1")], 9);
    let error = ips(&resolver).await.unwrap_err();
    assert_eq!(error.to_string(), "the address of `api.example` cannot be found: no such host");
    assert_eq!(ips(&resolver).now_or_never().unwrap().unwrap_err(), error);
    assert_eq!(script.asked(), 1);
    advance(Duration::from_millis(1_001)).await;
    assert_eq!(ips(&resolver).await.unwrap_err(), ResolveError::NoAddress { host: "api.example".into() });
    advance(Duration::from_millis(1_001)).await;
    assert_eq!(ips(&resolver).await.unwrap(), "10.0.0.1");
    assert_eq!(script.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_silent_name_server_costs_five_seconds_and_no_more() {
    let (resolver, _) = script([Reply::Never], 9);
    let began = Instant::now();
    let error = ips(&resolver).await.unwrap_err();
    assert_eq!(error, ResolveError::Timeout { host: "api.example".into() });
    assert_eq!(error.to_string(), "the address of `api.example` was not found within 5 s");
    let waited = began.elapsed();
    assert!(waited >= LOOKUP_TIMEOUT && waited < LOOKUP_TIMEOUT + Duration::from_millis(10), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn what_works_stays_first_and_what_fails_goes_last() {
    let (resolver, script) = script([Reply::Found("::1 10.0.0.1"), Reply::Found("::1 10.0.0.2")], 9);
    assert_eq!(ips(&resolver).await.unwrap(), "::1 10.0.0.1");
    resolver.failed("api.example", 443, address("::1"));
    assert_eq!(ips(&resolver).await.unwrap(), "10.0.0.1 ::1");
    resolver.works_with("api.example", 443, address("10.0.0.1"));
    resolver.works_with("api.example", 443, address("::1"));
    assert_eq!(ips(&resolver).await.unwrap(), "10.0.0.1 ::1");
    assert_eq!(script.asked(), 1);
    // A connection failed, so the next look-up comes after a second instead of thirty.
    advance(Duration::from_millis(1_001)).await;
    ips(&resolver).await.unwrap();
    settle().await;
    assert_eq!(script.asked(), 2);
    assert_eq!(ips(&resolver).await.unwrap(), "10.0.0.1 ::1 10.0.0.2");
}

#[tokio::test(start_paused = true)]
async fn ports_are_told_apart_and_names_of_others_are_ignored() {
    let (resolver, _) = script([Reply::Found("10.0.0.1")], 9);
    for port in [443, 8_443] {
        assert_eq!(resolver.addresses("api.example", port).await.unwrap().first().unwrap().port(), port);
    }
    resolver.works_with("other.example", 443, address("10.0.0.9"));
    resolver.failed("api.example", 443, address("10.0.0.9"));
    assert_eq!(ips(&resolver).await.unwrap(), "10.0.0.1");
}

#[tokio::test(start_paused = true)]
async fn the_host_that_was_used_least_recently_makes_room() {
    let (resolver, script) = script([Reply::Found("10.0.0.1")], 10_000);
    for index in 0..MAX_HOSTS {
        resolver.addresses(&format!("host{index}.example"), 443).await.unwrap();
        advance(Duration::from_millis(1)).await;
    }
    resolver.addresses("host0.example", 443).await.unwrap();
    resolver.addresses("one-more.example", 443).await.unwrap();
    assert_eq!(resolver.hosts.load().len(), MAX_HOSTS);
    assert_eq!(script.asked(), MAX_HOSTS + 1);
    assert!(resolver.known("host0.example", 443).is_some());
    assert!(resolver.known("host1.example", 443).is_none());
}

#[test]
fn a_look_up_cut_off_with_its_runtime_does_not_block_the_next() {
    let (resolver, script) = script([Reply::Found("10.0.0.1")], 0);
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let first = runtime();
    first.block_on(async {
        assert!(ips(&resolver).now_or_never().is_none());
        settle().await;
    });
    assert_eq!(script.asked(), 1);
    drop(first);
    script.permits.add_permits(1);
    assert_eq!(runtime().block_on(ips(&resolver)).unwrap(), "10.0.0.1");
    assert_eq!(script.asked(), 2);
}

#[tokio::test]
async fn the_system_knows_this_machine() {
    let addresses = Resolver::new().addresses("localhost", 80).await.unwrap();
    assert!(addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 80), "{addresses:?}");
}

#[test]
fn addresses_of_metadata_services_are_left_out() {
    let list = |ips: &[&str]| ips.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 80)).collect::<Arc<[_]>>();
    let good = list(&["10.0.0.1", "::1"]);
    assert!(Arc::ptr_eq(&without_metadata(Arc::clone(&good)).unwrap(), &good));
    assert_eq!(without_metadata(list(&["169.254.169.254", "10.0.0.1"])), Some(list(&["10.0.0.1"])));
    assert_eq!(without_metadata(list(&["169.254.169.254", "fe80::1"])), None);
}
