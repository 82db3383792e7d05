//! A configuration that is mounted as a single file, as `docker run -v ./config.yaml:/app/config.yaml` does it.

use std::fs;
use std::process::Command;

use super::{config, replace};
use crate::support::{Answer, Gateway, Shape, Upstream};

/// Runs a program in a view of the file system of its own, in which `outside/config.yaml` is mounted over `config.yaml`.
const MOUNTED: [&str; 5] =
    ["unshare", "--mount", "sh", "-c", r#"mount --bind outside/config.yaml config.yaml && exec "$0" "$@""#];

fn can_mount() -> bool {
    Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|status| status.success())
}

#[tokio::test]
async fn a_file_that_is_mounted_by_itself_is_warned_of_and_what_is_written_into_it_is_seen() {
    if !can_mount() {
        println!("not run: mounting needs more rights than this test has");
        return;
    }
    let upstream = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
    let with = |settings: &str| config(settings, &upstream, "model-1");
    let gateway = Gateway::start_by(&MOUNTED, &with(""), |folder| {
        fs::create_dir(folder.join("outside")).unwrap();
        fs::write(folder.join("outside/config.yaml"), with("heartbeat: 1s")).unwrap();
    })
    .await;
    gateway.logged("this file is mounted by itself").await;
    let ready = gateway.ready_answer().await;
    assert_eq!(
        (ready["status"].as_str(), ready["checks"]["config"].as_str()),
        (Some("ready"), Some("pinned")),
        "{ready}"
    );
    assert!(ready["warnings"][0].as_str().unwrap().contains("mount its folder"), "{ready}");
    let shown = gateway.admin_json("/admin/config").await;
    assert_eq!(
        (&shown["files"][0]["pinned"], &shown["settings"]["heartbeat"]),
        (&true.into(), &"1s".into()),
        "{shown}"
    );

    let outside = gateway.folder().join("outside");
    fs::write(outside.join("config.yaml"), with("heartbeat: 2s")).unwrap();
    let shown = gateway.config_where(|shown| shown["generation"] == 2).await;
    assert_eq!((&shown["settings"]["heartbeat"], &shown["condition"]), (&"2s".into(), &"pinned".into()), "{shown}");

    // What an editor would do: the gateway keeps the file that it was given.
    replace(&outside, "config.yaml", &with("heartbeat: 3s"));
    let answer = gateway.ask_admin("POST", "/admin/reload", "").await.json();
    assert_eq!((&answer["generation"], &answer["settings"]["heartbeat"]), (&3.into(), &"2s".into()), "{answer}");
}
