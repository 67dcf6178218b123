//! What other Storewardens ask: passed on to control, and its answer back, so that they need no port
//! of ours but the shop's own, with the shop's certificate.
//!
//! Knows no token: who may ask, control says. That the edge answers where control does not is told
//! as well, with a code of its own. Never takes part in a visitor's request.

use crate::{
    body::EdgeBody,
    path::Body,
    serving::{Serving, Shared},
    upstream::{Driver, chain},
    worker::Worker,
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::{error::Error, net::SocketAddr, sync::atomic::Ordering::Relaxed, time::Duration};
use tokio::{net::TcpStream, time::timeout};

/// Where a Storewarden is asked how it is (RFC 8615).
const PATH: &str = "/.well-known/storewarden/peer";
/// More at a time are not passed on: a stranger must not keep control busy.
const AT_ONCE: u64 = 4;
/// Control answers at once, or something is wrong with it.
const PATIENCE: Duration = Duration::from_secs(5);
const ANSWER_BYTES: usize = 64 * 1024;

/// A question of another Storewarden.
pub(crate) struct Question {
    control: SocketAddr,
    proof: HeaderValue,
}

impl Question {
    /// `None`: a request like any other, or nothing is passed on. Whoever shows no token has no
    /// business here; the shop may have a page of its own there.
    pub(crate) fn of(serving: &Serving, head: &Parts) -> Option<Self> {
        let control = serving.control?;
        let proof = head.headers.get(header::AUTHORIZATION)?;
        let is_one = head.uri.path() == PATH
            && head.method == Method::GET
            && proof.as_bytes().starts_with(b"Bearer ");
        is_one.then(|| Self { control, proof: proof.clone() })
    }

    /// Control's answer, or why there is none.
    pub(crate) async fn pass_on(self, worker: &Worker) -> Response<Body> {
        let Some(_place) = Place::take(&worker.shared) else {
            let body = sorry("busy", "too many ask at once");
            return answer(StatusCode::SERVICE_UNAVAILABLE, body);
        };
        match timeout(PATIENCE, ask(self.control, self.proof)).await {
            Ok(Ok((status, body))) => answer(status, body),
            Ok(Err(error)) => away(&chain(&*error)),
            Err(_elapsed) => away("it did not answer in time"),
        }
    }
}

/// One of the few that may ask at a time.
struct Place<'a>(&'a Shared);

impl<'a> Place<'a> {
    fn take(shared: &'a Shared) -> Option<Self> {
        let place = Self(shared);
        (shared.relayed.fetch_add(1, Relaxed) < AT_ONCE).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.relayed.fetch_sub(1, Relaxed);
    }
}

async fn ask(
    control: SocketAddr,
    proof: HeaderValue,
) -> Result<(StatusCode, Bytes), Box<dyn Error + Send + Sync>> {
    let stream = TcpStream::connect(control).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let _driver = Driver(tokio::task::spawn_local(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = chain(&error), "a connection to control ended");
        }
    }));
    let request = Request::get(PATH)
        .header(header::HOST, control.to_string())
        .header(header::AUTHORIZATION, proof)
        .body(Empty::<Bytes>::new())?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, ANSWER_BYTES).collect().await?;
    Ok((head.status, body.to_bytes()))
}

fn away(why: &str) -> Response<Body> {
    tracing::debug!(why, "control did not answer another Storewarden");
    answer(
        StatusCode::SERVICE_UNAVAILABLE,
        sorry("control_away", "the edge serves, control is away"),
    )
}

fn sorry(code: &str, message: &str) -> Bytes {
    format!("{{\"error\":{{\"code\":\"{code}\",\"message\":\"{message}\"}}}}").into()
}

fn answer(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(EdgeBody::full(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
