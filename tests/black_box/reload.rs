//! Reloads of the configuration: what follows a changed file, what stays, what is refused, and who is told.

mod load;
mod mounted;
mod unwatched;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Answer, Connection, End, Gate, Gateway, Request, Shape, Upstream, Way, provider, within};

/// What the log says of a configuration that is in force, and of one that is not.
const RELOADED: &str = "the configuration was reloaded";
const KEPT: &str = "the configuration on disk is not taken over";

/// A route over one model of one upstream.
fn config(settings: &str, upstream: &Upstream, model: &str) -> String {
    format!("{settings}\nproviders:\n{}routes:\n  r: {{providers: [host], models: [{model}]}}\n", host(upstream))
}

fn host(upstream: &Upstream) -> String {
    provider("host", &upstream.base_url(), &["model-*".to_owned()])
}

/// Puts a new file in the place of the old one, as editors do.
fn replace(folder: &Path, name: &str, content: &str) {
    fs::write(folder.join("new"), content).unwrap();
    fs::rename(folder.join("new"), folder.join(name)).unwrap();
}

impl Gateway {
    /// Replaces the configuration, and waits until it is in force.
    async fn reconfigure(&self, config: &str) -> Value {
        let before = self.admin_json("/admin/config").await["generation"].as_u64().unwrap();
        replace(self.folder(), "config.yaml", config);
        self.config_where(|shown| shown["generation"].as_u64() > Some(before)).await
    }

