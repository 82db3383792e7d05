//! The usual set-up: one gateway in front of two upstreams, with a fresh pair of targets for each case of a test.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::gateway::Gateway;
use super::shape::Shape;
use super::upstream::Upstream;

/// So many cases can have targets of their own: a target that failed once is cooled, and would come last in the next case.
const CASES: usize = 64;

/// A gateway with two upstreams, each of which serves all shapes.
pub(crate) struct Bed {
    /// The gateway.
    pub(crate) gateway: Gateway,
    /// The upstream that is tried first.
    pub(crate) first: Upstream,
    /// The upstream that is tried next.
    pub(crate) second: Upstream,
    next: AtomicUsize,
}

impl Bed {
    /// Starts the gateway with quick heartbeats.
    pub(crate) async fn start(first: Upstream, second: Upstream) -> Bed {
        Bed::start_with("commit_after: 200ms\nheartbeat: 200ms\n", first, second).await
    }

    /// Starts the gateway with these settings at the top of its file.
    pub(crate) async fn start_with(settings: &str, first: Upstream, second: Upstream) -> Bed {
        let models: Vec<String> = (0..CASES).map(|case| format!("model-{case}")).collect();
        let mut config = format!("{settings}\nproviders:\n");
        let all =
            |provider: String| provider.replace("[chat, messages]", "[chat, messages, responses, generate_content]");
        config += &all(provider("first", &first.base_url(), &models));
        config += &all(provider("second", &second.base_url(), &models));
        config += "routes:\n";
        for (case, model) in models.iter().enumerate() {
            writeln!(config, "  pair-{case}: {{providers: [first, second], models: [{model}]}}").expect("a string");
            writeln!(config, "  sole-{case}: {{providers: [first], models: [{model}]}}").expect("a string");
            writeln!(config, "  last-{case}: {{providers: [second], models: [{model}]}}").expect("a string");
        }
        let gateway = Gateway::start(&config).await;
        Bed { gateway, first, second, next: AtomicUsize::new(0) }
    }

    /// A route over both upstreams, with targets that no case has used.
    pub(crate) fn pair(&self) -> String {
        format!("pair-{}", self.case())
    }

    /// A route over the first upstream, with a target that no case has used.
    pub(crate) fn sole(&self) -> String {
        format!("sole-{}", self.case())
    }

    /// Lets the time pass in which a silent stream that begins now is sent so many heartbeats: the gateway's own clock, where a test has
    /// nothing else to wait for. The second upstream must be silent.
    pub(crate) async fn pass_heartbeats(&self, count: usize) {
        let route = format!("last-{}", self.case());
        let mut clock = self.gateway.open(Shape::Chat, Shape::Chat.ask_stream(&route, "tick")).await;
        assert_eq!(clock.head().await.status(), 200);
        for _ in 0..count {
            let tick = clock.event().await.expect("a heartbeat");
            assert!(tick.is_heartbeat(), "{tick:?}");
        }
    }

    fn case(&self) -> usize {
        let case = self.next.fetch_add(1, Ordering::Relaxed);
        assert!(case < CASES, "more cases than targets");
        case
    }
}

/// The YAML of a provider that serves both shapes.
pub(crate) fn provider(id: &str, base_url: &str, models: &[String]) -> String {
    format!(
        "  {id}:\n    base_url: {base_url}\n    api_key: upstream-secret-of-{id}-0123456789\n    \
         shapes: [chat, messages]\n    models: {models:?}\n"
    )
}
