//! Providers: built in, changed by the file, moved by the environment, or of the operator's own.

use std::time::Duration;

use ovth_filters::Shape;

use super::{check, good, ids, told};

#[test]
fn a_host_of_ones_own_needs_only_a_base_url() {
    let config = good("providers: {local: {base_url: 'http://[::1]:11434/v1/'}}", &[]);
    assert_eq!(ids(&config), ["anthropic", "openai", "google", "local"]);
    let local = &config.providers[3];
    assert_eq!(local.base_url.to_string(), "http://[::1]:11434/v1");
    assert!(local.api_keys.is_empty());
    assert_eq!(local.shapes, [Shape::Chat]);
    assert_eq!(local.timeouts, config.timeouts);
}

#[test]
fn every_setting_of_a_provider_can_be_set() {
    let config = good(
        "timeouts: {idle: 7s}\nproviders:\n  host:\n    base_url: https://${NAME}.example.com/v1\n    \
         api_keys: ['${ONE}', two]\n    shapes: [messages, chat]\n    headers: {X-Org: 'a ${NAME}'}\n    \
         timeouts: {connect: 1s}\n    models: [llama*, exact]\n",
        &[("NAME", "eu"), ("ONE", "key-one")],
    );
    let host = &config.providers[3];
    assert_eq!(host.base_url.host, "eu.example.com");
    let keys: Vec<_> = host.api_keys.iter().map(|key| key.expose()).collect();
    assert_eq!(keys, ["key-one", "two"]);
    assert_eq!(host.shapes, [Shape::Messages, Shape::Chat]);
    assert_eq!((host.headers[0].0.as_str(), host.headers[0].1.as_bytes()), ("x-org", &b"a eu"[..]));
    assert_eq!((host.timeouts.connect, host.timeouts.idle), (Duration::from_secs(1), Duration::from_secs(7)));
    assert_eq!(host.models, ["llama*", "exact"]);
}

#[test]
fn a_setting_for_a_built_in_provider_keeps_the_others_and_its_place() {
    let config = good("providers: {google: {timeouts: {idle: 9s}}, openai: {api_key: '${MINE}'}}", &[("MINE", "mine")]);
    assert_eq!(ids(&config), ["anthropic", "openai", "google"]);
    assert_eq!(config.providers[1].api_keys[0].expose(), "mine");
    assert_eq!(config.providers[2].api_keys[0].expose(), "AIza-good");
    assert_eq!(config.providers[2].timeouts.idle, Duration::from_secs(9));
    assert_eq!(config.providers[2].base_url.host, "generativelanguage.googleapis.com");
}

#[test]
fn the_environment_moves_built_in_providers() {
    let config = good(
        "providers: {openai: {base_url: 'https://ignored.example/v1'}}",
        &[("OPENAI_BASE_URL", "http://127.0.0.1:9090/v1/"), ("ANTHROPIC_BASE_URL", "http://127.0.0.1:9091")],
    );
    assert_eq!(config.providers[0].base_url.to_string(), "http://127.0.0.1:9091");
    assert_eq!(config.providers[1].base_url.to_string(), "http://127.0.0.1:9090/v1");
}

#[test]
fn keys_come_from_files_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    std::fs::write(folder.path().join("key"), "sk-from-file\n").unwrap();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    let load = |yaml: &str| {
        std::fs::write(&config, yaml).unwrap();
        crate::config::load(&config, &super::environment(&[]), &super::BUILTINS)
    };
    let (read, _) = load("providers: {openai: {api_keys: [{file: key}, '${OPENAI_API_KEY}']}}").unwrap();
    let keys: Vec<_> = read.providers[1].api_keys.iter().map(|key| key.expose()).collect();
    assert_eq!(keys, ["sk-from-file", "sk-good"]);

    let problems = load("providers: {openai: {api_keys: [{file: none}, {file: empty}, {path: key}]}}").unwrap_err();
    assert_eq!(
        problems.to_string(),
        "error: providers.openai.api_keys[0].file: \"none\" cannot be read: No such file or directory (os error 2)\n\
         error: providers.openai.api_keys[1].file: the content of \"empty\" is empty; put the key from the provider's console there, or leave it out\n\
         error: providers.openai.api_keys[2].file: is missing: the path of the file that holds the key\n\
         error: providers.openai.api_keys[2].path: is not a setting; known here: weight, key, file"
    );
}

