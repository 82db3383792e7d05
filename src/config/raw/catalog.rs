//! `catalog`: a catalogue of the operator's own, as the file has it.

use std::path::PathBuf;

use super::as_path;
use crate::config::FileRole;
use crate::config::node::{Fields, Node};

/// A catalogue of the operator's own.
pub(in crate::config) struct RawCatalog {
    /// Where it is, as the file says.
    pub(in crate::config) path: PathBuf,
    /// What is in it.
    pub(in crate::config) json: Vec<u8>,
}

impl RawCatalog {
    pub(in crate::config) fn read(mut catalog: Fields<'_>) -> Option<RawCatalog> {
        let read = catalog.read("file", file);
        catalog.finish();
        read
    }
}

fn file(node: &Node<'_>) -> Option<RawCatalog> {
    let path = node.parsed("the path of a file", as_path)?;
    match node.reading.file(&path, FileRole::Catalogue) {
        Ok(json) => Some(RawCatalog { path, json }),
        Err(error) => {
            node.error(format_args!("{} cannot be read: {error}", node.shown()));
            None
        }
    }
}
