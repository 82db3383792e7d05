//! The client's side of plaintext HTTP/2, by prior knowledge.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::client::{Request, Response};
use super::http1::End;

/// Sends one request on a connection of its own. Dropping the future drops the connection.
pub(crate) async fn exchange(address: SocketAddr, request: &Request) -> Response {
    let stream = TcpStream::connect(address).await.expect("the gateway accepts connections");
    let (mut client, connection) = h2::client::Builder::new()
        .initial_window_size(1 << 20)
        .initial_connection_window_size(1 << 20)
        .handshake::<_, Bytes>(stream)
        .await
        .expect("an HTTP/2 handshake");
    // A set aborts its tasks when it is dropped, so that the connection ends with this future.
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { connection.await.ok() });

    let mut head = http::Request::builder().method(request.method).uri(format!("http://{address}{}", request.path));
    for (name, value) in &request.headers {
        head = head.header(name, value);
    }
    let empty = request.body.is_empty();
    let head = head.body(()).expect("a request");
    let (response, body) = client.send_request(head, empty).expect("a new stream");
    if !empty {
        tasks.spawn(send_body(body, request.body.clone()));
    }
    let (head, mut stream) = response.await.expect("a response").into_parts();
    let mut body = BytesMut::new();
    let mut end = End::Complete;
    while let Some(piece) = stream.data().await {
        match piece {
            Ok(piece) => {
                body.extend_from_slice(&piece);
                stream.flow_control().release_capacity(piece.len()).expect("capacity that was taken");
            }
            Err(_) => {
                end = End::Cut;
                break;
            }
        }
    }
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.to_str().expect("a text header").to_owned()))
        .collect();
    Response { status: head.status.as_u16(), headers, body: body.freeze(), end }
}

/// Sends the body as the peer's windows allow; stops quietly when the peer wants no more.
async fn send_body(mut stream: h2::SendStream<Bytes>, mut body: Bytes) -> Option<()> {
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        let granted = std::future::poll_fn(|context| stream.poll_capacity(context)).await?.ok()?;
        let piece = body.split_to(granted.min(body.len()));
        stream.send_data(piece, body.is_empty()).ok()?;
    }
    Some(())
}
