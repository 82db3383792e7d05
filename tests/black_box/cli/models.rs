//! The names that clients may ask for, and choices that are explained, over configurations as the repository ships them.

use serde_json::{Value, json};

use super::{Desk, MASTER_KEY};

const MINIMAL: &str = include_str!("../../../conf/config.minimal.yaml");

fn desk() -> Desk {
    Desk::new()
        .with("OVTH_MASTER_KEY", MASTER_KEY.to_owned())
        .with("ANTHROPIC_API_KEY", "sk-ant-api03-0123456789abcdef0123".to_owned())
        .with("OPENAI_API_KEY", "sk-proj-0123456789abcdef0123".to_owned())
        .with("GOOGLE_API_KEY", "AIza0123456789abcdef0123".to_owned())
}

#[test]
fn the_names_are_listed_with_routes_first_and_what_they_cost() {
    let desk = desk();
    desk.file("config.yaml", MINIMAL);
    let said = desk.run(&["models"]);
    assert_eq!(said.status, 0, "{said:?}");
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(lines[2].starts_with("auto") && lines[3].starts_with("cheap") && lines[4].starts_with("smart"), "{said:?}");
    let row = lines.iter().find(|line| line.starts_with("gpt-5 ")).expect("a row");
    assert!(row.contains("1.25") && row.contains("2026-12-11") && row.contains("openai"), "{row}");

    let said = desk.run(&["models", "--json"]);
    let rows: Vec<Value> = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&rows[0]["name"], &rows[0]["kind"]), (&json!("auto"), &json!("route")));
    assert!(rows.iter().any(|row| row["name"] == "claude-haiku-5-5" && row["output"] == "0.5"));
}

#[test]
fn every_route_of_the_shipped_files_is_explained() {
    for yaml in [MINIMAL, include_str!("../../../conf/config.example.yaml")] {
        let desk = desk();
        desk.file("config.yaml", yaml);
        for route in ["auto", "cheap", "smart"] {
            let said = desk.run(&["models", "--route", route]);
            assert_eq!(said.status, 0, "{route}: {said:?}");
            assert!(
                said.out.contains("would be answered by ") && said.out.contains("what speaks against it"),
                "{said:?}"
            );
        }
    }
}

#[test]
fn a_choice_is_explained_for_a_request_with_each_candidates_cost_and_what_speaks_against_it() {
    let desk = desk();
    desk.file("config.yaml", MINIMAL);
    let request = json!({"model": "ignored", "max_tokens": 100, "system": "Be brief.", "tool_choice": {"type": "any"},
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "messages": [{"role": "user", "content": "x".repeat(8_000)}]});
    let file = desk.file("request.json", &request.to_string());
    let said = desk.run(&["models", "--route", "auto", "--for", &file, "--json"]);
    assert_eq!(said.status, 0, "{said:?}");
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert!(told["request"].as_str().unwrap().contains("`auto` in the shape messages, about 2,0"), "{told}");
    assert!(told["request"].as_str().unwrap().ends_with("needs tools, a forced tool call"), "{told}");
    let candidates = told["candidates"].as_array().unwrap();
    let first = &candidates[0];
    assert_eq!(first["place"], 1);
    let name = format!("{}/{}", first["provider"].as_str().unwrap(), first["model"].as_str().unwrap());
    assert_eq!(told["answered_by"], name.as_str());
    let choice = told["choice"].as_str().unwrap();
    assert!(choice.contains(&format!("expected_usd={}", first["expected_usd"].as_str().unwrap())), "{choice}");
    let costs: Vec<f64> = candidates
        .iter()
        .filter(|candidate| candidate["place"].is_number())
        .map(|candidate| candidate["expected_usd"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(costs.is_sorted() && costs.len() > 3, "{costs:?}");
    let refusing = candidates.iter().find(|candidate| candidate["model"] == "claude-opus-5-5").unwrap();
    assert_eq!(refusing["against"], "refuses a forced tool call");
}

#[test]
fn what_nothing_would_serve_is_told_and_is_a_failure() {
    let desk = desk();
    desk.file("config.yaml", "routes: {auto: {strategy: cheapest-capable, providers: [anthropic]}}\n");
    let sound =
        json!({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AAAA"}}]}]});
    let file = desk.file("request.json", &sound.to_string());
    let said = desk.run(&["models", "--route", "auto", "--for", &file]);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(
        said.out.contains("would be refused: No model of route `auto`") && said.out.contains("cannot do audio"),
        "{said:?}"
    );

    for (arguments, part) in [
        (&["models", "--route", "atuo"][..], "Nearest: `auto`"),
        (&["models", "--for", "none.json"], "none.json cannot be read"),
        (&["models", "--for", &file], "`model` is missing"),
    ] {
        let said = desk.run(arguments);
        assert_eq!(said.status, 1, "{said:?}");
        assert!(said.err.contains(part), "{said:?}");
    }
}

#[test]
fn the_routes_of_the_readme_are_good_and_explained() {
    let readme = include_str!("../../../README.md");
    let (_, section) = readme.split_once("\n## Routes\n").expect("a section");
    let (_, block) = section.split_once("```yaml\n").expect("an example");
    let (yaml, _) = block.split_once("```").expect("its end");
    let desk = desk();
    let file = desk.file("config.yaml", yaml);
    let said = desk.run(&["check", "--config", &file]);
    assert!(said.status == 0 && !said.err.contains("warning: ") && !said.err.contains("error: "), "{said:?}");
    for route in ["auto", "smart"] {
        let said = desk.run(&["models", "--route", route]);
        assert_eq!(said.status, 0, "{said:?}");
        assert!(said.out.contains("would be answered by "), "{said:?}");
    }
}
