//! From the making of a key to its end: changes, rotation, expiry, revocation, with restarts between.

use futures::FutureExt;

use crate::config::Globs;

use super::*;

#[tokio::test]
async fn a_change_is_seen_at_once_and_after_a_restart() {
    let house = House::new();
    let minted = house.keys.mint(named("a", 5)).await.unwrap();
    let id = minted.record.id.clone();
    let mut patch = KeyPatch { label: Some(Label::parse("b").unwrap()), ..KeyPatch::default() };
    patch.limits.daily_tokens = Change::Reset;
    patch.limits.monthly_usd = Change::Set(Cap::At(12_500_000_000_000));
    patch.per_end_user.requests_per_minute = Change::Set(Cap::Unlimited);
    patch.models = Change::Set(Globs::new(["gpt-*"]));
    patch.strict = Change::Set(true);
    let changed = house.keys.update(&id, patch).await.unwrap();
    assert_eq!(house.present(&minted.key).unwrap().settings, changed.settings);
    let house = house.restarted();
    let key = house.present(&minted.key).unwrap();
    assert_eq!((key.label.as_str(), &key.settings), ("b", &changed.settings));
    assert_eq!(key.settings.limits.daily_tokens, None);
    assert_eq!(key.settings.limits.monthly_usd, Some(Cap::At(12_500_000_000_000)));
    assert_eq!(key.settings.per_end_user.requests_per_minute, Some(Cap::Unlimited));
    assert!(key.settings.models.as_ref().unwrap().fit("gpt-5"));
    assert_eq!(key.settings.strict, Some(true));

    let left = house.keys.update(&id, KeyPatch::default()).await.unwrap();
    assert_eq!((&left.settings, left.label.as_str()), (&key.settings, "b"));
}

#[tokio::test]
async fn an_old_secret_is_taken_until_its_grace_time_is_over() {
    let house = House::new();
    let first = house.keys.mint(named("a", 0)).await.unwrap();
    assert_eq!((first.record.rotated_at, first.record.previous_valid_until()), (None, None));
    house.wait(100);
    let second = house.keys.rotate(&first.record.id, Duration::from_secs(60)).await.unwrap();
    assert_eq!(second.record.rotated_at, Some(house.now()));
    assert_eq!(second.record.previous_valid_until(), Some(house.now() + 60));
    assert_eq!(second.record.created_at, first.record.created_at);
    house.wait(59);
    let house = house.restarted();
    assert_eq!(house.present(&first.key).unwrap().id, first.record.id);
    assert_eq!(house.present(&second.key).unwrap().id, first.record.id);
    house.wait(1);
    assert_eq!(house.present(&first.key).unwrap_err(), AuthError::Replaced);
    house.present(&second.key).unwrap();
    let house = house.restarted();
    assert_eq!(house.present(&first.key).unwrap_err(), AuthError::Replaced);
    house.present(&second.key).unwrap();
}

#[tokio::test]
async fn rotating_again_drops_the_older_secret_at_once() {
    let house = House::new();
    let first = house.keys.mint(named("a", 0)).await.unwrap();
    let id = &first.record.id;
    let second = house.keys.rotate(id, Duration::from_secs(60)).await.unwrap();
    let third = house.keys.rotate(id, Duration::ZERO).await.unwrap();
    assert_eq!(house.present(&first.key).unwrap_err(), AuthError::Unknown);
    let house = house.restarted();
    assert_eq!(house.present(&first.key).unwrap_err(), AuthError::Unknown);
    assert_eq!(house.present(&second.key).unwrap_err(), AuthError::Replaced);
    house.present(&third.key).unwrap();
}

#[tokio::test]
async fn without_grace_the_old_secret_ends_at_once_and_endless_grace_does_not_overflow() {
    let house = House::new();
    let first = house.keys.mint(named("a", 0)).await.unwrap();
    let second = house.keys.rotate(&first.record.id, Duration::ZERO).await.unwrap();
    assert_eq!(house.present(&first.key).unwrap_err(), AuthError::Replaced);
    house.keys.rotate(&first.record.id, Duration::MAX).await.unwrap();
    house.wait(1_000_000_000);
    house.present(&second.key).unwrap();
}

