//! Costs against sums that are reckoned by hand, and against a second way to reckon them.
#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn price(json: &str) -> Price {
    serde_json::from_str::<Price>(json).unwrap().completed()
}

const FULL: &str = r#"{
    "currency": "USD", "input": "4", "output": "20", "cache_read": "0.4", "cache_write": "5", "cache_write_12h": "8",
    "audio_input": "10", "audio_output": "40", "image_output": "30", "output_reasoning": "21",
    "tiers": [{"above_input_tokens": 1000, "input": "8", "output": "30", "cache_read": "0.8", "cache_write": "11"}],
    "batch": {"input": "2", "output": "10"},
    "flex": {"input": "1", "output": "5", "cache_read": "0.1", "tiers": [{"above_input_tokens": 500, "input": "3", "output": "7"}]},
    "priority": {"input": "8", "output": "40", "cache_read": "0.8"},
    "ultrafast": {"input": "40", "output": "200"},
    "multipliers": {"inference_geo_us": "1.1", "regional_eu": "1.1"},
    "web_search_per_1000": "10"
}"#;

const EVERYTHING: Usage = Usage {
    input: 100,
    cache_read: 50,
    cache_write: 20,
    cache_write_1h: 10,
    output: 80,
    reasoning: 30,
    audio_input: 40,
    audio_output: 20,
    image_output: 5,
    web_searches: 2,
};

