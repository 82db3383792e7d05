//! Requests that are repeated: the same secret again, or a refusal that says why; and how long they are remembered.

use super::super::idempotency::{self, Answer, Seen};
use super::*;

const MASTER: &str = "ovth_master_0123456789abcdef0123456789abcdef";
const DAY: u64 = 86_400;

fn request(idempotency_key: &str, body: &str) -> IdempotentRequest {
    IdempotentRequest::new(&Secret::new(MASTER), idempotency_key.as_bytes(), body.as_bytes())
}

#[tokio::test]
async fn the_same_request_gets_the_same_key_once_made_also_after_a_restart() {
    let house = House::new();
    let first = house.keys.mint_derived(named("a", 7), &request("x", "{}")).await.unwrap();
    assert!(!first.repeated);
    assert!(secret::is_well_formed(first.key.expose().as_bytes()));
    house.wait(DAY - 1);
    let house = house.restarted();
    let again = house.keys.mint_derived(named("a", 7), &request("x", "{}")).await.unwrap();
    assert!(again.repeated);
    assert_eq!(again.key.expose(), first.key.expose());
    assert_eq!((&again.record.id, again.record.created_at), (&first.record.id, first.record.created_at));
    assert_eq!(house.keys.len(), 1);
    assert_eq!(house.present(&again.key).unwrap().id, first.record.id);
}

#[tokio::test]
async fn other_idempotency_keys_and_bodies_never_share_a_secret() {
    let house = House::new();
    let first = house.keys.mint_derived(named("a", 0), &request("x", "{}")).await.unwrap();
    let other = house.keys.mint_derived(named("a", 0), &request("y", "{}")).await.unwrap();
    assert_ne!(first.key.expose(), other.key.expose());
    for body in ["", "{} ", "[]"] {
        let refused = house.keys.mint_derived(named("a", 0), &request("x", body)).await.unwrap_err();
        assert!(matches!(refused, KeysError::OtherRequest), "{refused}");
    }
    let id = &first.record.id;
    let refused = house.keys.rotate_derived(id, Duration::ZERO, &request("x", "{}")).await.unwrap_err();
    assert!(matches!(refused, KeysError::OtherRequest), "{refused}");
    assert_eq!(house.keys.len(), 2);
}

#[tokio::test]
async fn the_same_request_at_the_same_time_makes_one_key() {
    let house = House::new();
    let request = request("x", "{}");
    let all = futures::future::join_all((0..20).map(|_| house.keys.mint_derived(named("a", 0), &request))).await;
    let all: Vec<_> = all.into_iter().map(Result::unwrap).collect();
    assert_eq!(all.iter().filter(|minted| !minted.repeated).count(), 1);
    assert_eq!(house.keys.len(), 1);
    for minted in all {
        house.present(&minted.key).unwrap();
    }
}

#[tokio::test]
async fn after_a_day_the_same_request_makes_another_key() {
    let house = House::new();
    let first = house.keys.mint_derived(named("a", 0), &request("x", "{}")).await.unwrap();
    house.wait(DAY);
    let later = house.keys.mint_derived(named("a", 0), &request("x", "{}")).await.unwrap();
    assert!(!later.repeated);
    assert_ne!(later.key.expose(), first.key.expose());
    house.wait(DAY - 1);
    let again = house.keys.mint_derived(named("a", 0), &request("x", "{}")).await.unwrap();
    assert_eq!(again.record.id, later.record.id);
    // Also for another body.
    house.wait(1);
    house.keys.mint_derived(named("a", 0), &request("x", "[]")).await.unwrap();
    assert_eq!(house.keys.len(), 3);
}

#[tokio::test]
async fn a_repeated_rotation_rotates_once() {
    let house = House::new();
    let first = house.keys.mint_derived(named("a", 0), &request("x", "{}")).await.unwrap();
    let (id, grace) = (&first.record.id, Duration::from_secs(60));
    let rotated = house.keys.rotate_derived(id, grace, &request("y", "")).await.unwrap();
    house.wait(10);
    let again = house.keys.rotate_derived(id, grace, &request("y", "")).await.unwrap();
    assert!(again.repeated);
    assert_eq!(again.key.expose(), rotated.key.expose());
    assert_eq!(again.record.previous_valid_until(), rotated.record.previous_valid_until());
    house.present(&first.key).unwrap();
    house.present(&again.key).unwrap();
}

#[tokio::test]
async fn a_secret_that_is_not_the_keys_any_more_is_not_told_again() {
    let house = House::new();
    let first = house.keys.mint_derived(named("a", 0), &request("x", "{}")).await.unwrap();
    let id = &first.record.id;
    house.keys.rotate_derived(id, Duration::from_secs(60), &request("y", "")).await.unwrap();
    let refused = house.keys.mint_derived(named("a", 0), &request("x", "{}")).await.unwrap_err();
    assert!(refused.to_string().contains("rotated since"), "{refused}");
    house.keys.rotate(id, Duration::ZERO).await.unwrap();
    let refused = house.keys.rotate_derived(id, Duration::from_secs(60), &request("y", "")).await.unwrap_err();
    assert!(refused.to_string().contains("rotated since"), "{refused}");
    house.keys.revoke(id).await.unwrap();
    let refused = house.keys.mint_derived(named("a", 0), &request("x", "{}")).await.unwrap_err();
    assert!(matches!(refused, KeysError::Revoked { .. }), "{refused}");
}

