//! What an exchange can be about: what is asked and answered, and what each side must find.

use ovth_filters::Shape;
use serde_json::Value;

use super::exchanges::{
    Ask, Asked, BOUND, Call, Found, IMAGE, IMAGE_URL, JSON_TEXT, MODEL, Picture, QUESTION, REFUSAL, RESULTS, Reply,
    SAID_BEFORE, SHAPES, STATE, SYSTEM, TEXT, THOUGHT, TOOL, TOOL_WORDS, Told, arguments, holds, ids, parameters, same,
    schema,
};

/// One way: who asks, who answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) client: Shape,
    pub(crate) upstream: Shape,
}

impl Way {
    pub(crate) fn all() -> impl Iterator<Item = Way> {
        SHAPES.into_iter().flat_map(|client| SHAPES.map(|upstream| Way { client, upstream }))
    }
}

/// What an exchange is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feature {
    Plain,
    Streamed,
    ToolCall,
    ParallelToolCalls,
    ToolResults,
    Image,
    ImageAddress,
    Thinking,
    StructuredOutput,
    Length,
    Refusal,
    ErrorBefore,
    ErrorInStream,
}

impl Feature {
    pub(crate) const ALL: [Feature; 13] = [
        Feature::Plain,
        Feature::Streamed,
        Feature::ToolCall,
        Feature::ParallelToolCalls,
        Feature::ToolResults,
        Feature::Image,
        Feature::ImageAddress,
        Feature::Thinking,
        Feature::StructuredOutput,
        Feature::Length,
        Feature::Refusal,
        Feature::ErrorBefore,
        Feature::ErrorInStream,
    ];

    /// Its name in the page, and what is looked for.
    pub(crate) const fn words(self) -> (&'static str, &'static str) {
        match self {
            Feature::Plain => (
                "plain",
                "instructions, question, bound on the output and model arrive; text, reason, model and all four token counts come back",
            ),
            Feature::Streamed => {
                ("streamed", "the same as a stream, wherever its bytes are cut, with the counts in it")
            }
            Feature::ToolCall => (
                "tool call",
                "name, words and schema of a tool arrive; id, name and arguments of its call come back, and go up again unchanged in the next turn with its result, Gemini's signature on the call",
            ),
            Feature::ParallelToolCalls => (
                "parallel tool calls",
                "two calls of one answer (from Gemini without ids) keep their order and have two ids; in the next turn each result stands with its call, and only the first call of Gemini's is signed",
            ),
            Feature::ToolResults => (
                "tool result turn",
                "a history with text, two calls and their results arrives in order, under the client's ids (Gemini never gets ids that it did not give)",
            ),
            Feature::Image => ("image", "the bytes of a picture and their type arrive beside the question"),
            Feature::ImageAddress => ("image by its address", "so does an address"),
            Feature::Thinking => (
                "thinking",
                "an effort arrives, and that thoughts are to be seen; thoughts come back apart from the text, and their state goes up again unchanged in the next turn, beside the call that they led to",
            ),
            Feature::StructuredOutput => {
                ("structured output", "the schema arrives where answers are held to it; the JSON comes back as it was")
            }
            Feature::Length => ("stop by length", "the text so far and the shape's own reason"),
            Feature::Refusal => {
                ("refusal", "the shape's own reason, and the words of the refusal where clients look for them")
            }
            Feature::ErrorBefore => (
                "error before the stream",
                "a 429 has the status, the kind and the words of the client's shape; how long to wait is said in the body to Gemini clients (and to all of them in `retry-after`, where a transport is between)",
            ),
            Feature::ErrorInStream => (
                "error in the stream",
                "what came before it, one error event of the client's shape, and no mark of success; the same where a stream just stops",
            ),
        }
    }

    /// What the client asks.
    pub(crate) fn ask(self) -> Ask {
        let ask = Ask::default();
        match self {
            Feature::ToolCall | Feature::ParallelToolCalls => Ask { tools: true, ..ask },
            Feature::ToolResults => Ask { tools: true, results: true, ..ask },
            Feature::Image => Ask { image: Some(Picture::Bytes), ..ask },
            Feature::ImageAddress => Ask { image: Some(Picture::Address), ..ask },
            Feature::Thinking => Ask { tools: true, thinks: true, ..ask },
            Feature::StructuredOutput => Ask { schema: true, ..ask },
            _ => ask,
        }
    }

