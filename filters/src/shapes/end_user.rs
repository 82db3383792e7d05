//! What a client calls its own user, as a name that fits into an account book: one person, one short name.

use std::borrow::Cow;

use crate::json::{Cursor, Text};

/// The longest name that is kept as it is, in bytes.
const MAX_BYTES: usize = 128;

/// What is kept of the beginning of a longer name; its hash follows, so that different ones stay different.
const KEPT_BYTES: usize = 96;

/// The name in that text: without control characters and white space around it, shortened; `None` when nothing is left.
pub(super) fn name(text: Text<'_>) -> Option<String> {
    let text = text.decode()?;
    let name = person(&text)?;
    let name = match name.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        true => Cow::Borrowed(name),
        false => name.chars().filter(|char| !char.is_control()).collect(),
    };
    let name = name.trim();
    (!name.is_empty()).then(|| shortened(name))
}

/// The part that stays the same from one session to the next. Claude Code names the device, the account and the session
/// in one string, as JSON since its version 2.1.78: `{"device_id":"...","account_uuid":"","session_id":"..."}`, before
/// that as `user_DEVICE_account_ACCOUNT_session_SESSION`. Both forms come to the same name, that of the account, or of
/// the device where nobody is logged in.
fn person(text: &str) -> Option<&str> {
    if text.starts_with('{') {
        return named_in_json(text).unwrap_or(Some(text));
    }
    let Some((device, rest)) = text.strip_prefix("user_").and_then(|rest| rest.split_once("_account_")) else {
        return Some(text);
    };
    let account = rest.split_once("_session_").map_or(rest, |(account, _)| account);
    Some(if account.is_empty() { device } else { account })
}

/// The account or the device in such a JSON text: nothing where it names only a session; `None` when it is another text.
fn named_in_json(text: &str) -> Option<Option<&str>> {
    let (mut device, mut account, mut session) = (None, None, None);
    let mut cursor = Cursor::new(text.as_bytes()).ok()?;
    let read = cursor.object(|cursor, key| {
        let into = match key.raw() {
            b"device_id" => &mut device,
            b"account_uuid" => &mut account,
            b"session_id" => &mut session,
            _ => return Ok(()),
        };
        let value = cursor.text()?.map(|value| value.raw()).and_then(|raw| std::str::from_utf8(raw).ok());
        *into = value.filter(|value| !value.is_empty());
        Ok(())
    });
    read.and_then(|()| cursor.finish()).ok()?;
    let person = account.or(device);
    (person.is_some() || session.is_some()).then_some(person)
}

/// The hash is part of what is stored: it must stay the same in all versions.
fn shortened(name: &str) -> String {
    if name.len() <= MAX_BYTES {
        return name.to_owned();
    }
    let mut end = KEPT_BYTES;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let hash = rapidhash::v3::rapidhash_v3(name.as_bytes());
    format!("{}~{hash:016x}", name.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn named(text: &str) -> Option<String> {
        let quoted = crate::json::quoted(text);
        name(Text::new(&quoted[1..quoted.len() - 1], 1))
    }

    #[test]
    fn one_person_is_one_end_user_whatever_the_session_and_the_version_of_the_client() {
        let (device, account) = ("a1".repeat(32), "0d31d0b6-91d4-4e65-8d4e-4a2c1d4f8f4b");
        for session in ["6a1b", "ffff-0000"] {
            let old = format!("user_{device}_account_{account}_session_{session}");
            let new = format!(r#"{{"device_id":"{device}","account_uuid":"{account}","session_id":"{session}"}}"#);
            assert_eq!(named(&old).as_deref(), Some(account));
            assert_eq!(named(&new).as_deref(), Some(account));
            let old = format!("user_{device}_account__session_{session}");
            let new = format!(r#"{{ "session_id": "{session}", "account_uuid": "", "device_id": "{device}" }}"#);
            assert_eq!(named(&old), Some(device.clone()));
            assert_eq!(named(&new), Some(device.clone()));
        }
        assert_eq!(named(&format!("user_{device}_account_{account}")).as_deref(), Some(account));
        assert_eq!(named(r#"{"session_id":"x"}"#), None, "a session is nobody");
    }

    #[test]
    fn other_names_are_kept_as_they_are() {
        for name in ["bob", "user_7", "user_session_1", "é", r#"{"id":7}"#, "{broken", "a\u{2028}b"] {
            assert_eq!(named(name).as_deref(), Some(name));
        }
        assert_eq!(named(" b\u{7}o\nb\u{9b} ").as_deref(), Some("bob"));
        for empty in ["", " ", "\r\n\t", "\u{0}"] {
            assert_eq!(named(empty), None);
        }
    }

    #[test]
    fn the_hash_of_long_names_stays_the_same_in_all_versions() {
        let name = named(&"n".repeat(129)).unwrap();
        assert_eq!(name, format!("{}~3bd664f27309ffeb", "n".repeat(96)));
    }

    proptest! {
        #[test]
        fn names_are_short_and_different_ones_stay_different(first in ".{0,200}", second in ".{0,200}") {
            let (one, two) = (named(&first), named(&second));
            for name in [&one, &two].into_iter().flatten() {
                prop_assert!(!name.is_empty() && name.len() <= MAX_BYTES);
                prop_assert!(!name.chars().any(char::is_control));
            }
            let clean = |text: &str| text.chars().filter(|char| !char.is_control()).collect::<String>().trim().to_owned();
            if person(&first) == Some(&first) && person(&second) == Some(&second) {
                prop_assert_eq!(clean(&first) == clean(&second), one == two);
            }
        }

        #[test]
        fn long_names_that_begin_alike_stay_different(tail in "[a-zé]{40,80}", other in "[a-zé]{40,80}") {
            let begin = "é".repeat(47);
            let (one, two) = (format!("{begin}{tail}"), format!("{begin}{other}"));
            prop_assert_eq!(one == two, named(&one) == named(&two));
        }
    }
}
