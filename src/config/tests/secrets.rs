//! Secrets: what is refused and how, and that no part of one is ever told.

use super::{BUILTINS, GUIDE, check, environment, good, told};

#[test]
fn a_bad_master_key_comes_with_the_command_that_makes_a_good_one() {
    for (value, expected) in [
        ("", "is not set; make a good one with `openssl rand -hex 32`"),
        ("...", "is a placeholder; make a good one with `openssl rand -hex 32`"),
        ("changeme", "is a placeholder; make a good one with `openssl rand -hex 32`"),
        (
            "0123456789abcdef0123456789abcde",
            "is shorter than 32 characters; make a good one with `openssl rand -hex 32`",
        ),
        (
            "$(openssl rand -hex 32)",
            "holds `$(`, `${` or a backtick, and no shell runs here to replace it; run `openssl rand -hex 32` yourself and paste what it prints",
        ),
        (
            "`openssl rand -hex 32`",
            "holds `$(`, `${` or a backtick, and no shell runs here to replace it; run `openssl rand -hex 32` yourself and paste what it prints",
        ),
    ] {
        assert_eq!(
            told(GUIDE, &[("OVTH_MASTER_KEY", value)]),
            format!("error: OVTH_MASTER_KEY: {expected}"),
            "{value}"
        );
    }
    assert_eq!(
        told("master_key: ${MINE}", &[]),
        "error: master_key: needs MINE, which is not set; make a good one with `openssl rand -hex 32`"
    );
    assert_eq!(
        told("master_key: ${MINE}", &[("MINE", "short")]),
        "error: master_key: (MINE) is shorter than 32 characters; make a good one with `openssl rand -hex 32`"
    );
    assert!(good("master_key: ${MINE}", &[("MINE", &"k1".repeat(16))]).master_key.matches("k1".repeat(16).as_bytes()));
}

#[test]
fn placeholders_and_commands_are_no_provider_keys() {
    for (value, expected) in [
        ("...", "is a placeholder; put the key from the provider's console there, or leave it out"),
        ("sk-...", "is a placeholder; put the key from the provider's console there, or leave it out"),
        ("sk-ant-...", "is a placeholder; put the key from the provider's console there, or leave it out"),
        ("$(cat key)", "holds `$(`, `${` or a backtick, and no shell runs here to replace it; paste the key itself"),
        (
            "a b",
            "holds white space or a character that cannot be sent in a header; put the key from the provider's console there, or leave it out",
        ),
    ] {
        // Also when no route names the provider.
        for yaml in [GUIDE, ""] {
            assert_eq!(
                told(yaml, &[("OPENAI_API_KEY", value)]),
                format!("error: OPENAI_API_KEY: {expected}"),
                "{value}"
            );
        }
        let yaml = format!("providers: {{openai: {{api_keys: ['{value}']}}}}");
        assert_eq!(told(&yaml, &[]), format!("error: providers.openai.api_keys[0]: {expected}"), "{value}");
    }
}

#[test]
fn no_message_and_no_debug_text_holds_any_part_of_a_secret() {
    // Every bad value has this in it, wherever it is put.
    const PLANTED: &str = "pLaNtEd";
    let key = format!("sk-{PLANTED}");
    let places = [
        format!("{key}: 1"),
        format!("listen: {key}"),
        "listen: ${PLANT}".to_owned(),
        "threads: ${PLANT}".to_owned(),
        format!("providers: {key}"),
        format!("providers: {{openai: {key}}}"),
        format!("providers: {{openai: [{key}]}}"),
        format!("providers: {{openai: {{api_key: '{key} x'}}}}"),
        format!("providers: {{openai: {{api_key: [{key}]}}}}"),
        format!("providers: {{openai: {{api_keys: {key}}}}}"),
        format!("providers: {{openai: {{api_keys: [{key}...]}}}}"),
        format!("providers: {{openai: {{api_keys: ['$({key})', ['{key}'], {{{key}: 1}}]}}}}"),
        format!("providers: {{openai: {{apikey: {key}}}}}"),
        format!("providers: {{openai: {{base_url: 'https://u:{PLANTED}@h'}}}}"),
        format!("providers: {{openai: {{base_url: 'https://h?key={PLANTED}'}}}}"),
        "providers: {openai: {base_url: '${PLANT}'}}".to_owned(),
        "providers: {openai: {api_key: {file: '${PLANT}'}}}".to_owned(),
        format!("providers: {{openai: {{api_key: {{file: {key}}}}}}}"),
        format!("providers: {{openai: {{headers: {{authorization: \"Bearer {PLANTED}\\n\"}}}}}}"),
        format!("providers: {{openai: {{headers: {{authorization: [{PLANTED}]}}}}}}"),
        format!("providers: {{openai: {{headers: {{host: {PLANTED}}}}}}}"),
        format!("master_key: {PLANTED}"),
        format!("master_key: [{PLANTED}]"),
        "routes: {a: {strategy: '${PLANT}', providers: ['${PLANT}'], models: ['${PLANT} x']}}".to_owned(),
        format!("api_key: \"{PLANTED}"),
        format!("api_key: !{PLANTED} x"),
    ];
    for yaml in places {
        let problems = check(&yaml, &[("PLANT", PLANTED)]).unwrap_err();
        let all = format!("{problems} {problems:?}");
        assert!(!all.contains(PLANTED), "{yaml}\n{all}");
    }
    for name in ["OVTH_MASTER_KEY", "OPENAI_API_KEY"] {
        for value in [format!("{PLANTED}..."), format!("$({PLANTED})"), format!("{PLANTED} {PLANTED}")] {
            let problems = check(GUIDE, &[(name, &value)]).unwrap_err();
            assert!(!format!("{problems} {problems:?}").contains(PLANTED), "{name}={value}");
        }
    }

    let yaml = "providers: {openai: {api_keys: ['${PLANT}'], headers: {x-key: '${PLANT}'}}}\nmaster_key: ${PLANT}";
    let long = PLANTED.repeat(8);
    let config = good(yaml, &[("PLANT", &long)]);
    assert!(config.providers[1].api_keys[0].matches(long.as_bytes()));
    let env = environment(&[("PLANT", &long)]);
    assert!(!format!("{config:?} {env:?} {BUILTINS:?}").contains(PLANTED));
}