#[tokio::test]
async fn a_key_expires_at_its_second_and_can_be_extended() {
    let house = House::new();
    let end = house.now() + 10;
    let mut new = named("a", 0);
    new.settings.expires_at = Some(end);
    let minted = house.keys.mint(new).await.unwrap();
    let rotated = house.keys.rotate(&minted.record.id, Duration::from_secs(1_000)).await.unwrap();
    house.wait(9);
    house.present(&minted.key).unwrap();
    house.wait(1);
    for secret in [&minted.key, &rotated.key] {
        assert_eq!(house.present(secret).unwrap_err(), AuthError::Expired);
    }
    let patch = KeyPatch { expires_at: Change::Set(end + 1), ..KeyPatch::default() };
    house.keys.update(&minted.record.id, patch).await.unwrap();
    house.present(&rotated.key).unwrap();
    house.wait(1);
    assert_eq!(house.present(&rotated.key).unwrap_err(), AuthError::Expired);
    let patch = KeyPatch { expires_at: Change::Reset, ..KeyPatch::default() };
    house.keys.update(&minted.record.id, patch).await.unwrap();
    house.present(&rotated.key).unwrap();
}

#[tokio::test]
async fn a_revoked_key_is_told_so_with_both_secrets_and_keeps_its_label() {
    let house = House::new();
    let first = house.keys.mint(named("a", 5)).await.unwrap();
    let id = &first.record.id;
    let second = house.keys.rotate(id, Duration::from_secs(60)).await.unwrap();
    let revoked = house.keys.revoke(id).await.unwrap();
    assert_eq!(revoked.revoked_at, Some(house.now()));
    house.wait(5);
    assert_eq!(house.keys.revoke(id).await.unwrap().revoked_at, revoked.revoked_at);
    let house = house.restarted();
    for secret in [&first.key, &second.key] {
        assert_eq!(house.present(secret).unwrap_err(), AuthError::Revoked);
    }
    let kept = house.keys.get(id).unwrap();
    assert!(kept.is_revoked());
    assert_eq!(kept.label.as_str(), "a");
    let refused = house.keys.update(id, KeyPatch::default()).await.unwrap_err();
    assert!(matches!(refused, KeysError::Revoked { .. }), "{refused}");
    let refused = house.keys.rotate(id, Duration::ZERO).await.unwrap_err();
    assert!(matches!(refused, KeysError::Revoked { .. }), "{refused}");
}

#[tokio::test]
async fn what_is_not_there_cannot_be_changed() {
    let house = House::new();
    let id = KeyId::parse("key_0123456789abcdef").unwrap();
    assert!(house.keys.get(&id).is_none());
    assert!(house.keys.list(Some(&id), 10, true).is_none());
    let is_missing = |error: KeysError| matches!(error, KeysError::NotFound { .. });
    assert!(is_missing(house.keys.update(&id, KeyPatch::default()).await.unwrap_err()));
    assert!(is_missing(house.keys.rotate(&id, Duration::ZERO).await.unwrap_err()));
    assert!(is_missing(house.keys.revoke(&id).await.unwrap_err()));
    assert_eq!(house.keys.len(), 0);
}

#[tokio::test]
async fn pages_are_in_the_order_of_creation_also_within_a_second_and_with_a_clock_set_back() {
    let house = House::new();
    let mut made = Vec::new();
    for number in 0..7 {
        house.seconds.fetch_sub(u64::from(number > 4), Ordering::Relaxed);
        made.push(house.keys.mint(named(&format!("{number}"), 0)).await.unwrap().record.id.clone());
    }
    let house = house.restarted();
    made.push(house.keys.mint(named("7", 0)).await.unwrap().record.id.clone());
    house.keys.revoke(made.get(3).unwrap()).await.unwrap();
    for (include_revoked, count) in [(true, 8), (false, 7)] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = house.keys.list(after.as_ref(), 3, include_revoked).unwrap();
            found.extend(page.keys.iter().map(|key| key.id.clone()));
            assert_eq!(page.has_more, found.len() < count);
            if !page.has_more {
                break;
            }
            after = found.last().cloned();
        }
        let expected = made.iter().enumerate().filter(|(place, _)| include_revoked || *place != 3);
        assert_eq!(found, expected.map(|(_, id)| id.clone()).collect::<Vec<_>>());
    }
    let revoked = house.keys.list(made.get(3), 1, false).unwrap();
    assert_eq!(revoked.keys.first().map(|key| &key.id), made.get(4));
    assert!(house.keys.list(None, 0, true).unwrap().has_more);
}

#[tokio::test]
async fn the_last_use_is_known_through_changes_but_not_after_a_restart() {
    let house = House::new();
    let minted = house.keys.mint(named("a", 0)).await.unwrap();
    let id = minted.record.id.clone();
    assert_eq!(minted.record.last_used_at(), None);
    house.present(&minted.key).unwrap();
    assert_eq!(house.keys.get(&id).unwrap().last_used_at(), Some(house.now()));
    let held = house.present(&minted.key).unwrap();
    house.keys.update(&id, KeyPatch::default()).await.unwrap();
    house.wait(3);
    house.present(&minted.key).unwrap();
    assert_eq!(held.last_used_at(), Some(house.now()));
    assert_eq!(house.keys.get(&id).unwrap().last_used_at(), Some(house.now()));
    house.keys.revoke(&id).await.unwrap();
    let used = house.now();
    house.wait(3);
    house.present(&minted.key).unwrap_err();
    assert_eq!(house.keys.get(&id).unwrap().last_used_at(), Some(used));
    assert_eq!(house.restarted().keys.get(&id).unwrap().last_used_at(), None);
}

