//! What clients are told of limits: rate-limit headers in the convention of their shape, and refusals in words.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use ovth_filters::Shape;
use ovth_filters::money::PicoDollars;
use ovth_filters::neutral::{ApiError, ErrorClass};

use super::reply::Marks;
use crate::ledger::{Hit, LimitName, Refusal, Room, Scope, Standing};

/// Names of the three headers that tell of one limit.
struct Names {
    limit: &'static str,
    remaining: &'static str,
    reset: &'static str,
}

/// Those of OpenAI. <https://platform.openai.com/docs/guides/rate-limits>
const OPENAI: [Names; 2] = [
    Names {
        limit: "x-ratelimit-limit-requests",
        remaining: "x-ratelimit-remaining-requests",
        reset: "x-ratelimit-reset-requests",
    },
    Names {
        limit: "x-ratelimit-limit-tokens",
        remaining: "x-ratelimit-remaining-tokens",
        reset: "x-ratelimit-reset-tokens",
    },
];

/// Those of Anthropic. <https://platform.claude.com/docs/en/api/rate-limits>
const ANTHROPIC: [Names; 2] = [
    Names {
        limit: "anthropic-ratelimit-requests-limit",
        remaining: "anthropic-ratelimit-requests-remaining",
        reset: "anthropic-ratelimit-requests-reset",
    },
    Names {
        limit: "anthropic-ratelimit-tokens-limit",
        remaining: "anthropic-ratelimit-tokens-remaining",
        reset: "anthropic-ratelimit-tokens-reset",
    },
];

/// Puts what is left into the headers of the answer: of requests and of tokens, the limit that is nearest to its end.
pub(super) fn mark(marks: &mut Marks, standing: &Standing, now: SystemTime) {
    let names = if marks.shape() == Shape::Messages { &ANTHROPIC } else { &OPENAI };
    let of_requests = |name| matches!(name, LimitName::RequestsPerMinute);
    let of_tokens =
        |name| matches!(name, LimitName::TokensPerMinute | LimitName::DailyTokens | LimitName::MonthlyTokens);
    let [requests, tokens] = names;
    for (names, room) in [(requests, tightest(standing, of_requests)), (tokens, tightest(standing, of_tokens))] {
        let Some(room) = room else { continue };
        marks.set(names.limit, &room.limit.to_string());
        marks.set(names.remaining, &room.left().to_string());
        let resets_at = room.resets_at.unwrap_or(now);
        let reset = if marks.shape() == Shape::Messages { moment(resets_at) } else { span(resets_at, now) };
        marks.set(names.reset, &reset);
    }
}

/// Of the limits of that kind the one with the least left.
fn tightest(standing: &Standing, of_kind: impl Fn(LimitName) -> bool) -> Option<&Room> {
    standing.rooms.iter().filter(|room| of_kind(room.name)).min_by_key(|room| room.left())
}

