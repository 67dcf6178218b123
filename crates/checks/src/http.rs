//! Whether an address over HTTP answers as it should: status, body, headers, in which time.
//!
//! Bodies are asked for as they are (`accept-encoding: identity`) and never unpacked, so that none can swell; one that comes packed all
//! the same is not judged.

use crate::{
    address::Address,
    connection::{AddressFamily, connect},
    outcome::{Conclusion, HttpSeen, Phase, Reason},
    tls::{Trust, shake_hands},
    trace::Trace,
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{
        ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, LOCATION, USER_AGENT,
    },
};
use http_body_util::Full;
use hyper::{body::Incoming, client::conn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{fmt, ops::RangeInclusive, pin::pin};
use tokio::io::{AsyncRead, AsyncWrite};

mod expectation;

pub use expectation::Expectation;

const AGENT: HeaderValue = HeaderValue::from_static("Storewarden");
/// Of an answer's head.
const HEAD_LIMIT_BYTES: usize = 64 << 10;
/// However many a check allows.
const MOST_REDIRECTS: usize = 20;

/// Which version of HTTP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// What the other side prefers of both; without TLS that is the first.
    #[default]
    Any,
    Http1,
    /// Without TLS: with prior knowledge (RFC 9113, 3.3).
    Http2,
}

/// One request, and what its answer has to be.
#[derive(Clone)]
pub struct HttpCheck {
    pub method: Method,
    /// `http://` or `https://`, without user and password.
    pub url: String,
    /// Besides `host`, `user-agent` and `accept-encoding`, which are there without.
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Any of these; empty: 200 to 299.
    pub expected_status: Vec<RangeInclusive<u16>>,
    /// All of these.
    pub expectations: Vec<Expectation>,
    /// A longer body is a failure, and no more of it is read.
    pub body_limit_bytes: u64,
    /// How many are followed, twenty at most. With none, a redirect is the answer.
    pub redirects: usize,
    pub family: AddressFamily,
    pub protocol: Protocol,
    pub trust: Trust,
}

impl fmt::Debug for HttpCheck {
    /// Shows neither the address's path nor headers nor body: each may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCheck")
            .field("method", &self.method)
            .field("place", &outbound::http::place(&self.url))
            .finish_non_exhaustive()
    }
}

