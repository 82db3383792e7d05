//! The certificate authorities that providers are checked against.

use std::path::Path;

use log::warn;

use super::StartError;

/// The file of certificate authorities: the system's (`None`) where it has any, else the built-in list, written to the data folder.
pub(super) fn authorities(data_dir: &Path) -> Result<Option<String>, StartError> {
    if !rustls_native_certs::load_native_certs().certs.is_empty() {
        return Ok(None);
    }
    let path = data_dir.join("authorities.pem");
    let pem: String = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|certificate| as_pem(certificate)).collect();
    std::fs::write(&path, pem).map_err(|source| StartError::Roots { path: path.clone(), source })?;
    warn!(file:% = path.display(); "this system has no certificate authorities; the built-in list is used");
    Ok(Some(path.display().to_string()))
}

fn as_pem(certificate: &[u8]) -> String {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(certificate);
    format!("-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n")
}
