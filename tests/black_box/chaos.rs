//! Four providers that fail, slow down, limit and recover by a script, under 200 requests a second: what the routing is worth, against
//! asking them in order each time; and what a second target costs and saves where 2% of streams begin late.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::{Answer, Gateway, Load, Seen, Shape, Told, Upstream, provider, tell};

const HOSTS: [&str; 4] = ["one", "two", "three", "four"];
/// The script begins anew after so many seconds.
const PERIOD: u64 = 20;
const RATE: u64 = 200;
/// What a late answer waits before its first content.
const LATE: Duration = Duration::from_secs(3);

/// What a host does to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sky {
    Serves,
    Fails(u16),
    /// Asks to be left alone for two seconds.
    Limits,
    Resets,
    Late,
    /// Ends a stream in the middle.
    Breaks,
}

/// What so many percent of requests meet at a host in that second.
fn script(host: usize, second: u64) -> Option<(u64, Sky)> {
    match (host, second % PERIOD) {
        (0, 3..=6) => Some((100, Sky::Fails(503))),
        (0, 10..=11) => Some((5, Sky::Breaks)),
        (0, 14..=17) => Some((60, Sky::Late)),
        (1, 2..=4) => Some((100, Sky::Limits)),
        (1, 15..=16) => Some((30, Sky::Fails(529))),
        (2, 5..=6) => Some((100, Sky::Resets)),
        (2 | 3, _) => Some((2, Sky::Fails(500))),
        _ => None,
    }
}