/// An answer, read as far as the limit.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// What is asked for next.
pub(crate) struct Ask {
    pub(crate) address: Address,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl HttpCheck {
    pub(crate) async fn attempt(&self, at_ms: i64, trace: &mut Trace) -> Result<(), Conclusion> {
        let answer = self.fetch(at_ms, trace).await?;
        self.judge(&answer)
    }

    /// The last answer, whatever it is, redirects followed.
    pub(crate) async fn fetch(&self, at_ms: i64, trace: &mut Trace) -> Result<Answer, Conclusion> {
        let mut ask = Ask {
            address: Address::parse(&self.url)?,
            method: self.method.clone(),
            headers: self.headers.clone(),
            body: self.body.clone(),
        };
        let allowed = self.redirects.min(MOST_REDIRECTS);
        let mut been = vec![(ask.method.clone(), ask.address.whole())];
        loop {
            let answer = self.exchange(&ask, at_ms, trace).await?;
            trace.leave();
            let location = location(&answer).filter(|_| allowed > 0);
            let Some(location) = location else { return Ok(answer) };
            let place = ask.address.place();
            if been.len() > allowed {
                let reason = Reason::new("too_many_redirects").with("limit", allowed as u64);
                return Err(Conclusion::Failed(reason.with("place", place)));
            }
            ask = ask.redirected(answer.status, location)?;
            let next = (ask.method.clone(), ask.address.whole());
            // Nothing is remembered between requests: the same one has the same answer, or it hangs on luck.
            if been.contains(&next) {
                return Err(Conclusion::Failed(Reason::new("redirect_loop").with("place", place)));
            }
            been.push(next);
            trace.seen.redirects += 1;
        }
    }

    /// One request of this check's means, followed nowhere.
    pub(crate) async fn exchange(
        &self,
        ask: &Ask,
        at_ms: i64,
        trace: &mut Trace,
    ) -> Result<Answer, Conclusion> {
        let Address { is_https, host, port, .. } = &ask.address;
        let stream = connect(host, *port, self.family, trace).await?;
        trace.seen.tls = None;
        if !is_https {
            let is_second = self.protocol == Protocol::Http2;
            return self.speak(ask, stream, is_second, trace).await;
        }
        let protocols: &[&[u8]] = match self.protocol {
            Protocol::Any => &[b"h2", b"http/1.1"],
            Protocol::Http1 => &[b"http/1.1"],
            Protocol::Http2 => &[b"h2"],
        };
        let protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let stream = shake_hands(stream, host, &self.trust, protocols, at_ms, trace).await?;
        let is_second = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        if self.protocol == Protocol::Http2 && !is_second {
            let reason = Reason::new("protocol_not_spoken").with("protocol", "h2");
            return Err(Conclusion::Failed(reason));
        }
        self.speak(ask, stream, is_second, trace).await
    }

    async fn speak<S>(
        &self,
        ask: &Ask,
        stream: S,
        is_second: bool,
        trace: &mut Trace,
    ) -> Result<Answer, Conclusion>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        trace.enter(Phase::Processing);
        let request = ask.request(is_second)?;
        let stream = TokioIo::new(stream);
        if is_second {
            let (mut sender, connection) = conn::http2::Builder::new(TokioExecutor::new())
                .max_header_list_size(HEAD_LIMIT_BYTES as u32)
                .handshake(stream)
                .await
                .map_err(|error| unanswered(&error))?;
            let reading = async {
                let response = sender.send_request(request).await;
                self.read(response, trace).await
            };
            return alongside(connection, reading).await;
        }
        let (mut sender, connection) = conn::http1::Builder::new()
            .max_buf_size(HEAD_LIMIT_BYTES)
            .handshake(stream)
            .await
            .map_err(|error| unanswered(&error))?;
        let reading = async {
            let response = sender.send_request(request).await;
            self.read(response, trace).await
        };
        alongside(connection, reading).await
    }

    async fn read(
        &self,
        response: hyper::Result<Response<Incoming>>,
        trace: &mut Trace,
    ) -> Result<Answer, Conclusion> {
        let (head, mut incoming) = response.map_err(|error| unanswered(&error))?.into_parts();
        trace.enter(Phase::Transfer);
        let told = head.headers.get(CONTENT_LENGTH).and_then(|told| told.to_str().ok());
        trace.seen.http = Some(HttpSeen {
            status: head.status.as_u16(),
            version: version(head.version),
            content_length: told.and_then(|told| told.parse().ok()),
            body_bytes: 0,
        });
        let mut body = Vec::new();
        while let Some(part) = next_part(&mut incoming).await? {
            let read = body.len() as u64 + part.len() as u64;
            if let Some(seen) = &mut trace.seen.http {
                seen.body_bytes = read;
            }
            if read > self.body_limit_bytes {
                let reason = Reason::new("body_too_long");
                let reason = reason.with("limit_bytes", self.body_limit_bytes);
                return Err(Conclusion::Failed(reason));
            }
            body.extend_from_slice(&part);
        }
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    fn judge(&self, answer: &Answer) -> Result<(), Conclusion> {
        let status = answer.status.as_u16();
        let is_expected = match self.expected_status.as_slice() {
            [] => answer.status.is_success(),
            ranges => ranges.iter().any(|range| range.contains(&status)),
        };
        if !is_expected {
            let reason = Reason::new("status_differs").with("status", u64::from(status));
            return Err(Conclusion::Failed(reason));
        }
        let packed = answer.headers.get(CONTENT_ENCODING).filter(|packed| *packed != "identity");
        for expectation in &self.expectations {
            if let Some(packed) = packed.filter(|_| expectation.is_of_body()) {
                let encoding = String::from_utf8_lossy(packed.as_bytes()).into_owned();
                let reason = Reason::new("body_packed").with("encoding", encoding);
                return Err(Conclusion::Unknown(reason));
            }
            expectation.judge(&answer.headers, &answer.body).map_err(Conclusion::Failed)?;
        }
        Ok(())
    }
}

impl Ask {
    fn request(&self, is_second: bool) -> Result<Request<Full<Bytes>>, Conclusion> {
        let Address { path, .. } = &self.address;
        let authority = self.address.authority();
        let uri = if is_second { self.address.whole() } else { path.clone() };
        let mut request = Request::new(Full::new(self.body.clone()));
        let bad = || Conclusion::Unknown(Reason::new("address_invalid"));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri.parse().map_err(|_| bad())?;
        let headers = request.headers_mut();
        *headers = self.headers.clone();
        headers.entry(USER_AGENT).or_insert(AGENT);
        headers.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
        if !is_second && !headers.contains_key(HOST) {
            headers.insert(HOST, HeaderValue::try_from(authority).map_err(|_| bad())?);
        }
        Ok(request)
    }

