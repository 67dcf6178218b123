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
    header::{CONNECTION, COOKIE, HOST, UPGRADE},
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

/// The headers the shop gets, made of those the visitor sent in one pass. `upgrade` is what
/// [`wants_upgrade`] said.
pub(crate) fn for_shop(
    asked: &HeaderMap,
    visitor: &Visitor<'_>,
    id: &RequestId,
    upgrade: bool,
) -> HeaderMap {
    /// Most fields that are put on.
    const PUT_ON: usize = 9;
    let mut sent = HeaderMap::with_capacity(asked.len() + PUT_ON);
    if let Some(host) = host_value(asked, visitor.host) {
        sent.insert(HOST, host.clone());
        sent.insert(X_FORWARDED_HOST, host);
    }
    let named = hop::named(asked);
    for (name, value) in asked {
        if !ends_here(name.as_str()) && !named.contains(name) {
            sent.append(name, value.clone());
        }
    }
    if let Some(cookies) = join_cookies(asked) {
        sent.insert(COOKIE, cookies);
    }
    if upgrade {
        sent.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        sent.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
    let address = address_value(visitor.address);
    sent.insert(X_REAL_IP, address.clone());
    sent.insert(X_FORWARDED_FOR, address);
    let scheme = if visitor.tls { "https" } else { "http" };
    sent.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
    sent.insert(X_REQUEST_ID, id.header_value());
    trace::carry_on(asked, &mut sent, id);
    sent
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

/// Whether a visitor's field goes no further, or is made anew: what concerns this connection only,
/// and claims to come from elsewhere or to mean another address. Frameworks believe those, and no
/// cache key covers them.
fn ends_here(name: &str) -> bool {
    hop::is_always(name)
        // The body is here already; nobody waits for leave to send it.
        || matches!(name, "host" | "expect" | "traceparent" | "tracestate" | "x-request-id")
        || matches!(
            name,
            "client-ip"
                | "forwarded"
                // Becomes the variable HTTP_PROXY of CGI programs (CVE-2016-5385).
                | "proxy"
                | "true-client-ip"
                | "x-client-ip"
                | "x-cluster-client-ip"
                | "x-host"
                | "x-original-url"
                | "x-originating-ip"
                | "x-real-ip"
                | "x-rewrite-url"
        )
        || name.starts_with("x-forwarded-")
        // To CGI and WSGI `x_real_ip` and `x-real-ip` are the same variable.
        || memchr::memchr(b'_', name.as_bytes()).is_some()
}

/// HTTP/2 may send cookies one by one; HTTP/1 has one line (RFC 9113 §8.2.3). `None` when there is
/// one at most.
fn join_cookies(asked: &HeaderMap) -> Option<HeaderValue> {
    asked.get_all(COOKIE).iter().nth(1)?;
    let lines: Vec<&[u8]> = asked.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    HeaderValue::from_bytes(&lines.join(&b"; "[..])).ok()
}

/// What the request is taken to be for: HTTP/2 has no `Host`, and a target in absolute form goes
/// before it (RFC 9112 §3.2.2).
fn host_value(asked: &HeaderMap, host: &str) -> Option<HeaderValue> {
    match asked.get(HOST) {
        Some(same) if same == host => Some(same.clone()),
        _ => HeaderValue::from_str(host).ok(),
    }
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
