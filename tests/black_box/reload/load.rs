//! Reloads under load: streams and plain requests go on, none is dropped or fails or goes where no configuration of its time sends it, and
//! memory stays flat.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ovth_gateway::simulator;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::replace;
use crate::support::{Connection, End, Gateway, Request, Shape, Way, tell};

/// Requests a second.
const RATE: u64 = 200;
/// Requests that are under way at the same time; the clock waits for them beyond that, so that a busy machine is slow and nothing more.
const UNDER_WAY: usize = 100;
/// A connection that was idle for longer is not used again, as the gateway may be about to close it.
const IDLE: Duration = Duration::from_secs(10);
/// What memory may differ by from the middle of the run to its end: allocators and the database's cache are not still.
const MEMORY_KIB: u64 = 16 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_reloads_under_load_drop_nothing() {
    run(50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: make test-long"]
async fn a_thousand_reloads_under_load_drop_nothing_and_memory_is_flat() {
    run(1_000).await;
}

/// Which configurations a request may meet: none before `sure` when it begins, none after `begun` when it is answered.
#[derive(Default)]
struct Time {
    begun: AtomicU64,
    sure: AtomicU64,
}

/// What clients saw.
#[derive(Default)]
struct Tally {
    requests: AtomicU64,
    streams: AtomicU64,
    errors: AtomicU64,
    wrong_routes: AtomicU64,
    told: Mutex<Vec<String>>,
}

impl Tally {
    fn note(&self, counter: &AtomicU64, what: String) {
        counter.fetch_add(1, Ordering::Relaxed);
        let mut told = self.told.lock().unwrap();
        if told.len() < 20 {
            told.push(what);
        }
    }
}

/// The files of one step: every setting that can be reloaded is another than the step before.
fn config(step: u64, simulator: &str) -> String {
    let pick = |words: [&'static str; 2]| words[(step % 2) as usize];
    format!(
        "limits: {{body_bytes: {}MiB, buffered_bytes: {}MiB}}\n\
         timeouts: {{connect: 20s, first_byte: {}s, idle: {}s, total: {}m}}\n\
         commit_after: {}s\nheartbeat: {}s\n\
         quota: {{daily_tokens: {}, weights: {{cache_read: 0.{}}}, overshoot: {}}}\n\
         keys: {{models: ['*', 'extra-{step}']}}\n\
         durability: {}\non_ledger_error: {}\nretention: {{entry_days: {}}}\n\
         log: {{levels: {{'ovth::access': {}}}}}\n\
         catalog: {{file: catalogue.json}}\n\
         prices: {{host/step-{step}: {{input: {}, output: 2}}}}\n\
         providers:\n  host:\n    base_url: http://{simulator}/{}/v1\n    \
         api_keys: [{{file: key}}, '${{OF_ENV_FILE}}']\n    shapes: [chat, messages]\n    \
         headers: {{x-step: step-{step}}}\n    models: ['step-*']\n\
         routes:\n  r: {{providers: [host], models: [step-{step}]}}\n  other-{step}: {{models: [step-{step}]}}\n",
        16 + step % 3,
        256 + step % 5,
        60 + step % 7,
        60 + step % 5,
        20 + step % 9,
        5 + step % 4,
        5 + step % 6,
        10_000_000_000 + step,
        1 + step % 9,
        pick(["expected", "none"]),
        pick(["strict", "relaxed"]),
        pick(["refuse", "serve"]),
        60 + step % 30,
        pick(["info", "error"]),
        1 + step % 4,
        pick(["a", "b"]),
    )
}

fn catalogue(step: u64) -> String {
    format!(
        r#"{{"version":"step-{step}","models":[{{"id":"step-{step}","provider":"host","kind":"chat","status":"current","api":["chat","messages"]}}]}}"#
    )
}

/// What is wrong with a bad step.
fn spoiled(step: u64, good: &str) -> (String, &'static str) {
    match step % 5 {
        0 => (format!("{good}routes: [\n"), "rejected"),
        1 => (format!("{good}no_such_setting: 1\n"), "rejected"),
        2 => (good.replace("{file: key}", "{file: no-such-key}"), "rejected"),
        3 => (good.replace("catalogue.json", "key"), "rejected"),
        _ => (format!("{good}threads: 9\nh2c: true\n"), "needs_restart"),
    }
}

async fn run(reloads: u64) {
    let simulator = simulator::spawn(simulator::Options { history: 0, ..simulator::Options::default() }).unwrap();
    let address = simulator.addr.to_string();
    let gateway = Gateway::start_by(&[], &config(0, &address), |folder| {
        fs::write(folder.join("key"), "key-of-step-0").unwrap();
        fs::write(folder.join(".env"), "OF_ENV_FILE=env-key-of-step-0\n").unwrap();
        fs::write(folder.join("catalogue.json"), catalogue(0)).unwrap();
    })
    .await;
    let gateway = Arc::new(gateway);
    let (time, tally) = (Arc::new(Time::default()), Arc::new(Tally::default()));
    let (stop, clients) = {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (gateway, time, tally) = (Arc::clone(&gateway), Arc::clone(&time), Arc::clone(&tally));
        (stop, tokio::spawn(clients(gateway, time, tally, stopped)))
    };

    let (began, at_start) = (Instant::now(), gateway.resident_kib());
    let (mut at_middle, mut bad) = (0, 0);
    for step in 1..=reloads {
        if step == reloads / 2 {
            at_middle = gateway.resident_kib();
        }
        let good = config(step, &address);
        if step % 4 == 0 {
            bad += 1;
            let (spoiled, condition) = spoiled(step / 4, &good);
            replace(gateway.folder(), "config.yaml", &spoiled);
            if step % 8 == 0 {
                assert_eq!(gateway.ask_admin("POST", "/admin/reload", "").await.status, 422);
            }
            gateway.config_where(|shown| shown["condition"] == condition).await;
            continue;
        }
        time.begun.store(step, Ordering::SeqCst);
        replace(gateway.folder(), "catalogue.json", &catalogue(step));
        if step % 3 == 0 {
            fs::write(gateway.folder().join("key"), format!("key-of-step-{step}")).unwrap();
            replace(gateway.folder(), ".env", &format!("OF_ENV_FILE=env-key-of-step-{step}\n"));
        }
        match step % 3 {
            0 => replace(gateway.folder(), "config.yaml", &good),
            1 => {
                fs::write(gateway.folder().join("config.yaml"), &good).unwrap();
                gateway.signal("HUP");
            }
            _ => {
                replace(gateway.folder(), "config.yaml", &good);
                let answer = gateway.ask_admin("POST", "/admin/reload", "").await;
                assert_eq!(answer.status, 200, "{answer:?}");
            }
        }
        let name = format!("step-{step}");
        gateway.config_where(|shown| shown["settings"]["routes"]["r"]["models"][0] == name.as_str()).await;
        time.sure.store(step, Ordering::SeqCst);
    }
    let elapsed = began.elapsed();
    stop.send(()).unwrap();
    let dropped = clients.await.unwrap();
    let at_end = gateway.resident_kib();

    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (requests, errors, wrong) = (count(&tally.requests), count(&tally.errors), count(&tally.wrong_routes));
    tell(&format!(
        "{reloads} reloads ({bad} of them bad) in {:.0} s under {} requests/s ({requests}, {} of them streams): \
         {dropped} dropped, {errors} errors, {wrong} wrong routes; resident {at_start} KiB at the start, {at_middle} KiB in the middle, \
         {at_end} KiB at the end",
        elapsed.as_secs_f64(),
        requests / elapsed.as_secs().max(1),
        count(&tally.streams),
    ));
    assert_eq!((dropped, errors, wrong), (0, 0, 0), "{:#?}", tally.told.lock().unwrap());
    if reloads >= 1_000 {
        assert!(at_end <= at_middle + MEMORY_KIB, "{at_middle} KiB, then {at_end} KiB");
    }
    let page = gateway.metrics().await;
    let of = |outcome: &str| {
        let name = format!("ovth_config_reloads_total{{outcome=\"{outcome}\"}} ");
        page.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse::<u64>().unwrap()
    };
    assert!(of("ok") >= reloads - bad && of("invalid") + of("needs_restart") >= bad, "{page}");
    let usage = gateway.admin_json("/admin/usage?group_by=route").await;
    let counted: u64 = usage["data"].as_array().unwrap().iter().map(|row| row["requests"].as_u64().unwrap()).sum();
    assert_eq!(counted, requests, "every request is in the ledger, once: {usage}");
}

/// Sends requests at the rate until it is told to stop, and waits for those under way. Gives how many were cut off or never answered.
async fn clients(
    gateway: Arc<Gateway>,
    time: Arc<Time>,
    tally: Arc<Tally>,
    mut stopped: tokio::sync::oneshot::Receiver<()>,
) -> u64 {
    let idle: Arc<Mutex<Vec<(Instant, Connection)>>> = Arc::default();
    let mut tick = interval(Duration::from_micros(1_000_000 / RATE));
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut under_way, mut dropped) = (JoinSet::new(), 0);
    for number in 0.. {
        tokio::select! {
            _ = tick.tick() => {}
            _ = &mut stopped => break,
        }
        while let Some(ended) = under_way.try_join_next() {
            dropped += u64::from(ended.is_err());
        }
        if under_way.len() >= UNDER_WAY
            && let Some(ended) = under_way.join_next().await
        {
            dropped += u64::from(ended.is_err());
        }
        let (gateway, time, tally, idle) =
            (Arc::clone(&gateway), Arc::clone(&time), Arc::clone(&tally), Arc::clone(&idle));
        under_way.spawn(async move {
            let kept = idle.lock().unwrap().pop().filter(|(since, _)| since.elapsed() < IDLE);
            let mut connection = match kept {
                Some((_, connection)) => connection,
                None => Connection::open(gateway.address()).await,
            };
            ask(&gateway, &mut connection, number, (&time, &tally)).await;
            idle.lock().unwrap().push((Instant::now(), connection));
        });
    }
    while let Some(ended) = under_way.join_next().await {
        dropped += u64::from(ended.is_err());
    }
    dropped
}

/// One request: every other one a stream, of which some outlive many reloads. What is not answered at all fails the task.
async fn ask(gateway: &Gateway, connection: &mut Connection, number: u64, (time, tally): (&Time, &Tally)) {
    let shape = Shape::BOTH[(number / 2 % 2) as usize];
    let text = match number % 100 {
        0 => format!("[words=60][pace=50] number-{number}"),
        _ => format!("[words=20][pace=10] number-{number}"),
    };
    let streams = number.is_multiple_of(2);
    let body = if streams { shape.ask_stream("r", &text) } else { shape.ask("r", &format!("number-{number}")) };
    let request: Request = gateway.request(shape, body);
    let sure = time.sure.load(Ordering::SeqCst);
    tally.requests.fetch_add(1, Ordering::Relaxed);
    tally.streams.fetch_add(u64::from(streams), Ordering::Relaxed);
    let response = connection.exchange(&request, Way::Sized).await;
    let begun = time.begun.load(Ordering::SeqCst);
    let told = response.text();
    let is_whole = response.status == 200
        && response.end == End::Complete
        && if streams { told.contains(shape.success_mark()) } else { told.contains(&format!("number-{number}")) };
    if !is_whole {
        return tally.note(&tally.errors, format!("{number}: {response:?}"));
    }
    let steps: Vec<u64> = told
        .split("\"step-")
        .skip(1)
        .filter_map(|rest| rest.split('"').next().and_then(|digits| digits.parse().ok()))
        .collect();
    let fits =
        steps.first().is_some_and(|first| (sure..=begun).contains(first) && steps.iter().all(|step| step == first));
    if !fits {
        tally.note(&tally.wrong_routes, format!("{number}: {steps:?}, not of {sure}..={begun}: {response:?}"));
    }
}
