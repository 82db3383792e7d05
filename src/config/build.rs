//! Puts it together: file and environment in, one checked configuration or all of its problems out.

use std::net::SocketAddr;
use std::path::Path;

use super::files::as_text;
use super::node::{Node, Reading};
use super::raw::{self, Raw};
use super::roster::{Roster, set_one_of};
use super::routes;
use super::scalar::show_size;
use super::tree::Tree;
use super::unreadable;
use super::{Builtin, Config, Environment, FileRole, Files, NamedFile, Problem, Problems, Secret, is_metadata};

/// What could be made of a configuration file, errors or not.
#[derive(Debug)]
pub struct Draft {
    /// The settings; never run those of a draft with errors. There are none when the providers are in doubt.
    pub config: Option<Config>,
    /// Everything that is wrong.
    pub problems: Problems,
    /// Every file that was read or looked for: another content of any of them may make another configuration.
    pub files: Files,
    /// The operator's own catalogue, if one is named and can be read: the bytes of its file.
    pub catalogue: Option<Vec<u8>>,
}

/// Reads and checks the configuration file at `path`; `${NAME}` and overrides come from `env`.
///
/// Key files are relative to the file's folder, `data_dir` to the current one.
///
/// # Errors
///
/// All problems of the file and the environment, warnings among them, when any of them is an error. When there is none,
/// the warnings come with the configuration.
pub fn load(path: &Path, env: &Environment, builtins: &[Builtin]) -> Result<(Config, Problems), Problems> {
    without_errors(load_draft(path, env, builtins))
}

/// Reads the configuration file as [`load`] does, and gives what could be made of it even if it has errors: others can look for more
/// problems in such a draft, so that all are told at once.
#[must_use]
pub fn load_draft(path: &Path, env: &Environment, builtins: &[Builtin]) -> Draft {
    let (file, read) = NamedFile::read(path, FileRole::Config);
    let mut draft = match read.and_then(as_text) {
        Ok(yaml) => parse_draft(&yaml, path.parent().unwrap_or(Path::new("")), env, builtins),
        Err(error) => {
            let mut problems = env.problems().to_vec();
            problems.push(Problem::error(path.display().to_string(), unreadable::reason(path, &error)));
            Draft { config: None, problems: Problems(problems), files: Files::default(), catalogue: None }
        }
    };
    draft.files = [file].iter().chain(env.files()).chain(&draft.files).cloned().collect();
    draft
}

/// Checks a configuration that is given as text; key files are relative to `base_dir`.
///
/// # Errors
///
/// As [`load`].
pub fn parse(
    yaml: &str,
    base_dir: &Path,
    env: &Environment,
    builtins: &[Builtin],
) -> Result<(Config, Problems), Problems> {
    without_errors(parse_draft(yaml, base_dir, env, builtins))
}

fn without_errors(draft: Draft) -> Result<(Config, Problems), Problems> {
    match draft.config {
        Some(config) if !draft.problems.has_errors() => Ok((config, draft.problems)),
        _ => Err(draft.problems),
    }
}

fn parse_draft(yaml: &str, base_dir: &Path, env: &Environment, builtins: &[Builtin]) -> Draft {
    let mut problems = env.problems().to_vec();
    let tree = match Tree::parse(yaml) {
        Ok(tree) => tree,
        Err(problem) => {
            problems.push(problem);
            return Draft { config: None, problems: Problems(problems), files: Files::default(), catalogue: None };
        }
    };
    let reading = Reading::new(env, base_dir);
    let root = Node::root(&reading, &tree);
    let mut raw = Raw::read(&root);
    let catalogue = raw.catalog.as_mut().map(|catalog| std::mem::take(&mut catalog.json));
    let config = build(&reading, &root, raw, builtins);
    let files = reading.files();
    problems.extend(reading.into_problems(&tree));
    Draft { config, problems: Problems(problems), files, catalogue }
}

