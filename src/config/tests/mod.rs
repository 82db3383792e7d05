//! Whole files against what they become: settings, or the exact problems.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod edge;
mod environment;
mod example;
mod good;
mod ledger;
mod log;
mod problems;
mod providers;
mod quota;
mod routes;
mod secrets;

use std::path::Path;

use ovth_filters::Shape;
use proptest::prelude::*;

use super::{BaseUrl, Builtin, Config, Environment, Problems, parse};

/// The file of the guide, as users have it.
const GUIDE: &str = include_str!("../../../conf/config.minimal.yaml");

const MASTER_KEY: &str = "0123456789abcdef0123456789abcdef";

const BUILTINS: [Builtin; 4] = [
    Builtin {
        id: "anthropic",
        key_env: "ANTHROPIC_API_KEY",
        base_url_env: Some("ANTHROPIC_BASE_URL"),
        base_url: "https://api.anthropic.com",
        shapes: &[Shape::Messages],
        last: false,
    },
    Builtin {
        id: "openai",
        key_env: "OPENAI_API_KEY",
        base_url_env: Some("OPENAI_BASE_URL"),
        base_url: "https://api.openai.com/v1",
        shapes: &[Shape::Chat, Shape::Responses],
        last: false,
    },
    Builtin {
        id: "google",
        key_env: "GOOGLE_API_KEY",
        base_url_env: Some("GOOGLE_BASE_URL"),
        base_url: "https://generativelanguage.googleapis.com",
        shapes: &[Shape::GenerateContent],
        last: false,
    },
    Builtin {
        id: "openrouter",
        key_env: "OPENROUTER_API_KEY",
        base_url_env: Some("OPENROUTER_BASE_URL"),
        base_url: "https://openrouter.ai/api/v1",
        shapes: &[Shape::Chat, Shape::Responses, Shape::Messages],
        last: true,
    },
];

/// The four variables of the guide, and more; an empty value takes one away.
fn environment(more: &[(&str, &str)]) -> Environment {
    let guide = [
        ("ANTHROPIC_API_KEY", "sk-ant-good"),
        ("OPENAI_API_KEY", "sk-good"),
        ("GOOGLE_API_KEY", "AIza-good"),
        ("OVTH_MASTER_KEY", MASTER_KEY),
    ];
    Environment::from_pairs(guide.into_iter().chain(more.iter().copied()))
}

fn check(yaml: &str, more: &[(&str, &str)]) -> Result<(Config, Problems), Problems> {
    parse(yaml, Path::new(""), &environment(more), &BUILTINS)
}

/// The configuration of a file without any problem.
fn good(yaml: &str, more: &[(&str, &str)]) -> Config {
    let (config, warnings) = check(yaml, more).unwrap();
    assert_eq!(warnings, Problems::default(), "{yaml}");
    config
}

/// What a file's problems look like, errors or warnings.
fn told(yaml: &str, more: &[(&str, &str)]) -> String {
    match check(yaml, more) {
        Ok((_, warnings)) => warnings.to_string(),
        Err(problems) => problems.to_string(),
    }
}

fn ids(config: &Config) -> Vec<&str> {
    config.providers.iter().map(|provider| &*provider.id).collect()
}

proptest! {
    #[test]
    fn whatever_is_in_a_file_it_is_judged_without_a_panic(
        text in r#"([a-z_]{0,8}|listen|providers|openai|routes|: |\n|\n  |- |\[|\]|\{|\}|"|'|\$\{[A-Z]?\}?|#|&a |\*a|!|\PC){0,24}"#
    ) {
        let _ = check(&text, &[]);
        let _ = BaseUrl::parse(&text);
        let _: Vec<_> = super::dotenv::lines(&text).collect();
    }

    #[test]
    fn whatever_a_setting_holds_it_is_judged_without_a_panic(value in r"\PC{0,12}|[0-9]{0,22}[a-zA-Z]{0,3}|https?://\PC{0,12}") {
        for key in ["listen", "threads", "commit_after", "master_key", "data_dir"] {
            let _ = check(&format!("{key}: {value}"), &[]);
        }
        let _ = check("", &[("OPENAI_BASE_URL", &value), ("OPENAI_API_KEY", &value), ("OVTH_MASTER_KEY", &value)]);
    }
}
