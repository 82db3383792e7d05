//! Ten thousand keys: none is lost, each is found, and pages have all of them.
#![expect(clippy::print_stdout, reason = "shows its figures")]

use std::time::Instant;

use super::*;

const KEYS: usize = 10_000;

#[tokio::test]
async fn ten_thousand_keys_are_made_and_loaded_and_found() {
    let house = House::new();
    let begin = Instant::now();
    let mut secrets = Vec::with_capacity(KEYS);
    while secrets.len() < KEYS {
        let minted = futures::future::join_all((0..250).map(|_| house.keys.mint(named("a key", 100)))).await;
        secrets.extend(minted.into_iter().map(|minted| minted.unwrap().key));
    }
    let made = begin.elapsed();
    assert_eq!(house.keys.len(), KEYS);

    let house = house.restarted();
    let begin = Instant::now();
    let keys = Keys::open(Arc::clone(&house.store)).unwrap();
    let loaded = begin.elapsed();
    let begin = Instant::now();
    for secret in &secrets {
        keys.authenticate(secret.expose().as_bytes(), at(house.now())).unwrap();
    }
    let found = begin.elapsed();
    assert_eq!(keys.list(None, KEYS, true).unwrap().keys.len(), KEYS);
    let id = keys.list(None, 1, true).unwrap().keys.first().unwrap().id.clone();
    let begin = Instant::now();
    for _ in 0..100 {
        keys.index.publish(&keys.get(&id).unwrap());
    }
    let published = begin.elapsed() / 100;
    println!(
        "{KEYS} keys: made in {made:?}, loaded in {loaded:?}, found in {found:?}; one change seen in {published:?}"
    );
}
