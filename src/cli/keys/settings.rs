//! The settings of a key as they are said on the command line.

use std::str::FromStr;

use clap::Args;

use super::body::{Body, Cap, LimitName, Limits, Set};
use crate::cli::failure::Failure;
use crate::cli::figures::Usd;
use crate::cli::when::{Moment, WhenError};

/// The word that takes a setting back.
const DEFAULT: &str = "default";
const UNLIMITED: &str = "unlimited";

/// What a key may do. Without an option the configuration decides; numbers may also be `unlimited`.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Settings of the key (a number, `unlimited`, or `default`: as the configuration has it)")]
pub(super) struct Settings {
    /// Tokens per UTC day
    #[arg(long, value_name = "N")]
    daily_tokens: Option<Count>,
    /// Tokens per calendar month
    #[arg(long, value_name = "N")]
    monthly_tokens: Option<Count>,
    /// US dollars per UTC day
    #[arg(long, value_name = "USD")]
    daily_usd: Option<Dollars>,
    /// US dollars per calendar month
    #[arg(long, value_name = "USD")]
    monthly_usd: Option<Dollars>,
    /// Requests per minute
    #[arg(long, value_name = "N", visible_alias = "requests-per-minute")]
    rpm: Option<Count>,
    /// Tokens per minute
    #[arg(long, value_name = "N", visible_alias = "tokens-per-minute")]
    tpm: Option<Count>,
    /// Requests at the same time
    #[arg(long, value_name = "N")]
    max_concurrent: Option<Count>,
    /// Output tokens of one answer
    #[arg(long, value_name = "N")]
    max_output_tokens: Option<Count>,
    /// A limit for each end user that the app names, by its name in the configuration: daily_tokens=20000 (repeatable)
    #[arg(long = "end-user", value_name = "LIMIT=N")]
    end_user: Vec<EndUserLimit>,
    /// Models that may be used, by id or provider/id; `*` and `?` stand for anything (repeatable, or with commas)
    #[arg(long = "model", value_name = "GLOB", value_delimiter = ',')]
    models: Vec<String>,
    /// Routes that may be used (repeatable, or with commas)
    #[arg(long = "route", value_name = "GLOB", value_delimiter = ',')]
    routes: Vec<String>,
    /// When the key ends: 2027-01-01, 2027-01-01T12:00:00Z, or from now on: 90d
    #[arg(long, value_name = "WHEN")]
    expires_at: Option<Expiry>,
    /// Whether a bound of output that cannot be kept as asked is refused, and not lowered with a warning
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    strict: Option<Strict>,
}

/// Why a value cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum SettingError {
    #[error("write a whole number above 0, `unlimited` or `default`")]
    Count,
    #[error("write dollars above 0 as a plain decimal number such as `12.5`, `unlimited` or `default`")]
    Dollars,
    #[error(
        "write LIMIT=N, where LIMIT is daily_tokens, monthly_tokens, daily_usd, monthly_usd, requests_per_minute, \
         tokens_per_minute, max_concurrent or max_output_tokens"
    )]
    EndUserLimit,
    #[error("write `true`, `false` or `default`")]
    Strict,
}

/// A limit in whole numbers.
#[derive(Clone, Debug, PartialEq)]
struct Count(Set<Cap>);

impl FromStr for Count {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Count, SettingError> {
        Ok(Count(match text {
            DEFAULT => Set::Default,
            UNLIMITED => Set::To(Cap::Text(UNLIMITED.to_owned())),
            number => {
                let digits = number.replace('_', "");
                // `parse` takes a sign too.
                let count = if digits.starts_with('+') { None } else { digits.parse().ok() };
                Set::To(Cap::Count(count.filter(|count| *count > 0).ok_or(SettingError::Count)?))
            }
        }))
    }
}

/// A limit in dollars.
#[derive(Clone, Debug, PartialEq)]
struct Dollars(Set<Cap>);

