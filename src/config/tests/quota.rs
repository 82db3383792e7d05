//! What keys may spend and use, as files set it.

use proptest::prelude::*;

use super::{check, good, told};
use crate::config::{Allowance, Cap, Config, Overshoot, Quota, Weights};

fn quota(yaml: &str) -> Quota {
    good(yaml, &[]).quota
}

#[test]
fn every_limit_can_be_set_for_keys_and_for_end_users() {
    let limits = "daily_tokens: 1, monthly_tokens: 1000000000000000, daily_usd: 12.5, monthly_usd: \"1000\", \
                  requests_per_minute: 3, tokens_per_minute: 1, max_concurrent: 5, max_output_tokens: 6";
    let expected = Allowance {
        daily_tokens: Some(Cap::At(1)),
        monthly_tokens: Some(Cap::At(1_000_000_000_000_000)),
        daily_usd: Some(Cap::At(12_500_000_000_000)),
        monthly_usd: Some(Cap::At(1_000_000_000_000_000)),
        requests_per_minute: Some(Cap::At(3)),
        tokens_per_minute: Some(Cap::At(1)),
        max_concurrent: Some(Cap::At(5)),
        max_output_tokens: Some(Cap::At(6)),
    };
    let read = quota(&format!("quota: {{{limits}, per_user: false, per_end_user: {{{limits}}}}}"));
    assert_eq!(read, Quota { limits: expected, per_end_user: expected, per_user: false, ..Quota::default() });
}

#[test]
fn every_limit_can_be_the_word_unlimited() {
    let names = "daily_tokens monthly_tokens daily_usd monthly_usd requests_per_minute tokens_per_minute max_concurrent \
                 max_output_tokens";
    let limits: Vec<_> = names.split_whitespace().map(|name| format!("{name}: unlimited")).collect();
    let none = Some(Cap::Unlimited);
    let expected = Allowance {
        daily_tokens: none,
        monthly_tokens: none,
        daily_usd: none,
        monthly_usd: none,
        requests_per_minute: none,
        tokens_per_minute: none,
        max_concurrent: none,
        max_output_tokens: none,
    };
    assert_eq!(quota(&format!("quota: {{{}}}", limits.join(", "))).limits, expected);
}

#[test]
fn weights_are_read_to_the_thousandth() {
    let read =
        quota("quota: {weights: {input: 1, cache_read: 0.1, cache_write: '1.25', output: 1000}, overshoot: none}");
    assert_eq!(read.weights, Weights { input: 1000, cache_read: 100, cache_write: 1250, output: 1_000_000 });
    assert_eq!(read.overshoot, Overshoot::None);
    let some = quota("quota: {weights: {cache_read: 0.125}, overshoot: expected}");
    assert_eq!(some.weights, Weights { cache_read: 125, ..Weights::default() });
    assert_eq!(some.overshoot, Overshoot::Expected);
}

#[test]
fn what_every_key_may_use_can_be_set() {
    let read = quota(
        "keys: {routes: ['*'], models: ['gpt-*', anthropic/*], expires_at: 2999-01-01T02:00:00+02:00, strict: true}",
    );
    let routes = read.routes.as_ref().unwrap();
    let models = read.models.as_ref().unwrap();
    assert!(routes.fit("auto"));
    assert!(models.fit("gpt-5") && models.fit("anthropic/claude-haiku-4") && !models.fit("openai/gpt-5"));
    assert_eq!(models.patterns().collect::<Vec<_>>(), ["gpt-*", "anthropic/*"]);
    assert_eq!(read.expires_at, Some(32_472_144_000));
    assert!(read.strict);
    assert_eq!(quota("keys: {expires_at: 2999-01-01}").expires_at, read.expires_at);
}

#[test]
fn limits_may_come_from_variables() {
    let more = [("TOKENS", "5"), ("USD", "2.50"), ("WORD", "unlimited"), ("HALF", "0.5")];
    let yaml =
        "quota: {daily_tokens: '${TOKENS}', daily_usd: '${USD}', monthly_usd: '${WORD}', weights: {output: '${HALF}'}}";
    let read = good(yaml, &more).quota;
    assert_eq!(read.limits.daily_tokens, Some(Cap::At(5)));
    assert_eq!(read.limits.daily_usd, Some(Cap::At(2_500_000_000_000)));
    assert_eq!(read.limits.monthly_usd, Some(Cap::Unlimited));
    assert_eq!(read.weights.output, 500);
}

