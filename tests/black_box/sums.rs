//! Thousands of random exchanges against an independent model: entries, sums and counters agree to the token and the pico-dollar.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use futures::stream::{self, StreamExt};
use ovth_filters::tokens::{Family, estimate_input};
use serde_json::{Value, json};

use crate::support::{Answer, Bed, Connection, Seen, Shape, Upstream, Way, tell, within, within_one_day};

/// The models' prices in pico-dollars a token: input, cache read, cache write, cache write of an hour, output.
const PRICES: [[u64; 5]; 2] =
    [[3_000_000, 300_000, 3_750_000, 6_000_000, 15_000_000], [1_250_000, 125_000, 1_250_000, 1_250_000, 10_000_000]];
/// What each of these counts towards limits, in thousandths.
const WEIGHTS: [u64; 5] = [1000, 100, 1000, 1000, 1000];

/// How an exchange goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// It is answered, with usage.
    Answered,
    /// It is answered, and the provider tells no usage.
    Untold,
    /// The provider refuses it with this status.
    Refused(u16),
    /// The client leaves after so many words of a stream.
    Left(u64),
    /// The provider breaks off after so many words of a stream.
    Broken(u64),
}

/// One exchange of the plan.
#[derive(Clone, Copy, Debug)]
struct Case {
    number: u64,
    shape: Shape,
    stream: bool,
    course: Course,
    key: usize,
    model: usize,
    /// Tokens: input, cache read, cache write, cache write of an hour, output, reasoning.
    tokens: [u64; 6],
}

/// What the ledger should say of it.
#[derive(Debug, PartialEq, Eq)]
struct Expected {
    outcome: &'static str,
    source: &'static str,
    tokens: [u64; 6],
    charged: u64,
    cost: Option<u64>,
}

/// A small generator of numbers; the seed is told, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn case(number: u64, dice: &mut Dice, shape: Shape) -> Case {
    let course = match dice.roll(10) {
        0..=4 => Course::Answered,
        5 => Course::Untold,
        6 => Course::Refused(if dice.roll(2) == 0 { 400 } else { 500 }),
        7 | 8 => Course::Left(1 + dice.roll(4)),
        _ => Course::Broken(1 + dice.roll(4)),
    };
    let stream = dice.roll(2) == 0 || matches!(course, Course::Left(_) | Course::Broken(_));
    let output = 1 + dice.roll(3_000);
    let writes = match shape {
        Shape::Chat | Shape::GenerateContent => [0, 0],
        Shape::Messages => [dice.roll(2) * dice.roll(900), dice.roll(2) * dice.roll(900)],
        Shape::Responses => [dice.roll(2) * dice.roll(900), 0],
    };
    let tokens = [
        1 + dice.roll(5_000),
        dice.roll(2) * dice.roll(9_000),
        writes[0],
        writes[1],
        output,
        if shape == Shape::Messages { 0 } else { dice.roll(2) * dice.roll(output) },
    ];
    Case { number, shape, stream, course, key: dice.roll(3) as usize, model: dice.roll(2) as usize, tokens }
}

impl Case {
    fn body(&self, route: &str) -> String {
        let text = json!({
            "course": format!("{:?}", self.course).split('(').next(), "number": self.number, "tokens": self.tokens,
            "argument": match self.course {
                Course::Left(words) | Course::Broken(words) => words,
                Course::Refused(status) => status.into(),
                _ => 0,
            },
        });
        let text = text.to_string();
        if self.stream { self.shape.ask_stream(route, &text) } else { self.shape.ask(route, &text) }
    }

