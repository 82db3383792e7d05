//! Lists of models in both forms, page by page.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use super::{
    Entry, Page, PageError, Priced, anthropic_list, anthropic_model, distinct, find, listed_model, router_list,
};
use crate::catalog::Catalog;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::embedded().unwrap());

fn model(provider: &str, name: &str) -> Entry {
    Entry::Model(Arc::clone(CATALOG.lookup(provider, name).unwrap()))
}

fn entries() -> Vec<Entry> {
    vec![
        Entry::Route("auto".into()),
        model("anthropic", "claude-haiku-5-5"),
        model("groq", "openai/gpt-oss-120b"),
        model("together", "openai/gpt-oss-120b"),
        model("anthropic", "claude-sonnet-4-5"),
        model("anthropic", "claude-fable-5-2"),
    ]
}

fn read(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

fn page(query: &str) -> Result<Value, PageError> {
    Ok(read(&anthropic_list(&entries(), &Page::from_query(Some(query))?)?))
}

fn ids(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap()).collect()
}

#[test]
fn the_openai_list_has_routes_and_each_model_once() {
    let entries = entries();
    let priced: Vec<Priced<'_>> = distinct(&entries).map(|entry| Priced { entry, price: None }).collect();
    let list = read(&router_list(&priced));
    assert_eq!(list["object"], "list");
    assert_eq!(
        ids(&list),
        ["auto", "claude-haiku-5-5", "openai/gpt-oss-120b", "claude-sonnet-4-5", "claude-fable-5-2"]
    );
    for (index, id, created, owner) in [(0, "auto", 0, "ovth"), (1, "claude-haiku-5-5", 1_791_331_200, "anthropic")] {
        let one = &list["data"][index];
        assert_eq!((&one["id"], &one["object"]), (&json!(id), &json!("model")));
        assert_eq!((&one["created"], &one["owned_by"]), (&json!(created), &json!(owner)));
        assert_eq!(read(&listed_model(&priced[index])), *one);
    }
}

#[test]
fn no_entries_are_an_empty_list() {
    assert_eq!(
        read(&router_list(&[])),
        json!({"object": "list", "data": [], "links": {"next": null}, "total_count": 0})
    );
    let list = read(&anthropic_list(&[], &Page::default()).unwrap());
    assert_eq!(list, json!({"data": [], "has_more": false, "first_id": null, "last_id": null}));
}

#[test]
fn anthropics_form_names_and_dates_a_model() {
    assert_eq!(
        read(&anthropic_model(&model("anthropic", "claude-sonnet-4-5"))),
        json!({"type": "model", "id": "claude-sonnet-4-5", "display_name": "Claude Sonnet 4.5 (latest)",
            "created_at": "2025-09-29T00:00:00Z", "lifecycle": "deprecated", "max_input_tokens": 200_000,
            "max_tokens": 64_000})
    );
    let route = json!({"type": "model", "id": "auto", "display_name": "auto", "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active"});
    assert_eq!(read(&anthropic_model(&Entry::Route("auto".into()))), route);
    let luna = read(&anthropic_model(&model("openai", "gpt-6-luna")));
    assert_eq!(luna["max_input_tokens"], 922_000);
}

#[test]
fn pages_follow_on_each_other_in_both_directions() {
    let first = page("limit=2").unwrap();
    assert_eq!(ids(&first), ["auto", "claude-haiku-5-5"]);
    assert_eq!(
        (&first["has_more"], &first["first_id"], &first["last_id"]),
        (&json!(true), &json!("auto"), &json!("claude-haiku-5-5"))
    );
    let second = page("limit=2&after_id=claude-haiku-5-5").unwrap();
    assert_eq!(ids(&second), ["openai/gpt-oss-120b", "claude-sonnet-4-5"]);
    assert_eq!(second["has_more"], true);
    let third = page("limit=2&after_id=claude-sonnet-4-5").unwrap();
    assert_eq!(ids(&third), ["claude-fable-5-2"]);
    assert_eq!(third["has_more"], false);
    assert!(ids(&page("after_id=claude-fable-5-2").unwrap()).is_empty());

    let back = page("limit=2&before_id=claude-fable-5-2").unwrap();
    assert_eq!((ids(&back), &back["has_more"]), (vec!["openai/gpt-oss-120b", "claude-sonnet-4-5"], &json!(true)));
    let front = page("limit=2&before_id=openai%2Fgpt-oss-120b").unwrap();
    assert_eq!((ids(&front), &front["has_more"]), (vec!["auto", "claude-haiku-5-5"], &json!(false)));
    assert!(ids(&page("before_id=auto").unwrap()).is_empty());
}

#[test]
fn a_page_holds_twenty_entries_unless_the_client_says_otherwise() {
    let all: Vec<Entry> = CATALOG.models().iter().map(|model| Entry::Model(Arc::clone(model))).collect();
    let length = |query| {
        let list = read(&anthropic_list(&all, &Page::from_query(query).unwrap()).unwrap());
        (list["data"].as_array().unwrap().len(), list["has_more"].as_bool().unwrap())
    };
    assert_eq!(length(None), (20, true));
    assert_eq!(length(Some("")), (20, true));
    assert_eq!(length(Some("beta=true&lifecycle=active")), (20, true));
    // Two ids are served by two providers each, and what embeds text is not there.
    assert_eq!(length(Some("limit=1000")), (387, false));
}

#[test]
fn pages_that_cannot_be_are_refused() {
    for limit in ["0", "1001", "-1", "many", ""] {
        assert_eq!(page(&format!("limit={limit}")), Err(PageError::Limit(limit.into())));
    }
    assert_eq!(page("after_id=auto&before_id=auto"), Err(PageError::BothEnds));
    assert_eq!(page("after_id=nobody"), Err(PageError::UnknownId("nobody".into())));
    assert_eq!(page("before_id="), Err(PageError::UnknownId("".into())));
}

#[test]
fn an_entry_is_found_by_any_of_its_names_if_it_is_listed() {
    let entries = entries();
    let found = |name| find(&entries, &CATALOG, name).map(Entry::id);
    assert_eq!(found("auto"), Some("auto"));
    assert_eq!(found("claude-sonnet-4.5"), Some("claude-sonnet-4-5"));
    assert_eq!(found("anthropic/claude-sonnet-4-5-20250929"), Some("claude-sonnet-4-5"));
    assert_eq!(found("openai/gpt-oss-120b"), Some("openai/gpt-oss-120b"));
    assert_eq!(found("gpt-5"), None);
    assert_eq!(found("nobody"), None);
}
