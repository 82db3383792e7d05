//! Sixteen ways between four shapes through the running gateway: what `filters/tests/matrix` looks for, where a transport is between.

#[path = "../../filters/tests/exchanges/mod.rs"]
mod exchanges;
#[expect(dead_code, reason = "the matrix of the filters uses all of it")]
#[path = "../../filters/tests/matrix/feature.rs"]
mod feature;

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::{Answer, Connection, Gate, Gateway, Request, Response, Seen, Upstream, Way as Wire};
use exchanges::{
    Ask, Asked, MODEL, SHAPES, Told, assembled, broken_stream, error, error_status, next_request, request, stream,
    whole,
};
use feature::{Feature, Way, check_broken, check_error};
use ovth_filters::Shape;

/// What a provider does; each pair has failures of its own, as a target that failed is left alone for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Conduct {
    Answers,
    /// With a status, to that client.
    Refuses(Shape),
    /// In the middle, with an error, to that client.
    Breaks(Shape),
    /// In the middle, without a word, to that client.
    Stops(Shape),
}

impl Conduct {
    fn all() -> Vec<Conduct> {
        let of = |make: fn(Shape) -> Conduct| SHAPES.map(make);
        [
            vec![Conduct::Answers],
            of(Conduct::Refuses).to_vec(),
            of(Conduct::Breaks).to_vec(),
            of(Conduct::Stops).to_vec(),
        ]
        .concat()
    }

    fn name(self) -> String {
        match self {
            Conduct::Answers => "answers".to_owned(),
            Conduct::Refuses(client) => format!("refuses-{client}"),
            Conduct::Breaks(client) => format!("breaks-{client}"),
            Conduct::Stops(client) => format!("stops-{client}"),
        }
    }
}

fn route(upstream: Shape, conduct: Conduct) -> String {
    format!("{upstream}-{}", conduct.name()).replace('_', "-")
}

struct Scene {
    gateway: Gateway,
    upstream: Upstream,
    /// What those that answer answer about.
    about: Arc<Mutex<Feature>>,
    /// Where those that break off wait until the client has what came before.
    gate: Gate,
}

impl Scene {
    async fn start() -> Scene {
        let about = Arc::new(Mutex::new(Feature::Plain));
        let gate = Gate::new();
        let (known, at) = (Arc::clone(&about), gate.clone());
        let upstream = Upstream::new(move |seen| answer(seen, *known.lock().unwrap(), &at)).await;
        let (mut providers, mut routes) = (String::new(), String::new());
        for shape in SHAPES {
            for conduct in Conduct::all() {
                let name = route(shape, conduct);
                providers += &format!(
                    "  {name}: {{base_url: 'http://{}/{name}/v1', api_key: upstream-secret-0123456789, shapes: [{shape}], models: [{MODEL}]}}\n",
                    upstream.address()
                );
                routes += &format!("  {name}: {{providers: [{name}], models: [{MODEL}]}}\n");
            }
        }
        let gateway = Gateway::start(&format!("providers:\n{providers}routes:\n{routes}")).await;
        Scene { gateway, upstream, about, gate }
    }

    fn request(&self, client: Shape, route: &str, body: &Value, streams: bool) -> Request {
        let mut body = body.clone();
        let key = self.gateway.key();
        match client {
            Shape::GenerateContent => {
                let call = if streams { "streamGenerateContent?alt=sse" } else { "generateContent" };
                Request::post(format!("/gemini/v1beta/models/{route}:{call}"), body.to_string())
                    .header("x-goog-api-key", key)
            }
            client => {
                body["model"] = json!(route);
                let path = match client {
                    Shape::Chat => "/v1/chat/completions",
                    Shape::Responses => "/v1/responses",
                    _ => "/anthropic/v1/messages",
                };
                Request::post(path, body.to_string()).bearer(key)
            }
        }
    }

