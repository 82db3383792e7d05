//! Reads secrets from where the file says they are: text, variables, or files of their own.

use super::as_path;
use crate::config::credential::{self, Purpose};
use crate::config::files::as_text;
use crate::config::interpolate::{InterpolationError, interpolate};
use crate::config::node::{Fields, Node};
use crate::config::{FileRole, Problem, Secret};

const MASTER_KEY_VARIABLE: &str = "OVTH_MASTER_KEY";

/// What was found where a secret belongs.
pub(in crate::config) enum Found {
    /// A secret that can be one.
    Secret(Secret),
    /// The variables it needs are not set.
    Unset(Vec<String>),
    /// It was refused, and the reason noted.
    Refused,
}

/// Reads a secret: text, with variables in it or not, or `{file: path}`.
pub(in crate::config) fn secret(node: &Node<'_>, purpose: Purpose) -> Found {
    let node = node.clone().hidden();
    if node.is_map() {
        return secret_of_file(&node, node.fields(), purpose);
    }
    let Some(text) = node.raw_text() else {
        node.wrong("text such as `${NAME}`, or `{file: path}`");
        return Found::Refused;
    };
    match interpolate(text, node.reading.env) {
        Ok(done) => {
            // The variables are named, since it is their values that must be mended.
            let source =
                if done.variables.is_empty() { String::new() } else { format!("({}) ", done.variables.join(", ")) };
            match credential::judge(&done.text, purpose) {
                Ok(secret) => {
                    node.reading.note_variables(&node.place(), &done.variables);
                    Found::Secret(secret)
                }
                Err(flaw) => {
                    node.error(format_args!("{source}{flaw}"));
                    Found::Refused
                }
            }
        }
        Err(InterpolationError::Unset(variables)) => Found::Unset(variables),
        Err(error) => {
            node.error(error);
            Found::Refused
        }
    }
}

/// Reads a secret that is in a file of its own: the rest of a map of settings, `file` among them.
pub(in crate::config) fn secret_of_file(node: &Node<'_>, fields: Fields<'_>, purpose: Purpose) -> Found {
    secret_file(node, fields, purpose).map_or(Found::Refused, Found::Secret)
}

fn secret_file(node: &Node<'_>, mut fields: Fields<'_>, purpose: Purpose) -> Option<Secret> {
    let given = fields.field("file");
    fields.finish();
    let Some(place) = given else {
        node.place_of("file").error("is missing: the path of the file that holds the key");
        return None;
    };
    let path = place.parsed("the path of a file", as_path)?;
    // As the file of settings has it: the path may come from a variable, and that may hold the key itself by mistake.
    let shown = place.shown();
    match node.reading.file(&path, FileRole::Key).and_then(as_text) {
        // Editors and `echo` end a file with a line end that is no part of the key.
        Ok(text) => credential::judge(text.trim_end_matches(['\r', '\n']), purpose)
            .map_err(|flaw| place.error(format_args!("the content of {shown} {flaw}")))
            .ok(),
        Err(error) => {
            place.error(format_args!("{shown} cannot be read: {error}"));
            None
        }
    }
}

/// The master key: what the file says, else the variable.
pub(in crate::config) fn master_key(root: &Node<'_>, given: Option<Node<'_>>) -> Option<Secret> {
    let cure = Purpose::Master.cure();
    let Some(node) = given else {
        let problem = match root.reading.env.var(MASTER_KEY_VARIABLE) {
            Some(value) => match credential::judge(value, Purpose::Master) {
                Ok(secret) => {
                    root.reading.note_variables("master_key", &[MASTER_KEY_VARIABLE.to_owned()]);
                    return Some(secret);
                }
                Err(flaw) => flaw.to_string(),
            },
            None => format!("is not set; {cure}"),
        };
        root.reading.note(Problem::error(MASTER_KEY_VARIABLE, problem));
        return None;
    };
    match secret(&node, Purpose::Master) {
        Found::Secret(secret) => Some(secret),
        Found::Unset(variables) => {
            node.error(format_args!("needs {}, which is not set; {cure}", variables.join(", ")));
            None
        }
        Found::Refused => None,
    }
}