/// RFC 3339 in UTC, whole seconds.
fn moment(at: SystemTime) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let timestamp = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    timestamp.unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// The time from now until then as OpenAI writes it: `1s`, `6m0s`, `3h12m5s`.
fn span(then: SystemTime, now: SystemTime) -> String {
    let left = then.duration_since(now).unwrap_or(Duration::ZERO);
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

/// A refusal as the client is told it.
pub(super) fn error(refusal: &Refusal) -> ApiError {
    match refusal {
        Refusal::Limit(hit) => limit_error(hit),
        Refusal::Storage(_) => ApiError::new(
            ErrorClass::Unavailable,
            "the ledger of this gateway cannot be written just now, and nothing is served unmetered; try again",
        )
        .with_code("ledger_unavailable")
        .with_retry_after(5),
        Refusal::Full => ApiError::new(
            ErrorClass::Unavailable,
            "more requests are under way than the ledger of this gateway has room for; try again",
        )
        .with_code("ledger_busy")
        .with_retry_after(1),
    }
}

fn limit_error(hit: &Hit) -> ApiError {
    let Hit { room, needed, retry_after } = hit;
    let name = room.name.as_str();
    let whose = match room.scope {
        Scope::Key => "this key",
        Scope::Gateway => "this gateway (all keys together)",
        Scope::EndUser => "this end user",
    };
    let (limit, used, left) = (room.limit, room.used, room.left());
    let state = match room.name {
        LimitName::DailyTokens | LimitName::MonthlyTokens | LimitName::TokensPerMinute => format!(
            "{} of {} tokens are used or set aside for requests under way, {} are left, and this request needs at least {}",
            grouped(used),
            grouped(limit),
            grouped(left),
            grouped(*needed),
        ),
        LimitName::DailyUsd | LimitName::MonthlyUsd => format!(
            "${} of ${} are used or set aside for requests under way, ${} are left, and this request needs at least ${}",
            dollars(used),
            dollars(limit),
            dollars(left),
            dollars(*needed),
        ),
        LimitName::RequestsPerMinute if used == 1 => "1 request was made within a minute".to_owned(),
        LimitName::RequestsPerMinute => format!("{} requests were made within a minute", grouped(used)),
        LimitName::MaxConcurrent if limit == 1 => format!("{} of 1 request is under way", grouped(used)),
        LimitName::MaxConcurrent => format!("{} of {} requests are under way", grouped(used), grouped(limit)),
    };
    let reset = match room.resets_at {
        Some(at) if room.name != LimitName::RequestsPerMinute && room.name != LimitName::TokensPerMinute => {
            format!(" It resets at {}.", moment(at))
        }
        Some(_) => format!(" Try again in {retry_after} s."),
        None => " Try again when one has ended.".to_owned(),
    };
    let message = format!("The limit {name} ({}) of {whose} does not allow this request: {state}.{reset}", shown(room));
    let class = if room.name.is_money() { ErrorClass::NoCredit } else { ErrorClass::Quota };
    let code = if room.name.is_money() {
        "insufficient_quota"
    } else if matches!(room.name, LimitName::DailyTokens | LimitName::MonthlyTokens) {
        "quota_exceeded"
    } else {
        "rate_limit_exceeded"
    };
    ApiError::new(class, message).with_code(code).with_retry_after(*retry_after)
}

/// The limit as the configuration has it.
fn shown(room: &Room) -> String {
    if room.name.is_money() { format!("${}", dollars(room.limit)) } else { grouped(room.limit) }
}

/// Dollars to the cent, or as fine as it takes below one.
fn dollars(pico: u64) -> String {
    const CENT: u64 = 10_000_000_000;
    if pico >= 100 * CENT {
        PicoDollars(pico / CENT * CENT).to_string()
    } else {
        PicoDollars(pico / 1_000_000 * 1_000_000).to_string()
    }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use ovth_filters::router::Dialect;

    use super::super::voice::Voice;
    use super::*;

    fn room(name: LimitName, limit: u64, used: u64) -> Room {
        Room { scope: Scope::Key, name, limit, used, resets_at: Some(UNIX_EPOCH + Duration::from_secs(86_400)) }
    }

    fn headers(shape: Shape, standing: &Standing) -> Vec<(String, String)> {
        let mut marks = Marks::new(Voice { shape, dialect: Dialect::Plain }, "req_1".to_owned(), false);
        mark(&mut marks, standing, UNIX_EPOCH + Duration::from_secs(86_400 - 3_725));
        let mut head = pingora::http::ResponseHeader::build(200, None).expect("a head");
        marks.put(&mut head).expect("headers");
        let mut pairs: Vec<_> = head
            .headers
            .iter()
            .filter(|(name, _)| name.as_str().contains("ratelimit"))
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect();
        pairs.sort();
        pairs
    }

    #[test]
    fn the_tightest_limit_of_each_kind_is_told_in_the_convention_of_the_shape() {
        let standing = Standing {
            rooms: vec![
                room(LimitName::DailyTokens, 500, 100),
                room(LimitName::MonthlyTokens, 900, 800),
                room(LimitName::RequestsPerMinute, 60, 61),
                room(LimitName::DailyUsd, 1, 1),
            ],
        };
        let pairs = |list: &[(&str, &str)]| -> Vec<(String, String)> {
            list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(
            headers(Shape::Chat, &standing),
            pairs(&[
                ("x-ratelimit-limit-requests", "60"),
                ("x-ratelimit-limit-tokens", "900"),
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-remaining-tokens", "100"),
                ("x-ratelimit-reset-requests", "1h2m5s"),
                ("x-ratelimit-reset-tokens", "1h2m5s"),
            ])
        );
        assert_eq!(
            headers(Shape::Messages, &standing).get(2),
            pairs(&[("anthropic-ratelimit-requests-reset", "1970-01-02T00:00:00Z")]).first()
        );
        assert!(headers(Shape::Chat, &Standing::default()).is_empty());
    }

    #[test]
    fn a_refusal_names_the_limit_what_is_left_and_when_it_resets() {
        let hit = Hit { room: room(LimitName::DailyTokens, 100_000, 98_766), needed: 5_000, retry_after: 60 };
        let told = error(&Refusal::Limit(hit));
        assert_eq!(told.class, ErrorClass::Quota);
        assert_eq!(told.retry_after, Some(60));
        assert_eq!(
            told.message,
            "The limit daily_tokens (100,000) of this key does not allow this request: 98,766 of 100,000 tokens are used or set \
             aside for requests under way, 1,234 are left, and this request needs at least 5,000. It resets at \
             1970-01-02T00:00:00Z."
        );
    }

    #[test]
    fn one_request_is_no_plural() {
        for (name, said) in [
            (LimitName::RequestsPerMinute, "1 request was made"),
            (LimitName::MaxConcurrent, "1 of 1 request is under way"),
        ] {
            let told = error(&Refusal::Limit(Hit { room: room(name, 1, 1), needed: 1, retry_after: 60 }));
            assert!(told.message.contains(said), "{}", told.message);
        }
    }

    #[test]
    fn exhausted_money_is_another_class_and_is_told_in_dollars() {
        let hit =
            Hit { room: room(LimitName::MonthlyUsd, 20 << 40, 19_999_000_000_000), needed: 1_500_000, retry_after: 1 };
        let told = error(&Refusal::Limit(hit));
        assert_eq!(told.class, ErrorClass::NoCredit);
        assert!(told.message.contains("$19.99 of $21.99 are used"), "{}", told.message);
        assert!(told.message.contains("at least $0.000001"), "{}", told.message);
    }

    #[test]
    fn times_are_written_as_openai_writes_them() {
        for (seconds, text) in [(0, "0s"), (59, "59s"), (360, "6m0s"), (3_600, "1h0m0s")] {
            assert_eq!(span(UNIX_EPOCH + Duration::from_secs(seconds), UNIX_EPOCH), text);
        }
    }
}