impl FromStr for Dollars {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Dollars, SettingError> {
        Ok(Dollars(match text {
            DEFAULT => Set::Default,
            UNLIMITED => Set::To(Cap::Text(UNLIMITED.to_owned())),
            number => {
                let number = number.strip_prefix('$').unwrap_or(number);
                let usd: Usd = number.parse().map_err(|_| SettingError::Dollars)?;
                if usd.is_zero() || usd.is_negative() {
                    return Err(SettingError::Dollars);
                }
                Set::To(Cap::Text(number.to_owned()))
            }
        }))
    }
}

/// A limit of each end user.
#[derive(Clone, Debug, PartialEq)]
struct EndUserLimit {
    name: LimitName,
    cap: Set<Cap>,
}

impl FromStr for EndUserLimit {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<EndUserLimit, SettingError> {
        let (name, value) = text.split_once('=').ok_or(SettingError::EndUserLimit)?;
        let name = match name.replace('-', "_").as_str() {
            "daily_tokens" => LimitName::DailyTokens,
            "monthly_tokens" => LimitName::MonthlyTokens,
            "daily_usd" => LimitName::DailyUsd,
            "monthly_usd" => LimitName::MonthlyUsd,
            "requests_per_minute" | "rpm" => LimitName::RequestsPerMinute,
            "tokens_per_minute" | "tpm" => LimitName::TokensPerMinute,
            "max_concurrent" => LimitName::MaxConcurrent,
            "max_output_tokens" => LimitName::MaxOutputTokens,
            _ => return Err(SettingError::EndUserLimit),
        };
        let cap = match name {
            LimitName::DailyUsd | LimitName::MonthlyUsd => value.parse::<Dollars>()?.0,
            _ => value.parse::<Count>()?.0,
        };
        Ok(EndUserLimit { name, cap })
    }
}

/// When a key ends.
#[derive(Clone, Debug, PartialEq)]
struct Expiry(Set<Moment>);

impl FromStr for Expiry {
    type Err = WhenError;

