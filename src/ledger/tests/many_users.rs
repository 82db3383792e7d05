//! End users are named by clients: as many names as they like fill neither the disk nor an answer.

use crate::ledger::books::{END_USERS_A_DAY, OTHER};
use crate::ledger::journal::Done;

use super::filled::{exchange, write};
use super::*;

fn by_end_user(store: &Store) -> UsageReport {
    let query = UsageQuery { group_by: vec![GroupBy::EndUser], ..UsageQuery::default() };
    store.read(|transaction| reading::usage(transaction, &query)).unwrap()
}

#[test]
fn an_answer_has_a_bounded_number_of_groups_and_the_rest_is_one() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut random = crate::store::faulty::Random(3);
    let done: Vec<Done> = (1..=10_300)
        .map(|id| {
            let mut done = exchange(&mut random, id, 20_700);
            done.entry.end_user = Some(format!("user-{id:05}").into());
            done
        })
        .collect();
    write(&store, done);
    let report = by_end_user(&store);
    assert_eq!(report.rows.len(), 10_001);
    let other = report.rows.iter().find(|row| row.end_user.as_deref() == Some(OTHER)).unwrap();
    assert_eq!((other.sums.requests, report.total.requests), (300, 10_300));
}

#[test]
fn end_users_beyond_the_bound_are_one_on_disk_and_stay_so_after_a_restart() {
    within_a_day(invent_end_users);
}

fn invent_end_users() {
    let folder = TempDir::new().unwrap();
    let store = Arc::new(Store::open(folder.path()).unwrap());
    let day = window::Day::of(SystemTime::now()).0;
    let mut random = crate::store::faulty::Random(3);
    let done = (1..=END_USERS_A_DAY as u64)
        .map(|id| {
            let mut done = exchange(&mut random, id, day);
            done.entry.key_id = key(1).as_str().into();
            done.entry.end_user = Some(format!("user-{id:05}").into());
            Done { charge: None, ..done }
        })
        .collect();
    write(&store, done);
    let ledger = Ledger::open(Arc::clone(&store), LedgerSettings::default()).unwrap();
    let house = House { store, ledger };
    let payer = Payer { end_user: Some(EndUser { name: "invented".into(), limits: Allowance::default() }), ..payer(1) };
    let named = Entry { end_user: Some("invented".into()), ..entry("settled", Usage::default()) };
    let reservation = house.ledger.reserve(demand(&payer, "settled", 5), SystemTime::now()).unwrap();
    reservation.settle(spent(5, 5), named.clone());
    house.ledger.note(Entry { request_id: "noted".into(), key_id: key(1).as_str().into(), ..named.clone() });
    house.ledger.note(Entry {
        request_id: "known".into(),
        key_id: key(1).as_str().into(),
        end_user: Some("user-00007".into()),
        ..named
    });
    let end_user = |request: &str| house.ledger.entry(request).unwrap().unwrap().end_user.unwrap();
    assert_eq!((&*end_user("settled"), &*end_user("noted"), &*end_user("known")), (OTHER, OTHER, "user-00007"));
    house.check();
}
