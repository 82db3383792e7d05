//! Tests of request bodies: what is taken, and what is said about the rest.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::UNIX_EPOCH;

use proptest::prelude::*;

use crate::config::Cap;
use crate::keys::{KeySettings, LimitsPatch};

use super::*;

const NOON: u64 = 1_795_348_800;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOON)
}

fn made(body: &str) -> NewKey {
    new_key(body.as_bytes(), now()).unwrap()
}

fn changed(body: &str) -> KeyPatch {
    changes(body.as_bytes(), now()).unwrap()
}

fn problems(body: &str) -> Vec<String> {
    new_key(body.as_bytes(), now()).unwrap_err().messages()
}

#[test]
fn a_label_is_enough_and_a_quota_is_taken() {
    let new = made(r#" {"label":"cursor"} "#);
    assert_eq!((new.label.as_str(), new.settings), ("cursor", KeySettings::default()));
    let new = made(r#"{"quota":{"daily_tokens":100000},"label":"cursor"}"#);
    assert_eq!(new.settings.limits.daily_tokens, Some(Cap::At(100_000)));
    for quota in ["null", "{}", r#"{"daily_tokens":null}"#, r#"{"per_end_user":null}"#] {
        assert_eq!(made(&format!(r#"{{"label":"a","quota":{quota}}}"#)).settings, KeySettings::default());
    }
}

#[test]
fn every_setting_of_a_key_can_be_given() {
    let settings = made(
        r#"{"label":"a","quota":{"daily_tokens":1,"monthly_tokens":2,"daily_usd":0.5,"monthly_usd":"12.345678",
            "requests_per_minute":5,"tokens_per_minute":6,"max_concurrent":7,"max_output_tokens":8,
            "per_end_user":{"daily_tokens":"unlimited","daily_usd":"unlimited"}},
            "routes":["*"],"models":["gpt-*","anthropic/*"],"expires_at":"2027-01-01T00:00:00+01:00","strict":true}"#,
    )
    .settings;
    let limits = settings.limits;
    assert_eq!(
        [
            limits.daily_tokens,
            limits.monthly_tokens,
            limits.daily_usd,
            limits.monthly_usd,
            limits.requests_per_minute,
            limits.tokens_per_minute,
            limits.max_concurrent,
            limits.max_output_tokens
        ],
        [1, 2, 500_000_000_000, 12_345_678_000_000, 5, 6, 7, 8].map(|limit| Some(Cap::At(limit)))
    );
    assert_eq!(settings.per_end_user.daily_tokens, Some(Cap::Unlimited));
    assert_eq!(settings.per_end_user.daily_usd, Some(Cap::Unlimited));
    assert_eq!(settings.models.unwrap().patterns().collect::<Vec<_>>(), ["gpt-*", "anthropic/*"]);
    assert!(settings.routes.unwrap().fit("auto"));
    assert_eq!(settings.expires_at, Some(1_798_758_000));
    assert_eq!(settings.strict, Some(true));
}

#[test]
fn a_change_tells_what_stays_from_what_goes_back_to_the_default() {
    assert_eq!(changed("{}"), KeyPatch::default());
    let patch =
        changed(r#"{"quota":{"daily_usd":3,"max_concurrent":null},"routes":null,"strict":null,"expires_at":null}"#);
    assert_eq!(patch.label, None);
    let expected = LimitsPatch {
        daily_usd: Change::Set(Cap::At(3_000_000_000_000)),
        max_concurrent: Change::Reset,
        ..LimitsPatch::default()
    };
    assert_eq!((patch.limits, patch.per_end_user), (expected, LimitsPatch::default()));
    assert_eq!((patch.routes, patch.models), (Change::Reset, Change::Leave));
    assert_eq!((patch.strict, patch.expires_at), (Change::Reset, Change::Reset));
    let all = changed(r#"{"quota":null}"#);
    assert_eq!((all.limits, all.per_end_user), (LimitsPatch::reset(), LimitsPatch::reset()));
    let end_users = changed(r#"{"quota":{"per_end_user":null}}"#);
    assert_eq!((end_users.limits, end_users.per_end_user), (LimitsPatch::default(), LimitsPatch::reset()));
    assert!(changes(br#"{"label":null}"#, now()).is_err(), "a key has to have a label");
}

#[test]
fn everything_wrong_is_named_at_once_with_the_nearest_name() {
    let found = problems(
        r#"{"lable":"x","quota":{"dailyTokens":5,"daily_tokens":0,"per_end_user":{"daily_token":1}},"zzz":1,"expires_at":1}"#,
    );
    assert_eq!(found.len(), 7, "{found:?}");
    let all = found.join("\n");
    for expected in [
        "`lable` is not a field of this request, did you mean `label`?",
        "`quota.dailyTokens` is not a field of this request, did you mean `quota.daily_tokens`?",
        "`quota.daily_tokens` must be a whole number from 1 to 1000000000000000, \"unlimited\", or null for the default, not 0",
        "`quota.per_end_user.daily_token` is not a field of this request, did you mean `quota.per_end_user.daily_tokens`?",
        "`zzz` is not a field of this request, known are: `label`, `quota`, `routes`, `models`, `expires_at`, `strict`",
        "`expires_at` lies in the past; to end a key now, revoke it with DELETE",
        "`label` is missing",
    ] {
        assert!(all.contains(expected), "{expected}\n{all}");
    }
}

#[test]
fn wrong_types_are_named_without_their_values() {
    assert_eq!(problems(r#"{"label":7}"#), ["`label` must be a string, not a number"]);
    assert_eq!(problems(r#"{"label":null}"#), ["`label` must be a string, not null"]);
    assert_eq!(problems(r#"{"label":""}"#), ["`label` must not be blank"]);
    assert_eq!(problems(r#"{"label":"a\nb"}"#).len(), 1);
    for (field, value) in [
        ("quota", r#""ovth_live_secret""#),
        ("quota", r#"{"daily_tokens":"ovth_live_secret"}"#),
        ("quota", r#"{"daily_usd":"ovth_live_secret"}"#),
        ("quota", r#"{"per_end_user":["ovth_live_secret"]}"#),
        ("routes", r#""ovth_live_secret""#),
        ("models", r#"[["ovth_live_secret"]]"#),
        ("strict", r#""ovth_live_secret""#),
        ("expires_at", r#""ovth_live_secret""#),
    ] {
        let found = problems(&format!(r#"{{"label":"a","{field}":{value}}}"#));
        assert!(matches!(&found[..], [one] if one.contains(field) && !one.contains("secret")), "{found:?}");
    }
}

#[test]
fn numbers_are_whole_and_dollars_exact() {
    for number in ["-1", "0", "1.5", "1e3", "99999999999999999999999", "1000000000000001"] {
        let found = problems(&format!(r#"{{"label":"a","quota":{{"daily_tokens":{number}}}}}"#));
        assert!(found.concat().ends_with(&format!("not {number}")), "{found:?}");
    }
    for usd in ["-1", "0", "0.0000001", "1e3", "10000000.000001", "99999999999999999999999", "\"0x1\"", "\"\"", "true"]
    {
        let found = problems(&format!(r#"{{"label":"a","quota":{{"daily_usd":{usd}}}}}"#));
        assert!(found.concat().starts_with("`quota.daily_usd` must be US dollars from 0.000001"), "{usd}: {found:?}");
    }
    for (usd, pico) in
        [("0.000001", 1_000_000), ("\"0.10\"", 100_000_000_000), ("10000000", 10_000_000_000_000_000_000)]
    {
        let limits = made(&format!(r#"{{"label":"a","quota":{{"daily_usd":{usd}}}}}"#)).settings.limits;
        assert_eq!(limits.daily_usd, Some(Cap::At(pico)), "{usd}");
    }
}

#[test]
fn lists_of_names_are_bounded_and_each_bad_name_is_told_by_its_place() {
    let found = problems(r#"{"label":"a","models":["gpt-*","",7,"a\u0000b"]}"#);
    let places: Vec<&str> = found.iter().filter_map(|problem| problem.split(' ').next()).collect();
    assert_eq!(places, ["`models[1]`", "`models[2]`", "`models[3]`"]);
    assert!(problems(r#"{"label":"a","models":[]}"#).concat().contains("[\"*\"] is all of them"));
    let many = vec!["\"a\""; 257].join(",");
    assert!(problems(&format!(r#"{{"label":"a","routes":[{many}]}}"#)).concat().contains("it has 257"));
}

#[test]
fn an_end_is_a_moment_to_come() {
    for (text, expected) in
        [("\"2027-01-01\"", 1_798_761_600), ("1795348801", NOON + 1), ("253402300799", 253_402_300_799)]
    {
        assert_eq!(
            made(&format!(r#"{{"label":"a","expires_at":{text}}}"#)).settings.expires_at,
            Some(expected),
            "{text}"
        );
    }
    for text in
        ["1795348800", "0", "\"2020-01-01\"", "253402300800", "1.5", "-1", "\"soon\"", "\"2027-01-01T00:00:00\"", "[]"]
    {
        let found = problems(&format!(r#"{{"label":"a","expires_at":{text}}}"#));
        assert!(matches!(&found[..], [one] if one.starts_with("`expires_at` ")), "{text}: {found:?}");
    }
}

#[test]
fn a_field_that_is_there_twice_is_refused() {
    assert_eq!(problems(r#"{"label":"a","label":"b"}"#), ["`label` is there twice"]);
    assert_eq!(
        problems(r#"{"label":"a","quota":{"daily_tokens":1,"daily_tokens":2}}"#),
        ["`quota.daily_tokens` is there twice"]
    );
}

#[test]
fn what_is_no_object_is_told_so() {
    for body in ["[]", "null", "7", "\"x\""] {
        assert!(problems(body).join("").contains("must be a JSON object"), "{body}");
    }
    for body in ["", "{", "label=cursor", r#"{"label":"a"} x"#, "{\"label\":\"a\u{0}\"}"] {
        assert!(problems(body).join("").contains("is not JSON (line "), "{body}");
    }
}

#[test]
fn a_rotation_has_a_grace_time_of_a_day_unless_it_says_another() {
    for (body, seconds) in [
        ("", 86_400),
        (" \n", 86_400),
        ("{}", 86_400),
        (r#"{"grace_seconds":null}"#, 86_400),
        (r#"{"grace_seconds":0}"#, 0),
        (r#"{"grace_seconds":2592000}"#, 2_592_000),
    ] {
        assert_eq!(rotation(body.as_bytes()).unwrap(), Duration::from_secs(seconds), "{body}");
    }
    for body in [r#"{"grace_seconds":2592001}"#, r#"{"grace_seconds":-1}"#, r#"{"grace":1}"#, "[]", "x"] {
        assert_eq!(rotation(body.as_bytes()).unwrap_err().messages().len(), 1, "{body}");
    }
}

#[test]
fn an_answer_to_thousands_of_unknown_fields_is_short() {
    let fields: Vec<String> = (0..5_000).map(|number| format!("\"{}{number}\":0", "x".repeat(100))).collect();
    let problems = new_key(format!("{{{}}}", fields.join(",")).as_bytes(), now()).unwrap_err();
    let answer = problems.into_response("The key was not made");
    assert!(answer.bytes().len() < 3_500, "{}", answer.bytes().len());
    assert!(std::str::from_utf8(answer.bytes()).unwrap().contains("; and 4991 more."));
}

fn judged(body: &[u8]) -> Result<(), TestCaseError> {
    let outcomes = [new_key(body, now()).err(), changes(body, now()).err(), rotation(body).err()];
    for problems in outcomes.into_iter().flatten() {
        prop_assert!(!problems.is_empty());
        problems.into_response("No");
    }
    Ok(())
}

proptest! {
    #[test]
    fn random_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        judged(&body)?;
    }

    #[test]
    fn random_json_never_panics(
        name in "label|quota|routes|models|expires_at|strict|grace_seconds|\\PC{0,8}",
        inner in "daily_tokens|daily_usd|max_concurrent|per_end_user|\\PC{0,8}",
        value in "null|-?[0-9]{1,25}(\\.[0-9])?|\"\\PC{0,200}\"|\\[\\]|\\[\"a\",7\\]|true",
    ) {
        for body in [
            format!("{{\"{name}\":{value}}}"),
            format!("{{\"label\":\"a\",\"{name}\":{value}}}"),
            format!("{{\"label\":{value},\"quota\":{{\"{inner}\":{value}}}}}"),
            format!("{{\"quota\":{{\"per_end_user\":{{\"{inner}\":{value}}}}}}}"),
        ] {
            judged(body.as_bytes())?;
        }
    }
}