    fn expected(&self, route: &str) -> Expected {
        // What is asked is counted as it was sent; how well is for the estimate's own tests.
        let shape = match self.shape {
            Shape::Chat => ovth_filters::Shape::Chat,
            Shape::Responses => ovth_filters::Shape::Responses,
            Shape::Messages => ovth_filters::Shape::Messages,
            Shape::GenerateContent => ovth_filters::Shape::GenerateContent,
        };
        let family = Family::of(shape, ["model-0", "model-1"][self.model]);
        let prompt = estimate_input(shape, &self.shape.post(self.body(route)).body, family);
        // Each counts 1.55 words, a chat's word 0.95 tokens and 2 for the answer, that of a message 1.05 and 3.
        let words = |count: u64| match self.shape {
            Shape::Chat | Shape::Responses | Shape::GenerateContent => (count * 155 * 95).div_ceil(10_000) + 2,
            Shape::Messages => (count * 155 * 105).div_ceil(10_000) + 3,
        };
        // A messages stream tells the prompt's tokens at its beginning, and those of the output at its end.
        let begun = |words: u64| match self.shape {
            Shape::Chat | Shape::Responses => [prompt, 0, 0, 0, words, 0],
            Shape::Messages => {
                let [input, read, write, hour, ..] = self.tokens;
                [input, read, write, hour, words.max(1), 0]
            }
            // Google's chunks tell the prompt's tokens, and none of the output before there is some.
            Shape::GenerateContent => {
                let [input, read, ..] = self.tokens;
                [input, read, 0, 0, words, 0]
            }
        };
        let (outcome, source, tokens) = match self.course {
            Course::Answered => ("ok", "provider", self.tokens),
            Course::Untold => ("ok", "estimated", [prompt, 0, 0, 0, words(1), 0]),
            Course::Refused(400) => ("bad_request", "none", [0; 6]),
            Course::Refused(_) => ("upstream", "none", [0; 6]),
            Course::Left(count) => ("client_abort", "estimated", begun(words(count))),
            Course::Broken(count) => ("transport", "estimated", begun(words(count))),
        };
        let sum = |rates: [u64; 5]| (0..5).map(|kind| tokens[kind] * rates[kind]).sum::<u64>();
        // What spends nothing costs nothing.
        let cost = Some(sum(PRICES[self.model]));
        Expected { outcome, source, tokens, charged: sum(WEIGHTS).div_ceil(1000), cost }
    }
}

/// What every answer is made of.
const WORD: &str = "something ";

fn answer(seen: &Seen) -> Answer {
    let shape = seen.shape();
    let told: Value = serde_json::from_str(&seen.prompt()).expect("the plan of the exchange");
    let tokens: Vec<u64> = told["tokens"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
    let argument = told["argument"].as_u64().unwrap();
    let usage = usage(shape, &tokens);
    let stream = seen.streams();
    match told["course"].as_str().unwrap() {
        "Refused" => Answer::error(shape, u16::try_from(argument).unwrap()),
        "Untold" if !stream => {
            let mut whole: Value = serde_json::from_str(&shape.plain(WORD)).unwrap();
            whole.as_object_mut().unwrap().remove(usage_field(shape));
            Answer::json(200, whole.to_string())
        }
        "Answered" if !stream => {
            let mut whole: Value = serde_json::from_str(&shape.plain(WORD)).unwrap();
            whole[usage_field(shape)] = usage;
            Answer::json(200, whole.to_string())
        }
        course => {
            let words = if matches!(course, "Left" | "Broken") { argument } else { 1 };
            let told = course != "Untold";
            let mut answer = Answer::stream().event(opening(shape, &usage, told));
            for _ in 0..words {
                answer = answer.event(shape.content(WORD));
            }
            match course {
                "Left" => answer.hold(),
                "Broken" => answer.cut(),
                _ => answer.event(closing(shape, &usage, told)).finished(),
            }
        }
    }
}

const fn usage_field(shape: Shape) -> &'static str {
    if matches!(shape, Shape::GenerateContent) { "usageMetadata" } else { "usage" }
}

fn usage(shape: Shape, tokens: &[u64]) -> Value {
    let [input, read, write, hour, output, reasoning] = tokens[..] else { panic!("six kinds") };
    match shape {
        Shape::Responses => json!({
            "input_tokens": input + read + write, "output_tokens": output, "total_tokens": input + read + write + output,
            "input_tokens_details": {"cached_tokens": read, "cache_write_tokens": write},
            "output_tokens_details": {"reasoning_tokens": reasoning},
        }),
        Shape::Chat => json!({
            "prompt_tokens": input + read, "completion_tokens": output, "total_tokens": input + read + output,
            "prompt_tokens_details": {"cached_tokens": read}, "completion_tokens_details": {"reasoning_tokens": reasoning},
        }),
        Shape::Messages => json!({
            "input_tokens": input, "cache_read_input_tokens": read, "cache_creation_input_tokens": write + hour,
            "cache_creation": {"ephemeral_5m_input_tokens": write, "ephemeral_1h_input_tokens": hour},
            "output_tokens": output,
        }),
        Shape::GenerateContent => json!({
            "promptTokenCount": input + read, "cachedContentTokenCount": read, "candidatesTokenCount": output - reasoning,
            "thoughtsTokenCount": reasoning, "totalTokenCount": input + read + output,
        }),
    }
}