#[tokio::test]
async fn another_master_key_cannot_tell_a_secret_again() {
    let house = House::new();
    house.keys.mint_derived(named("a", 0), &request("x", "{}")).await.unwrap();
    let changed = IdempotentRequest::new(&Secret::new("another"), b"x", b"{}");
    let refused = house.keys.mint_derived(named("a", 0), &changed).await.unwrap_err();
    assert!(refused.to_string().contains("master key was changed"), "{refused}");
    assert_eq!(house.keys.len(), 1);
}

#[tokio::test]
async fn a_refused_rotation_is_not_remembered() {
    let house = House::new();
    let id = KeyId::parse("key_0123456789abcdef").unwrap();
    let request = request("x", "{}");
    for _ in 0..2 {
        let refused = house.keys.rotate_derived(&id, Duration::ZERO, &request).await.unwrap_err();
        assert!(matches!(refused, KeysError::NotFound { .. }), "{refused}");
    }
    house.keys.mint_derived(named("a", 0), &request).await.unwrap();
}

#[tokio::test]
async fn the_file_tells_neither_secrets_nor_idempotency_keys() {
    let house = House::new();
    let minted = house.keys.mint_derived(named("a", 0), &request("an-idempotency-key", "{}")).await.unwrap();
    assert_eq!(format!("{:?}", request("an-idempotency-key", "{}")), "IdempotentRequest(..)");
    let path = house.store.path().to_owned();
    house.store.shutdown().unwrap();
    let file = std::fs::read(path).unwrap();
    let holds = |text: &[u8]| file.windows(text.len()).any(|window| window == text);
    assert!(holds(minted.record.id.as_str().as_bytes()));
    let secret = minted.key.expose().strip_prefix(KEY_PREFIX).unwrap();
    assert!(!holds(secret.as_bytes()));
    assert!(!holds(&base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, secret).unwrap()));
    assert!(!holds(b"an-idempotency-key"));
    assert!(!holds(MASTER.as_bytes()));
}

/// Remembers that many requests, one a second, in one transaction.
fn remember(house: &House, numbers: std::ops::Range<u64>, now: impl Fn(u64) -> u64 + Send + 'static) {
    let numbers = numbers.clone();
    let work = move |transaction: &redb::WriteTransaction| {
        for number in numbers.clone() {
            let request = request(&number.to_string(), "{}");
            let id = KeyId::parse(&format!("key_{number:016x}")).unwrap();
            let answer = Answer { id, salt: [0; 16], digest: Digest::of(b"") };
            idempotency::remember(transaction, &request, &answer, now(number))?;
        }
        Ok(())
    };
    house.store.write_blocking(work).unwrap();
}

fn is_remembered(house: &House, number: u64, now: u64) -> bool {
    let look = move |transaction: &redb::WriteTransaction| {
        let request = request(&number.to_string(), "{}");
        Ok(matches!(idempotency::look(transaction, &request, now)?, Seen::Same(_)))
    };
    house.store.write_blocking(look).unwrap()
}

fn rows(house: &House) -> (u64, u64) {
    house.store.write_blocking(idempotency::lens).unwrap()
}

#[test]
fn at_most_ten_thousand_requests_are_remembered_and_the_oldest_make_room() {
    let house = House::new();
    remember(&house, 0..10_003, |number| 1_000 + number / 2);
    assert_eq!(rows(&house), (10_000, 10_000));
    let kept: Vec<bool> = (0..8).map(|number| is_remembered(&house, number, 6_001)).collect();
    assert_eq!(kept.iter().filter(|kept| !**kept).count(), 3, "{kept:?}");
    assert!(kept.iter().skip(4).all(|kept| *kept), "{kept:?}");
    assert!(is_remembered(&house, 10_002, 6_001));
}

#[test]
fn rows_that_are_over_are_cleared_away_as_new_ones_come() {
    let house = House::new();
    remember(&house, 0..500, |number| 1_000 + number);
    assert_eq!(rows(&house), (500, 500));
    // A day later eight new ones clear away all of them.
    remember(&house, 1_000..1_008, |_| 1_500 + DAY);
    assert_eq!(rows(&house), (8, 8));
}

#[test]
fn a_clock_that_was_years_ahead_blocks_nothing() {
    let house = House::new();
    remember(&house, 0..5, |_| 1_000_000_000);
    assert!(!is_remembered(&house, 0, 1_000));
    remember(&house, 0..2, |_| 1_000);
    assert!(is_remembered(&house, 0, 1_000));
    assert_eq!(rows(&house), (2, 2));
    // A minute back is nothing.
    assert!(is_remembered(&house, 0, 940));
}
