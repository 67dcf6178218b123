//! Headers between visitor and shop: what concerns one connection only is taken off, what the shop
//! must know of the visitor is put on, and nothing of that can come from the visitor.
//!
//! Knows no routes and no cache; reads no body.

mod hop;
mod trace;

use crate::request_id::RequestId;
use bytes::{BufMut, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, COOKIE, EXPECT, FORWARDED, HOST, UPGRADE},
    request::Parts,
};
use std::{fmt::Write, net::IpAddr};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Who asks. Nothing before the edge is trusted, so this is all that the shop is told of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visitor<'a> {
    pub(crate) address: IpAddr,
    pub(crate) tls: bool,
    /// As the visitor gave it, port included.
    pub(crate) host: &'a str,
}

/// Whether the request wants its connection for a WebSocket (RFC 6455 §4.1). Nothing else is
/// upgraded: `h2c` would smuggle requests past the edge.
pub(crate) fn wants_upgrade(head: &Parts) -> bool {
    let upgrade = head.headers.get(UPGRADE).map(HeaderValue::as_bytes);
    head.version == http::Version::HTTP_11
        && head.method == http::Method::GET
        && upgrade.is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"))
        && hop::options(&head.headers).any(|option| option.eq_ignore_ascii_case(b"upgrade"))
}

/// Makes the headers the shop gets of those the visitor sent. `upgrade` is what [`wants_upgrade`]
/// said.
pub(crate) fn prepare_request(
    headers: &mut HeaderMap,
    visitor: &Visitor<'_>,
    id: &RequestId,
    upgrade: bool,
) {
    hop::remove(headers);
    remove_claims(headers);
    join_cookies(headers);
    // The body is here already; nobody waits for a leave to send it.
    headers.remove(EXPECT);
    if upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
    if let Some(host) = host_value(headers, visitor.host) {
        headers.insert(X_FORWARDED_HOST, host);
    }
    let address = address_value(visitor.address);
    headers.insert(X_REAL_IP, address.clone());
    headers.insert(X_FORWARDED_FOR, address);
    let scheme = if visitor.tls { "https" } else { "http" };
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
    headers.insert(X_REQUEST_ID, id.header_value());
    trace::carry_on(headers, id);
}

/// Makes the headers the visitor gets of those the shop sent. An upgraded connection keeps the two
/// fields that say so.
pub(crate) fn prepare_response(headers: &mut HeaderMap, upgraded: bool) {
    hop::remove(headers);
    if upgraded {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
}

/// What every answer carries, wherever it comes from.
pub(crate) fn finish_response(headers: &mut HeaderMap, id: &RequestId) {
    headers.insert(X_REQUEST_ID, id.header_value());
}

/// Fields by which a request claims to come from elsewhere, or to mean another address. Frameworks
/// believe them, and no cache key covers them.
const CLAIMS: [HeaderName; 11] = [
    FORWARDED,
    X_REAL_IP,
    HeaderName::from_static("client-ip"),
    HeaderName::from_static("true-client-ip"),
    HeaderName::from_static("x-client-ip"),
    HeaderName::from_static("x-cluster-client-ip"),
    HeaderName::from_static("x-host"),
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-originating-ip"),
    HeaderName::from_static("x-rewrite-url"),
    // Becomes the variable HTTP_PROXY of CGI programs (CVE-2016-5385).
    HeaderName::from_static("proxy"),
];

fn remove_claims(headers: &mut HeaderMap) {
    // Most requests have none: one look at each name, and nothing is moved.
    if !headers.keys().any(is_claim) {
        return;
    }
    let claims: Vec<HeaderName> = headers.keys().filter(|name| is_claim(name)).cloned().collect();
    for name in claims {
        headers.remove(name);
    }
}

fn is_claim(name: &HeaderName) -> bool {
    let text = name.as_str();
    // To CGI and WSGI `x_real_ip` and `x-real-ip` are the same variable.
    text.starts_with("x-forwarded-") || text.contains('_') || CLAIMS.contains(name)
}

/// HTTP/2 may send cookies one by one; HTTP/1 has one line (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(COOKIE).iter();
    if lines.next().is_none() || lines.next().is_none() {
        return;
    }
    let lines: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

/// Makes `Host` what the request is taken to be for: HTTP/2 has no such field, and a target in
/// absolute form goes before it (RFC 9112 §3.2.2).
fn host_value(headers: &mut HeaderMap, host: &str) -> Option<HeaderValue> {
    let mut lines = headers.get_all(HOST).iter();
    if let (Some(same), None) = (lines.next().filter(|value| *value == host), lines.next()) {
        return Some(same.clone());
    }
    let value = HeaderValue::from_str(host).ok()?;
    headers.insert(HOST, value.clone());
    Some(value)
}

fn address_value(address: IpAddr) -> HeaderValue {
    // The longest address with an IPv4 tail has 45 characters.
    let mut text = BytesMut::with_capacity(48);
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            for (index, byte) in v4.octets().into_iter().enumerate() {
                if index > 0 {
                    text.put_u8(b'.');
                }
                put_decimal(&mut text, byte);
            }
        }
        IpAddr::V6(v6) => write!(text, "{v6}").expect("invariant: writing to memory"),
    }
    HeaderValue::from_maybe_shared(text.freeze()).expect("invariant: an address is plain text")
}

fn put_decimal(text: &mut BytesMut, byte: u8) {
    if byte >= 100 {
        text.put_u8(b'0' + byte / 100);
    }
    if byte >= 10 {
        text.put_u8(b'0' + byte / 10 % 10);
    }
    text.put_u8(b'0' + byte % 10);
}

#[cfg(test)]
mod tests;