    /// What that provider answers.
    pub(crate) fn reply(self, upstream: Shape) -> Reply {
        let plain = Reply { text: TEXT, ..Reply::default() };
        let [one, other] = ids(upstream);
        match self {
            Feature::ToolCall | Feature::Thinking => {
                let call = Call { id: Some(one), arguments: arguments("Oslo") };
                Reply { thinks: self == Feature::Thinking, calls: vec![call], ..plain }
            }
            Feature::ParallelToolCalls => {
                let id = |id| (upstream != Shape::GenerateContent).then_some(id);
                let first = Call { id: id(one), arguments: arguments("Oslo") };
                let second = Call { id: id(other), arguments: arguments("Riga") };
                Reply { calls: vec![first, second], ..Reply::default() }
            }
            Feature::StructuredOutput => Reply { text: JSON_TEXT, ..plain },
            Feature::Length => Reply { is_cut: true, ..plain },
            Feature::Refusal => Reply { refuses: true, ..Reply::default() },
            _ => plain,
        }
    }

    /// What the provider must find in the request.
    pub(crate) fn check_asked(self, way: Way, asked: &Asked) -> Found {
        let (ask, upstream) = (self.ask(), way.upstream);
        same("the instructions", asked.system.as_str(), SYSTEM)?;
        same("the question", asked.question().as_str(), QUESTION)?;
        same("the bound", asked.bound, Some(BOUND))?;
        // Google has it in the path.
        same("the model", asked.model.as_deref(), (upstream != Shape::GenerateContent).then_some(MODEL))?;
        let tool = (TOOL.to_owned(), TOOL_WORDS.to_owned(), parameters());
        same("the tools", &asked.tools, &if ask.tools { vec![tool] } else { Vec::new() })?;
        let picture = ask.image.map(|picture| match picture {
            Picture::Bytes => format!("data:image/png;base64,{IMAGE}"),
            Picture::Address => IMAGE_URL.to_owned(),
        });
        same("the picture", &asked.images, &picture.into_iter().collect())?;
        same("the effort", asked.effort.as_str(), if ask.thinks { "low" } else { "" })?;
        same("whether thoughts are shown", asked.shows_thoughts, ask.thinks)?;
        same("the schema", &asked.schema, &ask.schema.then(schema))?;
        if self == Feature::ToolResults {
            same("what the model said", asked.answered().as_str(), SAID_BEFORE)?;
            let is_given = upstream != Shape::GenerateContent || way.client == upstream;
            let ids = ids(way.client).map(|id| is_given.then(|| id.to_owned()));
            let [first, second] = ids.clone();
            let call = |id, city| (id, TOOL.to_owned(), arguments(city));
            same("the calls", &asked.calls, &vec![call(first, "Bonn"), call(second, "Kyiv")])?;
            let results: Vec<_> = ids.into_iter().zip(RESULTS.map(str::to_owned)).collect();
            same("the results", &asked.results, &results)?;
        }
        Ok(())
    }

    /// What the client must find in the answer.
    pub(crate) fn check_told(self, client: Shape, reply: &Reply, told: &Told) -> Found {
        same("the model", told.model.as_str(), "m-1")?;
        let thoughts = if reply.thinks { 5 } else { 0 };
        same("the counts", told.usage, [Some(100), Some(40), Some(20), Some(thoughts)]).or_else(|wrong| {
            // Where there is nothing to count, it may be left out.
            let none = [Some(100), Some(40), Some(20), None];
            if thoughts == 0 && told.usage == none { Ok(()) } else { Err(wrong) }
        })?;
        same("the reason", told.finish.as_str(), self.finish(client, told))?;
        if self == Feature::Refusal {
            let words = told.refusal.clone() + &told.text;
            return holds(&format!("the words of the refusal: {told:?}"), words.contains(REFUSAL));
        }
        same("the text", told.text.as_str(), reply.text)?;
        same("the thoughts", told.thoughts.as_str(), if reply.thinks { THOUGHT } else { "" })?;
        same("so many calls", told.calls.len(), reply.calls.len())?;
        for (found, call) in told.calls.iter().zip(&reply.calls) {
            same("the tool's name", found.1.as_str(), TOOL)?;
            same("the arguments", &found.2, &call.arguments)?;
            match call.id {
                Some(id) => same("the id", found.0.as_str(), id)?,
                None => holds("an id is there", !found.0.is_empty())?,
            }
        }
        if let [first, second] = &*told.calls {
            holds("two ids", first.0 != second.0)?;
        }
        holds("state comes with thoughts", !reply.thinks || !told.states.is_empty())
    }