fn opening(shape: Shape, usage: &Value, told: bool) -> String {
    if shape == Shape::GenerateContent {
        let counts = ["promptTokenCount", "cachedContentTokenCount"].map(|name| (name.to_owned(), usage[name].clone()));
        return with_counts(&shape.opening(), told.then(|| counts.into_iter().collect()));
    }
    if shape != Shape::Messages {
        return shape.opening();
    }
    let mut first = usage.clone();
    first["output_tokens"] = json!(1);
    let mut message = json!({
        "id": "msg_test", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": null, "stop_sequence": null,
    });
    if told {
        message["usage"] = first;
    }
    let begin = json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}});
    let start = json!({"type": "message_start", "message": message});
    format!("event: message_start\ndata: {start}\n\nevent: content_block_start\ndata: {begin}\n\n")
}

/// A chunk of Google's with these counts.
fn with_counts(chunk: &str, counts: Option<Value>) -> String {
    let mut chunk: Value = serde_json::from_str(chunk.trim().strip_prefix("data: ").unwrap()).unwrap();
    let members = chunk.as_object_mut().unwrap();
    members.remove("usageMetadata");
    members.extend(counts.map(|counts| ("usageMetadata".to_owned(), counts)));
    format!("data: {chunk}\r\n\r\n")
}

fn closing(shape: Shape, usage: &Value, told: bool) -> String {
    if shape == Shape::GenerateContent {
        return with_counts(&shape.closing(), told.then(|| usage.clone()));
    }
    if shape == Shape::Responses {
        let mut whole: Value = serde_json::from_str(&shape.plain("told")).unwrap();
        whole["usage"] = if told { usage.clone() } else { Value::Null };
        let last = json!({"type": "response.completed", "response": whole});
        return format!("event: response.completed\ndata: {last}\n\n");
    }
    if shape == Shape::Chat {
        let mut text = shape.closing();
        if told {
            let last = json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": usage});
            text = text.replace("data: [DONE]", &format!("data: {last}\n\ndata: [DONE]"));
        }
        return text;
    }
    let mut delta = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}});
    if told {
        delta["usage"] = usage.clone();
    }
    let (block, stop) = (json!({"type": "content_block_stop", "index": 0}), json!({"type": "message_stop"}));
    format!(
        "event: content_block_stop\ndata: {block}\n\nevent: message_delta\ndata: {delta}\n\nevent: message_stop\ndata: {stop}\n\n"
    )
}

/// Runs one exchange as its client, and answers the request's id.
async fn run(bed: &Bed, case: &Case, route: &str, key: &str) -> String {
    let request = case.shape.post(case.body(route)).bearer(key);
    let mut connection = Connection::open(bed.gateway.address()).await;
    connection.send(&request, Way::Sized).await;
    let Course::Left(words) = case.course else {
        return connection.response().await.request_id().to_owned();
    };
    let head = connection.head().await;
    let id = head.header(case.shape.id_header()).expect("a request id").to_owned();
    let mut told = 0;
    while told < words {
        // The events that open an answer have no words.
        let event = connection.content_event().await.expect("a word");
        told += u64::from(!case.shape.delta(&event.data()).is_empty());
    }
    connection.reset();
    id
}

#[tokio::test]
async fn entries_sums_and_counters_agree_with_a_model_over_random_exchanges() {
    within_one_day(async || check(1_500).await).await;
}

#[tokio::test]
#[ignore = "takes minutes: make test-long"]
async fn entries_sums_and_counters_agree_with_a_model_over_twenty_thousand_random_exchanges() {
    within_one_day(async || check(20_000).await).await;
}

