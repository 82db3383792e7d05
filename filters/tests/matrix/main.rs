//! Every shape as client and as upstream, sixteen ways, over each thing that a request or an answer can be about. `docs/matrix.md` is made
//! here: `OVTH_WRITE_DOCS=1` writes its tables, else they are compared.
//!
//! What goes in and what is looked for are written by hand (`exchanges`), and a test of its own shows that nobody finds what is not there.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr, reason = "tests")]

mod beyond;
#[path = "../exchanges/mod.rs"]
mod exchanges;
mod feature;
#[expect(dead_code, reason = "the property tests use all of it")]
#[path = "../judge/mod.rs"]
mod judge;
mod page;
mod pitfalls;
mod way;

use beyond::{beyond, refused};
use exchanges::{Ask, Asked, Found, MODEL, Told, next_request, request, stream, whole};
use feature::{Feature, Way, check_broken, check_error};
use ovth_filters::Shape;
use ovth_filters::translate::{self, Upstream};
use page::{compare, tables};
use way::{Cell, profile, read};

#[test]
fn sixteen_ways_carry_everything_or_say_what_they_cannot() {
    let (mut wrong, mut page) = (Vec::new(), Vec::new());
    for way in Way::all() {
        for feature in Feature::ALL {
            let cell = match way.cell(feature) {
                Ok(cell) => cell,
                Err(what) => {
                    wrong.push(format!("{}: {what}", way.name(feature)));
                    continue;
                }
            };
            if let Cell::Refused(param, message) = &cell {
                wrong.push(format!("{}: `{param}` is refused: {message}", way.name(feature)));
            }
            page.push((way, feature, cell));
        }
    }
    assert!(wrong.is_empty(), "{} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
    eprintln!("{} cells hold", page.len());
    let refused = refused();
    eprintln!("{} of {} requests beyond them are refused", refused.matches(" 400 ").count(), beyond().len() * 3);
    compare(&(tables(&page) + &refused));
}

#[test]
fn nobody_finds_in_a_plain_exchange_what_is_looked_for_in_another() {
    for way in Way::all() {
        let asked = Asked::of(way.upstream, &request(way.upstream, Ask::default()));
        let plain = Feature::Plain.reply(way.upstream);
        let told = Told::of(way.client, &whole(way.client, &plain));
        for feature in Feature::ALL {
            let mut asked = asked.clone();
            asked.model = (way.upstream != Shape::GenerateContent).then(|| MODEL.to_owned());
            let asks_more = !matches!(
                feature,
                Feature::Plain
                    | Feature::Streamed
                    | Feature::Length
                    | Feature::Refusal
                    | Feature::ErrorBefore
                    | Feature::ErrorInStream
            );
            assert_eq!(feature.check_asked(way, &asked).is_err(), asks_more, "{}", way.name(feature));
            let reply = feature.reply(way.upstream);
            let says_more =
                feature.has_next() || matches!(feature, Feature::StructuredOutput | Feature::Length | Feature::Refusal);
            assert_eq!(feature.check_told(way.client, &reply, &told).is_err(), says_more, "{}", way.name(feature));
            assert!(
                !feature.has_next() || feature.check_next(way.upstream, &reply, &asked).is_err(),
                "{}",
                way.name(feature)
            );
        }
        if way.client != way.upstream {
            assert!(
                without_state(way).is_err(),
                "{}: state that does not come back is missed",
                way.name(Feature::Thinking)
            );
        }
        assert!(check_error(way.client, &whole(way.client, &plain), "", None).is_err());
        let last = stream(way.client, &plain);
        assert!(check_broken(way.client, last.as_bytes(), "").is_err());
    }
}

/// The next turn of an exchange with thoughts whose state is left out.
fn without_state(way: Way) -> Found {
    let (feature, profile) = (Feature::Thinking, profile());
    let reply = feature.reply(way.upstream);
    let body = request(way.client, feature.ask());
    let answer = way.told(&reply, (false, false), &way.sent(&body, false).unwrap().answering);
    let next = next_request(way.client, body, &answer).to_string();
    let upstream =
        Upstream { shape: way.upstream, profile: &profile, stream: false, max_output: None, without_state: true };
    let sent = translate::request(way.client, next.as_bytes(), upstream).unwrap();
    feature.check_next(way.upstream, &reply, &read(way.upstream, &sent.body))
}
