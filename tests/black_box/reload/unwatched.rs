//! A system that gives no watcher: its inotify instances are used up.

use std::process::Command;

use super::config;
use crate::support::{Answer, Gateway, Shape, Upstream};

/// Runs a program among users of its own, who may have no inotify instance.
const WITHOUT_INOTIFY: [&str; 5] =
    ["unshare", "--map-root-user", "sh", "-c", r#"echo 0 > /proc/sys/user/max_inotify_instances && exec "$0" "$@""#];

fn can_limit() -> bool {
    let [program, ..] = WITHOUT_INOTIFY;
    Command::new(program)
        .args(["--map-root-user", "sh", "-c", "echo 0 > /proc/sys/user/max_inotify_instances"])
        .status()
        .is_ok_and(|status| status.success())
}

#[tokio::test]
async fn files_that_cannot_be_watched_are_looked_at() {
    if !can_limit() {
        println!("not run: taking inotify away needs more rights than this test has");
        return;
    }
    let upstream = Upstream::always(Answer::plain(Shape::Chat, "served")).await;
    let gateway = Gateway::start_by(&WITHOUT_INOTIFY, &config("", &upstream, "model-1"), |_| {}).await;
    gateway.logged("the configuration's files cannot be watched").await;
    assert_eq!(gateway.admin_json("/admin/config").await["watching"], "polled");
    let shown = gateway.reconfigure(&config("heartbeat: 2s", &upstream, "model-1")).await;
    assert_eq!((&shown["settings"]["heartbeat"], &shown["watching"]), (&"2s".into(), &"polled".into()), "{shown}");
    assert_eq!(gateway.log().matches("cannot be watched").count(), 1, "{}", gateway.log());
}