    /// What the gateway says, and what the provider was sent.
    async fn ask(
        &self,
        client: Shape,
        route: &str,
        body: &Value,
        streams: bool,
    ) -> Result<(Response, Arc<Seen>), String> {
        let request = self.request(client, route, body, streams);
        let before = self.upstream.requests().len();
        let response = self.gateway.send(&request, Wire::Sized).await;
        let seen = self.upstream.requests();
        if seen.len() == before {
            return Err(format!("the provider was not asked: {} {}", response.status, response.text()));
        }
        Ok((response, Arc::clone(&seen[seen.len() - 1])))
    }
}

/// What the provider of that path says.
fn answer(seen: &Seen, about: Feature, gate: &Gate) -> Answer {
    let path = seen.head.path();
    let is_of = |upstream: &Shape, conduct: &Conduct| path.starts_with(&format!("/{}/", route(*upstream, *conduct)));
    let conducts = Conduct::all();
    let both = SHAPES.iter().flat_map(|upstream| conducts.iter().map(move |conduct| (upstream, conduct)));
    let (upstream, conduct) =
        both.into_iter().find(|(upstream, conduct)| is_of(upstream, conduct)).expect("one of ours");
    let reply = about.reply(*upstream);
    let plain = Feature::Plain.reply(*upstream);
    let begun = broken_stream(*upstream, &plain, false);
    let whole_of_it = broken_stream(*upstream, &plain, true);
    let error_event = whole_of_it.strip_prefix(&begun).expect("it begins so");
    let streams = path.contains("streamGenerateContent") || seen.json()["stream"] == true;
    match conduct {
        Conduct::Refuses(_) => {
            let headers = [("content-type", "application/json"), ("retry-after", "37")];
            // Google says it in the body.
            let headers = if *upstream == Shape::GenerateContent { &headers[..1] } else { &headers[..] };
            Answer::whole(error_status(), headers, error(*upstream).to_string())
        }
        // What comes before anything went out would be an answer with a status.
        Conduct::Breaks(_) => Answer::stream().event(&begun).wait(gate).event(error_event).finished(),
        Conduct::Stops(_) => Answer::stream().event(&begun).wait(gate).cut(),
        Conduct::Answers if streams => Answer::stream().event(stream(*upstream, &reply)).finished(),
        Conduct::Answers => Answer::json(200, whole(*upstream, &reply).to_string()),
    }
}

/// The clients whose paths are served.
const CLIENTS: [Shape; 4] = SHAPES;

/// What depends on no more than the shapes: the catalogue does not know the model.
const FEATURES: [Feature; 9] = [
    Feature::Plain,
    Feature::Streamed,
    Feature::ToolCall,
    Feature::ParallelToolCalls,
    Feature::ToolResults,
    Feature::Image,
    Feature::StructuredOutput,
    Feature::Length,
    Feature::Refusal,
];

/// The answer as the client has it in the end.
fn told(client: Shape, response: &Response, streams: bool) -> Value {
    if streams { assembled(client, response.text()) } else { response.json() }
}

async fn carries(scene: &Scene, way: Way, feature: Feature, streams: bool) -> Result<(), String> {
    let Way { client, upstream } = way;
    *scene.about.lock().unwrap() = feature;
    let (route, reply) = (route(upstream, Conduct::Answers), feature.reply(upstream));
    let body = request(client, Ask { stream: streams, ..feature.ask() });
    let (response, seen) = scene.ask(client, &route, &body, streams).await?;
    if response.status != 200 {
        return Err(format!("{}: {}", response.status, response.text()));
    }
    let kind = response.header("content-type").unwrap_or_default();
    let expected = if streams { "text/event-stream" } else { "application/json" };
    exchanges::holds("the content type", kind.starts_with(expected))?;
    feature.check_asked(way, &Asked::of(upstream, &seen.json()))?;
    let answer = told(client, &response, streams);
    let found = Told::of(client, &answer);
    if client == upstream && matches!(feature, Feature::Refusal | Feature::ParallelToolCalls) {
        // The provider's own word, and the ids that it did not give.
        return exchanges::same("the answer", found, Told::of(client, &whole(upstream, &reply)));
    }
    feature.check_told(client, &reply, &found)?;
    if feature.has_next() && client != upstream {
        let (response, seen) = scene.ask(client, &route, &next_request(client, body, &answer), streams).await?;
        exchanges::same("the status of the next turn", response.status, 200)?;
        feature.check_next(upstream, &reply, &Asked::of(upstream, &seen.json()))?;
    }
    Ok(())
}

