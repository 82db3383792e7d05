//! Random histories with random clocks, limits that change with every call, and amounts up to the largest: books and model never differ.

use proptest::prelude::*;

use super::model::{Granted, Model};
use super::*;

const END_USERS: usize = 3;

#[derive(Clone, Debug)]
struct Who {
    key: u64,
    user: Option<u8>,
    limits: [Allowance; 3],
}

#[derive(Clone, Debug)]
enum Step {
    Clock(i64),
    Reserve { who: Who, input: Amount, output: u64, weight: u32, price: u64, can_cap: bool },
    Cover(prop::sample::Index, Amount),
    Settle(prop::sample::Index, Amount),
    Refund(prop::sample::Index),
    Standing(Who),
    Precheck(Who),
    Rows,
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![20 => 0..60_u64, 6 => 60..400_u64, 1 => u64::MAX - 40..=u64::MAX]
}

fn amount() -> BoxedStrategy<Amount> {
    (number(), number()).prop_map(|(tokens, cost)| Amount { tokens, cost: PicoDollars(cost) }).boxed()
}

fn limit(most: u64) -> BoxedStrategy<Option<Cap>> {
    prop_oneof![
        3 => Just(None),
        1 => Just(Some(Cap::Unlimited)),
        4 => (1..most).prop_map(at),
        1 => Just(at(u64::MAX)),
    ]
    .boxed()
}

fn limits() -> BoxedStrategy<Allowance> {
    (limit(500), limit(900), limit(500), limit(900), limit(9), limit(300), limit(6))
        .prop_map(
            |(
                daily_tokens,
                monthly_tokens,
                daily_usd,
                monthly_usd,
                requests_per_minute,
                tokens_per_minute,
                max_concurrent,
            )| {
                Allowance {
                    daily_tokens,
                    monthly_tokens,
                    daily_usd,
                    monthly_usd,
                    requests_per_minute,
                    tokens_per_minute,
                    max_concurrent,
                    max_output_tokens: None,
                }
            },
        )
        .boxed()
}

fn who() -> BoxedStrategy<Who> {
    let limits = prop_oneof![1 => Just(Default::default()), 3 => [limits(), limits(), limits()]];
    (1..3_u64, prop::option::of(0..5_u8), limits).prop_map(|(key, user, limits)| Who { key, user, limits }).boxed()
}

fn step() -> BoxedStrategy<Step> {
    let milliseconds = prop_oneof![
        8 => 0..3_000_i64,
        4 => 0..70_000_i64,
        2 => -20_000..0_i64,
        1 => -7_200_000..7_200_000_i64,
        2 => 3_600_000..86_400_000_i64,
        1 => -200_000_000..200_000_000_i64,
        1 => -4_000_000_000..6_000_000_000_i64,
    ];
    let index = any::<prop::sample::Index>;
    prop_oneof![
        6 => milliseconds.prop_map(Step::Clock),
        12 => (who(), amount(), number(), 0..3_000_u32, 0..4_u64, any::<bool>()).prop_map(
            |(who, input, output, weight, price, can_cap)| Step::Reserve { who, input, output, weight, price, can_cap }
        ),
        2 => who().prop_map(|who| Step::Reserve {
            who, input: Amount::default(), output: 0, weight: 1000, price: 1, can_cap: true
        }),
        3 => (index(), amount()).prop_map(|(which, amount)| Step::Cover(which, amount)),
        6 => (index(), amount()).prop_map(|(which, amount)| Step::Settle(which, amount)),
        2 => index().prop_map(Step::Refund),
        4 => who().prop_map(Step::Standing),
        2 => who().prop_map(Step::Precheck),
        1 => Just(Step::Rows),
    ]
    .boxed()
}

impl Who {
    fn payer(&self) -> Payer {
        let [key_limits, gateway_limits, limits] = self.limits;
        let end_user = self.user.map(|user| EndUser { name: format!("user {user}").into(), limits });
        Payer { key: key(self.key), key_limits, gateway_limits, end_user }
    }
}

struct History {
    books: Books,
    model: Model,
    now: SystemTime,
    open: Vec<(Grant, Granted)>,
}

