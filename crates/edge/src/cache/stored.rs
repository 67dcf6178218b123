//! One kept response, and what it answers with.

use super::{ask::Ask, conditional::not_modified, judgement::Freshness, queue::Slot, status};
use crate::body::{EdgeBody, Observer};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{
        AGE, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_LOCATION, DATE, ETAG, EXPIRES,
        LAST_MODIFIED, PROXY_AUTHENTICATE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VARY,
    },
};
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// Filled in by the request path, which alone knows the request's name.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A whole response with its key. Never changes; a newer one takes its place.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) key: Box<[u8]>,
    pub(super) path: Box<str>,
    status: StatusCode,
    /// As it is given out, with empty places for `Age`, `Cache-Status` and `X-Request-Id`.
    headers: HeaderMap,
    body: Bytes,
    freshness: Freshness,
    received: Instant,
    pub(super) slot: Arc<Slot>,
}

/// The parts of a response that stay as they are.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) freshness: Freshness,
    pub(super) received: Instant,
}

impl Stored {
    pub(super) fn new(
        key: Box<[u8]>,
        path: Box<str>,
        head: Head,
        body: Bytes,
        slot: Arc<Slot>,
    ) -> Self {
        let Head { status, mut headers, freshness, received } = head;
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        // Places for what each hit fills in, so that a copy of the map need not grow.
        for name in [AGE, CACHE_STATUS, X_REQUEST_ID] {
            headers.insert(name, HeaderValue::from_static(""));
        }
        Self { key, path, status, headers, body, freshness, received, slot }
    }

    pub(super) fn received(&self) -> Instant {
        self.received
    }

    /// `(age, time left)`, `None` once it is stale.
    pub(super) fn fresh(&self, now: Instant) -> Option<(Duration, Duration)> {
        let age = self.freshness.age + now.saturating_duration_since(self.received);
        let left = self.freshness.lifetime.checked_sub(age)?;
        (!left.is_zero()).then_some((age, left))
    }
}

/// The head of a response as it is kept: what concerns this connection, this request or this moment
/// only is left out. `received` stands in for a missing `Date`.
pub(super) fn kept_headers(came: &HeaderMap, received: SystemTime) -> HeaderMap {
    const LEFT_OUT: [HeaderName; 17] = [
        AGE,
        CACHE_STATUS,
        CONNECTION,
        CONTENT_LENGTH,
        PROXY_AUTHENTICATE,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
        X_REQUEST_ID,
        HeaderName::from_static("alt-svc"),
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
        HeaderName::from_static("server-timing"),
        HeaderName::from_static("traceparent"),
        HeaderName::from_static("tracestate"),
        HeaderName::from_static("traceresponse"),
    ];
    let connection: Vec<&HeaderValue> = came.get_all(CONNECTION).iter().collect();
    let named = |name: &HeaderName| {
        connection.iter().any(|line| {
            let mut options = line.as_bytes().split(|byte| *byte == b',');
            options.any(|option| option.trim_ascii().eq_ignore_ascii_case(name.as_str().as_bytes()))
        })
    };
    let mut kept = HeaderMap::with_capacity(came.len() + 4);
    for (name, value) in came {
        if !LEFT_OUT.contains(name) && !named(name) {
            kept.append(name, own(value));
        }
    }
    if !kept.contains_key(DATE) {
        let date = httpdate::fmt_http_date(received);
        kept.insert(DATE, HeaderValue::try_from(date).expect("invariant: a date is plain text"));
    }
    kept
}

/// A copy that does not hold on to the buffer the whole response was read into.
fn own(value: &HeaderValue) -> HeaderValue {
    let mut own =
        HeaderValue::from_bytes(value.as_bytes()).expect("invariant: copied from a value");
    own.set_sensitive(value.is_sensitive());
    own
}

/// A fresh response from the cache.
#[derive(Debug)]
pub(crate) struct Hit {
    pub(super) stored: Arc<Stored>,
    pub(super) age: Duration,
    pub(super) left: Duration,
}

impl Hit {
    /// The answer to the request `ask` with the headers `asked`, `X-Request-Id` still empty: whole, without a body for `HEAD`,
    /// or 304 when the visitor has it already.
    pub(crate) fn response<O: Observer>(
        &self,
        ask: &Ask,
        asked: &HeaderMap,
    ) -> Response<EdgeBody<O>> {
        let stored = &self.stored;
        let mut response = Response::new(EdgeBody::Empty);
        if stored.status.is_success() && not_modified(asked, &stored.headers) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.headers_mut() = not_modified_headers(&stored.headers);
        } else {
            *response.status_mut() = stored.status;
            *response.headers_mut() = stored.headers.clone();
            if !ask.head {
                *response.body_mut() = EdgeBody::full(stored.body.clone());
            }
        }
        let headers = response.headers_mut();
        headers.insert(AGE, HeaderValue::from(self.age.as_secs()));
        headers.insert(CACHE_STATUS, status::hit(self.left));
        response
    }
}

/// RFC 9110 §15.4.5; `Last-Modified` as well, for those who asked by date.
fn not_modified_headers(kept: &HeaderMap) -> HeaderMap {
    const SENT: [HeaderName; 7] =
        [CACHE_CONTROL, CONTENT_LOCATION, DATE, ETAG, EXPIRES, LAST_MODIFIED, VARY];
    let mut headers = HeaderMap::with_capacity(SENT.len() + 4);
    for name in SENT {
        for value in kept.get_all(&name) {
            headers.append(name.clone(), value.clone());
        }
    }
    headers
}
