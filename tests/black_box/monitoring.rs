//! What is shipped for Prometheus and Grafana: checked by promtool, and every expression of it evaluated by a real Prometheus that scrapes a
//! real gateway under traffic.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::metrics::failing_first;
use crate::support::{Page, Prometheus, promtool, tell, within};

/// What a test says that cannot be run.
const NOT_INSTALLED: &str = "is not installed (Debian's package `prometheus`)";

fn shipped(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conf").join(file)
}

fn text(file: &str) -> String {
    std::fs::read_to_string(shipped(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn board() -> Value {
    serde_json::from_str(&text("grafana/ovth-gateway.json")).expect("a board is JSON")
}

/// The panels that show something.
fn panels(board: &Value) -> Vec<&Value> {
    let all = board["panels"].as_array().expect("panels").iter();
    all.filter(|panel| panel["type"] != "row").collect()
}

/// An expression of the board, and whether it is asked for the moment only.
struct Shown {
    panel: String,
    expression: String,
    instant: bool,
}

/// Every expression of the board, with its variables filled in as Grafana does.
fn shown(board: &Value) -> Vec<Shown> {
    let mut shown = Vec::new();
    for panel in panels(board) {
        for target in panel["targets"].as_array().expect("targets") {
            shown.push(Shown {
                panel: panel["title"].as_str().expect("a title").to_owned(),
                expression: filled_in(target["expr"].as_str().expect("an expression")),
                instant: target["instant"] == true,
            });
        }
    }
    for note in board["annotations"]["list"].as_array().expect("annotations") {
        let expression = filled_in(note["expr"].as_str().expect("an expression"));
        shown.push(Shown { panel: "annotation".to_owned(), expression, instant: false });
    }
    shown
}

fn filled_in(expression: &str) -> String {
    let values = [("$__rate_interval", "20s"), ("$__range", "1m")];
    let mut filled = expression.to_owned();
    for (name, value) in values {
        filled = filled.replace(name, value);
    }
    for name in ["$instance", "$provider", "$model"] {
        filled = filled.replace(name, ".*");
    }
    assert!(!filled.contains('$'), "a variable that is not filled in: {filled}");
    filled
}

/// The queries behind the board's variables: a metric, and the label whose values are listed.
fn variables(board: &Value) -> Vec<(String, String)> {
    let all = board["templating"]["list"].as_array().expect("variables").iter();
    all.filter(|variable| variable["type"] == "query")
        .map(|variable| {
            let query = variable["query"]["query"].as_str().expect("a query");
            let inside = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).expect(query);
            let (metric, label) = inside.rsplit_once(", ").expect(query);
            (filled_in(metric), label.to_owned())
        })
        .collect()
}

/// The rules: their names and expressions.
fn rules() -> BTreeMap<String, serde_yaml::Value> {
    let file: serde_yaml::Value = serde_yaml::from_str(&text("prometheus/alerts.yml")).expect("YAML");
    let groups = file["groups"].as_sequence().expect("groups");
    let all = groups.iter().flat_map(|group| group["rules"].as_sequence().expect("rules"));
    all.map(|rule| (rule["alert"].as_str().expect("a name").to_owned(), rule.clone())).collect()
}

/// The names of metrics in an expression: those of ours and of the process.
fn names(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("ovth_") || word.starts_with("process_")).map(str::to_owned).collect()
}

/// Every metric that the board and the rules name is on the page.
fn assert_on_the_page(page: &Page, board: &Value) {
    let mut used: Vec<(String, String)> =
        shown(board).into_iter().map(|shown| (shown.panel, shown.expression)).collect();
    used.extend(variables(board).into_iter().map(|(metric, label)| (format!("variable {label}"), metric)));
    for (name, rule) in rules() {
        used.push((name, rule["expr"].as_str().expect("an expression").to_owned()));
    }
    for (by, expression) in &used {
        for name in names(expression) {
            assert!(page.samples.iter().any(|sample| sample.name == name), "{by}: no `{name}` is on the page");
        }
    }
    let named: BTreeSet<String> =
        used.iter().flat_map(|(_, expression)| names(expression)).map(|name| page.family_of(&name)).collect();
    let forgotten: Vec<&String> =
        page.families.keys().filter(|name| name.starts_with("ovth_") && !named.contains(*name)).collect();
    assert!(forgotten.is_empty(), "neither the board nor a rule shows {forgotten:?}");
}

#[test]
fn no_panel_of_the_board_lies_on_another_or_has_its_number_or_shows_the_same() {
    let board = board();
    let all = board["panels"].as_array().expect("panels");
    let ids: BTreeSet<u64> = all.iter().map(|panel| panel["id"].as_u64().expect("a number")).collect();
    assert_eq!(ids.len(), all.len(), "two panels have the same number");
    let mut cells = BTreeSet::new();
    for panel in all {
        let at = |side: &str| panel["gridPos"][side].as_u64().expect("a number");
        for (x, y) in (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y))) {
            assert!(x < 24 && cells.insert((x, y)), "{} lies on another panel, or beyond the board", panel["title"]);
        }
    }
    let mut titles = BTreeSet::new();
    for panel in panels(&board) {
        assert!(titles.insert(panel["title"].as_str().expect("a title")), "two panels are called {}", panel["title"]);
    }
}

