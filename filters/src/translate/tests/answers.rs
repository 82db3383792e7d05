//! Whole answers told in the other shape.

use super::recordings::{assert_counted, exchanges};
use super::{SEED, Told, answering, codec, other, told, wrapped};
use crate::Shape;
use crate::json::View;
use crate::neutral::{Finish, Usage};
use crate::translate;

#[test]
fn every_answer_that_is_told_in_the_other_shape_says_the_same() {
    let (mut crossed, mut broken) = (Vec::new(), Vec::new());
    for exchange in exchanges() {
        let (name, shape) = (&exchange.name, exchange.shape);
        let Some(body) = exchange.body().filter(|_| exchange.status() == 200) else { continue };
        let view = View::parse(&body).unwrap();
        let answer = codec(shape).decode_response(view, SEED);
        let written = translate::response(shape, other(shape), &body, &answering());
        let (Ok(answer), Ok(written)) = (&answer, &written) else {
            assert_eq!(answer.err(), written.err(), "{name}");
            broken.push(name.clone());
            continue;
        };
        let again = codec(other(shape)).decode_response(View::parse(written).unwrap(), SEED).unwrap();
        let expected = expected(shape, told(answer));
        assert_eq!(told(&again), objects(expected.clone()), "{name}");

        let streamed = translate::response_as_stream(shape, other(shape), &body, &answering()).unwrap();
        let streamed = super::streams::collected(&super::streams::read(other(shape), [streamed.into()])).unwrap();
        assert_eq!(told(&streamed), expected, "{name}: told as a stream");
        crossed.push(name.clone());
    }
    assert_counted("whole answers", &crossed, 41);
    assert_counted("errors inside of a 200", &broken, 1);
}

/// Cut arguments are wrapped in an object where they must be one, which is in whole answers of messages.
fn objects(mut answer: Told) -> Told {
    for (_, _, arguments, _) in &mut answer.calls {
        *arguments = wrapped(arguments.take());
    }
    answer
}

/// What the other shape makes of an answer: all of it but for these.
pub(super) fn expected(from: Shape, mut answer: Told) -> Told {
    match from {
        Shape::Messages => {
            answer.finish = match answer.finish {
                // There is no place for the stop text. `native_finish_reason` tells that it was one, as it does of a paused turn
                // and of a full context window.
                Finish::StopSequence(_) => Finish::StopSequence(None),
                // The explanation is the text of the refusal; there is no place for the category.
                Finish::Filtered { explanation, .. } => {
                    answer.refusal = explanation.unwrap_or_else(|| "The model refused to respond.".to_owned());
                    Finish::Filtered { explanation: None, category: None }
                }
                finish => finish,
            };
        }
        _ => {
            // A citation of messages must have an `encrypted_index`, which nobody can make.
            answer.cited.clear();
            // A refusal is text there, and the reason why it ended.
            if !answer.refusal.is_empty() {
                let refusal = std::mem::take(&mut answer.refusal);
                answer.text.push_str(&refusal);
                answer.finish = Finish::Filtered { explanation: Some(refusal), category: None };
            }
            // Messages has these words for service classes; others would be read as one of them.
            answer.service_class =
                answer.service_class.filter(|class| ["standard", "priority", "batch"].contains(&&**class));
            // Counts are always there, of sound and images none.
            let usage = answer.usage.unwrap_or_default();
            answer.usage = Some(Usage { audio_input: 0, audio_output: 0, image_output: 0, ..usage });
            // Ids of messages begin with `msg_`, and other ones would be refused where they are sent back.
            if !answer.id.starts_with("msg_") {
                answer.id = answering().minted("msg_", 0);
            }
        }
    }
    answer
}
