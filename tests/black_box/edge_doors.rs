//! The doors of the gateway: the admin API on a listener of its own, wrong master keys, TLS, and where the gateway itself never goes.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{
    Answer, Bed, Connection, Gateway, Request, Response, Shape, Upstream, Way, free_address, provider, send, within,
};

async fn config(settings: &str) -> (String, Upstream) {
    let upstream = Upstream::new(|seen| Answer::plain(seen.shape(), "served")).await;
    let models = ["model-0".to_owned()];
    (format!("{settings}providers:\n{}", provider("first", &upstream.base_url(), &models)), upstream)
}

#[tokio::test]
async fn the_admin_api_may_have_a_listener_of_its_own() {
    let admin = free_address();
    let (config, _upstream) = config(&format!("admin: {{listen: '{admin}'}}\n")).await;
    let mut gateway = Gateway::start_without_key(&config).await;
    let list = Request::get("/admin/keys").bearer(gateway.master_key());
    let here = send(admin, &list, Way::Sized).await;
    assert_eq!(here.status, 200, "{here:?}");
    // Keys in a hosted router's form are the operator's as well.
    let keys = Request::get("/api/v1/keys").bearer(gateway.master_key());
    assert_eq!(send(admin, &keys, Way::Sized).await.status, 200);
    for path in ["/admin", "/admin/keys", "/admin/openapi.json", "/api/v1/keys", "/v1/keys"] {
        let there = gateway.send(&Request::get(path).bearer(gateway.master_key()), Way::Sized).await;
        assert_eq!(there.status, 404, "{there:?}");
    }
    let preflight = gateway.send(&Request::new("OPTIONS", "/admin/keys"), Way::Sized).await;
    assert_eq!(preflight.status, 404, "{preflight:?}");

    let mint = Request::post("/admin/keys", "{\"label\":\"a\"}").bearer(gateway.master_key());
    let key = send(admin, &mint, Way::Sized).await.json()["key"].as_str().unwrap().to_owned();
    let ask = Request::post(Shape::Chat.path(), Shape::Chat.ask("model-0", "hello")).bearer(&key);
    assert_eq!(gateway.send(&ask, Way::Sized).await.status, 200);
    let refused = send(admin, &ask, Way::Sized).await;
    assert_eq!(refused.status, 404, "{refused:?}");
    assert!(refused.text().contains("Only the admin API is served on this address"), "{refused:?}");
    for address in [admin, gateway.address()] {
        assert_eq!(send(address, &Request::get("/healthz"), Way::Sized).await.status, 200);
    }
    assert!(gateway.stop().await.success());
}

#[tokio::test]
async fn wrong_master_keys_wait_are_counted_and_shut_nobody_out() {
    let (config, _upstream) = config("").await;
    let gateway = Gateway::start(&config).await;
    let wrong = Request::get("/admin/keys").bearer("a-wrong-master-key-0123456789abcdef");
    assert_eq!(gateway.send(&wrong, Way::Sized).await.status, 401);
    let mut attack = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (address, wrong) = (gateway.address(), wrong.clone());
        attack.spawn(async move { send(address, &wrong, Way::Sized).await.status });
    }
    for _ in 0..10 {
        assert_eq!(gateway.ask_admin("GET", "/admin/keys", "").await.status, 200);
    }
    let statuses = attack.join_all().await;
    assert!(statuses.iter().all(|status| matches!(status, 401 | 429)), "{statuses:?}");
    assert!(statuses.iter().filter(|status| **status == 429).count() >= 20, "{statuses:?}");
    assert!(gateway.metrics().await.contains("ovth_wrong_master_keys_total 41\n"));
}

/// A certificate for this name, and its key, in PEM form.
fn certificate(name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
    (cert.pem(), key.serialize_pem())
}

/// Connects with TLS and trusts that certificate only.
async fn secured(
    address: SocketAddr,
    name: &str,
    cert: &str,
    protocol: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    use rustls::pki_types::pem::PemObject;
    let mut roots = RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await
}

/// Sends a request over HTTP/1 and reads up to the end of the connection.
async fn plain_exchange(stream: &mut TlsStream<TcpStream>, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    within("an answer", stream.read_to_string(&mut answer)).await.unwrap();
    answer
}