#[tokio::test]
async fn every_metric_of_the_board_and_the_rules_is_on_the_page_and_each_of_ours_is_shown() {
    let bed = failing_first("").await;
    bed.everything().await;
    assert_on_the_page(&bed.gateway.settled_page().await, &board());
}

#[test]
fn promtool_finds_nothing_wrong_with_the_configuration_and_the_rules_do_what_their_tests_say() {
    let Some(promtool) = promtool() else {
        tell(&format!("promtool {NOT_INSTALLED}: conf/prometheus/ was not checked with it"));
        return;
    };
    let path = |file: &str| shipped(file).display().to_string();
    for arguments in [
        ["check", "config", &path("prometheus/prometheus.yml")],
        ["check", "config", &path("prometheus/compose.yml")],
        ["check", "rules", &path("prometheus/alerts.yml")],
        ["test", "rules", &path("prometheus/alerts_test.yml")],
    ] {
        let said = promtool.check(&arguments, "");
        assert!(said.contains("SUCCESS"), "promtool {arguments:?}: {said}");
    }
}

#[test]
fn each_rule_says_how_bad_it_is_what_it_is_and_what_to_do_and_is_tested() {
    let tested = text("prometheus/alerts_test.yml");
    for (name, rule) in rules() {
        let severity = rule["labels"]["severity"].as_str().unwrap_or_default();
        assert!(["critical", "warning", "info"].contains(&severity), "{name}: severity `{severity}`");
        assert!(rule["for"].as_str().is_some_and(|time| time.ends_with(['m', 'h'])), "{name} has no `for`");
        for note in ["summary", "runbook"] {
            let told = rule["annotations"][note].as_str().unwrap_or_default();
            assert!(told.ends_with('.') && told.len() > 20, "{name}: {note} `{told}`");
        }
        assert!(tested.contains(&format!("alertname=\"{name}\"")), "{name} is not in alerts_test.yml");
    }
}

#[test]
fn the_board_is_one_that_grafana_can_show() {
    let board = board();
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in board["panels"].as_array().expect("panels") {
        let title = panel["title"].as_str().unwrap_or_default();
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{title}: its id is taken");
        let place = |name: &str| panel["gridPos"][name].as_u64().unwrap_or_else(|| panic!("{title}: no {name}"));
        assert!(place("x") + place("w") <= 24, "{title} is out of the grid");
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{title} is on top of another panel");
            }
        }
        if panel["type"] == "row" {
            continue;
        }
        assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{title} has no description");
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title} has no unit");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        for target in panel["targets"].as_array().expect("targets") {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
    let variables = board["templating"]["list"].as_array().expect("variables");
    assert!(variables.iter().any(|variable| variable["name"] == "datasource" && variable["type"] == "datasource"));
}

