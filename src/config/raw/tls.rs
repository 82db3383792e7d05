//! `tls`, as the file has it: reads the certificate and its key, and says what is wrong with them.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::SystemTime;

use super::{address, as_path};
use crate::config::FileRole;
use crate::config::files::as_text;
use crate::config::node::{Fields, Node};
use crate::config::tls::{Identity, Tls, doubt};

/// The bits of a file's mode that let everybody read or write it.
const EVERYBODY: u32 = 0o006;

/// Reads TLS towards clients, if there is to be any.
pub(super) fn tls(mut fields: Fields<'_>) -> Option<Tls> {
    let listen = fields.field("listen");
    let (cert, key) = (fields.field("cert"), fields.field("key"));
    let has_any = listen.is_some() || cert.is_some() || key.is_some();
    let place = |name| fields.place_of(name);
    if has_any {
        for (name, what, node) in [("cert", "certificate", &cert), ("key", "key", &key)] {
            if node.is_none() {
                place(name).error(format_args!("is missing: the path of the file with the {what}, in PEM form"));
            }
        }
    }
    let listen = listen.and_then(|node| address(&node));
    fields.finish();
    let (cert, key) = (cert?, key?);
    let (cert_file, key_file) = (file(&cert, FileRole::Certificate), file(&key, FileRole::CertificateKey));
    let ((cert_path, cert_pem), (key_path, key_pem)) = (cert_file?, key_file?);
    warn_of_permissions(&key, &key_path);
    match Identity::from_pem(cert_pem.as_bytes(), key_pem.as_bytes()) {
        Ok((identity, validity)) => {
            if let Some(doubt) = doubt(validity, SystemTime::now()) {
                cert.warning(doubt);
            }
            Some(Tls { listen, cert: cert_path, key: key_path, identity })
        }
        Err(flaw) => {
            let node = if flaw.is_of_key() { &key } else { &cert };
            node.error(flaw);
            None
        }
    }
}

/// A file's path, relative to the configuration's folder, and its text.
fn file(node: &Node<'_>, role: FileRole) -> Option<(PathBuf, String)> {
    let path = node.parsed("the path of a file", as_path)?;
    match node.reading.file(&path, role).and_then(as_text) {
        Ok(text) => Some((node.reading.base_dir.join(path), text)),
        Err(error) => {
            node.error(format_args!("{} cannot be read: {error}", node.shown()));
            None
        }
    }
}

fn warn_of_permissions(node: &Node<'_>, path: &PathBuf) {
    let Ok(metadata) = std::fs::metadata(path) else { return };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & EVERYBODY != 0 {
        node.warning(format_args!("can be read or written by everybody on this machine (mode {mode:o}): chmod 600"));
    }
}
