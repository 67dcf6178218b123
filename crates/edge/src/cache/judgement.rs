//! Whether a response may be kept, and how long it is fresh: the list of what is never kept.
//!
//! Pure: times are arguments. The order of the checks is the order in which reasons are named.

use super::{
    ask::Ask,
    directives::{Directives, Seconds},
    encodings::Encodings,
};
use http::{
    HeaderMap, HeaderName, StatusCode, Version,
    header::{
        AGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE,
        ETAG, EXPIRES, LAST_MODIFIED, PRAGMA, SET_COOKIE, TRANSFER_ENCODING, VARY,
    },
    response::Parts,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Why a response is not kept. The name goes into `Cache-Status` as its `detail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The request, not the response, forbids it.
    Request,
    Status,
    SetCookie,
    /// `no-store`, `private` or `no-cache`.
    Forbidden,
    Vary,
    Encoding,
    /// No `s-maxage`, `max-age` or `Expires`, or none that can be read.
    NoFreshness,
    /// Was no longer fresh when it came.
    Stale,
    /// Its end cannot be told from a broken connection, or a field stands twice.
    Ambiguous,
    TooLarge,
    /// The cache is off, or full with responses under way.
    NoRoom,
    /// Something was changed or purged while the response was under way.
    Changed,
}

/// When the exchange happened, all by the edge's own clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exchange {
    /// From the request's first byte to the response's head.
    pub(super) delay: Duration,
    /// The response's head came, in wall time.
    pub(super) received: SystemTime,
}

/// How long a response may be given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Freshness {
    /// Its age when it came (RFC 9111 §4.2.3, corrected initial age).
    pub(super) age: Duration,
    /// Longer than `age`.
    pub(super) lifetime: Duration,
}

/// Statuses that are kept when they bring their own freshness.
const STATUSES: [StatusCode; 7] = [
    StatusCode::OK,
    StatusCode::NON_AUTHORITATIVE_INFORMATION,
    StatusCode::MULTIPLE_CHOICES,
    StatusCode::MOVED_PERMANENTLY,
    StatusCode::PERMANENT_REDIRECT,
    StatusCode::NOT_FOUND,
    StatusCode::GONE,
];

/// Fields that say one thing only; twice is a doubt.
const SINGLE: [HeaderName; 8] =
    [AGE, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, ETAG, EXPIRES, LAST_MODIFIED];

/// Targeted fields of RFC 9213 and before: only what they forbid is heard.
const TARGETED: [HeaderName; 2] =
    [HeaderName::from_static("cdn-cache-control"), HeaderName::from_static("surrogate-control")];

/// Judges a response's head as it came from the shop, hop-by-hop fields included.
///
/// # Errors
/// The first reason for which it must not be kept.
pub(super) fn judge(
    ask: &Ask,
    response: &Parts,
    exchange: Exchange,
    object_bytes: u64,
) -> Result<Freshness, Refusal> {
    let headers = &response.headers;
    if ask.head || ask.no_store {
        return Err(Refusal::Request);
    }
    if !STATUSES.contains(&response.status) || headers.contains_key(CONTENT_RANGE) {
        return Err(Refusal::Status);
    }
    if headers.contains_key(SET_COOKIE) {
        return Err(Refusal::SetCookie);
    }
    let control = Directives::of(headers, &CACHE_CONTROL);
    if control.forbids || forbidden_otherwise(headers, control.present) {
        return Err(Refusal::Forbidden);
    }
    if !varies_by_encoding_only(headers) {
        return Err(Refusal::Vary);
    }
    if !Encodings::can_read(ask.encodings, headers) {
        return Err(Refusal::Encoding);
    }
    if SINGLE.iter().any(|name| headers.get_all(name).iter().nth(1).is_some()) {
        return Err(Refusal::Ambiguous);
    }
    if announced_length(response)?.is_some_and(|length| length > object_bytes) {
        return Err(Refusal::TooLarge);
    }
    let age = initial_age(headers, exchange)?;
    let lifetime = lifetime(headers, control, exchange)?;
    if age >= lifetime {
        return Err(Refusal::Stale);
    }
    Ok(Freshness { age, lifetime })
}

fn forbidden_otherwise(headers: &HeaderMap, has_cache_control: bool) -> bool {
    TARGETED.iter().any(|name| Directives::of(headers, name).forbids)
        || (!has_cache_control && headers.contains_key(PRAGMA))
}

fn varies_by_encoding_only(headers: &HeaderMap) -> bool {
    headers.get_all(VARY).iter().all(|line| {
        line.as_bytes().split(|byte| *byte == b',').all(|name| {
            let name = name.trim_ascii();
            name.is_empty() || name.eq_ignore_ascii_case(b"accept-encoding")
        })
    })
}

/// The body's length when it was announced. An HTTP/1 response with neither a length nor chunks ends
/// when the connection does, so that a broken one cannot be told from a whole one.
pub(super) fn announced_length(response: &Parts) -> Result<Option<u64>, Refusal> {
    let headers = &response.headers;
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let coding = codings.next();
    if codings.next().is_some() {
        return Err(Refusal::Ambiguous);
    }
    match (coding, headers.get(CONTENT_LENGTH)) {
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(None),
        (None, Some(length)) => digits(length.as_bytes()).map(Some).ok_or(Refusal::Ambiguous),
        (None, None) if response.version == Version::HTTP_2 => Ok(None),
        _ => Err(Refusal::Ambiguous),
    }
}

/// RFC 9111 §4.2.3.
fn initial_age(headers: &HeaderMap, exchange: Exchange) -> Result<Duration, Refusal> {
    let apparent = match headers.get(DATE) {
        // A clock that runs ahead of ours makes no age; one that runs behind does.
        Some(date) => {
            let date = parse_date(date).ok_or(Refusal::Ambiguous)?;
            exchange.received.duration_since(date).unwrap_or_default()
        }
        None => Duration::ZERO,
    };
    let given = match headers.get(AGE) {
        Some(age) => digits(age.as_bytes()).ok_or(Refusal::Ambiguous)?,
        None => 0,
    };
    // A date knows whole seconds only: what is left of this one is no age.
    let apparent = Duration::from_secs(apparent.as_secs());
    Ok(apparent.max(Duration::from_secs(given).saturating_add(exchange.delay)))
}

/// RFC 9111 §4.2.1, without the heuristic.
fn lifetime(
    headers: &HeaderMap,
    control: Directives,
    exchange: Exchange,
) -> Result<Duration, Refusal> {
    let seconds = match (control.s_maxage, control.max_age) {
        (Seconds::Absent, seconds) => seconds,
        (seconds, _) => seconds,
    };
    match seconds {
        Seconds::Given(seconds) => Ok(Duration::from_secs(u64::from(seconds))),
        Seconds::Invalid => Err(Refusal::NoFreshness),
        Seconds::Absent => {
            let expires = headers.get(EXPIRES).and_then(parse_date).ok_or(Refusal::NoFreshness)?;
            let date = headers.get(DATE).and_then(parse_date).unwrap_or(exchange.received);
            expires.duration_since(date).map_err(|_| Refusal::Stale)
        }
    }
}

fn digits(text: &[u8]) -> Option<u64> {
    let plain = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    // More digits than fit stand for the largest number, which no limit and no lifetime reaches.
    plain.then(|| std::str::from_utf8(text).ok()?.parse().ok().or(Some(u64::MAX)))?
}

fn parse_date(value: &http::HeaderValue) -> Option<SystemTime> {
    let date = httpdate::parse_http_date(value.to_str().ok()?).ok()?;
    (date >= UNIX_EPOCH).then_some(date)
}
