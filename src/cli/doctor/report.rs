//! What the doctor has found, for people and for programs.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use crate::accounts::{Account, Lack, MAX_CLOCK_SECONDS};
use crate::cli::figures::clean;
use crate::cli::table::Table;
use crate::config::{Problems, Severity};

/// Everything that was looked at, and what is amiss.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    accounts: Vec<Row>,
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Row {
    provider: String,
    /// Counted from 1 in the order of the configuration; absent for a host that wants none.
    key: Option<usize>,
    answers: bool,
    models: Option<usize>,
    clock_ahead_seconds: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Finding {
    severity: &'static str,
    message: String,
}

impl Report {
    /// Something that would make requests fail.
    pub(super) fn error(&mut self, message: impl Into<String>) {
        self.findings.push(Finding { severity: "error", message: message.into() });
    }

    /// Something that someone should know.
    pub(super) fn warning(&mut self, message: impl Into<String>) {
        self.findings.push(Finding { severity: "warning", message: message.into() });
    }

    /// Whether nothing would make requests fail.
    pub(super) fn is_well(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != "error")
    }

    /// Takes in what is wrong with the configuration.
    pub(super) fn add_problems(&mut self, problems: &Problems) {
        for problem in &problems.0 {
            let message = format!("{}: {}", problem.path, problem.message);
            match problem.severity {
                Severity::Error => self.error(message),
                Severity::Warning => self.warning(message),
            }
        }
    }

    /// Takes in what the providers answered.
    pub(super) fn add_accounts(&mut self, accounts: Vec<(Account, BTreeSet<Lack>)>) {
        for (account, lacks) in accounts {
            self.add_lacks(&account, &lacks);
            if let Some(ahead) = account.wrong_clock() {
                let way = if ahead < 0 { "ahead of" } else { "behind" };
                let (seconds, provider) = (ahead.unsigned_abs(), &account.provider);
                self.warning(format!(
                    "this machine's clock is {seconds} s {way} the one of {provider} (more than {MAX_CLOCK_SECONDS} s): set it, \
                     or days of quotas begin at another time"
                ));
            }
            if let Err(fault) = &account.answer {
                if fault.concerns_requests() {
                    self.error(format!("{account}: {fault}"));
                } else {
                    self.warning(format!("{account}: {fault}"));
                }
            }
            let answer = account.answer.as_ref().ok();
            self.accounts.push(Row {
                provider: account.provider.to_string(),
                key: account.key.map(|(at, _)| at),
                answers: answer.is_some(),
                models: answer.map(|answer| answer.models.count()),
                clock_ahead_seconds: answer.and_then(|answer| answer.clock_ahead),
            });
        }
    }

    fn add_lacks(&mut self, account: &Account, lacks: &BTreeSet<Lack>) {
        for lack in lacks.iter().filter(|lack| lack.named) {
            let (route, model) = (&lack.route, &lack.model);
            self.warning(format!(
                "{account}: the account has no model `{model}`, which route `{route}` names; the route leaves it out"
            ));
        }
        let unnamed: BTreeSet<&str> = lacks.iter().filter(|lack| !lack.named).map(|lack| &*lack.model).collect();
        if !unnamed.is_empty() {
            let models: Vec<&str> = unnamed.into_iter().collect();
            self.warning(format!("{account}: routes leave out what the account does not have: {}", models.join(", ")));
        }
    }

    /// The report as JSON: `accounts` and `findings`.
    pub(super) fn as_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(["Provider", "#Key", "Answers", "#Models", "#Clock"]);
        for row in &self.accounts {
            table.row([
                row.provider.clone(),
                row.key.map_or_else(|| "-".to_owned(), |key| key.to_string()),
                if row.answers { "yes" } else { "no" }.to_owned(),
                row.models.map_or_else(|| "-".to_owned(), |count| count.to_string()),
                row.clock_ahead_seconds.map_or_else(|| "-".to_owned(), |ahead| format!("{ahead:+} s")),
            ]);
        }
        writeln!(f, "{table}")?;
        for finding in &self.findings {
            writeln!(f, "{}: {}", finding.severity, clean(&finding.message))?;
        }
        if self.findings.is_empty() {
            writeln!(f, "All is well.")?;
        }
        Ok(())
    }
}
