//! One way from a client to a provider and back, and what becomes of an exchange on it.

use bytes::{Bytes, BytesMut};
use ovth_filters::json::splice;
use ovth_filters::neutral::{Answering, ApiError, Effort, ErrorClass, HostRules, Origin, Profile, Thinking};
use ovth_filters::shapes::{Edits, InPath, decode_error, encode_error, peek_in_path};
use ovth_filters::tap::{EventKind, Tap};
use ovth_filters::translate::{self, Aggregate, StreamTranslator, Upstream};
use ovth_filters::{Operation, Shape};
use serde_json::Value;

use super::exchanges::{
    Ask, Asked, ERROR, MODEL, REFUSAL, Reply, TEXT, Told, assembled, broken_stream, error, error_status, holds,
    next_request, request, same, stream, whole,
};
use super::feature::{Feature, Way, check_broken, check_error};
use super::judge::answer::{End, stream as judge_stream, whole as judge_whole};
use super::judge::feed::events;
use super::judge::request::judge_request;

/// What a cell of the table holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// The bytes pass.
    Passes,
    /// It is told, with these warnings.
    Told(String),
    /// It is refused: 400, with the field and the words.
    Refused(String, String),
}

fn origin() -> Origin<'static> {
    Origin { provider: "p".into(), family: "f".into(), account: "a".into() }
}

/// A model that takes all that its shape can say.
pub(crate) fn profile() -> Profile {
    Profile {
        model: MODEL.to_owned(),
        origin: origin(),
        thinking: Thinking::Adaptive,
        efforts: vec![Effort::Minimal, Effort::Low, Effort::Medium, Effort::High],
        reads_signatures: true,
        structured_outputs: Some(true),
        host: HostRules {
            max_completion_tokens: true,
            openai_fields: true,
            router_fields: true,
            stream_options: true,
            ..HostRules::default()
        },
        ..Profile::default()
    }
}

impl Way {
    pub(crate) fn name(self, feature: Feature) -> String {
        format!("{} to {}, {}", self.client, self.upstream, feature.words().0)
    }

    /// `streams`: where the path of the client's request says so, or the gateway wants it.
    pub(crate) fn sent(self, body: &Value, streams: bool) -> Result<translate::Translated, ApiError> {
        let profile = profile();
        let upstream = Upstream {
            shape: self.upstream,
            profile: &profile,
            stream: streams,
            max_output: None,
            without_state: false,
        };
        let body = body.to_string();
        let mut sent = translate::request(self.client, body.as_bytes(), upstream)?;
        assert!(judge_request(self.client, body.as_bytes(), upstream), "the same request is taken again");
        (sent.answering.created, sent.answering.seed) = (1_700_000_000, "seed".to_owned());
        Ok(sent)
    }

    /// The answer in each way in which it can come, as the client has it in the end.
    pub(crate) fn told(self, reply: &Reply, (wants_stream, streams): (bool, bool), answering: &Answering) -> Value {
        let Way { client, upstream } = self;
        let one = |bytes: Vec<u8>| {
            if wants_stream {
                let (_, end) = judge_stream(client, &bytes);
                assert_eq!(end, End::Success);
                assembled(client, &String::from_utf8(bytes).unwrap())
            } else {
                judge_whole(client, &bytes);
                serde_json::from_slice(&bytes).unwrap()
            }
        };
        if !streams {
            let body = whole(upstream, reply).to_string();
            return one(translate::answer((upstream, client), body.as_bytes(), answering, wants_stream).unwrap().body);
        }
        let bytes = Bytes::from(stream(upstream, reply));
        let mut all = Vec::new();
        for size in [bytes.len(), 1, 37] {
            let cuts: Vec<usize> = (0..bytes.len()).step_by(size).collect();
            let events = events(&bytes, &cuts);
            all.push(if wants_stream {
                let mut translator = StreamTranslator::new(upstream, client, answering).unwrap();
                let mut out = BytesMut::new();
                events.iter().for_each(|event| translator.event(event, &mut out).unwrap());
                translator.end(&mut out).unwrap();
                out.to_vec()
            } else {
                let mut aggregate = Aggregate::new(upstream, client, answering).unwrap();
                events.iter().for_each(|event| aggregate.event(event));
                aggregate.end().unwrap()
            });
        }
        assert!(all.iter().all(|told| *told == all[0]), "cuts make no difference");
        one(all.swap_remove(0))
    }

