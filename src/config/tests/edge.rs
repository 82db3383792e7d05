//! `clients`, `trusted_proxies` and `admin.listen`.

use std::time::Duration;

use super::{good, told};

#[test]
fn bounds_on_clients_are_read_and_the_others_keep_their_defaults() {
    let clients =
        good("clients: {header_bytes: 8KiB, head_time: 2s, requests_per_address: 4, log_address: false}", &[]).clients;
    assert_eq!((clients.header_bytes, clients.requests_per_address, clients.log_address), (8 << 10, 4, false));
    assert_eq!((clients.head_time, clients.write_time), (Duration::from_secs(2), Duration::from_secs(30)));
}

#[test]
fn bad_bounds_are_named() {
    for (setting, expected) in [
        ("header_count: 300", "error: clients.header_count: must be a whole number from 10 to 250; it is 300"),
        ("connections: 0", "error: clients.connections: must be a whole number from 1 to 1000000; it is 0"),
        (
            "head_time: 1ms",
            "error: clients.head_time: must be a time from 100ms to 1h, such as 500ms, 5s or 30m; it is \"1ms\"",
        ),
        ("body_rates: 1", "error: clients.body_rates: is not a setting; known here: "),
    ] {
        let told = told(&format!("clients: {{{setting}}}"), &[]);
        assert!(told.starts_with(expected), "{told}");
    }
}

#[test]
fn trusted_proxies_are_addresses_and_networks() {
    let config = good("trusted_proxies: [127.0.0.1, 10.0.0.0/8, 'fd00::/8']", &[]);
    let trusts = |address: &str| config.trusted_proxies.contains(address.parse().unwrap());
    assert!(trusts("127.0.0.1") && trusts("10.1.2.3") && trusts("fd00::1") && !trusts("192.0.2.1"));
    assert_eq!(
        told("trusted_proxies: [localhost]", &[]),
        "error: trusted_proxies[0]: must be an IP address or a network, such as 127.0.0.1 or 10.0.0.0/8; it is \"localhost\""
    );
    assert!(told("trusted_proxies: [0.0.0.0/0]", &[]).starts_with("warning: trusted_proxies: trusts everybody"));
}

#[test]
fn the_admin_listener_is_no_other_listener() {
    let listen = |yaml: &str, more: &[(&str, &str)]| good(yaml, more).admin_listen.map(|listen| listen.to_string());
    assert_eq!(listen("", &[]), None);
    assert_eq!(listen("admin: {listen: 127.0.0.1:8081}", &[]).as_deref(), Some("127.0.0.1:8081"));
    assert_eq!(listen("", &[("OVTH_ADMIN_LISTEN", "127.0.0.1:8082")]).as_deref(), Some("127.0.0.1:8082"));
    assert_eq!(
        told("admin: {listen: 0.0.0.0:8080}", &[]),
        "error: admin.listen: 0.0.0.0:8080 cannot be shared with listen (127.0.0.1:8080); use another port"
    );
}

#[test]
fn a_provider_at_a_metadata_service_is_refused_unless_that_is_meant() {
    let file = |more: &str| format!("providers: {{box: {{base_url: 'http://169.254.169.254/v1', models: [m]{more}}}}}");
    assert!(
        told(&file(""), &[]).starts_with("error: providers.box.base_url: is the address of a cloud's metadata service")
    );
    assert!(
        good(&file(", metadata_addresses: true"), &[]).providers.iter().any(|provider| provider.metadata_addresses)
    );
    let overridden = told("", &[("OPENAI_BASE_URL", "http://[fd00:ec2::254]/v1")]);
    assert!(overridden.starts_with("error: providers.openai.base_url: is the address"), "{overridden}");
}

/// What `tls` of these files says, with a mode for the key's file.
fn tls_told(cert: &str, key: &str, mode: u32) -> String {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cert.pem"), cert).unwrap();
    let key_file = folder.path().join("key.pem");
    std::fs::write(&key_file, key).unwrap();
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(mode)).unwrap();
    let yaml = "tls: {listen: 127.0.0.1:8443, cert: cert.pem, key: key.pem}";
    match super::parse(yaml, folder.path(), &super::environment(&[]), &super::BUILTINS) {
        Ok((config, warnings)) => {
            assert_eq!(config.tls.unwrap().listen.unwrap().port(), 8443);
            warnings.to_string()
        }
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn a_certificate_and_its_key_are_read_and_what_is_wrong_with_them_is_told() {
    let made = |until| {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    };
    let ((cert, key), (old_cert, old_key)) = (made(2999), made(2001));
    assert_eq!(tls_told(&cert, &key, 0o600), "");
    assert_eq!(
        tls_told(&cert, &key, 0o644),
        "warning: tls.key: can be read or written by everybody on this machine (mode 644): chmod 600"
    );
    assert_eq!(
        tls_told(&old_cert, &old_key, 0o600),
        "warning: tls.cert: ended on 2001-01-01: clients refuse it; renew it"
    );
    assert_eq!(
        tls_told(&cert, &old_key, 0o600),
        "error: tls.key: is not the key of the certificate in tls.cert; name the two that belong together"
    );
    assert!(tls_told("", &key, 0o600).starts_with("error: tls.cert: holds no certificate in PEM form"));
}

#[test]
fn half_of_tls_is_named() {
    assert_eq!(
        told("tls: {listen: 127.0.0.1:8443, cert: nowhere.pem}", &[]),
        "error: tls.key: is missing: the path of the file with the key, in PEM form"
    );
    let told = told("tls: {cert: nowhere.pem, key: nowhere.key}", &[]);
    assert!(told.starts_with("error: tls.cert: \"nowhere.pem\" cannot be read: "), "{told}");
}
