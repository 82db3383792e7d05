//! Conversations as they were recorded between clients and providers: they go on, and nothing in them is told as a break.

use std::path::PathBuf;

use bytes::Bytes;
use ovth_filters::sse::Framer;
use ovth_filters::tap::Tap;

use super::*;

/// One recorded exchange that was answered.
struct Recorded {
    name: String,
    shape: Shape,
    provider: String,
    request: Value,
    usage: Usage,
}

fn recordings() -> Vec<Recorded> {
    let Some(root) = std::env::var_os("OVTH_RECORDINGS").map(PathBuf::from) else { return Vec::new() };
    let mut found = Vec::new();
    for (folder, shape) in [("messages", Shape::Messages), ("chat-completions", Shape::Chat)] {
        for file in std::fs::read_dir(root.join(folder)).expect("a folder of recordings") {
            let path = file.expect("a file").path();
            let recording: Value = serde_json::from_slice(&std::fs::read(&path).expect("a file")).expect("JSON");
            let request = recording["request"]["body"].clone();
            if recording["response"]["status"] != 200 || !request["messages"].is_array() {
                continue;
            }
            found.push(Recorded {
                name: path.file_name().expect("a name").to_string_lossy().into_owned(),
                shape,
                provider: recording["provider"].as_str().expect("a provider").to_owned(),
                request,
                usage: usage(shape, &recording["response"]),
            });
        }
    }
    assert!(found.len() >= 60, "{} recordings", found.len());
    found
}

fn usage(shape: Shape, response: &Value) -> Usage {
    let mut tap = Tap::new(shape);
    match response["body_text"].as_str() {
        None => drop(tap.body(response["body"].to_string().as_bytes())),
        Some(text) => {
            let mut framer = Framer::new(ovth_filters::shapes::MAX_EVENT_BYTES);
            framer.push(Bytes::from(text.to_owned()));
            while let Some(piece) = framer.next() {
                tap.piece(&piece);
            }
            if let Some(piece) = framer.finish() {
                tap.piece(&piece);
            }
        }
    }
    tap.usage().unwrap_or_default()
}

impl Recorded {
    fn prefix(&self) -> Prefix {
        Prefix::of(self.shape, self.request.to_string().as_bytes()).unwrap_or_else(|| panic!("{}", self.name))
    }

    fn messages(&self) -> &[Value] {
        self.request["messages"].as_array().expect("messages")
    }

    /// Whether that is a later turn of this conversation.
    fn goes_on_in(&self, later: &Recorded) -> bool {
        let same = |field| self.request[field] == later.request[field];
        self.provider == later.provider
            && ["model", "tools", "system", "thinking", "tool_choice"].into_iter().all(same)
            && self.messages().len() < later.messages().len()
            && later.messages().starts_with(self.messages())
    }

    fn turn(&self, conversations: &Conversations, at: Instant) -> Option<CacheBreak> {
        conversations.turn(Turn {
            key: "key_a",
            session: None,
            prefix: self.prefix(),
            provider: &self.provider,
            model: self.request["model"].as_str().unwrap_or_default(),
            usage: &self.usage,
            began: at,
            answered: at + Duration::from_secs(1),
        })
    }
}

#[test]
fn recorded_conversations_that_go_on_are_seen_to_and_have_no_break() {
    let recordings = recordings();
    let mut pairs = 0;
    for earlier in &recordings {
        for later in recordings.iter().filter(|later| earlier.goes_on_in(later)) {
            let (before, after) = (earlier.prefix(), later.prefix());
            let overlap = before.overlap(&after);
            let names = format!("{} -> {}", earlier.name, later.name);
            assert_eq!((overlap.diverged_at, overlap.shared), (None, before.messages()), "{names}");
            assert_eq!(before.opening(), after.opening(), "{names}");
            assert_eq!((before.tools(), before.system()), (after.tools(), after.system()), "{names}");
            let conversations = Conversations::new();
            let now = Instant::now();
            assert_eq!(earlier.turn(&conversations, now), None, "{names}");
            assert_eq!(later.turn(&conversations, now + MINUTE), None, "{names}");
            assert_eq!(conversations.len(), 1, "{names}: both are one conversation");
            pairs += 1;
        }
    }
    assert!(recordings.is_empty() || pairs >= 10, "{pairs} pairs");
}

#[test]
fn all_recordings_one_after_the_other_give_no_false_alarm() {
    let conversations = Conversations::new();
    let mut at = Instant::now();
    for recorded in recordings() {
        at += Duration::from_secs(10);
        assert_eq!(recorded.turn(&conversations, at), None, "{}", recorded.name);
    }
}

#[test]
fn a_recorded_history_is_told_when_its_cache_is_lost_at_any_turn() {
    let mut turns = 0;
    for recorded in recordings().iter().filter(|recorded| recorded.messages().len() >= 3) {
        let conversations = Conversations::new();
        let mut at = Instant::now();
        let mut is_first = true;
        for end in 1..=recorded.messages().len() {
            let last = &recorded.messages()[end - 1];
            let is_turn = matches!(last["role"].as_str(), Some("user" | "tool"));
            let mut request = recorded.request.clone();
            request["messages"].as_array_mut().expect("messages").truncate(end);
            if !is_turn || Prefix::of(recorded.shape, request.to_string().as_bytes()).is_none() {
                continue;
            }
            at += Duration::from_secs(10);
            let usage = cached(0, 5_000);
            let turn = Recorded { name: recorded.name.clone(), request, usage, provider: "p".to_owned(), ..*recorded };
            let found = turn.turn(&conversations, at);
            if is_first {
                assert_eq!(found, None, "{}", recorded.name);
            } else {
                let name = format!("{} up to message {end}", recorded.name);
                assert_eq!(found.map(|found| found.reason), Some(Reason::Provider), "{name}");
                turns += 1;
            }
            is_first = false;
        }
        assert!(conversations.len() <= 1, "{}", recorded.name);
    }
    assert!(std::env::var_os("OVTH_RECORDINGS").is_none() || turns >= 20, "{turns} turns");
}
