//! `ovth check`: tells everything that is wrong with a configuration, without starting anything.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use super::ConfigFile;
use crate::config::{Problems, ProcessKey, Severity};
use crate::reload;

/// Check a configuration and tell everything that is wrong with it
///
/// Problems go to standard error, all at once, each with its place, what is wrong and what cures it. Nothing is
/// started and no provider is asked.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 when the configuration is good (there may be warnings), else 1.\n\n\
    Example:\n  ovth check --config config.yaml && systemctl restart ovth")]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) config: ConfigFile,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let checked = reload::load(&arguments.config.path).map_err(|failed| failed.problems).map(|loaded| {
        let config = loaded.snapshot.config();
        let process_keys = config.process_keys.clone();
        let good = Good { providers: config.providers.len(), routes: config.routes.len(), process_keys };
        (good, loaded.warnings)
    });
    // A reader that has gone away changes nothing about the verdict.
    let _ = report(&checked, &mut io::stdout().lock(), &mut io::stderr().lock());
    if checked.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What there is to say of a good configuration.
struct Good {
    providers: usize,
    routes: usize,
    /// Keys that a reload cannot change.
    process_keys: Vec<ProcessKey>,
}

fn report(
    checked: &Result<(Good, Problems), Problems>,
    out: &mut impl Write,
    problems_out: &mut impl Write,
) -> io::Result<()> {
    let (Ok((_, problems)) | Err(problems)) = checked;
    if !problems.0.is_empty() {
        writeln!(problems_out, "{problems}")?;
    }
    for key in checked.iter().flat_map(|(good, _)| &good.process_keys) {
        writeln!(
            problems_out,
            "note: {}: the key is {} of the process's own environment, which a running gateway keeps until its restart; \
             put it into .env beside the file, or into a file of its own ({{file: path}}), to change it by a reload",
            key.place, key.variable
        )?;
    }
    match checked {
        Ok((good, _)) => writeln!(
            out,
            "configuration is good: {}, {}",
            counted(good.providers, "provider"),
            counted(good.routes, "route")
        ),
        Err(problems) => {
            let errors = problems.0.iter().filter(|problem| problem.severity == Severity::Error).count();
            writeln!(problems_out, "configuration is not good: {}", counted(errors, "error"))
        }
    }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::config::Problem;

    fn told(checked: &Result<(Good, Problems), Problems>) -> (String, String) {
        let (mut out, mut problems) = (Vec::new(), Vec::new());
        report(checked, &mut out, &mut problems).unwrap();
        (String::from_utf8(out).unwrap(), String::from_utf8(problems).unwrap())
    }

    #[test]
    fn a_good_configuration_is_counted_and_its_warnings_are_told() {
        let good = told(&Ok((Good { providers: 3, routes: 1, process_keys: Vec::new() }, Problems::default())));
        assert_eq!(good, ("configuration is good: 3 providers, 1 route\n".to_owned(), String::new()));
        let warned = Problems(vec![Problem::warning("routes.auto", "has one provider")]);
        let (out, problems) = told(&Ok((Good { providers: 1, routes: 0, process_keys: Vec::new() }, warned)));
        assert_eq!(out, "configuration is good: 1 provider, 0 routes\n");
        assert_eq!(problems, "warning: routes.auto: has one provider\n");
    }

    #[test]
    fn a_bad_configuration_tells_everything_and_nothing_on_standard_output() {
        let bad = Problems(vec![
            Problem::error("routes.auto.strategy", "`fastest` is not known"),
            Problem::warning("listen", "is open to the world"),
            Problem::error("limits.body_bytes", "is 0"),
        ]);
        let (out, problems) = told(&Err(bad));
        assert_eq!(out, "");
        assert_eq!(
            problems,
            "error: routes.auto.strategy: `fastest` is not known\nwarning: listen: is open to the world\n\
             error: limits.body_bytes: is 0\nconfiguration is not good: 2 errors\n"
        );
    }
}
