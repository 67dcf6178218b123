//! A very small browser: one keep-alive connection, cookies, redirects. HTTP/1.1 in clear, to one
//! address.

use std::{collections::BTreeMap, fmt, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    header,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};

/// How long a browser waits for a connection.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// How long a browser waits for a whole answer.
const ANSWER_WAIT: Duration = Duration::from_secs(60);
/// Largest answer that is read.
const MOST_BYTES: usize = 8 << 20;
const MOST_REDIRECTS: usize = 5;

/// What came back, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: hyper::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// A header's value; none when it is missing or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text; empty when it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }
}

/// How far a request had come when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TroubleKind {
    /// There was no connection.
    Connect,
    /// The connection went away before the request was sent.
    Unsent,
    /// The connection broke after the request was sent, before anything came back.
    Broken,
    /// The connection broke in the middle of the answer.
    Truncated,
    /// No whole answer came within a minute.
    Timeout,
}

/// A request that got no whole answer.
#[derive(Debug, Clone)]
pub struct Trouble {
    pub kind: TroubleKind,
    pub text: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.text)
    }
}

impl std::error::Error for Trouble {}

#[derive(Debug)]
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// One visitor's browser.
#[derive(Debug)]
pub struct Client {
    target: SocketAddr,
    host: String,
    cookies: BTreeMap<String, String>,
    headers: Vec<(&'static str, String)>,
    connection: Option<Connection>,
}

impl Client {
    /// A browser without cookies that connects to `target` when it has something to ask.
    #[must_use]
    pub fn new(target: SocketAddr, host: &str) -> Self {
        Self {
            target,
            host: host.to_owned(),
            cookies: BTreeMap::new(),
            headers: Vec::new(),
            connection: None,
        }
    }

    /// Sends this header with every request.
    pub fn always_send(&mut self, name: &'static str, value: &str) {
        self.headers.push((name, value.to_owned()));
    }

    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// Asks for a page, following redirects. `body` is sent as a form, or as JSON when it looks
    /// like it. An answer of any status is an answer.
    ///
    /// # Errors
    /// When no whole answer came. As a browser does, an idempotent request on a connection that
    /// had been kept alive and turns out to be closed is sent once more on a new one.
    pub async fn request(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Result<Answer, Trouble> {
        let mut answer = self.request_once(method, path, body).await?;
        for _ in 0..MOST_REDIRECTS {
            let location = match (answer.status, answer.header("location")) {
                (301..=303, Some(location)) if location.starts_with('/') => location.to_owned(),
                _ => break,
            };
            answer = self.request_once("GET", &location, None).await?;
        }
        Ok(answer)
    }

    /// The same without following redirects.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn request_once(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Result<Answer, Trouble> {
        let was_kept = self.connection.as_ref().is_some_and(|kept| !kept.sender.is_closed());
        match self.send(method, path, body).await {
            Err(trouble) if was_kept && may_repeat(method, trouble.kind) => {
                self.connection = None;
                self.send(method, path, body).await
            }
            other => other,
        }
    }

    async fn send(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Result<Answer, Trouble> {
        let deadline = Instant::now() + ANSWER_WAIT;
        let request = self.write(method, path, body);
        // Taken out and put back only after a whole answer: whatever else happens, it is not kept.
        let mut connection = match self.connection.take().filter(|kept| !kept.sender.is_closed()) {
            Some(connection) => connection,
            None => connect(self.target).await?,
        };
        if connection.sender.ready().await.is_err() {
            return Err(trouble(TroubleKind::Unsent, "the connection was closed"));
        }
        let head = timeout_at(deadline, connection.sender.send_request(request))
            .await
            .map_err(|_| trouble(TroubleKind::Timeout, "no answer within a minute"))?
            .map_err(|error| {
                let kind =
                    if error.is_canceled() { TroubleKind::Unsent } else { TroubleKind::Broken };
                trouble(kind, &explain(&error))
            })?;
        self.keep_cookies(&head);
        let (parts, incoming) = head.into_parts();
        let body = timeout_at(deadline, Limited::new(incoming, MOST_BYTES).collect())
            .await
            .map_err(|_| trouble(TroubleKind::Timeout, "no whole answer within a minute"))?
            .map_err(|error| trouble(TroubleKind::Truncated, &error.to_string()))?;
        self.connection = Some(connection);
        let (status, headers) = (parts.status.as_u16(), parts.headers);
        Ok(Answer { status, headers, body: body.to_bytes() })
    }

    fn write(&self, method: &str, path: &str, body: Option<&str>) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::HOST, &self.host);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, pairs.join("; "));
        }
        if let Some(body) = body {
            let is_json = body.starts_with('{');
            let kind =
                if is_json { "application/json" } else { "application/x-www-form-urlencoded" };
            request = request.header(header::CONTENT_TYPE, kind);
            request = request.header(header::ACCEPT, "application/json");
        } else {
            request = request.header(header::ACCEPT, "text/html,*/*;q=0.8");
        }
        let body = Bytes::from(body.unwrap_or_default().to_owned());
        request.body(Full::new(body)).expect("invariant: our own paths and tokens are valid")
    }

    fn keep_cookies(&mut self, head: &Response<Incoming>) {
        for value in head.headers().get_all(header::SET_COOKIE) {
            let Some((pair, rest)) = value.to_str().ok().map(|text| {
                let (pair, rest) = text.split_once(';').unwrap_or((text, ""));
                (pair, rest.to_ascii_lowercase())
            }) else {
                continue;
            };
            let Some((name, value)) = pair.split_once('=') else { continue };
            if rest.contains("max-age=0") || value.is_empty() {
                self.cookies.remove(name.trim());
            } else {
                self.cookies.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
}

async fn connect(target: SocketAddr) -> Result<Connection, Trouble> {
    let stream = timeout(CONNECT_WAIT, TcpStream::connect(target))
        .await
        .map_err(|_| trouble(TroubleKind::Connect, "no connection within ten seconds"))?
        .map_err(|error| trouble(TroubleKind::Connect, &error.to_string()))?;
    stream.set_nodelay(true).map_err(|error| trouble(TroubleKind::Connect, &error.to_string()))?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| trouble(TroubleKind::Connect, &explain(&error)))?;
    // What goes wrong on the connection is told to the request that waits for it.
    let driver = tokio::spawn(async move { connection.await.unwrap_or(()) });
    Ok(Connection { sender, driver })
}

fn may_repeat(method: &str, kind: TroubleKind) -> bool {
    match kind {
        TroubleKind::Unsent => true,
        TroubleKind::Broken => method == "GET",
        TroubleKind::Connect | TroubleKind::Truncated | TroubleKind::Timeout => false,
    }
}

fn trouble(kind: TroubleKind, text: &str) -> Trouble {
    Trouble { kind, text: text.to_owned() }
}

/// hyper's own text with the cause that it leaves out.
fn explain(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
