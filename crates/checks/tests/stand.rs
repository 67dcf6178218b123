//! A server that does with each connection what a test says, and a check of it.

use bytes::Bytes;
use checks::{
    AddressFamily, Check, Conclusion, HttpCheck, Outcome, Protocol, Reason, TcpCheck, Trust, run,
};
use http::{HeaderMap, Method};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// For whatever is to come of itself: far more than it takes.
pub(crate) const PLENTY: Duration = Duration::from_secs(60);
/// For what never comes.
pub(crate) const SHORT: Duration = Duration::from_secs(2);
/// 2026-01-01.
pub(crate) const NOW_MS: i64 = 1_767_225_600_000;

pub(crate) struct Stand {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stand {
    pub(crate) async fn start<F, D>(deal: F) -> Self
    where
        F: Fn(TcpStream) -> D + Send + 'static,
        D: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(deal(stream));
            }
        });
        Self { address, task }
    }

    /// Answers by what was asked, and remembers it.
    pub(crate) async fn answering(
        answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
    ) -> (Self, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(answer);
        let known = Arc::clone(&asked);
        let stand = Self::start(move |mut stream| {
            let (known, answer) = (Arc::clone(&known), Arc::clone(&answer));
            async move {
                let Some(request) = request(&mut stream).await else { return };
                let said = answer(&request);
                known.lock().unwrap().push(request);
                // Whoever was shown enough may be gone.
                if stream.write_all(&said).await.is_ok() {
                    stream.shutdown().await.ok();
                }
            }
        })
        .await;
        (stand, asked)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// A request, head and body; `None` of a connection that ends before.
pub(crate) async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut said = String::new();
    let mut part = [0; 4096];
    loop {
        let read = stream.read(&mut part).await.ok().filter(|read| *read > 0)?;
        said.push_str(&String::from_utf8_lossy(&part[..read]));
        let Some((head, body)) = said.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        if body.len() >= length {
            return Some(said);
        }
    }
}

pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n{body}").into_bytes()
}

pub(crate) fn get(url: String) -> HttpCheck {
    HttpCheck {
        method: Method::GET,
        url,
        headers: HeaderMap::new(),
        body: Bytes::new(),
        expected_status: Vec::new(),
        expectations: Vec::new(),
        body_limit_bytes: 1 << 20,
        redirects: 0,
        family: AddressFamily::Any,
        protocol: Protocol::Any,
        trust: Trust::of(Vec::new()),
    }
}

pub(crate) async fn http(check: HttpCheck) -> Outcome {
    run(&Check::Http(check), NOW_MS, PLENTY).await
}

pub(crate) async fn tcp(port: u16, banner: Option<&str>, deadline: Duration) -> Outcome {
    let host = "127.0.0.1".to_owned();
    let banner = banner.map(str::to_owned);
    let check = TcpCheck { host, port, family: AddressFamily::Any, banner };
    run(&Check::Tcp(check), NOW_MS, deadline).await
}

#[track_caller]
pub(crate) fn failed(outcome: &Outcome) -> &Reason {
    match &outcome.conclusion {
        Conclusion::Failed(reason) => reason,
        other => panic!("not failed: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn unknown(outcome: &Outcome) -> &Reason {
    match &outcome.conclusion {
        Conclusion::Unknown(reason) => reason,
        other => panic!("not unknown: {other:?}"),
    }
}

/// A port at which nobody listens.
pub(crate) async fn nobody() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}
