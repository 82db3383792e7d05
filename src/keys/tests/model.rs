//! Random operations, with restarts, against a model that keeps everything in plain lists.

use proptest::prelude::*;

use super::*;

const DAY: u64 = 86_400;

#[derive(Clone, Debug)]
enum Step {
    Mint { once: Option<(u8, u8)>, lifetime: Option<u64> },
    Rotate { key: usize, grace: u64, once: Option<(u8, u8)> },
    Limit { key: usize, tokens: Option<u64> },
    Expire { key: usize, lifetime: Option<u64> },
    Revoke { key: usize },
    Wait { seconds: u64 },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let once = || prop::option::of((0..3_u8, 0..2_u8));
    let key = || 0..6_usize;
    let lifetime = || prop::option::of(0..300_u64);
    prop_oneof![
        4 => (once(), lifetime()).prop_map(|(once, lifetime)| Step::Mint { once, lifetime }),
        4 => (key(), 0..200_u64, once()).prop_map(|(key, grace, once)| Step::Rotate { key, grace, once }),
        2 => (key(), prop::option::of(1..9_u64)).prop_map(|(key, tokens)| Step::Limit { key, tokens }),
        1 => (key(), lifetime()).prop_map(|(key, lifetime)| Step::Expire { key, lifetime }),
        1 => key().prop_map(|key| Step::Revoke { key }),
        3 => prop_oneof![4 => 0..150_u64, 1 => DAY - 100..DAY + 100].prop_map(|seconds| Step::Wait { seconds }),
        1 => Just(Step::Restart),
    ]
}

#[derive(Debug)]
struct Modelled {
    id: KeyId,
    tokens: Option<u64>,
    expires_at: Option<u64>,
    revoked: bool,
    /// All there ever were, with the end of their time; the last is the present one.
    secrets: Vec<(String, Option<u64>)>,
}

impl Modelled {
    fn expected(&self, place: usize, now: u64) -> Result<(), AuthError> {
        match self.secrets.get(place) {
            _ if place + 2 < self.secrets.len() => Err(AuthError::Unknown),
            _ if self.revoked => Err(AuthError::Revoked),
            _ if self.expires_at.is_some_and(|end| end <= now) => Err(AuthError::Expired),
            Some((_, Some(end))) if *end <= now => Err(AuthError::Replaced),
            _ => Ok(()),
        }
    }
}

/// A request that was answered.
struct Asked {
    name: u8,
    body: (u8, Option<usize>),
    at: u64,
    key: usize,
    secret: String,
}

#[derive(Debug, PartialEq)]
enum Outcome {
    New,
    Repeated(String),
    OtherRequest,
    Rotated,
    Revoked,
}

#[derive(Default)]
struct Model {
    keys: Vec<Modelled>,
    asked: Vec<Asked>,
}

impl Model {
    /// What is to come of a request; `of` is the key that is rotated, none when one is made.
    fn outcome(&self, once: Option<(u8, u8)>, of: Option<usize>, now: u64) -> Outcome {
        let is_revoked = |key: usize| self.keys.get(key).is_some_and(|key| key.revoked);
        let known = once.and_then(|(name, body)| {
            let asked = self.asked.iter().rev().find(|asked| asked.name == name && asked.at + DAY > now)?;
            Some((asked, body))
        });
        match known {
            None if of.is_some_and(is_revoked) => Outcome::Revoked,
            None => Outcome::New,
            Some((asked, body)) if asked.body != (body, of) => Outcome::OtherRequest,
            Some((asked, _)) if is_revoked(asked.key) => Outcome::Revoked,
            Some((asked, _)) => {
                let current = self.keys.get(asked.key).unwrap().secrets.last().unwrap();
                if current.0 == asked.secret { Outcome::Repeated(asked.secret.clone()) } else { Outcome::Rotated }
            }
        }
    }
}

fn told(result: &Result<Minted, KeysError>) -> Outcome {
    match result {
        Ok(minted) if minted.repeated => Outcome::Repeated(minted.key.expose().to_owned()),
        Ok(_) => Outcome::New,
        Err(KeysError::OtherRequest) => Outcome::OtherRequest,
        Err(KeysError::NotRepeatable { .. }) => Outcome::Rotated,
        Err(KeysError::Revoked { .. }) => Outcome::Revoked,
        Err(error) => panic!("{error}"),
    }
}

fn request((name, body): (u8, u8)) -> IdempotentRequest {
    IdempotentRequest::new(&Secret::new("master"), &[name], &[body])
}