#[test]
fn each_slip_is_told_with_path_value_and_cure() {
    let usd = "must be US dollars from 0.000001 to 10000000 with at most 6 digits after the point, such as 12.5, or unlimited";
    let tokens = "must be a whole number from 1 to 1000000000000000, or unlimited";
    let weight = "must be a number from 0 to 1000 with at most 3 digits after the point, such as 0.1";
    let moment = "must be a date or a time with its zone, such as 2027-01-01 or 2027-01-01T00:00:00Z";
    let long = "m".repeat(257);
    let many: Vec<_> = (0..257).map(|n| format!("m{n}")).collect();
    for (yaml, expected) in [
        ("quota: {daily_tokens: 0}", format!("quota.daily_tokens: {tokens}; it is 0")),
        ("quota: {monthly_tokens: Unlimited}", format!("quota.monthly_tokens: {tokens}; it is \"Unlimited\"")),
        ("quota: {tokens_per_minute: 1000000000000001}", format!("quota.tokens_per_minute: {tokens}; it is 1000000000000001")),
        ("quota: {monthly_tokens: 1e6}", format!("quota.monthly_tokens: {tokens}; it is 1e6")),
        ("quota: {requests_per_minute: '5'}", "quota.requests_per_minute: must be a whole number from 1 to 1000000000, or unlimited; it is \"5\"".into()),
        ("quota: {max_concurrent: 1000001}", "quota.max_concurrent: must be a whole number from 1 to 1000000, or unlimited; it is 1000001".into()),
        ("quota: {max_output_tokens: true}", "quota.max_output_tokens: must be a whole number from 1 to 1000000000, or unlimited; it is true".into()),
        ("quota: {daily_usd: 0}", format!("quota.daily_usd: {usd}; it is 0")),
        ("quota: {daily_usd: 0.0}", format!("quota.daily_usd: {usd}; it is 0.0")),
        ("quota: {daily_usd: 0.0000001}", format!("quota.daily_usd: {usd}; it is 0.0000001")),
        ("quota: {daily_usd: 0.1000000000000000055}", format!("quota.daily_usd: {usd}; it is 0.1000000000000000055")),
        ("quota: {daily_usd: 1e2}", format!("quota.daily_usd: {usd}; it is 1e2")),
        ("quota: {daily_usd: -1}", format!("quota.daily_usd: {usd}; it is -1")),
        ("quota: {daily_usd: .inf}", format!("quota.daily_usd: {usd}; it is .inf")),
        ("quota: {daily_usd: $5}", format!("quota.daily_usd: {usd}; it is \"$5\"")),
        ("quota: {daily_usd: 10000000.000001}", format!("quota.daily_usd: {usd}; it is 10000000.000001")),
        ("quota: {daily_usd: 99999999999999999999}", format!("quota.daily_usd: {usd}; it is 99999999999999999999")),
        ("quota: {daily_usd: [5]}", format!("quota.daily_usd: {usd}; it is a list")),
        ("quota: {per_end_user: {daily_tokens: 0}}", format!("quota.per_end_user.daily_tokens: {tokens}; it is 0")),
        ("quota: {per_end_user: {per_user: true}}", "quota.per_end_user.per_user: is not a setting; known here: daily_tokens, monthly_tokens, daily_usd, monthly_usd, requests_per_minute, tokens_per_minute, max_concurrent, max_output_tokens".into()),
        ("quota: {weights: {input: 0.0001}}", format!("quota.weights.input: {weight}; it is 0.0001")),
        ("quota: {weights: {output: 1000.001}}", format!("quota.weights.output: {weight}; it is 1000.001")),
        ("quota: {weights: {reasoning: 1}}", "quota.weights.reasoning: is not a setting; known here: input, cache_read, cache_write, output".into()),
        ("quota: {overshoot: non}", "quota.overshoot: must be expected or none; it is \"non\"; did you mean \"none\"?".into()),
        ("quota: {overshoot: 5}", "quota.overshoot: must be expected or none; it is 5".into()),
        ("keys: {models: []}", "keys.models: must not be empty; leave the setting out instead".into()),
        ("keys: {routes: '*'}", "keys.routes: must be a list (`[a, b]`, or lines that begin with `- `); it is \"*\"".into()),
        ("keys: {models: [a, 'b c']}", "keys.models[1]: must be a name without white space; it is \"b c\"".into()),
        ("keys: {expires_at: 2027}", format!("keys.expires_at: {moment}; it is 2027")),
        ("keys: {expires_at: 2027-02-30}", format!("keys.expires_at: {moment}; it is \"2027-02-30\"")),
        ("keys: {expires_at: 2027-01-01T00:00:00}", format!("keys.expires_at: {moment}; it is \"2027-01-01T00:00:00\"")),
        ("keys: {expires_at: 1969-12-31}", format!("keys.expires_at: {moment}; it is \"1969-12-31\"")),
        ("keys: {strict: 1}", "keys.strict: must be true or false; it is 1".into()),
        ("keys: {expire_at: 2027-01-01}", "keys.expire_at: is not a setting; known here: routes, models, expires_at, strict; did you mean \"expires_at\"?".into()),
        (&format!("keys: {{models: [{long}]}}"), format!("keys.models[0]: must be a name of at most 256 characters; it is \"{}\"...", "m".repeat(60))),
        (&format!("keys: {{models: [{}]}}", many.join(", ")), "keys.models: has 257 names; at most 256 are allowed: use `*` for many".into()),
    ] {
        assert_eq!(told(yaml, &[]), format!("error: {expected}"), "{yaml}");
        assert!(check(yaml, &[]).is_err(), "{yaml}");
    }
}