async fn check(count: u64) {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_nanos() as u64 | 1;
    tell(&format!("{count} random exchanges with seed {seed}"));
    let settings = "quota: {weights: {cache_read: 0.1}}\ntimeouts: {connect: 20s}\nprices:\n  \
        first/model-0: {input: 3, cache_read: 0.3, cache_write: 3.75, cache_write_1h: 6, output: 15}\n  \
        first/model-1: {input: 1.25, cache_read: 0.125, output: 10}\n";
    let bed = Bed::start_with(settings, Upstream::new(answer).await, Upstream::silent().await).await;
    let routes = [bed.sole(), bed.sole()];
    let mut keys = Vec::new();
    for label in ["one", "two", "three"] {
        let minted = bed.gateway.admin(&json!({"label": label}).to_string()).await.json();
        keys.push((minted["id"].as_str().unwrap().to_owned(), minted["key"].as_str().unwrap().to_owned()));
    }
    let mut dice = Dice(seed);
    let cases: Vec<Case> = (0..count)
        .map(|number| {
            let shape = Shape::ALL[dice.roll(4) as usize];
            case(number, &mut dice, shape)
        })
        .collect();
    let (bed, routes, keys) = (&bed, &routes, &keys);
    let ids: Vec<(String, &Case)> = stream::iter(&cases)
        .map(|case| async move { (run(bed, case, &routes[case.model], &keys[case.key].1).await, case) })
        .buffer_unordered(16)
        .collect()
        .await;

    let entries = within("all entries", async {
        loop {
            let entries = bed.gateway.entries().await;
            if entries.len() as u64 >= count {
                return entries;
            }
        }
    })
    .await;
    assert_eq!(entries.len() as u64, count);
    let by_id: BTreeMap<&str, &Value> =
        entries.iter().map(|entry| (entry["request_id"].as_str().unwrap(), entry)).collect();
    let mut sums: BTreeMap<(String, String), [u128; 9]> = BTreeMap::new();
    for (id, case) in &ids {
        let entry = by_id.get(id.as_str()).unwrap_or_else(|| panic!("{case:?} has no entry"));
        let expected = case.expected(&routes[case.model]);
        assert_eq!(read(entry), expected_fields(&expected), "{case:?}: {entry}");
        let sum = sums.entry((keys[case.key].0.clone(), format!("model-{}", case.model))).or_default();
        let errors = u128::from(!matches!(expected.outcome, "ok" | "client_abort"));
        let figures = [1, errors, expected.charged.into(), expected.cost.unwrap_or(0).into()];
        for (total, figure) in
            sum.iter_mut().zip(figures.into_iter().chain(expected.tokens[..5].iter().map(|t| u128::from(*t))))
        {
            *total += figure;
        }
    }
    let usage = bed.gateway.admin_json("/admin/usage?group_by=key,model").await;
    let rows = usage["data"].as_array().unwrap();
    assert_eq!(rows.len(), sums.len(), "{usage}");
    for row in rows {
        let place = (row["key"].as_str().unwrap().to_owned(), row["model"].as_str().unwrap().to_owned());
        assert_eq!(read_sums(row), sums[&place], "{place:?}");
    }
    let mut all = [0; 9];
    sums.values().for_each(|sum| all.iter_mut().zip(sum).for_each(|(total, figure)| *total += figure));
    assert_eq!(read_sums(&usage["total"]), all);
    let quotas = bed.gateway.admin_json("/admin/quotas").await;
    for row in quotas["data"].as_array().unwrap() {
        let Some(key) = row["key"].as_str() else { continue };
        let of_key =
            |index: usize| -> u128 { sums.iter().filter(|((id, _), _)| id == key).map(|(_, sum)| sum[index]).sum() };
        assert_eq!(u128::from(row["this_month"]["tokens"].as_u64().unwrap()), of_key(2), "{row}");
        assert_eq!(pico(&row["this_month"]["usd"]).map(u128::from), Some(of_key(3)), "{row}");
        assert_eq!(row["open"], json!(0));
    }
    let report = bed.gateway.ask_admin("POST", "/admin/ledger/check", "").await;
    assert_eq!(report.json()["problems"], json!([]), "{report:?}");
}

type Fields = (String, String, [u64; 6], u64, Option<u64>);

fn expected_fields(expected: &Expected) -> Fields {
    (expected.outcome.to_owned(), expected.source.to_owned(), expected.tokens, expected.charged, expected.cost)
}

const KINDS: [&str; 6] = ["input", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning"];

fn read(entry: &Value) -> Fields {
    let tokens = KINDS.map(|kind| entry["tokens"][kind].as_u64().unwrap_or(0));
    (
        entry["outcome"].as_str().unwrap_or_default().to_owned(),
        entry["usage_source"].as_str().unwrap_or_default().to_owned(),
        tokens,
        entry["charged_tokens"].as_u64().unwrap(),
        pico(&entry["cost_usd"]),
    )
}

fn read_sums(row: &Value) -> [u128; 9] {
    let whole = |value: &Value| u128::from(value.as_u64().unwrap());
    let tokens = |kind: usize| whole(&row["tokens"][KINDS[kind]]);
    [
        whole(&row["requests"]),
        whole(&row["errors"]),
        whole(&row["charged_tokens"]),
        pico(&row["cost_usd"]).unwrap().into(),
        tokens(0),
        tokens(1),
        tokens(2),
        tokens(3),
        tokens(4),
    ]
}

/// A number of dollars, exactly as it was written, in pico-dollars.
fn pico(dollars: &Value) -> Option<u64> {
    // Below a few hundred dollars twelve digits after the point survive a float; what is compared is far smaller.
    dollars.as_f64().map(|dollars| (dollars * 1e12).round() as u64)
}