    /// The cell, or what is wrong with it.
    pub(crate) fn cell(self, feature: Feature) -> Result<Cell, String> {
        match feature {
            Feature::ErrorBefore => return self.refused(),
            Feature::ErrorInStream => return self.broken(),
            _ if self.client == self.upstream => return self.passed(feature),
            _ => {}
        }
        let reply = feature.reply(self.upstream);
        let mut losses = None;
        for &form in feature.forms() {
            let ask = Ask { stream: form.0, ..feature.ask() };
            let body = request(self.client, ask);
            let streams = form.1 || (form.0 && self.client == Shape::GenerateContent);
            let sent = match self.sent(&body, streams) {
                Ok(sent) => sent,
                Err(error) => {
                    same("refused as", error.class, ErrorClass::BadRequest)?;
                    return Ok(Cell::Refused(error.param.unwrap_or_default(), error.message));
                }
            };
            same("whether a stream is asked for", sent.stream, form.0 || form.1)?;
            let found = sent.losses.to_string();
            same("the warnings", losses.get_or_insert_with(|| found.clone()).as_str(), &found)?;
            feature.check_asked(self, &read(self.upstream, &sent.body))?;
            let answer = self.told(&reply, form, &sent.answering);
            feature
                .check_told(self.client, &reply, &Told::of(self.client, &answer))
                .map_err(|wrong| format!("{form:?}: {wrong}"))?;
            if feature.has_next() {
                let next = next_request(self.client, body, &answer);
                let sent = self.sent(&next, streams).map_err(|error| format!("the next turn: {error:?}"))?;
                let asked = read(self.upstream, &sent.body);
                feature
                    .check_next(self.upstream, &reply, &asked)
                    .map_err(|wrong| format!("{form:?}, the next turn: {wrong}"))?;
                same("the warnings of the next turn", sent.losses.to_string(), losses.clone().unwrap_or_default())?;
            }
        }
        Ok(Cell::Told(losses.unwrap_or_default()))
    }

    /// Within one shape: all bytes pass but for the model, and the tap reads what is counted.
    fn passed(self, feature: Feature) -> Result<Cell, String> {
        let shape = self.client;
        let reply = feature.reply(shape);
        for &(streams, _) in feature.forms() {
            let body = request(shape, Ask { stream: streams, ..feature.ask() });
            let bytes = Bytes::from(body.to_string());
            let path = InPath { model: MODEL, stream: streams };
            let peek = peek_in_path(shape, Operation::Generate, path, &bytes).map_err(|error| error.message)?;
            let edits = Edits { model: "another", ask_usage: true, completion_tokens_field: false, max_output: None };
            let edited: Value = serde_json::from_slice(&splice(&bytes, &peek.edits(&edits)).concat()).unwrap();
            let mut expected = body;
            if shape != Shape::GenerateContent {
                expected["model"] = "another".into();
            }
            same("the request", &edited, &expected)?;
            expected["model"] = MODEL.into();
            let mut asked = Asked::of(shape, &expected);
            if shape == Shape::GenerateContent {
                asked.model = None;
            }
            feature.check_asked(self, &asked)?;

            let mut tap = Tap::new(shape);
            let answer = if streams {
                let bytes = stream(shape, &reply);
                events(&Bytes::from(bytes.clone()), &[]).iter().for_each(|event| drop(tap.event(event)));
                assembled(shape, &bytes)
            } else {
                let answer = whole(shape, &reply);
                tap.body(answer.to_string().as_bytes());
                answer
            };
            holds("the tap sees the end", tap.is_complete())?;
            let usage = tap.usage().ok_or("the tap reads the counts")?;
            let thoughts = if reply.thinks { 5 } else { 0 };
            same(
                "the counts",
                (usage.prompt(), usage.cache_read, usage.output, usage.reasoning),
                (100, 40, 20, thoughts),
            )?;
            same("the model", tap.model(), Some("m-1"))?;
            let mut told = Told::of(shape, &answer);
            if shape == Shape::GenerateContent && feature == Feature::ParallelToolCalls {
                // This provider gave none.
                told.calls.iter_mut().enumerate().for_each(|(number, call)| call.0 = number.to_string());
            }
            if feature == Feature::Refusal {
                holds("the words of the refusal", (told.refusal + &told.text).contains(REFUSAL))?;
            } else {
                feature.check_told(shape, &reply, &told)?;
            }
        }
        Ok(Cell::Passes)
    }