#[tokio::test]
async fn tls_is_spoken_with_http1_and_http2_beside_the_main_listener() {
    let tls = free_address();
    let (cert, key) = certificate("gateway.test");
    let (config, _upstream) = config(&format!("tls: {{listen: '{tls}', cert: cert.pem, key: key.pem}}\n")).await;
    let gateway = Gateway::start_with_files(&config, &[("cert.pem", &cert), ("key.pem", &key)]).await;

    let mut http1 = secured(tls, "gateway.test", &cert, b"http/1.1").await.unwrap();
    let answer = plain_exchange(&mut http1, "GET / HTTP/1.1\r\nhost: gateway.test\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let http2 = secured(tls, "gateway.test", &cert, b"h2").await.unwrap();
    let (mut client, connection) = h2::client::handshake::<_>(http2).await.unwrap();
    let connection = tokio::spawn(connection);
    let body = Bytes::from(Shape::Chat.ask("model-0", "hello"));
    let request = http::Request::post("https://gateway.test/v1/chat/completions")
        .header("authorization", format!("Bearer {}", gateway.key()));
    let (answer, mut sending) = client.send_request(request.body(()).unwrap(), false).unwrap();
    sending.send_data(body, true).unwrap();
    let answer = within("an answer", answer).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
    connection.abort();

    let main = gateway.send(&Request::get("/"), Way::Sized).await;
    assert_eq!(main.status, 200, "the main listener is as it was");
    // Who speaks no TLS there, or does not trust us, is counted, and harms nobody.
    let mut plain = Connection::open(tls).await;
    plain.send_raw(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    plain.closed().await;
    let (other, _) = certificate("gateway.test");
    assert!(secured(tls, "gateway.test", &other, b"h2").await.is_err());
    within("both to be counted", async {
        while !gateway.metrics().await.contains("ovth_clients_cut_total{reason=\"handshake\"} 2\n") {}
    })
    .await;
}

#[tokio::test]
async fn the_command_line_reaches_a_gateway_that_speaks_only_tls() {
    let tls = free_address();
    let (cert, key) = certificate("gateway.test");
    let (config, _upstream) = config(&format!("tls: {{listen: '{tls}', cert: cert.pem, key: key.pem}}\n")).await;
    let gateway = Gateway::start_with_files(&config, &[("cert.pem", &cert), ("key.pem", &key)]).await;
    // The same gateway, told of as one without any other listener.
    let told = format!(
        "listen: {tls}\ntls: {{cert: cert.pem, key: key.pem}}\nproviders: {{host: {{base_url: 'http://127.0.0.1:9/v1'}}}}\n"
    );
    std::fs::write(gateway.folder().join("told.yaml"), told).unwrap();
    for command in [["keys", "list"], ["ledger", "check"]] {
        let said = std::process::Command::new(env!("CARGO_BIN_EXE_ovth"))
            .args(command)
            .args(["--config", "told.yaml"])
            .env_clear()
            .env("OVTH_MASTER_KEY", gateway.master_key())
            .current_dir(gateway.folder())
            .output()
            .unwrap();
        assert!(said.status.success(), "{command:?}: {said:?}");
    }
}

#[tokio::test]
async fn a_tls_handshake_that_does_not_come_is_cut() {
    let tls = free_address();
    let (cert, key) = certificate("gateway.test");
    // Long enough for those handshakes that do come, on a busy machine.
    let settings = format!("clients: {{head_time: 3s}}\ntls: {{listen: '{tls}', cert: cert.pem, key: key.pem}}\n");
    let (config, _upstream) = config(&settings).await;
    let gateway = Gateway::start_with_files(&config, &[("cert.pem", &cert), ("key.pem", &key)]).await;
    let mut silent = [Connection::open(tls).await, Connection::open(tls).await];
    silent[1].send_raw(b"\x16\x03\x01").await;
    for silent in &mut silent {
        silent.closed().await;
    }
    within("both to be counted", async {
        while !gateway.metrics().await.contains("ovth_clients_cut_total{reason=\"handshake\"} 2\n") {}
    })
    .await;
    // After the handshake the preface of HTTP/2 has its time as well.
    for begin in [&b""[..], b"PRI * HTTP/2.0"] {
        let mut quiet = secured(tls, "gateway.test", &cert, b"h2").await.unwrap();
        quiet.write_all(begin).await.unwrap();
        let mut bytes = [0; 64];
        within("its end", async { while quiet.read(&mut bytes).await.is_ok_and(|read| read > 0) {} }).await;
    }
}

#[tokio::test]
async fn another_certificate_takes_over_and_connections_stay() {
    let tls = free_address();
    let ((old, old_key), (new, new_key)) = (certificate("gateway.test"), certificate("gateway.test"));
    let (config, _upstream) = config(&format!("tls: {{listen: '{tls}', cert: cert.pem, key: key.pem}}\n")).await;
    let gateway = Gateway::start_with_files(&config, &[("cert.pem", &old), ("key.pem", &old_key)]).await;
    let mut stays = secured(tls, "gateway.test", &old, b"http/1.1").await.unwrap();

    std::fs::write(gateway.folder().join("cert.pem"), &new).unwrap();
    std::fs::write(gateway.folder().join("key.pem"), &new_key).unwrap();
    let reloaded = gateway.ask_admin("POST", "/admin/reload", "").await;
    assert_eq!(reloaded.status, 200, "{reloaded:?}");
    assert!(secured(tls, "gateway.test", &new, b"http/1.1").await.is_ok());
    assert!(secured(tls, "gateway.test", &old, b"http/1.1").await.is_err());
    let answer = plain_exchange(&mut stays, "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    // A pair that does not fit together changes nothing.
    std::fs::write(gateway.folder().join("key.pem"), &old_key).unwrap();
    let refused = gateway.ask_admin("POST", "/admin/reload", "").await;
    assert!(refused.status >= 400 && refused.text().contains("tls.key"), "{refused:?}");
    assert!(secured(tls, "gateway.test", &new, b"h2").await.is_ok());
}

fn located(response: &Response) -> Option<&str> {
    response.header("location")
}

#[tokio::test]
async fn a_redirect_of_a_provider_is_not_followed() {
    let elsewhere = Upstream::new(|seen| Answer::plain(seen.shape(), "elsewhere")).await;
    let location = format!("{}/chat/completions", elsewhere.base_url());
    for status in [301, 302, 303, 307, 308] {
        let redirect = Answer::whole(status, &[("location", location.as_str())], "");
        let bed = Bed::start(Upstream::always(redirect).await, Upstream::silent().await).await;
        for shape in Shape::BOTH {
            for body in [shape.ask(&bed.sole(), "go"), shape.ask_stream(&bed.sole(), "go")] {
                let response = bed.gateway.post(shape, body).await;
                assert_eq!(response.status, 502, "{response:?}");
                assert_eq!(located(&response), None);
            }
        }
    }
    assert!(elsewhere.requests().is_empty(), "the key would have gone with it");
}

#[tokio::test]
async fn nothing_that_a_client_names_is_fetched() {
    let named = Upstream::new(|seen| Answer::plain(seen.shape(), "fetched")).await;
    let url = format!("{}/image.png", named.base_url());
    let bed =
        Bed::start(Upstream::new(|seen| Answer::plain(seen.shape(), "served")).await, Upstream::silent().await).await;
    let (sole, other) = (bed.sole(), bed.sole());
    let chat = serde_json::json!({
        "model": sole, "user": url, "metadata": {"url": url},
        "messages": [{"role": "user", "content": [
            {"type": "text", "text": url},
            {"type": "image_url", "image_url": {"url": url}},
            {"type": "file", "file": {"file_data": url}},
        ]}],
    });
    let messages = serde_json::json!({
        "model": other, "max_tokens": 9,
        "mcp_servers": [{"type": "url", "url": url, "name": "n"}],
        "messages": [{"role": "user", "content": [
            {"type": "image", "source": {"type": "url", "url": url}},
            {"type": "document", "source": {"type": "url", "url": url}},
        ]}],
    });
    for (shape, body) in [(Shape::Chat, chat), (Shape::Messages, messages)] {
        let request = bed.gateway.request(shape, body.to_string());
        let request = request.header("http-referer", url.clone()).header("x-forwarded-host", url.clone());
        let response = bed.gateway.send(&request, Way::Sized).await;
        assert_eq!(response.status, 200, "{response:?}");
    }
    assert_eq!(bed.first.requests().len(), 2);
    assert!(bed.first.requests().iter().all(|seen| seen.body.windows(url.len()).any(|text| text == url.as_bytes())));
    assert!(named.requests().is_empty() && named.links().is_empty(), "somebody came for the image");
}

#[tokio::test]
async fn a_name_that_leads_to_a_metadata_service_is_not_asked() {
    // Literal addresses in odd forms become the same address before they are judged.
    for host in ["169.254.169.254", "[::ffff:169.254.169.254]", "0xa9fea9fe", "2852039166"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.yaml");
        std::fs::write(&file, format!("providers: {{box: {{base_url: 'http://{host}/v1', models: [m]}}}}\n")).unwrap();
        let checked = std::process::Command::new(env!("CARGO_BIN_EXE_ovth"))
            .args(["check", "--config"])
            .arg(&file)
            .env_clear()
            .env("OVTH_MASTER_KEY", "0123456789abcdef0123456789abcdef")
            .output()
            .unwrap();
        let told = String::from_utf8(checked.stderr).unwrap();
        assert!(
            told.contains("providers.box.base_url: is the address of a cloud's metadata service"),
            "{host}: {told}"
        );
        assert!(!checked.status.success());
    }
}