/// The last event of a stream that is not there to keep it alive.
fn last_event(text: &str) -> &str {
    text.trim_end().rsplit("\n\n").find(|event| !event.starts_with(':')).unwrap_or_default()
}

async fn fails(scene: &Scene, Way { client, upstream }: Way) -> Result<(), String> {
    *scene.about.lock().unwrap() = Feature::Plain;
    let streamed = request(client, Ask { stream: true, ..Ask::default() });
    let (refused, _) = scene.ask(client, &route(upstream, Conduct::Refuses(client)), &streamed, true).await?;
    exchanges::same("the status", refused.status, error_status())?;
    exchanges::same("when to try again", refused.header("retry-after"), Some("37"))?;
    // What a provider says of the operator's account is not the client's.
    check_error(client, &refused.json(), "limits the rate of the gateway's requests", Some(37))?;
    exchanges::holds("none of the provider's words", !refused.text().contains(exchanges::ERROR))?;

    for conduct in [Conduct::Breaks(client), Conduct::Stops(client)] {
        scene.gate.close();
        let mut connection = Connection::open(scene.gateway.address()).await;
        connection.send(&scene.request(client, &route(upstream, conduct), &streamed, true), Wire::Sized).await;
        exchanges::same("the status of a stream", connection.head().await.status(), 200)?;
        scene.gate.open();
        let (bytes, _) = connection.rest().await;
        let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
        let first: String = exchanges::TEXT.chars().take(7).collect();
        exchanges::holds(&format!("the text before it: {text}"), text.contains(&first))?;
        exchanges::holds(
            &format!("no mark of success: {text}"),
            !text.contains("[DONE]") && !text.contains("message_stop"),
        )?;
        let last = last_event(&text);
        if conduct == Conduct::Breaks(client) {
            // Within one shape the provider's event is passed on.
            let words = if client == upstream { exchanges::ERROR } else { "is overloaded. Try again later." };
            check_broken(client, format!("{last}\n\n").as_bytes(), words)?;
        }
        let is_error = match client {
            Shape::Chat | Shape::GenerateContent => last.starts_with("data: {\"error\":"),
            Shape::Responses => last.starts_with("event: response.failed\n"),
            Shape::Messages => last.starts_with("event: error\n"),
        };
        exchanges::holds(&format!("an error ends it: {last}"), is_error)?;
    }
    Ok(())
}

#[tokio::test]
async fn sixteen_ways_carry_everything_through_the_gateway() {
    let scene = Scene::start().await;
    let (mut wrong, mut held) = (Vec::new(), 0);
    for way in Way::all().filter(|way| CLIENTS.contains(&way.client)) {
        for feature in FEATURES {
            for streams in [false, true] {
                match carries(&scene, way, feature, streams).await {
                    Ok(()) => held += 1,
                    Err(what) => wrong.push(format!("{way:?}, {feature:?}, stream {streams}: {what}")),
                }
            }
        }
        match fails(&scene, way).await {
            Ok(()) => held += 1,
            Err(what) => wrong.push(format!("{way:?}, errors: {what}")),
        }
    }
    assert!(wrong.is_empty(), "{held} hold, and {} do not:\n{}", wrong.len(), wrong.join("\n"));
    println!("{held} exchanges hold over {} ways", CLIENTS.len() * SHAPES.len());
}
