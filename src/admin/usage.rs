//! The call that sums up exchanges: by day, key, model, provider, route and end user.

use http::StatusCode;
use http::request::Parts;
use serde::Serialize;

use ovth_filters::neutral::Usage;

use super::Admin;
use super::moment::{Moment, day_of, day_text};
use super::money::{HostedRouter, Usd};
use super::query::Parameters;
use super::response::{AdminResponse, Refused};
use crate::keys::KeyId;
use crate::ledger::{GroupBy, Sums, UsageQuery, UsageReport, UsageRow};

const PARAMETERS: [&str; 8] = ["since", "until", "group_by", "key", "model", "provider", "route", "end_user"];

/// What can be grouped by, in the order in which groups are named.
const GROUPS: [(&str, GroupBy); 6] = [
    ("day", GroupBy::Day),
    ("key", GroupBy::Key),
    ("model", GroupBy::Model),
    ("provider", GroupBy::Provider),
    ("route", GroupBy::Route),
    ("end_user", GroupBy::EndUser),
];

/// What the id of a key must be.
pub(super) const KEY_ID: &str = "the id of a key, like key_0123456789abcdef";

/// Tokens by kind.
#[derive(Serialize)]
pub(super) struct Tokens {
    input: u64,
    cache_read: u64,
    cache_write: u64,
    cache_write_1h: u64,
    output: u64,
    reasoning: u64,
    audio_input: u64,
    audio_output: u64,
    image_output: u64,
}

impl From<&Usage> for Tokens {
    fn from(usage: &Usage) -> Tokens {
        Tokens {
            input: usage.input,
            cache_read: usage.cache_read,
            cache_write: usage.cache_write,
            cache_write_1h: usage.cache_write_1h,
            output: usage.output,
            reasoning: usage.reasoning,
            audio_input: usage.audio_input,
            audio_output: usage.audio_output,
            image_output: usage.image_output,
        }
    }
}

#[derive(Serialize)]
struct SumsBody {
    requests: u64,
    errors: u64,
    tokens: Tokens,
    web_searches: u64,
    charged_tokens: u64,
    cost_usd: Usd,
    unpriced_requests: u64,
    duration_ms: u64,
}

impl From<&Sums> for SumsBody {
    fn from(sums: &Sums) -> SumsBody {
        SumsBody {
            requests: sums.requests,
            errors: sums.errors,
            tokens: Tokens::from(&sums.usage),
            web_searches: sums.usage.web_searches,
            charged_tokens: sums.charged_tokens,
            cost_usd: Usd(sums.cost),
            unpriced_requests: sums.unpriced_requests,
            duration_ms: sums.duration_ms,
        }
    }
}

/// A group: of its names those that are grouped by; null is none (no route taken, no model reached).
#[derive(Serialize)]
struct Row<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_user: Option<Option<&'a str>>,
    #[serde(flatten)]
    sums: SumsBody,
}

impl<'a> From<&'a UsageRow> for Row<'a> {
    fn from(row: &'a UsageRow) -> Row<'a> {
        fn name(name: &Option<String>) -> Option<Option<&str>> {
            name.as_deref().map(|name| Some(name).filter(|name| !name.is_empty()))
        }
        Row {
            day: row.day.map(day_text),
            key: name(&row.key),
            model: name(&row.model),
            provider: name(&row.provider),
            route: name(&row.route),
            end_user: name(&row.end_user),
            sums: SumsBody::from(&row.sums),
        }
    }
}

#[derive(Serialize)]
struct Report<'a> {
    object: &'static str,
    since: Option<String>,
    until: Option<String>,
    group_by: Vec<&'static str>,
    data: Vec<Row<'a>>,
    total: SumsBody,
    hosted_router: HostedRouter,
}

/// `GET /admin/usage`
pub(super) async fn usage(admin: &Admin, head: &Parts) -> Result<AdminResponse, Refused> {
    let now = admin.now();
    let mut query = Parameters::new(head.uri.query(), &PARAMETERS);
    let (since, until) = query.span(now);
    let groups = groups(&mut query);
    let asked = UsageQuery {
        days: days(since, until, day_of(now)),
        group_by: groups.iter().map(|(_, group)| *group).collect(),
        key: query.read("key", KEY_ID, KeyId::parse).map(|key| key.as_str().to_owned()),
        model: query.text("model"),
        provider: query.text("provider"),
        route: query.text("route"),
        end_user: query.text("end_user"),
    };
    query.finish()?;
    let UsageReport { rows, total } = admin.read(move |ledger| ledger.usage(&asked)).await?;
    let body = Report {
        object: "usage",
        since: since.map(|since| day_text(since.day())),
        until: until.map(|until| day_text(until.day())),
        group_by: groups.iter().map(|(name, _)| *name).collect(),
        data: rows.iter().map(Row::from).collect(),
        total: SumsBody::from(&total),
        hosted_router: HostedRouter::of(total.cost),
    };
    Ok(AdminResponse::json(StatusCode::OK, &body))
}

/// The whole UTC days from one moment to another, both days included; without an end until today.
fn days(since: Option<Moment>, until: Option<Moment>, today: u32) -> Option<std::ops::RangeInclusive<u32>> {
    if since.is_none() && until.is_none() {
        return None;
    }
    let first = since.map_or(0, Moment::day);
    Some(first..=until.map_or(today.max(first), Moment::day))
}

fn groups(query: &mut Parameters<'_>) -> Vec<(&'static str, GroupBy)> {
    let Some(text) = query.value("group_by").map(str::to_owned) else { return Vec::new() };
    let mut groups: Vec<(&'static str, GroupBy)> = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match GROUPS.iter().find(|(known, _)| *known == name) {
            Some(group) if groups.contains(group) => query.wrong("group_by", "a list that has each name once", &text),
            Some(group) => groups.push(*group),
            None => {
                let known = GROUPS.map(|(name, _)| name).join(", ");
                query.wrong("group_by", format_args!("a list of {known}, joined by commas"), name);
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_and_both_ends_count() {
        let (noon, day) = (Moment::Point(86_400_000 * 10 + 43_200_000), Moment::Day(86_400 * 12));
        assert_eq!(days(Some(noon), Some(day), 20), Some(10..=12));
        assert_eq!(days(Some(noon), None, 20), Some(10..=20));
        assert_eq!(days(None, Some(day), 20), Some(0..=12));
        assert_eq!(days(None, None, 20), None);
        assert_eq!(days(Some(Moment::Day(86_400 * 30)), None, 20), Some(30..=30), "of the future there is nothing");
    }

    #[test]
    fn groups_are_named_once_each() {
        let read = |text: &str| {
            let query_text = format!("group_by={text}");
            let mut query = Parameters::new(Some(&query_text), &PARAMETERS);
            let groups = groups(&mut query);
            (groups.iter().map(|(name, _)| *name).collect::<Vec<_>>(), query.finish().is_ok())
        };
        assert_eq!(read("day,model"), (vec!["day", "model"], true));
        assert_eq!(read("end_user,%20route"), (vec!["end_user", "route"], true));
        assert_eq!(read(""), (vec![], true));
        assert!(!read("day,day").1);
        assert!(!read("week").1);
    }
}
