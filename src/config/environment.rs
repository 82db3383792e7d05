//! The environment: the variables of the process, and those of an `.env` file beside the configuration.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::path::Path;

use super::dotenv::{self, Line};
use super::files::as_text;
use super::unreadable;
use super::{FileRole, NamedFile, Problem};

/// The variable that the gateway cannot do without.
const MASTER_KEY: &str = "OVTH_MASTER_KEY";

/// Variables by name. The process wins over the file; an empty value counts as not set. `Debug` prints no value.
#[derive(Clone, Default)]
pub struct Environment {
    variables: HashMap<String, String>,
    /// Those of the process, which stay as they are until it ends.
    fixed: HashSet<String>,
    problems: Vec<Problem>,
    files: Vec<NamedFile>,
}

impl Environment {
    /// The variables of the process and of the env file at `dotenv`, if there is one.
    ///
    /// The process's own environment is not changed. What is wrong with the file is told by [`load`](super::load)
    /// together with the problems of the configuration.
    #[must_use]
    pub fn from_process(dotenv: Option<&Path>) -> Environment {
        // Values that are not UTF-8 keep a replacement character: refused where they are used, not overlooked.
        let process = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())));
        let mut environment = Environment::from_pairs(process);
        let set = environment.variables.iter().filter(|(_, value)| !value.is_empty());
        environment.fixed = set.map(|(name, _)| name.clone()).collect();
        match dotenv {
            Some(path) => environment.with_file(path),
            None => environment,
        }
    }

    /// The variables of the process and of the file `.env` in the same folder as the configuration file.
    #[must_use]
    pub fn beside(config: &Path) -> Environment {
        Environment::from_process(Some(&config.with_file_name(".env")))
    }

    /// Exactly these variables.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Environment {
        let variables = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Environment { variables, ..Environment::default() }
    }

    /// Adds the variables of an env file that are not there yet; a file that does not exist adds none, nor does one of another user when the
    /// master key is there already.
    #[must_use]
    pub fn with_file(mut self, path: &Path) -> Environment {
        let (file, read) = NamedFile::read(path, FileRole::Environment);
        self.files.push(file);
        match read.and_then(as_text) {
            Ok(text) => self.add_lines(&path.display().to_string(), &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // Who started this process read the file for it, as docker and systemd do: the user that it runs as need not.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && self.var(MASTER_KEY).is_some() => {}
            Err(error) => {
                self.problems.push(Problem::error(path.display().to_string(), unreadable::reason(path, &error)));
            }
        }
        self
    }

    /// The value of a variable; `None` when it is not set or empty.
    #[must_use]
    pub fn var(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a variable is one of the process itself, which no reload can change.
    #[must_use]
    pub fn is_fixed(&self, name: &str) -> bool {
        self.fixed.contains(name)
    }

    /// The env files that were looked for.
    pub(super) fn files(&self) -> &[NamedFile] {
        &self.files
    }

    /// What was wrong with the env file.
    pub(super) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    fn add_lines(&mut self, file: &str, text: &str) {
        // The last of several lines with one name wins, as it does in a shell, but never over the process.
        let mut found = HashMap::new();
        for line in dotenv::lines(text) {
            match line {
                Line::Variable(name, value) => {
                    found.insert(name, value);
                }
                Line::Ignored(number, reason) => {
                    self.problems.push(Problem::warning(
                        format!("{file} line {number}"),
                        format!("{reason}; the line is ignored"),
                    ));
                }
            }
        }
        for (name, value) in found {
            self.variables.entry(name).or_insert(value);
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({} variables)", self.variables.len())
    }
}