#[test]
fn in_containers_prometheus_and_grafana_find_what_the_compose_file_starts() {
    let yaml = |path: &str| -> serde_yaml::Value {
        serde_yaml::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let services = yaml("../docker/docker-compose.yml")["services"].clone();
    let (alone, beside) = (yaml("prometheus/prometheus.yml"), yaml("prometheus/compose.yml"));
    assert_eq!(alone["rule_files"], beside["rule_files"]);
    assert_eq!(alone["scrape_configs"][0]["job_name"], beside["scrape_configs"][0]["job_name"]);
    let target = beside["scrape_configs"][0]["static_configs"][0]["targets"][0].as_str().expect("a target").to_owned();
    let (service, port) = target.split_once(':').expect("a port");
    assert!(!services[service].is_null() && port == "9464", "{target}");
    let url = yaml("grafana/datasources/prometheus.yml")["datasources"][0]["url"].as_str().expect("a URL").to_owned();
    assert_eq!(url, "http://prometheus:9090");
    assert!(!services["prometheus"].is_null());
    let folder =
        yaml("grafana/dashboards/ovth.yml")["providers"][0]["options"]["path"].as_str().expect("a path").to_owned();
    let mounted = services["grafana"]["volumes"][0].as_str().expect("a volume");
    assert_eq!(mounted, format!("./conf/grafana:{folder}:ro"));
}

#[tokio::test]
async fn a_real_prometheus_scrapes_the_gateway_and_evaluates_every_expression_of_the_board_and_the_rules() {
    let bed = failing_first("").await;
    let config = text("prometheus/prometheus.yml")
        .replace("127.0.0.1:9464", &bed.gateway.metrics_address().to_string())
        .replace("_interval: 15s", "_interval: 1s");
    bed.everything().await;
    let Some(prometheus) = Prometheus::start(&config, &text("prometheus/alerts.yml")).await else {
        tell(&format!(
            "prometheus {NOT_INSTALLED}: no expression of conf/grafana and conf/prometheus was evaluated, {} of the board and {} rules left out",
            shown(&board()).len(),
            rules().len()
        ));
        return;
    };
    // Traffic goes on until there are enough scrapes for rates.
    within("four scrapes", async {
        while prometheus.value("count_over_time(up{job=\"ovth-gateway\"}[1m])").await < Some(4.0) {
            bed.everything_again().await;
        }
    })
    .await;
    assert_eq!(prometheus.value("up{job=\"ovth-gateway\"}").await, Some(1.0));

    let board = board();
    let now = prometheus.value("vector(time())").await.expect("a time");
    let (start, end) = (format!("{:.3}", now - 10.0), format!("{now:.3}"));
    for Shown { panel, expression, instant } in shown(&board) {
        let data = if instant {
            prometheus.ask("query", &[("query", &expression)]).await
        } else {
            let range = [("query", &*expression), ("start", &start), ("end", &end), ("step", "1")];
            prometheus.ask("query_range", &range).await
        };
        let is_empty = data["result"].as_array().is_none_or(Vec::is_empty);
        // Nothing has started in the time shown but the gateway, which was before the first scrape.
        assert!(!is_empty || panel == "annotation", "{panel}: nothing to show for {expression}");
    }
    for (metric, label) in variables(&board) {
        let values = prometheus.ask(&format!("label/{label}/values"), &[("match[]", &metric)]).await;
        assert!(values.as_array().is_some_and(|values| !values.is_empty()), "variable {label}: {values}");
    }

    let mut evaluated = BTreeMap::new();
    within("each rule to be evaluated", async {
        while evaluated.len() < rules().len() || evaluated.values().any(|health| health == "unknown") {
            let groups = prometheus.ask("rules", &[]).await;
            for rule in groups["groups"]
                .as_array()
                .expect("groups")
                .iter()
                .flat_map(|group| group["rules"].as_array().expect("rules"))
            {
                assert!(rule["lastError"].as_str().is_none_or(str::is_empty), "{rule}");
                let field = |name: &str| rule[name].as_str().expect(name).to_owned();
                evaluated.insert(field("name"), field("health"));
            }
        }
    })
    .await;
    assert!(evaluated.values().all(|health| health == "ok"), "{evaluated:?}");
    assert_eq!(evaluated.keys().collect::<Vec<_>>(), rules().keys().collect::<Vec<_>>());
    assert_eq!(prometheus.log(), "", "Prometheus complains");
}