#[test]
fn every_kind_has_its_rate() {
    let tokens = 60 * 4 + 40 * 10 + 20 * 5 + 10 * 8 + 30 * 21 + 20 * 40 + 5 * 30 + 25 * 20;
    let expected = tokens * 1_000_000 + 50 * 400_000 + 2 * 10_000_000_000;
    let full = price(FULL);
    for standard in [None, Some("standard"), Some("default")] {
        assert_eq!(full.cost(&EVERYTHING, standard), Some(PicoDollars(expected)));
        assert!(full.covers(&EVERYTHING, standard));
    }
    let plain = price(r#"{"input": "4", "output": "20"}"#);
    assert_eq!(plain.cost(&EVERYTHING, None), Some(PicoDollars((180 * 4 + 80 * 20) * 1_000_000)));
    assert!(!plain.covers(&EVERYTHING, None), "searches have no price");
    assert!(plain.covers(&Usage { web_searches: 0, ..EVERYTHING }, None));
}

#[test]
fn a_service_class_has_rates_and_tiers_of_its_own_or_in_proportion() {
    let full = price(FULL);
    let usage = Usage { input: 100, cache_read: 50, output: 10, ..Usage::default() };
    let cost = |class| full.cost(&usage, Some(class)).unwrap().0;
    assert_eq!(cost("flex"), 100 * 1_000_000 + 50 * 100_000 + 10 * 5_000_000);
    assert_eq!(cost("batch"), 150 * 2_000_000 + 10 * 10_000_000, "no discount for reads is published");
    assert_eq!(cost("priority"), 100 * 8_000_000 + 50 * 800_000 + 10 * 40_000_000);
    assert_eq!(cost("fast"), cost("priority"));
    assert_eq!(cost("ultrafast"), 150 * 40_000_000 + 10 * 200_000_000);
    let long = Usage { input: 600, ..Usage::default() };
    assert_eq!(full.cost(&long, Some("flex")), Some(PicoDollars(600 * 3_000_000)));
    // The standard tier doubles the input; so does that of a class which publishes none.
    let longer = Usage { input: 1_000, cache_read: 1, cache_write: 10, audio_input: 8, output: 2, ..Usage::default() };
    let expected = 992 * 16_000_000 + 8 * 40_000_000 + 1_600_000 + 10 * 22_000_000 + 2 * 60_000_000;
    assert_eq!(full.cost(&longer, Some("priority")), Some(PicoDollars(expected)));
    // Twelve hours cost in the tier what they cost outside of it, times what input does.
    let written = Usage { input: 1_000, cache_write_1h: 1, ..Usage::default() };
    assert_eq!(full.cost(&written, None), Some(PicoDollars(1_000 * 8_000_000 + 16_000_000)));
}

#[test]
fn a_class_without_a_price_costs_the_standard_price_and_is_marked() {
    let plain = price(r#"{"input": "4", "output": "20"}"#);
    let usage = Usage { input: 7, ..Usage::default() };
    for class in ["batch", "flex", "priority", "fast", "ultrafast", "scale", "standard+us", "+us", "x+y+z"] {
        assert_eq!(plain.cost(&usage, Some(class)), Some(PicoDollars(28_000_000)), "{class}");
        assert!(!plain.covers(&usage, Some(class)), "{class}");
    }
    assert!(!price(FULL).covers(&usage, Some("standard+eu")));
    assert!(price(FULL).covers(&usage, Some("priority+us")));
}

#[test]
fn speed_and_place_multiply_tokens_but_not_searches() {
    let opus = price(
        r#"{"input": "5", "output": "25", "web_search_per_1000": "10", "priority": null,
            "multipliers": {"fast_mode": "2", "inference_geo_us": "1.1"}}"#,
    );
    let usage = Usage { input: 10, output: 1, web_searches: 1, ..Usage::default() };
    let (tokens, search) = (75_000_000, 10_000_000_000);
    for (class, expected) in
        [("standard", tokens), ("fast", tokens * 2), ("standard+us", tokens * 11 / 10), ("fast+us", tokens * 22 / 10)]
    {
        assert_eq!(opus.cost(&usage, Some(class)), Some(PicoDollars(expected + search)), "{class}");
        assert!(opus.covers(&usage, Some(class)));
    }
    let odd = price(r#"{"input": "0.000001", "output": "0", "multipliers": {"inference_geo_us": "1.1"}}"#);
    let one = Usage { input: 1, ..Usage::default() };
    assert_eq!(odd.cost(&one, Some("standard+us")), Some(PicoDollars(2)), "fractions are rounded up");
}

#[test]
fn a_tier_begins_above_its_threshold_or_at_it() {
    let tiers = r#""tiers": [{"above_input_tokens": 10, "input": "2", "output": "2"}]"#;
    let at = |price: &Price, tokens| price.rates(tokens).input.unwrap().0 / 1_000_000;
    let above = price(&format!(r#"{{"input": "1", "output": "1", {tiers}}}"#));
    assert_eq!([at(&above, 10), at(&above, 11)], [1, 2]);
    let from = price(&format!(r#"{{"input": "1", "output": "1", "tiers_boundary": "at or above", {tiers}}}"#));
    assert_eq!([at(&from, 9), at(&from, 10)], [1, 2]);
    assert_eq!((from.input(10), from.output_token(10)), (Some(PicoDollars(20_000_000)), Some(PicoDollars(2_000_000))));
}

#[test]
fn reservations_reckon_with_the_dearer_output() {
    let full = price(FULL);
    assert_eq!(full.output_token(0), Some(PicoDollars(21_000_000)));
    assert_eq!(full.output_token(2_000), Some(PicoDollars(31_500_000)));
    assert_eq!(full.input(1_000), Some(PicoDollars(4_000_000_000)));
    let unknown = price(r#"{"input": "1"}"#);
    assert_eq!((unknown.input(5), unknown.output_token(5), unknown.cost(&EVERYTHING, None)), (None, None, None));
    assert!(!unknown.covers(&EVERYTHING, None));
}

#[test]
fn a_price_that_is_no_decimal_is_refused() {
    for wrong in [
        r#"{"input": 1}"#,
        r#"{"input": "1e3"}"#,
        r#"{"flex": {"input": "-1"}}"#,
        r#"{"web_search_per_1000": "x"}"#,
        r#"{"multipliers": {"fast_mode": 2}}"#,
        r#"{"cache_write": "1", "cache_write_5m": "1"}"#,
    ] {
        assert!(serde_json::from_str::<Price>(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn the_cost_of_the_whole_is_that_of_its_parts_and_never_wraps(
        rates in proptest::array::uniform9(0_u64..=1_000_000_000_000),
        counts in proptest::array::uniform9(prop_oneof![0_u64..=2_000_000, any::<u64>()]),
    ) {
        let some = |at: usize| rates.get(at).copied().map(PicoDollars);
        let price = Price {
            base: Rates {
                input: some(0), output: some(1), output_reasoning: some(2), cache_read: some(3), cache_write: some(4),
                cache_write_1h: some(5), audio_input: some(6), audio_output: some(7), image_output: some(8),
            },
            ..Price::default()
        };
        let [input, cache_read, cache_write, cache_write_1h, output, reasoning, audio_input, audio_output, image_output] =
            counts;
        let usage = Usage {
            input, cache_read, cache_write, cache_write_1h, output, reasoning, audio_input, audio_output, image_output,
            web_searches: 0,
        };
        let bounded = usage.with_parts_in_bounds();
        prop_assert!(bounded.audio_input <= input);
        let parts = u128::from(bounded.reasoning) + u128::from(bounded.audio_output) + u128::from(bounded.image_output);
        prop_assert!(parts <= u128::from(output));
        let times = |tokens: u64, at: usize| u128::from(tokens) * u128::from(rates.get(at).copied().unwrap());
        let wide = times(input - bounded.audio_input, 0) + times(bounded.audio_input, 6) + times(cache_read, 3)
            + times(cache_write, 4) + times(cache_write_1h, 5) + times(bounded.reasoning, 2)
            + times(bounded.audio_output, 7) + times(bounded.image_output, 8)
            + (u128::from(output) - parts) * u128::from(rates.get(1).copied().unwrap());
        let expected = u64::try_from(wide).unwrap_or(u64::MAX);
        prop_assert_eq!(price.cost(&usage, None), Some(PicoDollars(expected)));
    }
}
