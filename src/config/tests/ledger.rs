//! How the ledger works and what models cost, as files set it.

use ovth_filters::money::PicoDollars;
use ovth_filters::price::{ClassPrice, Classes, Multiplier, Multipliers, Price, Rates, Tier};

use super::{check, good, told};
use crate::config::{Durability, LedgerSettings, OnLedgerError, Retention};

#[test]
fn every_setting_of_the_ledger_can_be_set() {
    assert_eq!(good("", &[]).ledger, LedgerSettings::default());
    let yaml = "durability: relaxed\non_ledger_error: serve\n\
                retention: {entry_days: 1, entry_bytes: 16MiB, usage_days: 3650}\n";
    let retention = Retention { entry_days: 1, entry_bytes: 16 << 20, usage_days: 3650 };
    let expected = LedgerSettings { durability: Durability::Relaxed, on_error: OnLedgerError::Serve, retention };
    assert_eq!(good(yaml, &[]).ledger, expected);
    let default = "durability: strict\non_ledger_error: refuse\n\
                   retention: {entry_days: 90, entry_bytes: 1GiB, usage_days: 800}\n";
    assert_eq!(good(default, &[]).ledger, LedgerSettings::default());
    assert_eq!(good("retention: {entry_bytes: 1TiB}", &[]).ledger.retention.entry_bytes, 1 << 40);
}

#[test]
fn prices_are_read_to_the_pico_dollar() {
    let yaml = "prices:
  openai/gpt-5: {input: 1.25, output: 10, cache_read: '0.125'}
  openrouter/z-ai/glm-5.5: {input: 0.000001, output: 0.30, output_reasoning: 2, cache_write: 3, cache_write_1h: 4}
  local/llama:
    input: 0
    output: 0
    tiers: [{above_input_tokens: 1000, input: 1, output: 2}, {above_input_tokens: 2000, input: 3, output: 4, cache_read: 0}]
providers: {local: {base_url: 'http://127.0.0.1:1/v1', models: [llama]}}
";
    let some = |price| Some(PicoDollars(price));
    let plain = |input, output| Rates { input: some(input), output: some(output), ..Rates::default() };
    let prices = good(yaml, &[]).prices;
    let named: Vec<_> = prices.iter().map(|price| (&*price.provider, &*price.model)).collect();
    assert_eq!(named, [("openai", "gpt-5"), ("openrouter", "z-ai/glm-5.5"), ("local", "llama")]);
    let no_tiers = |base| Price { base, ..Price::default() };
    assert_eq!(prices[0].price, no_tiers(Rates { cache_read: some(125_000), ..plain(1_250_000, 10_000_000) }));
    let all = Rates {
        output_reasoning: some(2_000_000),
        cache_write: some(3_000_000),
        cache_write_1h: some(4_000_000),
        ..plain(1, 300_000)
    };
    assert_eq!(prices[1].price, no_tiers(all));
    let tiers = vec![
        Tier { above_input_tokens: 1000, rates: plain(1_000_000, 2_000_000) },
        Tier { above_input_tokens: 2000, rates: Rates { cache_read: some(0), ..plain(3_000_000, 4_000_000) } },
    ];
    assert_eq!(prices[2].price, Price { base: plain(0, 0), tiers, ..Price::default() });
}

#[test]
fn a_price_may_hold_all_that_the_catalogue_knows() {
    let yaml = "prices:
  openai/gpt-5:
    input: 2
    output: 8
    cache_write: 3
    audio_input: 4
    audio_output: 16
    image_output: 32.5
    tiers: [{above_input_tokens: 9, input: 4, output: 8}]
    flex: {input: 1, output: 4}
    batch: {input: 1, output: 2, cache_write: 1, tiers: [{above_input_tokens: 9, input: 3, output: 3}]}
    priority: {input: 4, output: 16}
    ultrafast: {input: 20, output: 80}
    multipliers: {fast_mode: 6, inference_geo_us: 1.1}
    web_search_per_1000: 10.5
";
    let json = r#"{
        "input": "2", "output": "8", "cache_write": "3", "audio_input": "4", "audio_output": "16", "image_output": "32.5",
        "tiers": [{"above_input_tokens": 9, "input": "4", "output": "8"}],
        "flex": {"input": "1", "output": "4"},
        "batch": {"input": "1", "output": "2", "cache_write": "1", "tiers": [{"above_input_tokens": 9, "input": "3", "output": "3"}]},
        "priority": {"input": "4", "output": "16"},
        "ultrafast": {"input": "20", "output": "80"},
        "multipliers": {"fast_mode": "6", "inference_geo_us": "1.1"},
        "web_search_per_1000": "10.5"}"#;
    let expected: Price = serde_json::from_str(json).unwrap();
    let price = &good(yaml, &[]).prices[0].price;
    assert_eq!(*price, expected.completed());
    assert_eq!(price.web_search, Some(PicoDollars(10_500_000_000)));
    let multipliers =
        Multipliers { fast_mode: Some(Multiplier(6_000_000)), inference_geo_us: Some(Multiplier(1_100_000)) };
    assert_eq!(price.multipliers, multipliers);
    // Left out of the class: as much cheaper as its input is.
    let Classes { flex: Some(flex), .. } = &price.classes else { unreachable!("flex was set") };
    let ClassPrice { base, tiers } = &**flex;
    assert_eq!((base.cache_write, base.output), (Some(PicoDollars(1_500_000)), Some(PicoDollars(4_000_000))));
    assert_eq!(tiers[0].rates.input, Some(PicoDollars(2_000_000)));
}