impl History {
    fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Clock(milliseconds) => {
                let by = Duration::from_millis(milliseconds.unsigned_abs());
                self.now = if milliseconds < 0 { self.now - by } else { self.now + by };
            }
            Step::Reserve { who, input, output, weight, price, can_cap } => {
                let payer = who.payer();
                let mut demand = demand(&payer, 0, output);
                demand.input = input;
                demand.output_weight = weight;
                demand.output_price = PicoDollars(price);
                demand.can_cap = can_cap;
                let granted = self.model.reserve(&demand, self.now);
                match (self.books.reserve(&demand, self.now), granted) {
                    (Ok(grant), Ok(granted)) => {
                        prop_assert_eq!(grant.reserved, granted.reserved);
                        prop_assert_eq!(grant.output_cap, granted.cap);
                        prop_assert_eq!(&grant.standing.rooms, &granted.rooms);
                        self.open.push((grant, granted));
                    }
                    (Err(hit), Err(expected)) => prop_assert_eq!(hit, expected),
                    (result, expected) => prop_assert!(false, "{result:?} instead of {expected:?}"),
                }
            }
            Step::Cover(which, spent) if !self.open.is_empty() => {
                let which = which.index(self.open.len());
                let (grant, granted) = &mut self.open[which];
                prop_assert_eq!(self.books.cover(grant, spent), self.model.cover(granted, spent));
                prop_assert_eq!(grant.reserved, granted.reserved);
            }
            Step::Settle(which, spent) if !self.open.is_empty() => {
                let (grant, granted) = self.open.swap_remove(which.index(self.open.len()));
                self.books.settle(grant, spent, None);
                self.model.end(granted.request, Some(spent));
            }
            Step::Refund(which) if !self.open.is_empty() => {
                let (grant, granted) = self.open.swap_remove(which.index(self.open.len()));
                self.books.refund(grant);
                self.model.end(granted.request, None);
            }
            Step::Standing(who) => {
                let payer = who.payer();
                prop_assert_eq!(self.books.standing(&payer, self.now).rooms, self.model.standing(&payer, self.now));
            }
            Step::Precheck(who) => {
                let payer = who.payer();
                prop_assert_eq!(self.books.precheck(&payer, self.now), self.model.precheck(&payer, self.now));
            }
            Step::Rows => self.rows()?,
            Step::Cover(..) | Step::Settle(..) | Step::Refund(..) => {}
        }
        prop_assert_eq!(self.books.open(), self.open.len());
        prop_assert_eq!(self.model.open(), self.open.len());
        Ok(())
    }

    fn rows(&mut self) -> Result<(), TestCaseError> {
        let owner = |row: &crate::ledger::QuotaRow| match (&row.key, &row.end_user) {
            (None, _) => Owner::Gateway,
            (Some(key), None) => Owner::Key(KeyId::parse(key).unwrap()),
            (Some(key), Some(user)) => Owner::EndUser(KeyId::parse(key).unwrap(), user.as_str().into()),
        };
        let mut rows: Vec<_> = self
            .books
            .quotas(&|_| None, self.now)
            .iter()
            .map(|row| {
                let requests = [row.requests_today, row.requests_this_month];
                (owner(row), row.open, row.reserved, [row.today, row.this_month], requests)
            })
            .collect();
        rows.sort_by(|one, other| one.0.cmp(&other.0));
        let mut expected = self.model.rows(self.now);
        if expected.first().is_none_or(|row| row.0 != Owner::Gateway) {
            expected.insert(0, (Owner::Gateway, 0, Amount::default(), Default::default(), [0, 0]));
        }
        prop_assert_eq!(rows, expected);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn books_and_a_naive_model_agree_on_every_room_after_every_step(
        start in 100_000_000..4_000_000_000_u64,
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(start * 1_000 + start % 1_000);
        let (books, model) = (Books::with_end_users(END_USERS, usize::MAX), Model::new(END_USERS));
        let mut history = History { books, model, now, open: Vec::new() };
        for step in steps {
            history.take(step)?;
        }
        while let Some((grant, granted)) = history.open.pop() {
            history.books.settle(grant, tokens(3), None);
            history.model.end(granted.request, Some(tokens(3)));
        }
        history.rows()?;
        let rows = history.books.quotas(&|_| None, history.now);
        prop_assert!(rows.iter().all(|row| row.open == 0 && row.reserved == Amount::default()), "{rows:?}");
    }
}
