//! Holds the import table: modules know only those below them, and Pingora is named at the edges only.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What each module may know, besides itself and `ovth_filters`.
const TABLE: [(&str, &[&str]); 17] = [
    ("fetch", &[]),
    ("observe", &[]),
    ("config", &[]),
    ("conversations", &["config", "observe"]),
    ("resolver", &["config", "observe"]),
    ("catalog", &["config", "observe"]),
    ("store", &["config", "observe"]),
    ("keys", &["config", "observe", "store"]),
    ("ledger", &["config", "observe", "store", "keys"]),
    ("providers", &["config"]),
    ("routing", &["config", "catalog", "providers"]),
    ("accounts", &["config", "observe", "catalog", "providers", "routing", "fetch"]),
    (
        "proxy",
        &[
            "config",
            "conversations",
            "observe",
            "resolver",
            "catalog",
            "store",
            "keys",
            "ledger",
            "providers",
            "routing",
        ],
    ),
    ("reload", &["config", "observe", "catalog", "providers", "routing"]),
    (
        "admin",
        &["config", "observe", "resolver", "catalog", "store", "keys", "ledger", "providers", "routing", "reload"],
    ),
    ("reconcile", &["catalog"]),
    ("simulator", &[]),
];

/// Modules that may name Pingora's types.
const NAME_PINGORA: [&str; 4] = ["proxy", "admin", "simulator", "server"];

/// Crates that the pure part must do without.
const IMPURE: [&str; 6] = ["pingora", "tokio", "futures", "async_trait", "std::net", "std::fs"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The lines of a file that are code, without what follows `//`.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code)).collect::<Vec<_>>().join("\n")
}

/// The modules of this crate that a file names by path.
fn named(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let paths = match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default().split(',').collect(),
            None => vec![rest],
        };
        names.extend(
            paths
                .iter()
                .map(|path| path.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()),
        );
    }
    names
}

/// The top module that a file of `src/` belongs to.
fn module(path: &Path, root: &Path) -> String {
    let inside = path.strip_prefix(root).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn modules_know_only_those_below_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let modules: BTreeSet<String> = sources(&root).iter().map(|path| module(path, &root)).collect();
    let mut wrong = Vec::new();
    for path in sources(&root) {
        let module = module(&path, &root);
        let Some((_, allowed)) = TABLE.iter().find(|(name, _)| *name == module) else { continue };
        for name in named(&code(&path)) {
            if modules.contains(&name) && name != module && !allowed.contains(&name.as_str()) {
                wrong.push(format!("{} names crate::{name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports go downward only:\n{}", wrong.join("\n"));
}

#[test]
fn pingora_is_named_at_the_edges_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let wrong: Vec<String> = sources(&root)
        .iter()
        .filter(|path| !NAME_PINGORA.contains(&module(path, &root).as_str()))
        .filter(|path| ["pingora::", "pingora_core::", "pingora_proxy::"].iter().any(|name| code(path).contains(name)))
        .map(|path| path.display().to_string())
        .collect();
    assert!(wrong.is_empty(), "these name Pingora's types:\n{}", wrong.join("\n"));
}

/// Whether a file holds tests and what only they use: by its name, or that of a folder above it.
fn is_test(path: &Path, root: &Path) -> bool {
    let inside = path.strip_prefix(root).unwrap_or(path).with_extension("");
    inside.components().any(|part| {
        let name = part.as_os_str().to_string_lossy();
        name == "tests" || name == "testing" || name.ends_with("_tests")
    })
}

#[test]
fn the_filters_are_pure() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("filters/src");
    let mut wrong = Vec::new();
    for path in sources(&root) {
        // Tests may read fixtures.
        let text = code(&path);
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        if is_test(&path, &root) {
            continue;
        }
        wrong.extend(
            IMPURE.iter().filter(|name| text.contains(*name)).map(|name| format!("{}: {name}", path.display())),
        );
    }
    assert!(wrong.is_empty(), "the filters do I/O:\n{}", wrong.join("\n"));
}

#[test]
fn the_table_reads_downward() {
    for (index, (module, allowed)) in TABLE.iter().enumerate() {
        for name in *allowed {
            let below = TABLE[..index].iter().any(|(earlier, _)| earlier == name);
            assert!(below, "{module} knows {name}, which is not below it");
        }
    }
}
