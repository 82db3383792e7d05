//! The same over HTTPS and HTTP/2, as apps reach a Caddy on the internet: curl is the client.

use std::io::Read as _;
use std::process::{Command, Stdio};

use tokio::sync::watch;

use super::front::{CADDY_GUIDE, CADDY_SHIPPED, Front, program};
use super::{COMPRESSIONS, gated, words};
use crate::support::{Shape, free_address, within};

#[tokio::test]
async fn events_come_one_by_one_over_https_and_http_2() {
    let Some(curl) = program("curl", &["/usr/bin/curl"]) else { return };
    let shape = Shape::Messages;
    for conf in [CADDY_GUIDE, CADDY_SHIPPED] {
        let (bed, gates) = gated(shape).await;
        let address = free_address();
        let site = format!("https://localhost:{}", address.port());
        let Some(_front) = Front::caddy_at(conf, &site, address, bed.gateway.address()).await else { return };
        let mut client = Command::new(&curl)
            .args(["--silent", "--show-error", "--no-buffer", "--insecure", "--http2", "--noproxy", "*"])
            .args(["--retry", "20", "--retry-connrefused", "--retry-all-errors", "--retry-delay", "1"])
            .args(["--resolve", &format!("localhost:{}:127.0.0.1", address.port()), "--fail-with-body"])
            .args(["--write-out", "HTTP/%{http_version}", "--header", &format!("accept-encoding: {COMPRESSIONS}")])
            .args(["--header", &format!("authorization: Bearer {}", bed.gateway.key())])
            .args(["--header", "content-type: application/json"])
            .args(["--data", &shape.ask_stream(&bed.sole(), "go"), &format!("{site}{}", shape.path())])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = client.stdout.take().unwrap();
        let (sender, mut told) = watch::channel(Vec::new());
        let reader = std::thread::spawn(move || {
            let mut piece = vec![0; 64 * 1024];
            while let Ok(read @ 1..) = out.read(&mut piece) {
                sender.send_modify(|told| told.extend_from_slice(&piece[..read]));
            }
        });
        for (word, gate) in words().iter().zip(&gates) {
            let event = shape.content(word);
            let seen = |told: &Vec<u8>| memchr::memmem::find(told, event.as_bytes()).is_some();
            let found = within("an event through curl", told.wait_for(seen)).await.is_ok();
            assert!(found, "curl ended: {}", String::from_utf8_lossy(&told.borrow()));
            gate.open();
        }
        // The upstream runs on this thread, so nothing may block it before the stream has ended.
        within("the end of the stream", async { while told.changed().await.is_ok() {} }).await;
        reader.join().unwrap();
        assert!(client.wait().unwrap().success());
        let told = told.borrow().clone();
        let content: String = words().iter().map(|word| shape.content(word)).collect();
        let whole = shape.opening() + &content + &shape.closing() + "HTTP/2";
        assert_eq!(String::from_utf8(told).unwrap(), whole);
    }
}