#[tokio::test]
async fn a_change_whose_caller_went_away_is_seen_all_the_same() {
    let house = House::new();
    let minted = house.keys.mint(named("a", 0)).await.unwrap();
    // Polled once: the write is in the queue.
    assert!(house.keys.revoke(&minted.record.id).now_or_never().is_none());
    // A later write is answered after it.
    house.keys.mint(named("b", 0)).await.unwrap();
    assert_eq!(house.present(&minted.key).unwrap_err(), AuthError::Revoked);
}

#[tokio::test]
async fn without_storage_nothing_changes_and_what_is_known_is_told() {
    let house = House::new();
    let live = house.keys.mint(named("a", 0)).await.unwrap();
    let revoked = house.keys.mint(named("b", 0)).await.unwrap();
    house.keys.revoke(&revoked.record.id).await.unwrap();
    house.store.shutdown().unwrap();
    let id = &live.record.id;
    assert!(matches!(house.keys.revoke(id).await.unwrap_err(), KeysError::Store(_)));
    assert!(matches!(house.keys.rotate(id, Duration::ZERO).await.unwrap_err(), KeysError::Store(_)));
    house.present(&live.key).unwrap();
    assert_eq!(house.present(&revoked.key).unwrap_err(), AuthError::Revoked);
    assert_eq!(house.present(&secret::generate().unwrap()).unwrap_err(), AuthError::Storage);
}

/// Each thread owns one field of the key; a change that takes the others back to what they were would be seen.
#[test]
fn changes_of_many_threads_do_not_lose_one_another() {
    const ROUNDS: u64 = 20;
    type Field = fn(&mut KeyPatch) -> &mut Change<Cap>;
    let fields: [Field; 8] = [
        |patch| &mut patch.limits.daily_tokens,
        |patch| &mut patch.limits.monthly_tokens,
        |patch| &mut patch.limits.daily_usd,
        |patch| &mut patch.limits.monthly_usd,
        |patch| &mut patch.per_end_user.requests_per_minute,
        |patch| &mut patch.per_end_user.tokens_per_minute,
        |patch| &mut patch.per_end_user.max_concurrent,
        |patch| &mut patch.per_end_user.max_output_tokens,
    ];
    let house = House::new();
    let minted = futures::executor::block_on(house.keys.mint(named("a", 0))).unwrap();
    let id = &minted.record.id;
    let update = |patch: KeyPatch| futures::executor::block_on(house.keys.update(id, patch)).unwrap();
    std::thread::scope(|scope| {
        for field in fields {
            scope.spawn(move || {
                for round in 1..=ROUNDS {
                    let mut patch = KeyPatch::default();
                    *field(&mut patch) = Change::Set(Cap::At(round));
                    update(patch);
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                futures::executor::block_on(house.keys.rotate(id, Duration::ZERO)).unwrap();
            }
        });
    });
    let mut patch = KeyPatch::default();
    for field in fields {
        *field(&mut patch) = Change::Set(Cap::At(ROUNDS));
    }
    let (expected, id) = (patch.into_settings(), id.clone());
    let seen = house.keys.get(&id).unwrap();
    assert_eq!(seen.settings, expected);
    assert!(seen.rotated_at.is_some());
    assert_eq!(house.restarted().keys.get(&id).unwrap().settings, expected);
}

/// All threads change the same field: whichever came last on disk is what memory shows.
#[test]
fn memory_shows_the_change_that_came_last_on_disk() {
    let house = House::new();
    let minted = futures::executor::block_on(house.keys.mint(named("a", 0))).unwrap();
    let id = &minted.record.id;
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let keys = &house.keys;
            scope.spawn(move || {
                for round in 1..=10 {
                    let limits =
                        LimitsPatch { daily_tokens: Change::Set(Cap::At(100 * thread + round)), ..Default::default() };
                    let patch = KeyPatch { limits, ..KeyPatch::default() };
                    futures::executor::block_on(keys.update(id, patch)).unwrap();
                }
            });
        }
    });
    let seen = house.keys.get(id).unwrap().settings.clone();
    assert_eq!(house.present(&minted.key).unwrap().settings, seen);
    assert_eq!(house.restarted().keys.get(id).unwrap().settings, seen);
}
