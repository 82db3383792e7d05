//! What only a restart can change: sockets, threads and the data folder are made once.

use std::net::SocketAddr;

use crate::config::{Config, Problem, Problems};

/// The settings that only a restart can change, by their names in the file, as text that tells two values apart.
fn fixed(config: &Config) -> Vec<(&'static str, String)> {
    let address = |listen: Option<SocketAddr>| listen.map_or_else(|| "none".to_owned(), |listen| listen.to_string());
    let tls = config.tls.as_ref();
    vec![
        ("listen", config.listen.to_string()),
        ("admin.listen", address(config.admin_listen)),
        ("tls", if tls.is_some() { "on" } else { "off" }.to_owned()),
        ("tls.listen", address(tls.and_then(|tls| tls.listen))),
        ("metrics.listen", config.metrics_listen.to_string()),
        ("data_dir", config.data_dir.display().to_string()),
        ("threads", config.threads.map_or_else(|| "as many as there are processors".to_owned(), |n| n.to_string())),
        ("h2c", config.h2c.to_string()),
    ]
}

/// An error for each setting that differs and cannot follow; none when the new configuration can take the place of the old one.
pub(super) fn needed(old: &Config, new: &Config) -> Problems {
    let changes = fixed(old).into_iter().zip(fixed(new)).filter(|((_, old), (_, new))| old != new);
    let problem = |((name, old), (_, new)): ((&str, String), (_, String))| {
        let message =
            format!("cannot change from {old} to {new} while the gateway runs: restart it, or put the old value back");
        Problem::error(name, message)
    };
    Problems(changes.map(problem).collect())
}
