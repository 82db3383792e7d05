//! Clients at a steady rate, and what each of them was told.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::client::{Connection, Way};
use super::gateway::Gateway;
use super::http1::End;
use super::shape::Shape;

/// Requests that are under way at the same time; the clock waits for them beyond that, so that a busy machine is slow and nothing more.
const UNDER_WAY: usize = 150;
/// A connection that was idle for longer is not used again, as the gateway may be about to close it.
const IDLE: Duration = Duration::from_secs(10);

/// Requests on one route, at a steady rate.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Requests a second.
    pub(crate) rate: u64,
    /// Requests in all.
    pub(crate) count: u64,
    /// Every so many of them is wanted whole, and not as a stream; 0: none.
    pub(crate) whole: u64,
}

/// What became of one request.
pub(crate) struct Told {
    /// When it was sent.
    pub(crate) began: Instant,
    /// When its first content was there.
    pub(crate) first: Option<Instant>,
    /// Whether the client has the whole answer.
    pub(crate) is_whole: bool,
    /// What went wrong, for whoever looks.
    pub(crate) what: String,
}

impl Told {
    /// The time to its first content.
    pub(crate) fn waited(&self) -> Option<Duration> {
        Some(self.first?.duration_since(self.began))
    }
}

impl Load {
    /// What the clients of a gateway are told, by the number of their request: its prompt is `number-NUMBER`.
    pub(crate) async fn drive(self, gateway: &Arc<Gateway>) -> Vec<Told> {
        let idle: Arc<Mutex<Vec<(Instant, Connection)>>> = Arc::default();
        let mut tick = interval(Duration::from_micros(1_000_000 / self.rate));
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (mut under_way, mut told) = (JoinSet::new(), Vec::new());
        for number in 0..self.count {
            tick.tick().await;
            if under_way.len() >= UNDER_WAY {
                told.extend(under_way.join_next().await);
            }
            let (gateway, idle) = (Arc::clone(gateway), Arc::clone(&idle));
            let streams = self.whole == 0 || !number.is_multiple_of(self.whole);
            under_way.spawn(async move {
                let kept = idle.lock().unwrap().pop().filter(|(since, _)| since.elapsed() < IDLE);
                let mut connection = match kept {
                    Some((_, connection)) => connection,
                    None => Connection::open(gateway.address()).await,
                };
                let told = ask(&gateway, &mut connection, number, streams).await;
                if told.is_whole {
                    idle.lock().unwrap().push((Instant::now(), connection));
                }
                (number, told)
            });
        }
        told.extend(under_way.join_all().await.into_iter().map(Ok));
        let mut told: Vec<(u64, Told)> = told.into_iter().map(|ended| ended.expect("a client")).collect();
        told.sort_by_key(|(number, _)| *number);
        told.into_iter().map(|(_, told)| told).collect()
    }
}

async fn ask(gateway: &Gateway, connection: &mut Connection, number: u64, streams: bool) -> Told {
    let shape = Shape::BOTH[(number / 2 % 2) as usize];
    let prompt = format!("number-{number}");
    let body = if streams { shape.ask_stream("r", &prompt) } else { shape.ask("r", &prompt) };
    let request = gateway.request(shape, body);
    let mut told = Told { began: Instant::now(), first: None, is_whole: false, what: String::new() };
    if !streams {
        let response = connection.exchange(&request, Way::Sized).await;
        told.is_whole = response.status == 200 && response.end == End::Complete;
        told.what = format!("{response:?}");
        return told;
    }
    connection.send(&request, Way::Sized).await;
    let head = connection.head().await;
    if head.status() != 200 {
        told.what = format!("{}: {:?}", head.status(), connection.rest().await);
        return told;
    }
    while let Some(event) = connection.event().await {
        let data = event.data();
        if told.first.is_none() && !event.is_heartbeat() && !shape.delta(&data).is_empty() {
            told.first = Some(Instant::now());
        }
        told.is_whole |= data.contains(shape.success_mark());
        told.what = data;
    }
    told.is_whole &= told.first.is_some() && connection.end() == End::Complete;
    told
}