    /// The word of the client's shape for why the answer ended.
    fn finish(self, client: Shape, told: &Told) -> &'static str {
        let place = SHAPES.iter().position(|shape| *shape == client).unwrap();
        let words = match self {
            Feature::ToolCall | Feature::ParallelToolCalls | Feature::Thinking => {
                ["tool_calls", "completed", "tool_use", "STOP"]
            }
            Feature::Length => ["length", "max_output_tokens", "max_tokens", "MAX_TOKENS"],
            // A refusal that is told as one needs no other reason.
            Feature::Refusal
                if client == Shape::Responses && !told.refusal.is_empty() && told.finish == "completed" =>
            {
                ["completed"; 4]
            }
            Feature::Refusal => ["content_filter", "content_filter", "refusal", "SAFETY"],
            _ => ["stop", "completed", "end_turn", "STOP"],
        };
        words[place]
    }

    /// Whether there is a next turn, and what the provider must find in it of its answer.
    pub(crate) fn check_next(self, upstream: Shape, reply: &Reply, asked: &Asked) -> Found {
        same("what the model said", asked.answered().as_str(), reply.text)?;
        let calls: Vec<_> =
            asked.calls.iter().map(|(id, name, arguments)| (id.clone(), name.clone(), arguments.clone())).collect();
        let expected: Vec<_> = reply
            .calls
            .iter()
            .map(|call| (call.id.map(str::to_owned), TOOL.to_owned(), call.arguments.clone()))
            .collect();
        same("the calls as the provider made them", &calls, &expected)?;
        let results: Vec<_> = calls.into_iter().map(|(id, ..)| id).zip(RESULTS.map(str::to_owned)).collect();
        same("the results at their calls", &asked.results, &results)?;
        let on_call = upstream == Shape::GenerateContent;
        let signed = reply.thinks || on_call;
        let state = (on_call.then_some(0), STATE.to_owned());
        same("state as the provider gave it", &asked.states, &if signed { vec![state] } else { Vec::new() })?;
        // Google's own API takes no thoughts back as such, only signatures.
        let thinks = reply.thinks && !asked.thoughts.is_empty();
        same("the thoughts", asked.thoughts.as_str(), if thinks { THOUGHT } else { "" })?;
        holds("thoughts stand with their state", !reply.thinks || on_call || thinks)
    }

    pub(crate) const fn has_next(self) -> bool {
        matches!(self, Feature::ToolCall | Feature::ParallelToolCalls | Feature::Thinking)
    }

    /// Whether the client asks for a stream, and whether the provider answers with one.
    pub(crate) const fn forms(self) -> &'static [(bool, bool)] {
        match self {
            Feature::Plain => &[(false, false)],
            Feature::Streamed => &[(true, true)],
            _ => &[(false, false), (true, true), (false, true), (true, false)],
        }
    }
}

/// A rate limit as clients of that shape know it, with these words and these seconds to wait.
pub(crate) fn check_error(client: Shape, body: &Value, words: &str, wait: Option<u64>) -> Found {
    let inner = &body["error"];
    holds(&format!("the words: {body}"), inner["message"].as_str().unwrap_or_default().contains(words))?;
    match client {
        Shape::Chat | Shape::Responses => {
            same("the code", inner["code"].as_str(), Some("rate_limit_exceeded"))?;
            holds("the type", inner["type"].is_string())
        }
        Shape::Messages => {
            same("the outer type", body["type"].as_str(), Some("error"))?;
            same("the type", inner["type"].as_str(), Some("rate_limit_error"))
        }
        Shape::GenerateContent => {
            same(
                "the status",
                (inner["status"].as_str(), inner["code"].as_u64()),
                (Some("RESOURCE_EXHAUSTED"), Some(429)),
            )?;
            let delay =
                inner["details"].as_array().into_iter().flatten().find_map(|detail| detail["retryDelay"].as_str());
            same("the delay", delay.map(str::to_owned), wait.map(|seconds| format!("{seconds}s")))
        }
    }
}

/// The last event of a stream that the provider broke off for being overloaded, with these words.
pub(crate) fn check_broken(client: Shape, event: &[u8], words: &str) -> Found {
    let text = std::str::from_utf8(event).unwrap();
    let data: Value =
        serde_json::from_str(text.lines().find_map(|line| line.strip_prefix("data: ")).ok_or("no data")?).unwrap();
    holds(&format!("the words: {text}"), text.contains(words))?;
    match client {
        Shape::Chat => holds("an error", data["error"]["message"].is_string() && !text.contains("[DONE]")),
        Shape::Responses => {
            same("the event", data["type"].as_str(), Some("response.failed"))?;
            same("the status", data["response"]["status"].as_str(), Some("failed"))?;
            same("the code", data["response"]["error"]["code"].as_str(), Some("server_is_overloaded"))
        }
        Shape::Messages => {
            holds("the event's name", text.starts_with("event: error\n"))?;
            same("the type", data["error"]["type"].as_str(), Some("overloaded_error"))
        }
        Shape::GenerateContent => same(
            "the error",
            (data["error"]["code"].as_u64(), data["error"]["status"].as_str()),
            (Some(503), Some("UNAVAILABLE")),
        ),
    }
}