    /// An error with a status.
    fn refused(self) -> Result<Cell, String> {
        let body = error(self.upstream).to_string();
        let found = decode_error(self.upstream, body.as_bytes());
        same("its class", found.class(), Some(ErrorClass::RateLimit))?;
        let error = found.into_api_error();
        for retry_after in [Some(37), None] {
            let encoded = encode_error(self.client, &ApiError { retry_after, ..error.clone() }, "req_1");
            same("the status", encoded.status, error_status())?;
            check_error(self.client, &serde_json::from_slice(&encoded.body).unwrap(), ERROR, retry_after)?;
        }
        Ok(if self.client == self.upstream { Cell::Passes } else { Cell::Told(String::new()) })
    }

    /// A stream that breaks, with an error and without.
    fn broken(self) -> Result<Cell, String> {
        let reply = Feature::Plain.reply(self.upstream);
        for with_error in [true, false] {
            let bytes = Bytes::from(broken_stream(self.upstream, &reply, with_error));
            if self.client == self.upstream {
                let mut tap = Tap::new(self.client);
                let kinds: Vec<EventKind> = events(&bytes, &[]).iter().map(|event| tap.event(event)).collect();
                let is_error = matches!(kinds.last(), Some(EventKind::Error(_)));
                same("an error is seen", is_error, with_error)?;
                holds("content is seen before it", kinds.contains(&EventKind::Content))?;
                holds("and no end", !tap.is_complete())?;
                let broke = ApiError::new(ErrorClass::Overloaded, ERROR);
                check_broken(self.client, &tap.error_event(&broke, "req_1"), ERROR)?;
                continue;
            }
            let ask = Ask { stream: true, ..Ask::default() };
            let sent = self.sent(&request(self.client, ask), true).map_err(|error| error.message)?;
            let mut translator = StreamTranslator::new(self.upstream, self.client, &sent.answering).unwrap();
            let mut out = BytesMut::new();
            let mut failure = None;
            for event in events(&bytes, &[]) {
                failure = failure.or(translator.event(&event, &mut out).err());
            }
            let failure = failure.or(translator.end(&mut out).err()).ok_or("it is told as a whole answer")?;
            let before = String::from_utf8(out.to_vec()).unwrap();
            let first = Value::from(TEXT.chars().take(7).collect::<String>()).to_string();
            holds("the text before it", before.contains(first.trim_matches('"')))?;
            if with_error {
                same("its class", failure.class, ErrorClass::Overloaded)?;
                holds("its words", failure.message.contains(ERROR))?;
            } else {
                same("its class", failure.class, ErrorClass::Upstream)?;
            }
            let place = out.len();
            translator.fail(failure, "req_1", &mut out);
            let (_, end) = judge_stream(self.client, &out);
            same("how it ends", end, End::Error)?;
            let own = std::str::from_utf8(&out[place..]).unwrap();
            holds("the request's id", self.client != Shape::Messages || own.contains("\"request_id\":\"req_1\""))?;
            if with_error {
                check_broken(self.client, own.as_bytes(), ERROR)?;
            }
        }
        Ok(if self.client == self.upstream { Cell::Passes } else { Cell::Told(String::new()) })
    }
}

pub(crate) fn read(shape: Shape, body: &[u8]) -> Asked {
    Asked::of(shape, &serde_json::from_slice(body).unwrap())
}
