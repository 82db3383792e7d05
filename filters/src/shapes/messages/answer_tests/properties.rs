//! Whatever is open at once and however it is cut: what a client makes of a stream is what the provider said.

use proptest::prelude::*;

use super::{answering, collected, decoded, encoded, judge, normal, read, write};
use crate::neutral::{
    Event, Finish, Opening, Part, Reasoning, Response, State, StateFormat, TextPart, ToolCall, Usage,
};
use crate::translate::told;

fn part() -> impl Strategy<Value = Part<'static>> {
    let state = prop_oneof![
        "[A-Za-z0-9+/=]{1,20}".prop_map(|data| (StateFormat::AnthropicSignature, data)),
        "[A-Za-z0-9+/=]{1,20}".prop_map(|data| (StateFormat::AnthropicRedacted, data)),
    ];
    let state =
        state.prop_map(|(format, data)| State { format, data: data.into(), id: None, origin: None, extra: None });
    prop_oneof![
        "\\PC{1,40}".prop_map(|text| Part::Text(TextPart::new(text))),
        ("\\PC{0,20}", state).prop_map(|(text, state)| {
            let text = if state.format == StateFormat::AnthropicRedacted { String::new() } else { text };
            Part::Reasoning(Reasoning { text: text.into(), summary: false, state: Some(state) })
        }),
        ("[a-z0-9_]{1,8}", "[a-zA-Z_]{1,8}", proptest::collection::btree_map("\\PC{1,6}", 0_u32..9, 0..4)).prop_map(
            |(id, name, arguments)| {
                let arguments = serde_json::to_string(&arguments).unwrap();
                Part::ToolCall(ToolCall {
                    id: id.into(),
                    name: name.into(),
                    arguments: arguments.into(),
                    custom: false,
                    cache: None,
                    state: None,
                })
            }
        ),
    ]
}

fn response() -> impl Strategy<Value = Response> {
    let usage = (0_u64..1_000, 0_u64..1_000, 0_u64..1_000, 0_u64..1_000, 0_u64..1_000).prop_map(
        |(input, cache_read, cache_write, cache_write_1h, output)| Usage {
            input,
            cache_read,
            cache_write,
            cache_write_1h,
            output,
            reasoning: output / 2,
            ..Usage::default()
        },
    );
    (proptest::collection::vec(part(), 0..8), usage).prop_map(|(mut parts, usage)| {
        let mut number = 0;
        for part in &mut parts {
            if let Part::ToolCall(call) = part {
                number += 1;
                call.id = format!("{}-{number}", call.id).into();
            }
        }
        let (finish, native) = if number > 0 { (Finish::ToolCalls, "tool_use") } else { (Finish::Stop, "end_turn") };
        Response {
            id: "msg_1".to_owned(),
            model: "m".to_owned(),
            parts,
            finish,
            native_finish: native.to_owned(),
            usage: Some(usage),
            service_class: None,
        }
    })
}

/// The same events with all calls open until the end and their arguments cut and mixed.
fn mixed(events: Vec<Event>, order: &[usize]) -> Vec<Event> {
    let is_call = |event: &Event| matches!(event, Event::Open { what: Opening::ToolCall { .. }, .. });
    let calls: Vec<u32> = events
        .iter()
        .filter(|event| is_call(event))
        .filter_map(|event| if let Event::Open { part, .. } = event { Some(*part) } else { None })
        .collect();
    let (mut first, mut late, mut last) = (Vec::new(), Vec::<Event>::new(), Vec::new());
    for event in events {
        match event {
            Event::Arguments { part, json } => {
                for piece in json.chars().collect::<Vec<char>>().chunks(3) {
                    late.push(Event::Arguments { part, json: piece.iter().collect() });
                }
            }
            Event::Close { part } if calls.contains(&part) => last.push(Event::Close { part }),
            Event::Finish { .. } | Event::Usage(_) | Event::End => last.push(event),
            event => first.push(event),
        }
    }
    // Pieces of one call stay in their order, calls are mixed.
    while !late.is_empty() {
        let pick = order.get(late.len() % order.len().max(1)).copied().unwrap_or(0) % late.len();
        let Some(part) =
            late.get(pick).and_then(|event| if let Event::Arguments { part, .. } = event { Some(*part) } else { None })
        else {
            break;
        };
        let at =
            late.iter().position(|event| matches!(event, Event::Arguments { part: own, .. } if *own == part)).unwrap();
        first.push(late.remove(at));
    }
    first.extend(last);
    first
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn an_answer_comes_back_as_it_was_told(response in response()) {
        let again = decoded(&encoded(&response, &answering()).to_string()).unwrap();
        prop_assert_eq!(normal(again), normal(response));
    }

    #[test]
    fn a_stream_comes_back_as_it_was_told_whatever_was_open_at_once(
        response in response(),
        order in proptest::collection::vec(0_usize..50, 1..10),
    ) {
        let events = mixed(told(response.clone()), &order);
        judge::contract(&events);
        let stream = write(&events, &answering());
        let message = judge::judged(&stream);
        let expected = normal(response);
        prop_assert_eq!(&normal(decoded(&message.to_string()).unwrap()), &expected);
        prop_assert_eq!(&normal(collected(&read([stream])).unwrap()), &expected);
    }
}
