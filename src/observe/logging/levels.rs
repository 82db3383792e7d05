//! Which records are written: a level for the gateway's own modules, and levels by target over it.

use std::collections::BTreeMap;

use log::LevelFilter;

/// How the targets of the gateway's own records begin.
const OWN: &str = "ovth";

/// Other crates' records are written up to this level unless their target is named: below it they may hold what clients sent.
const FOREIGN: LevelFilter = LevelFilter::Info;

/// Targets whose records hold data that clients sent, at every level, or tell at `info` of what is as usual; they are off unless they are named.
const SILENT: [&str; 2] = ["pingora", "notify"];

/// The level of the gateway's own records where nothing is said.
const DEFAULT: LevelFilter = LevelFilter::Info;

/// Levels that are said over others: what is left out stays as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LevelChange {
    /// The level of the gateway's own records whose target is not named.
    pub level: Option<LevelFilter>,
    /// Levels of targets, by how they begin; of several that fit the longest counts.
    pub levels: BTreeMap<String, LevelFilter>,
}

impl LevelChange {
    /// Reads comma-separated directives: `level`, `target=level`, or a target alone, which is all of its records. What is not understood is given
    /// back beside it.
    #[must_use]
    pub fn parse(text: &str) -> (LevelChange, Vec<String>) {
        let (mut change, mut unknown) = (LevelChange::default(), Vec::new());
        for directive in text.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
            match directive.split_once('=') {
                Some((target, level)) => match level.trim().parse() {
                    Ok(level) if is_target(target.trim()) => {
                        change.levels.insert(target.trim().to_owned(), level);
                    }
                    _ => unknown.push(directive.to_owned()),
                },
                None => match directive.parse() {
                    Ok(level) => change.level = Some(level),
                    Err(_) if is_target(directive) => {
                        change.levels.insert(directive.to_owned(), LevelFilter::Trace);
                    }
                    Err(_) => unknown.push(directive.to_owned()),
                },
            }
        }
        (change, unknown)
    }

    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.level.is_none() && self.levels.is_empty()
    }
}

/// Whether a text can be the beginning of a record's target: a path of Rust modules.
#[must_use]
pub fn is_target(text: &str) -> bool {
    const MAX_CHARS: usize = 128;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-' | '.');
    !text.is_empty() && text.len() <= MAX_CHARS && text.chars().all(allowed)
}

/// The name of a level, as it is written in settings: `off`, `error`, `warn`, `info`, `debug` or `trace`.
#[must_use]
pub const fn level_name(level: LevelFilter) -> &'static str {
    match level {
        LevelFilter::Off => "off",
        LevelFilter::Error => "error",
        LevelFilter::Warn => "warn",
        LevelFilter::Info => "info",
        LevelFilter::Debug => "debug",
        LevelFilter::Trace => "trace",
    }
}

/// The level of every target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    /// The level of the gateway's own records whose target is not named.
    pub level: LevelFilter,
    /// Levels of targets, by how they begin; of several that fit the longest counts.
    pub levels: BTreeMap<String, LevelFilter>,
}

impl Default for Levels {
    fn default() -> Levels {
        let levels = SILENT.map(|target| (target.to_owned(), LevelFilter::Off)).into();
        Levels { level: DEFAULT, levels }
    }
}

impl Levels {
    /// These levels with others over them.
    #[must_use]
    pub fn with(mut self, change: &LevelChange) -> Levels {
        self.level = change.level.unwrap_or(self.level);
        self.levels.extend(change.levels.iter().map(|(target, level)| (target.clone(), *level)));
        self
    }

    /// The level of a target.
    #[must_use]
    pub fn of(&self, target: &str) -> LevelFilter {
        let named = self.levels.iter().filter(|(name, _)| target.starts_with(name.as_str()));
        match named.max_by_key(|(name, _)| name.len()) {
            Some((_, level)) => *level,
            None if target.starts_with(OWN) => self.level,
            None => self.level.min(FOREIGN),
        }
    }

    /// The most that any target writes.
    pub(super) fn most(&self) -> LevelFilter {
        self.levels.values().copied().max().unwrap_or(LevelFilter::Off).max(self.level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(directives: &str) -> Levels {
        let (change, unknown) = LevelChange::parse(directives);
        assert_eq!(unknown, [""; 0], "{directives}");
        Levels::default().with(&change)
    }

    #[test]
    fn the_longest_name_that_fits_counts() {
        let levels = levels("warn, ovth_gateway::ledger=debug,ovth_gateway::ledger::journal=off");
        for (target, level) in [
            ("ovth::access", LevelFilter::Warn),
            ("ovth_gateway::ledger", LevelFilter::Debug),
            ("ovth_gateway::ledger::books", LevelFilter::Debug),
            ("ovth_gateway::ledger::journal::thread", LevelFilter::Off),
            ("redb", LevelFilter::Warn),
        ] {
            assert_eq!(levels.of(target), level, "{target}");
        }
        assert_eq!(levels.most(), LevelFilter::Debug);
    }

    #[test]
    fn other_crates_tell_no_details_and_pingora_nothing_unless_they_are_named() {
        let all = levels("trace");
        assert_eq!(all.of("ovth_gateway::proxy"), LevelFilter::Trace);
        assert_eq!(all.of("rustls::client"), LevelFilter::Info);
        for target in [concat!("pingora_core", "::apps"), "pingora_proxy", "pingora_pool", "pingora"] {
            assert_eq!(all.of(target), LevelFilter::Off, "{target}");
        }
        let named = levels("info,rustls=debug,pingora_core=warn");
        assert_eq!(named.of("rustls::client"), LevelFilter::Debug);
        assert_eq!(named.of(concat!("pingora_core", "::apps")), LevelFilter::Warn);
        assert_eq!(named.of("pingora_proxy"), LevelFilter::Off);
    }

    #[test]
    fn directives_that_are_not_understood_are_told_and_the_others_hold() {
        let (change, unknown) = LevelChange::parse("ovth=loud, ,debug,=info,a b=info,ovth::attempt");
        assert_eq!(unknown, ["ovth=loud", "=info", "a b=info"]);
        assert_eq!(change.level, Some(LevelFilter::Debug));
        assert_eq!(change.levels, [("ovth::attempt".to_owned(), LevelFilter::Trace)].into());
        assert!(LevelChange::parse(" ").0.is_empty());
    }
}