#[test]
fn what_is_strange_is_told_and_taken() {
    for (yaml, expected) in [
        (
            "quota: {daily_tokens: 6, monthly_tokens: 5}",
            "warning: quota.daily_tokens: is larger than monthly_tokens and is never reached; lower it, or leave it out",
        ),
        (
            "quota: {per_end_user: {daily_usd: 5.000001, monthly_usd: 5}}",
            "warning: quota.per_end_user.daily_usd: is larger than monthly_usd and is never reached; lower it, or leave it out",
        ),
        (
            "quota: {tokens_per_minute: 6, daily_tokens: 5}",
            "warning: quota.tokens_per_minute: is larger than daily_tokens and is never reached; lower it, or leave it out",
        ),
        (
            "quota: {weights: {input: 0, cache_read: 0, cache_write: 0, output: 0.0}}",
            "warning: quota.weights: are all 0: no token counts, so no limit in tokens is ever reached",
        ),
        (
            "keys: {expires_at: 2020-01-01}",
            "warning: keys.expires_at: is past: no key works but those with an end of their own; write a later one, or leave it out",
        ),
        (
            "routes: {smart: {}}\nkeys: {routes: [smrat, 'x*', smart]}",
            "warning: keys.routes: names \"smrat\", which is not a route; did you mean \"smart\"?",
        ),
    ] {
        assert_eq!(told(yaml, &[]), expected, "{yaml}");
        assert!(check(yaml, &[]).is_ok(), "{yaml}");
    }
    for yaml in [
        "quota: {daily_tokens: 5, monthly_tokens: 5}",
        "quota: {daily_tokens: 5, monthly_tokens: unlimited}",
        "quota: {per_user: false, max_output_tokens: 5}",
    ] {
        good(yaml, &[]);
    }
}

/// A decimal number's value in the smallest units of so many digits, reckoned another way than the reader does.
fn units(text: &str, digits: u32) -> Option<u128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let value = whole.parse::<u128>().ok()?.checked_mul(scale)? + fraction.parse::<u128>().ok()?;
    let scaled = value.checked_mul(10_u128.pow(digits))?;
    scaled.is_multiple_of(scale).then_some(scaled / scale)
}

fn read(setting: &str, value: &str) -> Option<Config> {
    check(&format!("{setting}: {value}}}\n"), &[]).ok().map(|(config, _)| config)
}

proptest! {
    #[test]
    fn a_number_is_taken_exactly_or_refused(
        number in r"-?[0-9]{1,22}(\.[0-9]{1,20})?|[0-9]{1,3}\.[0-9]{1,7}|[0-9]{0,3}\.?[0-9]{0,2}[eE][-+]?[0-9]{1,3}"
    ) {
        // YAML reads it as 0.
        prop_assume!(number != "-0");
        let whole = number.parse::<u64>().ok().filter(|number| (1..=1_000_000_000_000_000).contains(number));
        let tokens = read("quota: {daily_tokens", &number).map(|config| config.quota.limits.daily_tokens);
        // YAML takes digits after a zero for text.
        if !number.starts_with('0') {
            prop_assert_eq!(tokens, whole.map(|number| Some(Cap::At(number))));
        } else {
            prop_assert_eq!(tokens, None);
        }
        for value in [number.clone(), format!("'{number}'")] {
            let dollars = units(&number, 12).filter(|amount| amount.is_multiple_of(1_000_000));
            let dollars = dollars.filter(|amount| (1..=10_000_000 * 10_u128.pow(12)).contains(amount));
            let usd = read("quota: {daily_usd", &value).map(|config| config.quota.limits.daily_usd);
            prop_assert_eq!(usd, dollars.map(|amount| Some(Cap::At(u64::try_from(amount).unwrap()))));
            let weight = units(&number, 3).filter(|weight| *weight <= 1_000_000);
            let output = read("quota: {weights: {output", &format!("{value}}}")).map(|config| config.quota.weights.output);
            prop_assert_eq!(output, weight.map(|weight| u32::try_from(weight).unwrap()));
            let input = read("prices: {openai/x: {output: 1, input", &format!("{value}}}"));
            let price = units(&number, 6).filter(|price| *price <= 1_000_000 * 10_u128.pow(6));
            let input = input.map(|config| config.prices[0].price.base.input.unwrap().0);
            prop_assert_eq!(input, price.map(|price| u64::try_from(price).unwrap()));
        }
    }

    #[test]
    fn whatever_a_limit_holds_it_is_judged_without_a_panic(value in r"\PC{0,12}|[-+.0-9eExob_]{0,12}|unlimited|2[0-9]{3}-[0-9T:Z+-]{0,20}") {
        for setting in ["quota: {daily_tokens", "quota: {daily_usd", "quota: {weights", "keys: {expires_at", "keys: {models", "retention: {entry_bytes", "prices: {openai/gpt-5"] {
            let _ = read(setting, &value);
            let _ = read(setting, &format!("{{input: {value}}}"));
        }
    }
}