#[test]
fn each_slip_is_told_with_path_value_and_cure() {
    for (provider, expected) in [
        (
            "opnai: {api_key: k}",
            "error: providers.opnai.base_url: is missing: only anthropic, openai, google, openrouter are built in, others need one, such as https://api.example.com/v1; did you mean \"openai\"?",
        ),
        (
            "mine: ",
            "error: providers.mine.base_url: is missing: only anthropic, openai, google, openrouter are built in, others need one, such as https://api.example.com/v1",
        ),
        (
            "'my host': {base_url: 'http://h'}",
            "error: providers.\"my host\": a provider's name is made of letters, digits, `-`, `_` and `.`",
        ),
        (
            "mine: {base_url: example.com}",
            "error: providers.mine.base_url: must begin with http:// or https://; it is \"example.com\"",
        ),
        (
            "mine: {base_url: 'https://h/v1?key=hush'}",
            "error: providers.mine.base_url: must not hold a query or a fragment",
        ),
        (
            "mine: {base_url: 'https://me:hush@h/v1'}",
            "error: providers.mine.base_url: must not hold a user name or password; keys belong into api_keys",
        ),
        ("openai: {base_url: '${NOWHERE}'}", "error: providers.openai.base_url: needs NOWHERE, which is not set"),
        (
            "openai: {baseurl: 'https://h/v1'}",
            "error: providers.openai.baseurl: is not a setting; known here: base_url, api_key, api_keys, shapes, headers, timeouts, models, stream_options, metadata_addresses; did you mean \"base_url\"?",
        ),
        (
            "openai: {api_key: a, api_keys: [b]}",
            "error: providers.openai.api_key: cannot be there together with api_keys; move it into that list",
        ),
        (
            "openai: {api_keys: hush}",
            "error: providers.openai.api_keys: must be a list (`[a, b]`, or lines that begin with `- `); it is a value that is not shown",
        ),
        (
            "openai: {api_key: 12345}",
            "error: providers.openai.api_key: must be text such as `${NAME}`, or `{file: path}`; it is a value that is not shown",
        ),
        (
            "openai: hush",
            "error: providers.openai: must be a map (`name: value` lines); it is a value that is not shown",
        ),
        (
            "openai: {shapes: [message]}",
            "error: providers.openai.shapes[0]: \"message\" is not a shape; known: chat, responses, messages, generate_content; did you mean \"messages\"?",
        ),
        (
            "openai: {headers: {host: x}}",
            "error: providers.openai.headers.host: is set by the gateway itself and cannot be set here",
        ),
        ("openai: {headers: {'a b': x}}", "error: providers.openai.headers.\"a b\": is not a valid header name"),
        (
            "openai: {headers: {x-a: \"1\\n2\"}}",
            "error: providers.openai.headers.x-a: holds a character that cannot be sent in a header",
        ),
        (
            "openai: {headers: {x-a: 1}}",
            "error: providers.openai.headers.x-a: must be text; it is a value that is not shown",
        ),
        (
            "openai: {headers: {x-a: a, X-A: b}}",
            "error: providers.openai.headers.X-A: is there twice (header names know no upper and lower case); keep one of the two",
        ),
        (
            "openai: {timeouts: {idle: x}}",
            "error: providers.openai.timeouts.idle: must be a time from 10ms to 24h, such as 500ms, 5s or 30m; it is \"x\"",
        ),
        (
            "openai: {models: ['*-x']}",
            "error: providers.openai.models[0]: must be a model's id, or a prefix with one `*` at its end; it is \"*-x\"",
        ),
    ] {
        let yaml = format!("providers:\n  {provider}\nroutes: {{a: {{providers: [anthropic, openai]}}}}\n");
        assert_eq!(told(&yaml, &[]), expected, "{provider}");
        assert!(check(&yaml, &[]).is_err(), "{provider}");
    }
}

#[test]
fn what_is_only_doubtful_is_a_warning() {
    for (yaml, more, expected) in [
        (
            "",
            ("OPENAI_BASE_URL", "http://h:1"),
            "warning: OPENAI_BASE_URL: does not end in /v1, which is not added by itself; usual: https://api.openai.com/v1",
        ),
        (
            "",
            ("ANTHROPIC_BASE_URL", "http://h:1/v1"),
            "warning: ANTHROPIC_BASE_URL: ends in /v1, which is added to each request's path once more; usual: https://api.anthropic.com",
        ),
        (
            "",
            ("GOOGLE_BASE_URL", "http://h:1/v1beta"),
            "warning: GOOGLE_BASE_URL: ends in /v1beta, which is added to each request's path once more; usual: https://generativelanguage.googleapis.com",
        ),
        (
            "providers: {openai: {base_url: 'http://h'}}",
            ("X", ""),
            "warning: providers.openai.base_url: does not end in /v1, which is not added by itself; usual: https://api.openai.com/v1",
        ),
        (
            "",
            ("OPENAI_BASE_URL", "http://h:1/v1/chat/completions"),
            "warning: OPENAI_BASE_URL: ends in /chat/completions, which is added to it once more; usual: http://h:1/v1",
        ),
        (
            "providers: {mine: {base_url: 'http://h:1/v1/chat/completions/'}}",
            ("X", ""),
            "warning: providers.mine.base_url: ends in /chat/completions, which is added to it once more; usual: http://h:1/v1",
        ),
        (
            "providers: {mine: {base_url: 'http://h:11434/'}}",
            ("X", ""),
            "warning: providers.mine.base_url: has no path, and none is added by itself; usual: http://h:11434/v1",
        ),
        ("providers: {mine: {base_url: 'http://h', shapes: [messages]}}", ("X", ""), ""),
        (
            "providers: {openrouter: {}}",
            ("X", ""),
            "warning: providers.openrouter: has no key and is skipped; set OPENROUTER_API_KEY",
        ),
        ("providers: {openai: {api_keys: []}}", ("X", ""), "warning: providers.openai: has no key and is skipped"),
        (
            "providers: {mine: {base_url: 'http://h', api_key: '${MINE}'}}",
            ("X", ""),
            "warning: providers.mine: has no key and is skipped; set MINE",
        ),
        (
            "providers: {openai: {api_keys: ['${NONE}', k]}}",
            ("X", ""),
            "warning: providers.openai: NONE is not set; its key is left out",
        ),
    ] {
        assert_eq!(told(yaml, &[more]), expected, "{yaml} {more:?}");
        assert!(check(yaml, &[more]).is_ok());
    }
}
