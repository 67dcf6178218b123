//! The client: what it sends, what it gives back, and where it stops.

use crate::server::Server;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use outbound::{
    OutboundError,
    http::{Client, ClientOptions, HeaderMap, Method, Request, header},
};
use std::{sync::Arc, time::Duration};
use tokio::{io::AsyncReadExt as _, net::TcpListener};
use tokio_rustls::{TlsAcceptor, rustls};

fn post(url: String, body: &'static str) -> Request {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
    let deadline = Duration::from_secs(20);
    Request { method: Method::POST, url, headers, body: body.into(), deadline }
}

fn client() -> Client {
    Client::new(&ClientOptions::default()).unwrap()
}

fn answer(status: u16, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status.try_into().unwrap();
    answer
}

#[tokio::test]
async fn a_request_arrives_whole_and_its_answer_comes_back() {
    let server = Server::start(|_| answer(201, "made")).await;
    let url = format!("http://{}/hooks?a=1", server.address);
    let client = client();
    for _ in 0..3 {
        let response = client.send(post(url.clone(), "{}")).await.unwrap();
        assert_eq!((response.status.as_u16(), &*response.body), (201, b"made".as_slice()));
    }
    let asked = server.asked();
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|asked| asked.connection == 1), "connections are used again");
    let first = &asked[0];
    assert_eq!((first.method.as_str(), first.target.as_str()), ("POST", "/hooks?a=1"));
    assert_eq!(&*first.body, b"{}");
    assert_eq!(first.headers["content-length"], "2");
    assert_eq!(first.headers["content-type"], "application/json");
    assert!(first.headers["user-agent"].to_str().unwrap().starts_with("storewarden/"));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let server = Server::start(|_| {
        let mut redirect = answer(302, "");
        redirect.headers_mut().insert("location", "/elsewhere".parse().unwrap());
        redirect
    })
    .await;
    let request = post(format!("http://{}/", server.address), "");
    let response = client().send(request).await.unwrap();
    assert_eq!(response.status.as_u16(), 302);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_refused() {
    let server = Server::start(|asked| {
        answer(200, vec![b'x'; asked.target.trim_matches('/').parse().unwrap()])
    })
    .await;
    let options = ClientOptions { body_limit_bytes: 1000, ..ClientOptions::default() };
    let client = Client::new(&options).unwrap();
    let whole = client.send(post(format!("http://{}/1000", server.address), "")).await.unwrap();
    assert_eq!(whole.body.len(), 1000);
    let error = client.send(post(format!("http://{}/1001", server.address), "")).await.unwrap_err();
    assert!(matches!(error, OutboundError::TooLong { limit_bytes: 1000, .. }), "{error}");
}

#[tokio::test]
async fn whoever_never_answers_is_left_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let silent = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut all = Vec::new();
        // Ends when the client closes the connection.
        stream.read_to_end(&mut all).await.unwrap();
        all
    });
    let mut request = post(format!("http://{address}/secret"), "");
    request.deadline = Duration::from_millis(200);
    let error = client().send(request).await.unwrap_err();
    assert!(matches!(error, OutboundError::Deadline { .. }), "{error}");
    assert!(!error.story().contains("secret"), "{}", error.story());
    assert!(silent.await.unwrap().starts_with(b"POST /secret"));
}

#[tokio::test]
async fn nobody_there_is_told_with_the_reason() {
    let address = testkit::free_port();
    let error = client().send(post(format!("http://{address}/secret"), "")).await;
    let story = error.unwrap_err().story();
    assert!(story.starts_with(&format!("reach http://{address}: ")), "{story}");
    assert!(story.contains("refused") && !story.contains("secret"), "{story}");
}

#[tokio::test]
async fn a_certificate_is_believed_only_from_an_authority_we_trust() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = own.signing_key.serialize_der().try_into().unwrap();
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let tls = TlsAcceptor::from(Arc::new(tls));
    let server = Server::start_with(Some(tls), |_| answer(200, "private")).await;
    let url = format!("https://localhost:{}/", server.address.port());
    let error = client().send(post(url.clone(), "")).await.unwrap_err();
    assert!(matches!(error, OutboundError::Reach { .. }), "{error}");
    let options =
        ClientOptions { extra_roots_pem: vec![own.cert.pem()], ..ClientOptions::default() };
    let client = Client::new(&options).unwrap();
    let response = client.send(post(url, "")).await.unwrap();
    assert_eq!(&*response.body, b"private");
    let by_number = format!("https://127.0.0.1:{}/", server.address.port());
    client.send(post(by_number, "")).await.unwrap_err();
}