    fn from_str(text: &str) -> Result<Expiry, WhenError> {
        Ok(Expiry(if text == DEFAULT { Set::Default } else { Set::To(text.parse()?) }))
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Strict(Set<bool>);

impl FromStr for Strict {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Strict, SettingError> {
        Ok(Strict(match text {
            DEFAULT => Set::Default,
            "true" | "yes" => Set::To(true),
            "false" | "no" => Set::To(false),
            _ => return Err(SettingError::Strict),
        }))
    }
}

impl Settings {
    /// What makes a key with these settings.
    pub(super) fn of_new_key(&self, label: &str, now: u64) -> Result<Body, Failure> {
        let mut body = self.body(now)?;
        body.label = Some(label.to_owned());
        Ok(body)
    }

    /// What changes a key to have these settings.
    pub(super) fn of_changed_key(&self, label: Option<&str>, now: u64) -> Result<Body, Failure> {
        let mut body = self.body(now)?;
        body.label = label.map(str::to_owned);
        if body == Body::default() {
            return Err(Failure::Said("nothing is to be changed: name at least one setting (see --help)".to_owned()));
        }
        Ok(body)
    }

    fn body(&self, now: u64) -> Result<Body, Failure> {
        let count = |count: &Option<Count>| count.as_ref().map(|count| count.0.clone());
        let dollars = |dollars: &Option<Dollars>| dollars.as_ref().map(|dollars| dollars.0.clone());
        let mut per_end_user = Limits::default();
        for limit in &self.end_user {
            *per_end_user.place(limit.name) = Some(limit.cap.clone());
        }
        let limits = Limits {
            daily_tokens: count(&self.daily_tokens),
            monthly_tokens: count(&self.monthly_tokens),
            daily_usd: dollars(&self.daily_usd),
            monthly_usd: dollars(&self.monthly_usd),
            requests_per_minute: count(&self.rpm),
            tokens_per_minute: count(&self.tpm),
            max_concurrent: count(&self.max_concurrent),
            max_output_tokens: count(&self.max_output_tokens),
            per_end_user: per_end_user.or_none().map(Box::new),
        };
        let expires_at = self.expires_at.as_ref().map(|expiry| match expiry.0 {
            Set::Default => Set::Default,
            Set::To(moment) => Set::To(moment.since_1970(now)),
        });
        Ok(Body {
            label: None,
            quota: limits.or_none(),
            routes: globs("--route", &self.routes)?,
            models: globs("--model", &self.models)?,
            expires_at,
            strict: self.strict.as_ref().map(|strict| strict.0.clone()),
        })
    }
}

/// Names as they were given; `default` by itself takes them back.
fn globs(option: &str, given: &[String]) -> Result<Option<Set<Vec<String>>>, Failure> {
    match given {
        [] => Ok(None),
        [only] if only == DEFAULT => Ok(Some(Set::Default)),
        given if given.iter().any(|glob| glob.is_empty() || glob == DEFAULT) => {
            Err(Failure::Said(format!("{option}: write names, or `default` by itself")))
        }
        given => Ok(Some(Set::To(given.to_vec()))),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    fn settings(line: &str) -> Result<Settings, clap::Error> {
        Line::try_parse_from(std::iter::once("keys").chain(line.split_whitespace())).map(|line| line.settings)
    }

    fn changed(line: &str) -> String {
        serde_json::to_string(&settings(line).unwrap().of_changed_key(None, 1000).unwrap()).unwrap()
    }

    #[test]
    fn settings_are_sent_as_the_api_takes_them() {
        for (line, expected) in [
            ("--daily-tokens 500_000", r#"{"quota":{"daily_tokens":500000}}"#),
            ("--daily-tokens unlimited", r#"{"quota":{"daily_tokens":"unlimited"}}"#),
            ("--daily-tokens default --rpm 5", r#"{"quota":{"daily_tokens":null,"requests_per_minute":5}}"#),
            ("--monthly-usd 12.50 --daily-usd $1", r#"{"quota":{"daily_usd":"1","monthly_usd":"12.50"}}"#),
            ("--tokens-per-minute 9 --max-concurrent 2", r#"{"quota":{"tokens_per_minute":9,"max_concurrent":2}}"#),
            (
                "--end-user daily_tokens=7 --end-user monthly-usd=0.5",
                r#"{"quota":{"per_end_user":{"daily_tokens":7,"monthly_usd":"0.5"}}}"#,
            ),
            ("--model gpt-*,o? --model anthropic/*", r#"{"models":["gpt-*","o?","anthropic/*"]}"#),
            ("--model default --route default", r#"{"routes":null,"models":null}"#),
            ("--expires-at 60s --strict", r#"{"expires_at":1060,"strict":true}"#),
            ("--expires-at default --strict=false", r#"{"expires_at":null,"strict":false}"#),
            ("--strict=default", r#"{"strict":null}"#),
        ] {
            assert_eq!(changed(line), expected, "{line}");
        }
    }

    #[test]
    fn a_new_key_needs_only_its_label_and_a_change_needs_something() {
        let none = settings("").unwrap();
        assert_eq!(serde_json::to_string(&none.of_new_key("a", 0).unwrap()).unwrap(), r#"{"label":"a"}"#);
        assert!(none.of_changed_key(None, 0).is_err());
        assert!(none.of_changed_key(Some("b"), 0).is_ok());
    }

    #[test]
    fn what_can_be_no_setting_is_refused() {
        for line in [
            "--daily-tokens 0",
            "--daily-tokens -1",
            "--daily-tokens 1.5",
            "--daily-tokens +5",
            "--daily-tokens 99999999999999999999",
            "--daily-usd 0",
            "--daily-usd 1e3",
            "--daily-usd=-5",
            "--end-user tokens=5",
            "--end-user daily_tokens",
            "--strict=maybe",
            "--expires-at never",
        ] {
            assert!(settings(line).is_err(), "{line}");
        }
        for line in ["--model default,x", "--route a,,b"] {
            assert!(settings(line).unwrap().of_changed_key(None, 0).is_err(), "{line}");
        }
    }
}
