//! Requests over HTTP/1.1, plain or with TLS, on connections that are used again.

use crate::OutboundError;
use ::http::{HeaderValue, Uri, header::USER_AGENT};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use std::{fmt, sync::Arc, time::Duration};

pub use ::http::{HeaderMap, HeaderName, Method, StatusCode, header};

/// Longest answer that is read unless told otherwise.
const BODY_LIMIT_BYTES: usize = 1 << 20;
/// A connection that nobody used is closed after this.
const IDLE: Duration = Duration::from_secs(30);
/// Idle connections kept to one host.
const IDLE_PER_HOST: usize = 4;
/// Of a request's deadline at most this goes to connecting, so that a dead address is told from a
/// slow answer.
const CONNECT: Duration = Duration::from_secs(10);
/// Of an answer that refuses something so much is told.
const SAID_LIMIT: usize = 200;
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("storewarden/", env!("CARGO_PKG_VERSION")));

/// How a client differs from the usual one.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Root certificates (PEM) trusted beside the system's.
    pub extra_roots_pem: Vec<String>,
    /// Longer answers are an error.
    pub body_limit_bytes: usize,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self { extra_roots_pem: Vec::new(), body_limit_bytes: BODY_LIMIT_BYTES }
    }
}

/// What is asked of somebody else's server.
#[derive(Clone)]
pub struct Request {
    pub method: Method,
    /// `http://` or `https://`; user and password have no place in it.
    pub url: String,
    /// `Host`, `Content-Length` and `User-Agent` come by themselves.
    pub headers: HeaderMap,
    pub body: Bytes,
    /// For all of it, from the name's look-up to the answer's last byte.
    pub deadline: Duration,
}

/// What it answered, whatever the status. A redirect is an answer like any other.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Never longer than the client's limit.
    pub body: Bytes,
}

/// A handle; clones share the same connections.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    client: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    body_limit_bytes: usize,
}

impl Client {
    /// Reads the system's root certificates; a machine without any can still reach plain http.
    ///
    /// # Errors
    /// [`OutboundError::Root`] when an additional root is no certificate.
    pub fn new(options: &ClientOptions) -> Result<Self, OutboundError> {
        let roots = roots(&options.extra_roots_pem)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("invariant: ring speaks the versions that rustls calls safe")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .build(connector);
        Ok(Self(Arc::new(Inner { client, body_limit_bytes: options.body_limit_bytes })))
    }

    /// Sends a request, once, and reads the whole answer.
    ///
    /// # Errors
    /// Whatever keeps the answer from being whole, within the limit, before the deadline. Whether
    /// the request had an effect is then unknown, save with [`OutboundError::Address`].
    pub async fn send(&self, request: Request) -> Result<Response, OutboundError> {
        let deadline = request.deadline;
        let (uri, place) = address(&request.url)?;
        let exchange = self.exchange(request, uri, &place);
        match tokio::time::timeout(deadline, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(OutboundError::Deadline { place, deadline }),
        }
    }

    async fn exchange(
        &self,
        request: Request,
        uri: Uri,
        place: &str,
    ) -> Result<Response, OutboundError> {
        let Request { method, headers, body, .. } = request;
        let mut message = ::http::Request::new(Full::new(body));
        *message.method_mut() = method;
        *message.uri_mut() = uri;
        *message.headers_mut() = headers;
        message.headers_mut().entry(USER_AGENT).or_insert(AGENT);
        let reach = |source| OutboundError::Reach { place: place.to_owned(), source };
        let (head, body) = self.0.client.request(message).await.map_err(reach)?.into_parts();
        let limit_bytes = self.0.body_limit_bytes;
        let body = Limited::new(body, limit_bytes).collect().await.map_err(|source| {
            let place = place.to_owned();
            if source.is::<LengthLimitError>() {
                OutboundError::TooLong { place, limit_bytes }
            } else {
                OutboundError::Answer { place, source }
            }
        })?;
        Ok(Response { status: head.status, headers: head.headers, body: body.to_bytes() })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl fmt::Debug for Request {
    /// Shows neither the address's path nor headers nor body: each may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = address(&self.url).map_or_else(|_| "nowhere".to_owned(), |(_, place)| place);
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("place", &place)
            .finish_non_exhaustive()
    }
}

/// Scheme and host of an address, with the port where it is not the scheme's own: what may be shown
/// of it. `None` when a request could not be sent there.
#[must_use]
pub fn place(url: &str) -> Option<String> {
    address(url).ok().map(|(_, place)| place)
}

fn address(url: &str) -> Result<(Uri, String), OutboundError> {
    let uri: Uri = url.parse().map_err(|_| OutboundError::Address("it is no URL"))?;
    let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"));
    let scheme =
        scheme.ok_or(OutboundError::Address("it begins with neither http:// nor https://"))?;
    let authority = uri.authority().ok_or(OutboundError::Address("it names no host"))?;
    if authority.as_str().contains('@') {
        let why = "it holds a user or a password, which belong into a header";
        return Err(OutboundError::Address(why));
    }
    let place = format!("{scheme}://{authority}");
    Ok((uri, place))
}

/// The beginning of an answer, on one line, for errors.
pub(crate) fn said(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(SAID_LIMIT)]);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

fn roots(extra_pem: &[String]) -> Result<RootCertStore, OutboundError> {
    let system = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (known, odd) = roots.add_parsable_certificates(system.certs);
    if known == 0 && extra_pem.is_empty() {
        tracing::warn!(
            odd,
            errors = ?system.errors,
            "this machine trusts no certificate authority: nothing can be reached by https"
        );
    }
    for pem in extra_pem {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|error| OutboundError::Root(error.into()))?;
            roots.add(certificate).map_err(|error| OutboundError::Root(error.into()))?;
        }
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_only_scheme_and_host_are_shown() {
        let check = |url: &str, expect: Option<&str>| {
            assert_eq!(place(url).as_deref(), expect, "{url}");
        };
        check("https://hooks.example/secret?key=1", Some("https://hooks.example"));
        check("http://127.0.0.1:9000", Some("http://127.0.0.1:9000"));
        check("http://[::1]:9000/x", Some("http://[::1]:9000"));
        check("ftp://a.example/", None);
        check("https://user:password@a.example/", None);
        check("a.example", None);
        check("/path", None);
        check("", None);
        let request = Request {
            method: Method::POST,
            url: "https://hooks.example/secret".into(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"secret"),
            deadline: Duration::from_secs(1),
        };
        assert!(!format!("{request:?}").contains("secret"));
    }

    #[test]
    fn what_was_said_is_one_short_line() {
        assert_eq!(said(b"not\n today \n"), "not today");
        assert_eq!(said(&[b'x'; 900]).len(), SAID_LIMIT);
        assert_eq!(said(b""), "");
    }
}