/// Does one step on both sides, and compares what comes of it.
fn take(house: House, model: &mut Model, step: Step) -> House {
    use futures::executor::block_on;
    let (keys, now) = (Arc::clone(&house.keys), house.now());
    let id = |model: &Model, key: usize| model.keys.get(key).map(|key| key.id.clone());
    match step {
        Step::Wait { seconds } => house.wait(seconds),
        Step::Restart => {
            drop(keys);
            return house.restarted();
        }
        Step::Mint { once, lifetime } => {
            let expires_at = lifetime.map(|lifetime| now + lifetime);
            let settings = KeySettings { expires_at, ..KeySettings::default() };
            let new = NewKey { label: Label::parse("a").unwrap(), settings };
            let result = match once {
                Some(once) => block_on(keys.mint_derived(new, &request(once))),
                None => block_on(keys.mint(new)),
            };
            assert_eq!(told(&result), model.outcome(once, None, now));
            if let Some(minted) = result.ok().filter(|minted| !minted.repeated) {
                let secret = minted.key.expose().to_owned();
                if let Some((name, body)) = once {
                    let (key, secret) = (model.keys.len(), secret.clone());
                    model.asked.push(Asked { name, body: (body, None), at: now, key, secret });
                }
                let (id, secrets) = (minted.record.id.clone(), vec![(secret, None)]);
                model.keys.push(Modelled { id, tokens: None, expires_at, revoked: false, secrets });
            }
        }
        Step::Rotate { key, grace, once } => {
            let Some(id) = id(model, key) else { return house };
            let duration = Duration::from_secs(grace);
            let result = match once {
                Some(once) => block_on(keys.rotate_derived(&id, duration, &request(once))),
                None => block_on(keys.rotate(&id, duration)),
            };
            assert_eq!(told(&result), model.outcome(once, Some(key), now));
            if let Some(minted) = result.ok().filter(|minted| !minted.repeated) {
                let secret = minted.key.expose().to_owned();
                if let Some((name, body)) = once {
                    model.asked.push(Asked { name, body: (body, Some(key)), at: now, key, secret: secret.clone() });
                }
                let secrets = &mut model.keys.get_mut(key).unwrap().secrets;
                secrets.last_mut().unwrap().1 = Some(now + grace);
                secrets.push((secret, None));
            }
        }
        Step::Limit { key, tokens } => {
            let Some(id) = id(model, key) else { return house };
            let daily_tokens = tokens.map(Cap::At).into();
            let patch = KeyPatch { limits: LimitsPatch { daily_tokens, ..Default::default() }, ..Default::default() };
            change(model, key, block_on(keys.update(&id, patch)), |key| key.tokens = tokens);
        }
        Step::Expire { key, lifetime } => {
            let Some(id) = id(model, key) else { return house };
            let expires_at = lifetime.map(|lifetime| now + lifetime);
            let patch = KeyPatch { expires_at: expires_at.into(), ..KeyPatch::default() };
            change(model, key, block_on(keys.update(&id, patch)), |key| key.expires_at = expires_at);
        }
        Step::Revoke { key } => {
            let Some(id) = id(model, key) else { return house };
            block_on(keys.revoke(&id)).unwrap();
            model.keys.get_mut(key).unwrap().revoked = true;
        }
    }
    house
}

fn change(model: &mut Model, key: usize, result: Result<Arc<Key>, KeysError>, change: impl Fn(&mut Modelled)) {
    let key = model.keys.get_mut(key).unwrap();
    match result {
        Err(KeysError::Revoked { .. }) => assert!(key.revoked),
        result => {
            result.unwrap();
            assert!(!key.revoked);
            change(key);
        }
    }
}

fn compare(house: &House, model: &Model) {
    let page = house.keys.list(None, 1_000, true).unwrap();
    assert_eq!(page.keys.len(), model.keys.len());
    for (key, modelled) in page.keys.iter().zip(&model.keys) {
        assert_eq!(key.id, modelled.id);
        assert_eq!(key.is_revoked(), modelled.revoked);
        assert_eq!(key.settings.expires_at, modelled.expires_at);
        assert_eq!(key.settings.limits.daily_tokens, modelled.tokens.map(Cap::At));
        for (place, (secret, _)) in modelled.secrets.iter().enumerate() {
            let found = house.present(&Secret::new(secret.as_str()));
            let expected = modelled.expected(place, house.now());
            assert_eq!(found.map(|found| assert_eq!(found.id, key.id)), expected);
        }
    }
    let live = house.keys.list(None, 1_000, false).unwrap().keys.len();
    assert_eq!(live, model.keys.iter().filter(|key| !key.revoked).count());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn keys_do_what_a_plain_model_does(steps in prop::collection::vec(step(), 1..40)) {
        let mut house = House::new();
        let mut model = Model::default();
        for step in steps {
            house = take(house, &mut model, step);
            compare(&house, &model);
        }
        house = house.restarted();
        compare(&house, &model);
    }
}