#[test]
fn each_slip_is_told_with_path_value_and_cure() {
    let usd =
        "must be US dollars per million tokens from 0 to 1000000 with at most 6 digits after the point, such as 1.25";
    let price = |fields: &str| format!("prices: {{openai/gpt-5: {{{fields}}}}}");
    let at = "prices.\"openai/gpt-5\"";
    let days = "must be a whole number from 1 to 3650";
    let bytes = "must be a size from 16MiB to 1TiB, such as 512KiB, 32MiB or 10MB";
    for (yaml, expected) in [
        ("durability: strikt".into(), "durability: must be strict or relaxed; it is \"strikt\"; did you mean \"strict\"?".into()),
        ("on_ledger_error: ignore".into(), "on_ledger_error: must be refuse or serve; it is \"ignore\"".into()),
        ("retention: {entry_days: 0}".into(), format!("retention.entry_days: {days}; it is 0")),
        ("retention: {usage_days: 3651}".into(), format!("retention.usage_days: {days}; it is 3651")),
        ("retention: {entry_bytes: 1MiB}".into(), format!("retention.entry_bytes: {bytes}; it is \"1MiB\"")),
        ("retention: {entry_bytes: 2TiB}".into(), format!("retention.entry_bytes: {bytes}; it is \"2TiB\"")),
        ("retention: {days: 9}".into(), "retention.days: is not a setting; known here: entry_days, entry_bytes, usage_days".into()),
        (price("input: 1.25"), format!("{at}.output: is missing: US dollars per million tokens, such as 1.25")),
        (price("input: 1, output: 0.0000001"), format!("{at}.output: {usd}; it is 0.0000001")),
        (price("input: 1e-1, output: 1"), format!("{at}.input: {usd}; it is 1e-1")),
        (price("input: -1, output: 1"), format!("{at}.input: {usd}; it is -1")),
        (price("input: 1000000.1, output: 1"), format!("{at}.input: {usd}; it is 1000000.1")),
        (
            price("input: 1, output: 1, flex: {input: 1}"),
            format!("{at}.flex.output: is missing: US dollars per million tokens, such as 1.25"),
        ),
        (
            price("input: 1, output: 1, multipliers: {fast_mode: 1001}"),
            format!(
                "{at}.multipliers.fast_mode: must be a number from 0 to 1000 with at most 6 digits after the point, such as 1.1; it is 1001"
            ),
        ),
        (
            price("input: 1, output: 1, web_search_per_1000: ten"),
            format!(
                "{at}.web_search_per_1000: must be US dollars per thousand from 0 to 1000000 with at most 6 digits after the point, such as 10; it is \"ten\""
            ),
        ),
        (
            price("input: 1, output: 1, tiers: [{input: 1, output: 1}]"),
            format!("{at}.tiers[0].above_input_tokens: is missing: the tokens of a prompt above which the tier begins"),
        ),
        (
            price("input: 1, output: 1, tiers: [{above_input_tokens: 5, input: 1, output: 1}, {above_input_tokens: 5, input: 1, output: 1}]"),
            format!("{at}.tiers[1].above_input_tokens: must be larger than in the tier before it; sort the tiers"),
        ),
        (
            "prices: {gpt-5: {input: 1, output: 1}}".into(),
            "prices.gpt-5: must be named by a provider, a slash and a model's id, such as openai/gpt-5".into(),
        ),
        (
            "prices: {opnai/gpt-5: {input: 1, output: 1}}".into(),
            "prices.\"opnai/gpt-5\": \"opnai\" is not a provider; known: anthropic, openai, google, openrouter; did you mean \"openai\"?".into(),
        ),
    ] {
        assert_eq!(told(&yaml, &[]), format!("error: {expected}"), "{yaml}");
        assert!(check(&yaml, &[]).is_err(), "{yaml}");
    }
    let misspelt = told(&price("input: 1, output: 1, cache_reads: 1"), &[]);
    assert!(misspelt.ends_with("; did you mean \"cache_read\"?"), "{misspelt}");
}