    /// As browsers do it (fetch.spec.whatwg.org, HTTP-redirect fetch): secrets stay with the place they were meant for.
    pub(crate) fn redirected(
        mut self,
        status: StatusCode,
        location: &str,
    ) -> Result<Self, Conclusion> {
        let address = self.address.follow(location)?;
        if self.address.is_https && !address.is_https {
            let reason = Reason::new("redirect_to_plain").with("place", self.address.place());
            return Err(Conclusion::Failed(reason));
        }
        let is_read = matches!(self.method, Method::GET | Method::HEAD);
        let becomes_get = match status.as_u16() {
            303 => !is_read,
            301 | 302 => self.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            self.method = Method::GET;
            self.body = Bytes::new();
            self.headers.remove(CONTENT_TYPE);
            self.headers.remove(CONTENT_LENGTH);
        }
        if address.place() != self.address.place() {
            // The others of our own making may hold a key as well (`x-api-key`), and none is needed elsewhere.
            let kept = [USER_AGENT, ACCEPT_ENCODING, CONTENT_TYPE];
            let away: Vec<_> =
                self.headers.keys().filter(|name| !kept.contains(name)).cloned().collect();
            for name in away {
                self.headers.remove(name);
            }
        }
        self.address = address;
        Ok(self)
    }
}

pub(crate) fn location(answer: &Answer) -> Option<&str> {
    let is_redirect = matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = answer.headers.get(LOCATION).filter(|_| is_redirect)?;
    location.to_str().ok()
}

/// Reads while the connection is driven, in this very task: whoever is cut off leaves nothing behind.
async fn alongside(
    connection: impl Future<Output = hyper::Result<()>>,
    reading: impl Future<Output = Result<Answer, Conclusion>>,
) -> Result<Answer, Conclusion> {
    let mut reading = pin!(reading);
    tokio::select! {
        answer = &mut reading => answer,
        // What ended it, the request is told too; what had arrived is still to be read.
        _ = connection => reading.await,
    }
}

async fn next_part(incoming: &mut Incoming) -> Result<Option<Bytes>, Conclusion> {
    use http_body_util::BodyExt as _;
    loop {
        let Some(frame) = incoming.frame().await else { return Ok(None) };
        // Trailers are no part of it.
        if let Ok(part) = frame.map_err(|error| unanswered(&error))?.into_data() {
            return Ok(Some(part));
        }
    }
}

fn unanswered(error: &hyper::Error) -> Conclusion {
    let code = if error.is_parse() || error.is_parse_too_large() {
        "answer_malformed"
    } else if error.is_user() {
        return Conclusion::Unknown(Reason::new("request_impossible"));
    } else {
        "closed_early"
    };
    Conclusion::Failed(Reason::new(code).with("said", error.to_string()))
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}