    /// The configuration as the admin API shows it, once it is so.
    async fn config_where(&self, is_so: impl Fn(&Value) -> bool) -> Value {
        within("the configuration to be so", async {
            loop {
                let shown = self.admin_json("/admin/config").await;
                if is_so(&shown) {
                    return shown;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        })
        .await
    }

    async fn ready_answer(&self) -> Value {
        let response = self.send(&Request::get("/readyz"), Way::Sized).await;
        assert_eq!(response.status, 200, "{response:?}");
        response.json()
    }
}

async fn served(gateway: &Gateway, text: &str) -> String {
    let response = gateway.post(Shape::Chat, Shape::Chat.ask("r", text)).await;
    assert_eq!(response.status, 200, "{response:?}");
    Shape::Chat.text(&response.json())
}

#[tokio::test]
async fn new_requests_follow_a_saved_file_and_those_under_way_keep_what_they_began_with() {
    for shape in Shape::BOTH {
        let [gate, written] = [Gate::new(), Gate::new()];
        let stream = Answer::stream().event(shape.opening()).event(shape.content("before")).tell(&written);
        let stream = stream.wait(&gate).event(shape.content("after")).event(shape.closing()).finished();
        let first = Upstream::always(stream).await;
        let second = Upstream::always(Answer::plain(shape, "second")).await;
        let gateway = Gateway::start(&config("", &first, "model-1")).await;
        let mut under_way = gateway.open(shape, shape.ask_stream("r", "go")).await;
        let mut kept = Connection::open(gateway.address()).await;
        assert_eq!(kept.exchange(&Request::get("/v1/models"), Way::Sized).await.status, 200);
        within("half of the stream", written.opened()).await;

        gateway.reconfigure(&config("", &second, "model-2")).await;
        let request = gateway.request(shape, shape.ask("r", "hello"));
        for response in [gateway.send(&request, Way::Sized).await, kept.exchange(&request, Way::Sized).await] {
            assert_eq!((response.status, shape.text(&response.json())), (200, "second".to_owned()), "{response:?}");
        }
        gate.open();
        assert_eq!(under_way.head().await.status(), 200);
        let told: String = under_way.events().await.iter().map(|event| shape.delta(&event.data())).collect();
        assert_eq!((told.as_str(), under_way.end()), ("beforeafter", End::Complete));
        assert_eq!((first.requests().len(), second.requests().len()), (1, 2));
    }
}

#[tokio::test]
async fn sighup_and_the_admin_api_load_anew_without_a_change() {
    let upstream = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
    let gateway = Gateway::start(&config("", &upstream, "model-1")).await;
    let shown = gateway.admin_json("/admin/config").await;
    assert_eq!((shown["generation"].as_u64(), shown["watching"].as_str()), (Some(1), Some("watched")), "{shown}");
    gateway.signal("HUP");
    let shown = gateway.config_where(|shown| shown["generation"] == 2).await;
    assert_eq!(shown["last_reload"]["trigger"], "signal");
    let answer = gateway.ask_admin("POST", "/admin/reload", "").await;
    assert_eq!((answer.status, answer.json()["generation"].as_u64()), (200, Some(3)), "{answer:?}");
    assert_eq!(answer.json()["last_reload"]["trigger"], "admin");
    assert_eq!(gateway.send(&Request::post("/admin/reload", ""), Way::Sized).await.status, 401);
    let page = gateway.metrics().await;
    for line in ["ovth_config_generation 3", "ovth_config_reloads_total{outcome=\"ok\"} 2"] {
        assert!(page.contains(line), "{line}: {page}");
    }
    assert!(page.contains("ovth_config_last_success_timestamp_seconds 1"), "{page}");
    served(&gateway, "hello").await;
}

#[tokio::test]
async fn a_bad_file_keeps_the_old_one_and_everything_tells_of_it() {
    let upstream = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
    let good = config("", &upstream, "model-1");
    let gateway = Gateway::start(&good).await;
    replace(gateway.folder(), "config.yaml", &good.replace("routes:", "hartbeat: 5s\ncommit_after: soon\nroutes:"));
    let shown = gateway.config_where(|shown| shown["condition"] == "rejected").await;
    let paths: Vec<&str> =
        shown["problems"].as_array().unwrap().iter().map(|problem| problem["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["hartbeat", "commit_after", "routes.r.models[0]"], "the last is a warning: {shown}");
    gateway.logged(KEPT).await;
    let log = gateway.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(KEPT)).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("hartbeat") && lines[0].contains("commit_after"), "{}", lines[0]);
    let ready = gateway.ready_answer().await;
    assert_eq!((ready["status"].as_str(), ready["checks"]["config"].as_str()), (Some("ready"), Some("rejected")));
    let warning = ready["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("/admin/config") && !warning.contains("hartbeat") && !warning.contains(".yaml"),
        "{ready}"
    );
    assert!(gateway.metrics().await.contains("ovth_config_reloads_total{outcome=\"invalid\"} 1"));
    served(&gateway, "hello").await;

    let refused = gateway.ask_admin("POST", "/admin/reload", "").await;
    assert_eq!((refused.status, refused.json()["error"]["code"].as_str().unwrap()), (422, "invalid_configuration"));
    assert!(refused.text().contains("hartbeat"), "{refused:?}");

    replace(gateway.folder(), "config.yaml", &good);
    gateway.config_where(|shown| shown["condition"] == "ok" && shown["generation"] == 2).await;
    assert_eq!(gateway.ready_answer().await["warnings"], serde_json::json!([]));
}

#[tokio::test]
async fn what_only_a_restart_can_change_is_refused_by_name() {
    let upstream = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
    let good = config("h2c: false\n", &upstream, "model-1");
    let mut gateway = Gateway::start(&good).await;
    let changed = good.replace("h2c: false", "h2c: true\nthreads: 3");
    replace(gateway.folder(), "config.yaml", &changed.replace("r: {", "r2: {"));
    let shown = gateway.config_where(|shown| shown["condition"] == "needs_restart").await;
    let problems = shown["problems"].to_string();
    assert!(
        problems.contains("\"h2c\"") && problems.contains("\"threads\"") && problems.contains("restart"),
        "{shown}"
    );
    served(&gateway, "nothing of it is in force").await;
    assert_eq!(gateway.ready_answer().await["checks"]["config"], "needs_restart");
    replace(gateway.folder(), "config.yaml", &changed);
    gateway.restart().await;
    assert_eq!(gateway.ready_answer().await["checks"]["config"], "ok");
    assert_eq!(gateway.admin_json("/admin/config").await["settings"]["threads"], 3);
}

#[tokio::test]
async fn keys_of_files_and_of_the_env_file_follow_and_those_of_the_process_stay() {
    let upstream = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
    let base_url = upstream.base_url();
    let named = |key: &str| {
        format!(
            "providers:\n  host: {{base_url: '{base_url}', api_key: {key}, models: ['model-*']}}\nroutes: {{r: {{models: [model-1]}}}}\n"
        )
    };
    let environment = [("OF_PROCESS", "key-of-the-process")];
    let gateway = Gateway::start_with(&named("'${OF_PROCESS}'"), &environment).await;
    let bearer = async || {
        served(&gateway, "hello").await;
        upstream.requests().last().unwrap().head.header("authorization").unwrap().to_owned()
    };
    assert_eq!(bearer().await, "Bearer key-of-the-process");
    fs::write(gateway.folder().join(".env"), "OF_PROCESS=another\nOF_FILE=key-of-the-env-file-1\n").unwrap();
    gateway.config_where(|shown| shown["generation"] == 2).await;
    assert_eq!(bearer().await, "Bearer key-of-the-process");
    let shown = gateway.admin_json("/admin/config").await;
    let fixed = shown["settings"]["process_keys"].to_string();
    assert!(fixed.contains("providers.host.api_key") && fixed.contains("OF_PROCESS"), "{shown}");

    gateway.reconfigure(&named("'${OF_FILE}'")).await;
    assert_eq!(bearer().await, "Bearer key-of-the-env-file-1");
    replace(gateway.folder(), ".env", "OF_FILE=key-of-the-env-file-2\n");
    gateway.config_where(|shown| shown["generation"] == 4).await;
    assert_eq!(bearer().await, "Bearer key-of-the-env-file-2");

    fs::create_dir(gateway.folder().join("keys")).unwrap();
    fs::write(gateway.folder().join("keys/host"), "key-of-a-file-1\n").unwrap();
    gateway.reconfigure(&named("{file: keys/host}")).await;
    assert_eq!(bearer().await, "Bearer key-of-a-file-1");
    fs::write(gateway.folder().join("keys/host"), "key-of-a-file-2\n").unwrap();
    let shown = gateway.config_where(|shown| shown["generation"] == 6).await;
    assert_eq!(bearer().await, "Bearer key-of-a-file-2");
    let told = format!("{shown} {} {}", gateway.log(), gateway.ready_answer().await);
    assert!(!told.contains("key-of-a-file") && !told.contains("key-of-the"), "{told}");
}

#[tokio::test]
async fn limits_quotas_and_the_master_key_follow() {
    const MASTER: &str = "another-master-key-0123456789abcdef";
    let (gate, shape) = (Gate::new(), Shape::Chat);
    let held = gate.clone();
    let upstream = Upstream::new(move |seen| match seen.prompt().len() {
        300_000.. if seen.index == 0 => Answer::plain(Shape::Chat, "held").behind(&held),
        _ => Answer::plain(Shape::Chat, "served"),
    })
    .await;
    let with = |settings: &str| config(settings, &upstream, "model-1");
    let gateway = Gateway::start(&with("limits: {body_bytes: 500KiB, buffered_bytes: 500KiB}")).await;
    let large = shape.ask("r", &"x".repeat(300_000));
    let mut holder = gateway.open(shape, large.clone()).await;
    upstream.request(0).await;
    let refused = gateway.post(shape, large.clone()).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    gateway.reconfigure(&with("limits: {body_bytes: 500KiB, buffered_bytes: 4MiB}")).await;
    let response = gateway.post(shape, large.clone()).await;
    assert_eq!(response.status, 200, "the memory that there is now counts, what is held too: {response:?}");
    gate.open();
    assert_eq!(holder.response().await.status, 200);

    gateway.reconfigure(&with("keys: {models: ['no-model']}")).await;
    assert_eq!(gateway.post(shape, shape.ask("r", "hello")).await.status, 403);
    gateway.reconfigure(&with("quota: {daily_tokens: 20}")).await;
    let refused = gateway.post(shape, shape.ask("r", "hello")).await;
    assert_eq!(refused.status, 429, "what was used before counts: {refused:?}");
    replace(gateway.folder(), "config.yaml", &with(&format!("master_key: {MASTER}")));
    gateway.logged("\"generation\":5").await;
    for (key, status) in [(MASTER, 200), ("master-0123456789abcdef0123456789abcdef", 401)] {
        let response = gateway.send(&Request::get("/admin/keys").bearer(key), Way::Sized).await;
        assert_eq!(response.status, status, "{response:?}");
    }
}

#[tokio::test]
async fn cool_downs_connections_and_counters_survive() {
    let shape = Shape::Chat;
    let overloaded =
        Answer::whole(429, &[("content-type", "application/json"), ("retry-after", "600")], shape.error(429));
    let first = Upstream::always(overloaded).await;
    let second = Upstream::always(Answer::plain(shape, "second")).await;
    let with = |settings: &str| {
        let providers = provider("first", &first.base_url(), &["model-*".to_owned()])
            + &provider("second", &second.base_url(), &["model-*".to_owned()]);
        format!("{settings}\nproviders:\n{providers}routes:\n  r: {{providers: [first, second], models: [model-1]}}\n")
    };
    let gateway = Gateway::start(&with("")).await;
    assert_eq!(served(&gateway, "hello").await, "second");
    assert_eq!((first.requests().len(), second.links().len()), (1, 1));
    let spent = |quotas: &Value| quotas["data"][0]["today"]["tokens"].as_u64().unwrap();
    let before = spent(&gateway.admin_json("/admin/quotas").await);
    gateway
        .reconfigure(&with("heartbeat: 3s\ntimeouts: {idle: 60s}\nprices: {second/model-1: {input: 1, output: 2}}"))
        .await;
    assert_eq!(served(&gateway, "hello").await, "second");
    assert_eq!(first.requests().len(), 1, "it is still cooling");
    assert_eq!(second.links().len(), 1, "the connection is still there");
    let quotas = gateway.admin_json("/admin/quotas").await;
    assert_eq!(spent(&quotas), before * 2, "{quotas}");
    assert!(quotas["data"][0]["today"]["usd"].as_f64().unwrap() > 0.0, "the price is the new one: {quotas}");
    let page = gateway.metrics().await;
    assert!(page.contains("ovth_cooled_targets{provider=\"first\",scope=\"target\"} 1"), "{page}");
}

#[tokio::test]
async fn what_was_learned_of_answers_survives() {
    let shape = Shape::Chat;
    let upstream = Upstream::always(Answer::plain(shape, "short")).await;
    // Room for what such answers take, and not for what one is thought to take of which nothing is known.
    let with = |settings: &str| config(&format!("quota: {{daily_tokens: 2000}}\n{settings}"), &upstream, "model-1");
    let gateway = Gateway::start(&with("")).await;
    let lowered = async || {
        let response = gateway.post(shape, shape.ask("r", "hello")).await;
        assert_eq!(response.status, 200, "{response:?}");
        // It is settled, and what was set aside for it is given back.
        gateway.entry(response.request_id()).await;
        response.header("x-ovth-warnings").is_some()
    };
    assert!(lowered().await, "nothing is known yet");
    for _ in 0..8 {
        lowered().await;
    }
    assert!(!lowered().await, "it is known");
    gateway.reconfigure(&with("heartbeat: 3s")).await;
    assert!(!lowered().await, "it is known still");
}

#[tokio::test]
async fn a_catalogue_of_the_operators_own_is_served_and_followed() {
    let upstream = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
    let catalogue = |model: &str| {
        format!(
            r#"{{"version":"mine","models":[{{"id":"{model}","provider":"host","kind":"chat","status":"current","api":["chat"]}}]}}"#
        )
    };
    let gateway = Gateway::start(&config("", &upstream, "model-1")).await;
    let listed = async || gateway.send(&Request::get("/v1/models"), Way::Sized).await.text().to_owned();
    fs::write(gateway.folder().join("mine.json"), catalogue("model-of-mine")).unwrap();
    gateway.reconfigure(&config("catalog: {file: mine.json}", &upstream, "model-1")).await;
    assert!(listed().await.contains("model-of-mine"));
    fs::write(gateway.folder().join("mine.json"), catalogue("model-of-mine-too")).unwrap();
    let shown = gateway.config_where(|shown| shown["generation"] == 3).await;
    assert_eq!(
        (&shown["settings"]["catalog"]["version"], &shown["settings"]["catalog"]["models"]),
        (&"mine".into(), &1.into())
    );
    assert!(listed().await.contains("model-of-mine-too"));
    fs::write(gateway.folder().join("mine.json"), "[]").unwrap();
    let shown = gateway.config_where(|shown| shown["condition"] == "rejected").await;
    assert_eq!(shown["problems"][0]["path"], "catalog.file", "{shown}");
}

#[tokio::test]
async fn other_files_of_the_folder_are_nobodys_business_and_a_swapped_link_is() {
    let upstream = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
    let gateway = Gateway::start(&config("", &upstream, "model-1")).await;
    let folder = gateway.folder();
    let version = |name: &str, config: &str| {
        fs::create_dir(folder.join(name)).unwrap();
        fs::write(folder.join(name).join("config.yaml"), config).unwrap();
        symlink(name, folder.join("..new")).unwrap();
        fs::rename(folder.join("..new"), folder.join("..data")).unwrap();
    };
    version("..1", &config("heartbeat: 1s", &upstream, "model-1"));
    symlink("..data/config.yaml", folder.join("link")).unwrap();
    fs::rename(folder.join("link"), folder.join("config.yaml")).unwrap();
    gateway.config_where(|shown| shown["settings"]["heartbeat"] == "1s").await;
    gateway.logged("\"generation\":2").await;
    let lines = gateway.log().lines().count();
    for round in 0..100 {
        fs::write(folder.join("notes.txt"), round.to_string()).unwrap();
        fs::write(folder.join("data/notes.txt"), round.to_string()).unwrap();
    }
    // The same content by another way is no change.
    version("..2", &config("heartbeat: 1s", &upstream, "model-1"));
    version("..3", &config("heartbeat: 2s", &upstream, "model-1"));
    let shown = gateway.config_where(|shown| shown["settings"]["heartbeat"] == "2s").await;
    assert_eq!(shown["generation"], 3, "{shown}");
    gateway.logged("\"generation\":3").await;
    assert_eq!(gateway.log().lines().count(), lines + 1, "{}", gateway.log());
    assert_eq!(gateway.log().matches(RELOADED).count(), 2);
}

#[test]
fn check_names_the_keys_that_a_reload_cannot_change() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = "providers:\n  one: {base_url: 'http://127.0.0.1:9/v1', api_key: '${ONE_KEY}'}\n  \
                two: {base_url: 'http://127.0.0.1:9/v1', api_key: '${TWO_KEY}'}\n  \
                three: {base_url: 'http://127.0.0.1:9/v1', api_key: {file: three}}\n";
    for (name, text) in [("config.yaml", yaml), (".env", "TWO_KEY=key-two\n"), ("three", "key-three\n")] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let checked = Command::new(env!("CARGO_BIN_EXE_ovth"))
        .args(["check", "--config", "config.yaml"])
        .current_dir(folder.path())
        .env_clear()
        .env("ONE_KEY", "key-one")
        .env("OPENAI_API_KEY", "key-of-openai")
        .env("OVTH_MASTER_KEY", "master-0123456789abcdef0123456789abcdef")
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
    let told = String::from_utf8(checked.stderr).unwrap();
    let notes: Vec<&str> = told.lines().filter(|line| line.starts_with("note: ")).collect();
    assert_eq!(notes.len(), 3, "{told}");
    for (place, variable) in [
        ("master_key", "OVTH_MASTER_KEY"),
        ("providers.one.api_key", "ONE_KEY"),
        ("providers.openai", "OPENAI_API_KEY"),
    ] {
        assert!(notes.iter().any(|note| note.contains(place) && note.contains(variable)), "{place}: {told}");
    }
    assert!(!told.contains("key-one") && !told.contains("key-of-openai"), "{told}");
}
