//! The configuration as the admin API shows and reloads it.

use super::*;

#[tokio::test]
async fn the_configuration_is_shown_with_its_files_and_without_secrets() {
    let house = house();
    let response = get("/admin/config").send(&house).await;
    let body = told(&response, 200);
    assert_eq!((body["generation"].as_u64(), body["condition"].as_str()), (Some(1), Some("ok")), "{body}");
    assert_eq!(body["path"], house.folder.path().join("config.yaml").display().to_string());
    let roles: Vec<&str> =
        body["files"].as_array().unwrap().iter().map(|file| file["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["config", "environment"]);
    assert_eq!((body["files"][1]["state"].as_str(), &body["files"][1]["hash"]), (Some("missing"), &Value::Null));
    assert_eq!(body["settings"]["providers"]["host"]["base_url"], "http://127.0.0.1:9/v1");
    assert_eq!(body["settings"]["retention"]["entry_days"], 90);
    let text = String::from_utf8_lossy(response.bytes()).into_owned();
    assert!(!text.contains(MASTER), "{text}");
}

#[tokio::test]
async fn a_reload_that_fails_names_every_problem_and_the_old_configuration_stays() {
    let house = house();
    assert_eq!(told(&post("/admin/reload").send(&house).await, 200)["generation"], 2);
    let path = house.folder.path().join("config.yaml");
    let good = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, good.replace("providers:", "hartbeat: 1\nthreads: many\nproviders:")).unwrap();
    let error = told(&post("/admin/reload").send(&house).await, 422);
    assert_eq!(error["error"]["code"], "invalid_configuration");
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains("hartbeat") && message.contains("threads: must be"), "{message}");
    let shown = told(&get("/admin/config").send(&house).await, 200);
    assert_eq!((shown["generation"].as_u64(), shown["condition"].as_str()), (Some(2), Some("rejected")));
    assert_eq!(shown["problems"].as_array().unwrap().len(), 2, "{shown}");

    std::fs::write(&path, good + "listen: 127.0.0.1:1\nh2c: true\n").unwrap();
    let error = told(&post("/admin/reload").send(&house).await, 422);
    assert_eq!(error["error"]["code"], "restart_needed");
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains("listen:") && message.contains("h2c:") && message.contains("restart"), "{message}");
}

#[tokio::test]
async fn readiness_is_kept_and_tells_of_a_configuration_that_is_not_taken_over() {
    for (condition, word, warnings) in [
        (Condition::Ok, "ok", 0),
        (Condition::Rejected, "rejected", 1),
        (Condition::NeedsRestart, "needs_restart", 1),
        (Condition::Pinned, "pinned", 1),
    ] {
        let response = readyz(Checks::now(&Ok(()), Drain::Serving, condition));
        let body = told(&response, 200);
        assert_eq!((body["status"].as_str(), body["checks"]["config"].as_str()), (Some("ready"), Some(word)));
        assert_eq!(body["warnings"].as_array().unwrap().len(), warnings, "{body}");
    }
}
