//! The log's settings, as files set them.

use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

use super::{check, good, told};
use crate::config::{AccessLogSettings, LogFormat, LogSettings, RotateEvery};

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn every_setting_of_the_log_can_be_set() {
    assert_eq!(good("", &[]).log, LogSettings::default());
    let yaml = "log:
  level: warn
  levels: {ovth::attempt: debug, 'ovth_gateway::ledger': off}
  format: text
  access: {file: logs/access.log, rotate_bytes: 1MiB, rotate_every: hour, keep_files: 0, keep_days: 1, gzip: true}
";
    let access = AccessLogSettings {
        file: PathBuf::from("logs/access.log"),
        rotate_bytes: 1 << 20,
        rotate_every: RotateEvery::Hour,
        keep_files: 0,
        keep: DAY,
        gzip: true,
    };
    let levels = [("ovth::attempt", LevelFilter::Debug), ("ovth_gateway::ledger", LevelFilter::Off)];
    let expected = LogSettings {
        level: LevelFilter::Warn,
        levels: levels.map(|(target, level)| (target.to_owned(), level)).into(),
        format: LogFormat::Text,
        access: Some(access),
        capture: None,
    };
    assert_eq!(good(yaml, &[]).log, expected);
}

#[test]
fn an_access_log_needs_no_more_than_a_file() {
    let expected = AccessLogSettings {
        file: PathBuf::from("/var/log/ovth/access.log"),
        rotate_bytes: 64 << 20,
        rotate_every: RotateEvery::Day,
        keep_files: 30,
        keep: DAY * 90,
        gzip: false,
    };
    assert_eq!(good("log: {access: {file: /var/log/ovth/access.log}}", &[]).log.access, Some(expected));
}

#[test]
fn each_slip_is_told_with_path_value_and_cure() {
    let levels = "must be off or error or warn or info or debug or trace";
    for (yaml, expected) in [
        ("log: {level: loud}", format!("log.level: {levels}; it is \"loud\"")),
        ("log: {levels: {ovth: inof}}", format!("log.levels.ovth: {levels}; it is \"inof\"; did you mean \"info\"?")),
        (
            "log: {levels: {'a b': info}}",
            "log.levels.\"a b\": is no target of log records; they are like ovth::attempt or ovth_gateway::ledger"
                .into(),
        ),
        ("log: {format: xml}", "log.format: must be auto or json or text; it is \"xml\"".into()),
        ("log: {access: {file: logs/}}", "log.access.file: must be the path of a file; it is \"logs/\"".into()),
        (
            "log: {access: {file: a, rotate_bytes: 1}}",
            "log.access.rotate_bytes: must be a size from 4KiB to 1TiB, such as 512KiB, 32MiB or 10MB; it is 1".into(),
        ),
        (
            "log: {access: {file: a, rotate_every: week}}",
            "log.access.rotate_every: must be never or hour or day; it is \"week\"".into(),
        ),
        (
            "log: {access: {file: a, keep_files: -1}}",
            "log.access.keep_files: must be a whole number from 0 to 10000; it is -1".into(),
        ),
        (
            "log: {access: {file: a, keep_days: 0}}",
            "log.access.keep_days: must be a whole number from 1 to 3650; it is 0".into(),
        ),
    ] {
        assert_eq!(told(yaml, &[]), format!("error: {expected}"), "{yaml}");
        assert!(check(yaml, &[]).is_err(), "{yaml}");
    }
    let unknown = told("log: {lewel: info}", &[]);
    assert!(
        unknown.starts_with("error: log.lewel: is not a setting; known here: level, levels, format, access, capture"),
        "{unknown}"
    );
}

#[test]
fn a_capture_is_on_when_keys_or_routes_are_named_and_that_is_a_warning() {
    assert_eq!(good("log: {capture: {body_bytes: 1KiB}}", &[]).log.capture, None);
    let yaml =
        "log: {capture: {keys: [cursor, 'key_*'], file: c.jsonl, body_bytes: 1KiB, total_bytes: 1MiB, keep_days: 1,
        headers: [User-Agent], redact: ['[0-9]{3}-[0-9]{4}']}}";
    let (config, warnings) = check(yaml, &[]).unwrap();
    let capture = config.log.capture.unwrap();
    assert!(capture.keys.unwrap().fit("key_1") && capture.routes.is_none());
    assert_eq!(
        (capture.file, capture.body_bytes, capture.total_bytes, capture.keep),
        ("c.jsonl".into(), 1 << 10, 1 << 20, DAY)
    );
    assert_eq!(capture.headers, ["user-agent"]);
    assert!(capture.redact[0].pattern().is_match(b"call 555-1234"));
    let expected = "warning: log.capture.keys: what clients of these keys and routes say, and what they are answered, is written to c.jsonl";
    assert_eq!(warnings.to_string(), expected);
    let (config, _) = check("log: {capture: {routes: [auto]}}", &[]).unwrap();
    let capture = config.log.capture.unwrap();
    assert_eq!((capture.file, capture.body_bytes, capture.total_bytes), ("capture.jsonl".into(), 64 << 10, 256 << 20));
    assert_eq!(
        (capture.keep, capture.headers, capture.redact),
        (DAY * 7, vec![http::header::CONTENT_TYPE], Vec::new())
    );
}

#[test]
fn a_wrong_capture_is_told_and_no_pattern_is_repeated() {
    let pattern = "must be a regular expression of 1 to 1024 characters that takes at most 1 MiB of memory; ASCII's classes only, and no \
                   look-around; it is a value that is not shown";
    for (yaml, expected) in [
        ("redact: ['planted-secret(']", format!("log.capture.redact[0]: {pattern}")),
        ("redact: ['(?=planted-secret)']", format!("log.capture.redact[0]: {pattern}")),
        ("redact: ['((((planted-secret{100}){100}){100}){100})']", format!("log.capture.redact[0]: {pattern}")),
        ("headers: [a b]", "log.capture.headers[0]: must be the name of a header; it is \"a b\"".into()),
        (
            "headers: [x-api-key]",
            "log.capture.headers[0]: names a header whose value is a credential; such values are never captured".into(),
        ),
        ("total_bytes: 1MiB", "log.capture.total_bytes: must be at least 64 times body_bytes; it is 16 times".into()),
        (
            "body_bytes: 2MiB",
            "log.capture.body_bytes: must be a size from 1KiB to 1MiB, such as 512KiB, 32MiB or 10MB; it is \"2MiB\""
                .into(),
        ),
    ] {
        let told = told(&format!("log: {{capture: {{{yaml}}}}}"), &[]);
        assert!(told.contains(&format!("error: {expected}")), "{yaml}: {told}");
        assert!(!told.contains("planted"), "{told}");
    }
    let (config, _) = check("log: {capture: {keys: [a], redact: [planted-secret]}}", &[]).unwrap();
    assert!(!format!("{config:?}").contains("planted"), "a pattern may name a secret");
}