/// The same for the same request at the same host, whoever asks and whenever: a machine that stalls moves the script with it.
fn sky(number: u64, host: usize) -> Sky {
    let second = number / RATE;
    let mut z = (number * 4 + host as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    match script(host, second) {
        Some((percent, sky)) if (z ^ (z >> 27)) % 100 < percent => sky,
        _ => Sky::Serves,
    }
}

fn number(seen: &Seen) -> u64 {
    seen.prompt().strip_prefix("number-").unwrap().parse().unwrap()
}

fn is_streamed(seen: &Seen) -> bool {
    seen.json()["stream"] == true
}

fn answer(sky: Sky, shape: Shape, streams: bool) -> Answer {
    let served = || if streams { Answer::streamed(shape, &["a", "b"]) } else { Answer::plain(shape, "served") };
    match sky {
        Sky::Serves => served(),
        Sky::Fails(status) => Answer::error(shape, status),
        Sky::Limits => {
            Answer::whole(429, &[("content-type", "application/json"), ("retry-after", "2")], shape.error(429))
        }
        Sky::Resets => Answer::stream().reset(),
        Sky::Late if streams => {
            let begun = Answer::stream().event(shape.opening()).pause(LATE);
            begun.event(shape.content("late")).event(shape.closing()).finished()
        }
        Sky::Breaks if streams => Answer::stream().event(shape.opening()).event(shape.content("begun")).reset(),
        Sky::Late | Sky::Breaks => served(),
    }
}

/// One call of a provider: when it came, and what it met.
struct Call {
    at: Instant,
    sky: Sky,
}

type Calls = Arc<Mutex<HashMap<u64, Vec<Call>>>>;

/// What a run came to.
struct Run {
    told: Vec<Told>,
    calls: HashMap<u64, Vec<Call>>,
    /// Requests that the best choice of a host, known afterwards, would have had served.
    best: usize,
    /// Calls that it would have been to ask the hosts in order each time, whatever happened before.
    in_order: usize,
}

impl Run {
    fn served(&self) -> usize {
        self.told.iter().filter(|told| told.is_whole).count()
    }

    fn calls(&self) -> usize {
        self.calls.values().map(Vec::len).sum()
    }

    fn wasted(&self) -> usize {
        self.calls() - self.served()
    }

    fn line(&self) -> String {
        let (served, calls, all) = (self.served(), self.calls(), self.told.len());
        let [p50, p99] = waits(&self.told);
        let met = |sky: Sky| self.calls.values().flatten().filter(|call| call.sky == sky).count();
        let skies =
            [Sky::Fails(503), Sky::Fails(529), Sky::Fails(500), Sky::Limits, Sky::Resets, Sky::Late, Sky::Breaks];
        format!(
            "{served} of {all} served (the best choice known afterwards: {}), {:.3} calls a request, {} of them wasted: {:?} (in order without \
             breakers it would have been {:.3}, and {}); first content of streams p50 {p50:?}, p99 {p99:?}",
            self.best,
            calls as f64 / all as f64,
            self.wasted(),
            skies.map(|sky| (sky, met(sky))),
            self.in_order as f64 / all as f64,
            self.in_order - all,
        )
    }
}

/// The median and the 99th percentile of the times to first content.
fn waits(told: &[Told]) -> [Duration; 2] {
    let mut waits: Vec<Duration> = told.iter().filter_map(Told::waited).collect();
    waits.sort();
    [50, 99].map(|percent| waits[(waits.len() * percent / 100).min(waits.len() - 1)])
}

/// Asks for so many seconds.
async fn run(seconds: u64) -> Run {
    let calls = Calls::default();
    let mut upstreams = Vec::new();
    let mut config = "account_check: never\nproviders:\n".to_owned();
    for (host, id) in HOSTS.into_iter().enumerate() {
        let noted = Arc::clone(&calls);
        let handler = move |seen: &Seen| {
            let (number, streams) = (number(seen), is_streamed(seen));
            let sky = sky(number, host);
            noted.lock().unwrap().entry(number).or_default().push(Call { at: Instant::now(), sky });
            answer(sky, seen.shape(), streams)
        };
        let upstream = Upstream::forgetful(handler).await;
        config += &provider(id, &upstream.base_url(), &["model".to_owned()]);
        upstreams.push(upstream);
    }
    config += "routes:\n  r: {providers: [one, two, three, four], models: [model], first_byte: 1s}\n";
    let gateway = Arc::new(Gateway::start(&config).await);
    let told = Load { rate: RATE, count: RATE * seconds, whole: 2 }.drive(&gateway).await;
    let serves = |number: &u64| (0..HOSTS.len()).any(|host| matches!(sky(*number, host), Sky::Serves | Sky::Late));
    let best = (0..told.len() as u64).filter(serves).count();
    let calls_in_order = |number: u64| {
        let passes = |host: &usize| match sky(number, *host) {
            Sky::Serves | Sky::Breaks => false,
            Sky::Late => !number.is_multiple_of(2),
            Sky::Fails(_) | Sky::Limits | Sky::Resets => true,
        };
        ((0..HOSTS.len()).take_while(passes).count() + 1).min(HOSTS.len())
    };
    let in_order = (0..told.len() as u64).map(calls_in_order).sum();
    let calls = std::mem::take(&mut *calls.lock().unwrap());
    Run { told, calls, best, in_order }
}

/// Nothing that a client had a first byte of was asked for again.
fn assert_nothing_is_sent_twice_after_its_first_byte(run: &Run) {
    for (number, calls) in &run.calls {
        let told = &run.told[*number as usize];
        let last = calls.last().unwrap();
        assert!(told.first.is_none_or(|first| last.at < first), "{number} was sent again after its first byte");
        let repeated = calls.iter().rev().skip(1).any(|call| matches!(call.sky, Sky::Serves | Sky::Breaks));
        assert!(!repeated, "{number} was sent again after an answer had begun: {}", told.what);
    }
}

async fn chaos(seconds: u64) {
    let run = run(seconds).await;
    tell(&run.line());
    let failed: Vec<&str> = run.told.iter().filter(|told| !told.is_whole).map(|told| &*told.what).take(5).collect();
    assert!(run.served() * 1_000 + run.told.len() * 5 >= run.best * 1_000, "{failed:#?}");
    assert!(run.wasted() * 2 < run.in_order - run.told.len(), "{}", run.line());
    assert_nothing_is_sent_twice_after_its_first_byte(&run);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_twenty_seconds_of_chaos_as_much_is_served_as_the_best_choice_would_have() {
    chaos(PERIOD).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes 10 minutes: make test-long"]
async fn in_ten_minutes_of_chaos_as_much_is_served_as_the_best_choice_would_have() {
    chaos(600).await;
}

/// Streams of a gateway where every fiftieth of the first host begins late: what they waited, and what all of it cost in dollars.
async fn with_late_ones(options: &str) -> ([Duration; 2], f64) {
    let first = Upstream::forgetful(|seen| {
        let sky = if number(seen) % 50 == 7 { Sky::Late } else { Sky::Serves };
        answer(sky, seen.shape(), true)
    })
    .await;
    let second = Upstream::forgetful(|seen| answer(Sky::Serves, seen.shape(), true)).await;
    let models = ["model".to_owned()];
    let config = format!(
        "account_check: never\nprices: {{first/model: {{input: 1, output: 5}}, second/model: {{input: 1, output: 5}}}}\n\
         providers:\n{}{}routes:\n  r: {{providers: [first, second], models: [model]{options}}}\n",
        provider("first", &first.base_url(), &models),
        provider("second", &second.base_url(), &models),
    );
    let gateway = Arc::new(Gateway::start(&config).await);
    let told = Load { rate: 50, count: 400, whole: 0 }.drive(&gateway).await;
    assert!(told.iter().all(|told| told.is_whole));
    let cost: f64 = gateway.entries().await.iter().map(|entry| entry["cost_usd"].as_f64().unwrap()).sum();
    (waits(&told), cost)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, on a machine that has nothing else to do: make test-long"]
async fn a_second_target_and_a_deadline_cut_the_longest_waits_where_two_percent_are_late() {
    let ((alone, cost), (deadline, of_deadline), (hedged, of_hedge)) = tokio::join!(
        with_late_ones(""),
        with_late_ones(", first_byte: 400ms"),
        with_late_ones(", hedge_after: 400ms"),
    );
    tell(&format!(
        "2% of streams are {LATE:?} late; first content p50 and p99: alone {alone:?}, with a deadline of 400 ms {deadline:?} (cost {:+.1}%), \
         hedged after 400 ms {hedged:?} (cost {:+.1}%)",
        (of_deadline / cost - 1.0) * 100.0,
        (of_hedge / cost - 1.0) * 100.0,
    ));
    assert!(alone[1] >= LATE, "{alone:?}");
    assert!(of_deadline > cost && of_hedge > cost, "what was asked in vain is paid for");
    assert!(deadline[1] < alone[1] && hedged[1] < alone[1], "{alone:?} {deadline:?} {hedged:?}");
}