fn build(reading: &Reading<'_>, root: &Node<'_>, mut raw: Raw<'_>, builtins: &[Builtin]) -> Option<Config> {
    override_by_environment(reading, &mut raw);
    check_together(root, &raw);

    let roster = Roster::gather(reading, &raw, builtins);
    if roster.usable().next().is_none() && !roster.has_faulty() {
        let cure = set_one_of(&roster.wanted_variables(None));
        root.place_of("providers").error(format_args!("no provider can be used: none has a key{cure}"));
    }
    for provider in roster.usable() {
        let literal = provider.base_url.host.parse().ok().filter(|_| !provider.metadata_addresses);
        if literal.is_some_and(is_metadata) {
            root.place_of("providers").place_of(&provider.id).place_of("base_url").error(
                "is the address of a cloud's metadata service, which gives away this machine's credentials; if the provider really is there, set \
                 metadata_addresses: true beside it",
            );
        }
    }
    let known = roster.names();
    let prices = std::mem::take(&mut raw.prices).into_iter().filter_map(|price| price.checked(&known)).collect();
    let models = std::mem::take(&mut raw.models).into_iter().filter_map(|model| model.checked(&known)).collect();
    let routes = routes::compile(raw.routes, &roster);
    if roster.has_faulty() {
        return None;
    }
    Some(Config {
        listen: raw.listen,
        metrics_listen: raw.metrics_listen,
        data_dir: raw.data_dir,
        threads: raw.threads,
        h2c: raw.h2c,
        // Without one there is an error, and this is a draft.
        master_key: raw.master_key.unwrap_or_else(|| Secret::new("")),
        limits: raw.limits,
        clients: raw.clients,
        trusted_proxies: raw.trusted_proxies,
        admin_listen: raw.admin_listen,
        tls: raw.tls,
        timeouts: raw.timeouts,
        commit_after: raw.commit_after,
        heartbeat: raw.heartbeat,
        account_check: raw.account_check,
        shutdown_grace: raw.shutdown_grace,
        providers: roster.usable().cloned().collect(),
        keyless: roster.keyless().map(str::to_owned).collect(),
        routes,
        health: raw.health,
        retries: raw.retries,
        quota: raw.quota,
        ledger: raw.ledger,
        log: raw.log,
        prices,
        models,
        catalog: raw.catalog.map(|catalog| catalog.path),
        process_keys: reading.process_keys(),
    })
}

/// What a container must be able to set without another file.
fn override_by_environment(reading: &Reading<'_>, raw: &mut Raw<'_>) {
    if let Some(listen) = reading.variable("OVTH_LISTEN", raw::ADDRESS, |text| text.parse().ok()) {
        raw.listen = listen;
    }
    if let Some(listen) = reading.variable("OVTH_METRICS_LISTEN", raw::ADDRESS, |text| text.parse().ok()) {
        raw.metrics_listen = listen;
    }
    if let Some(every) = reading.variable("OVTH_ACCOUNT_CHECK", raw::ACCOUNT_CHECK, raw::as_account_check) {
        raw.account_check = every;
    }
    if let Some(listen) = reading.variable("OVTH_ADMIN_LISTEN", raw::ADDRESS, |text| text.parse().ok()) {
        raw.admin_listen = Some(listen);
    }
    if let Some(folder) = reading.variable("OVTH_DATA_DIR", raw::FOLDER, raw::as_path) {
        raw.data_dir = folder;
    }
    if let Some(grace) = reading.variable("OVTH_SHUTDOWN_GRACE", raw::GRACE, raw::as_grace) {
        raw.shutdown_grace = grace;
    }
}

/// Settings that are right by themselves and wrong together.
fn check_together(root: &Node<'_>, raw: &Raw<'_>) {
    if let Some(tls) = raw.tls.as_ref().and_then(|tls| tls.listen) {
        let admin = raw.admin_listen.map(|admin| ("admin.listen", admin));
        let others = [Some(("listen", raw.listen)), Some(("metrics.listen", raw.metrics_listen)), admin];
        for (name, other) in others.into_iter().flatten() {
            if overlap(tls, other) {
                let place = root.place_of("tls").place_of("listen");
                place.error(format_args!("{tls} cannot be shared with {name} ({other}); use another port"));
            }
        }
    }
    if let Some(admin) = raw.admin_listen {
        for (name, other) in [("listen", raw.listen), ("metrics.listen", raw.metrics_listen)] {
            if overlap(admin, other) {
                root.place_of("admin")
                    .place_of("listen")
                    .error(format_args!("{admin} cannot be shared with {name} ({other}); use another port"));
            }
        }
    }
    if overlap(raw.listen, raw.metrics_listen) {
        root.place_of("metrics").place_of("listen").error(format_args!(
            "{} cannot be shared with listen ({}); use another port",
            raw.metrics_listen, raw.listen
        ));
    }
    if raw.limits.body_bytes > raw.limits.buffered_bytes {
        root.place_of("limits").error(format_args!(
            "body_bytes ({}) must not be larger than buffered_bytes ({}), which all bodies share",
            show_size(raw.limits.body_bytes as u64),
            show_size(raw.limits.buffered_bytes as u64),
        ));
    }
    let routes: Vec<&str> = raw.routes.iter().map(|route| route.name).collect();
    raw::doubts(root, &raw.quota, &routes);
}

/// Whether the two addresses cannot both be listened on. Port 0 stands for any free one.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() != 0
        && one.port() == other.port()
        && (one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified())
}
