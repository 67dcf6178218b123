//! What a request asks of the cache, read once from its head.

use super::encodings::Encodings;
use http::{
    HeaderMap, HeaderName, Method,
    header::{
        AUTHORIZATION, CACHE_CONTROL, CONNECTION, IF_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, PRAGMA,
        RANGE, UPGRADE,
    },
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A `GET` or `HEAD` that may have to do with the cache, if the platform's rules agree.
    Read(Ask),
    /// A method that changes something: never from the cache, and what is kept of the same address
    /// is invalid once it went well (RFC 9111 §4.4).
    Change,
    /// Neither answered from the cache nor kept.
    PassBy,
}

/// A read, as far as the cache is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ask {
    /// `HEAD`: answered from a kept `GET`, its own answer never kept.
    pub(crate) head: bool,
    /// The visitor wants a fresh answer; it may be kept for others.
    pub(super) refresh: bool,
    /// The visitor forbids keeping the answer.
    pub(super) no_store: bool,
    pub(super) encodings: Encodings,
}

/// A request with one of these is answered by the shop, and its answer is no one else's.
///
/// The three overrides make some frameworks run another method than the one the cache saw.
const PASS_BY: [HeaderName; 9] = [
    AUTHORIZATION,
    RANGE,
    IF_RANGE,
    IF_MATCH,
    IF_UNMODIFIED_SINCE,
    UPGRADE,
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
];

impl Asked {
    /// `has_body`: the request carries a body, which no key covers.
    pub(crate) fn of(method: &Method, headers: &HeaderMap, has_body: bool) -> Self {
        match *method {
            Method::GET | Method::HEAD => {}
            // Safe methods whose answers are not kept (RFC 9110 §9.2.1).
            Method::OPTIONS | Method::TRACE | Method::CONNECT => return Self::PassBy,
            // Everything else is unsafe or unknown, which counts the same.
            _ => return Self::Change,
        }
        if has_body || PASS_BY.iter().any(|name| headers.contains_key(name)) {
            return Self::PassBy;
        }
        if names_more_than_the_connection(headers) {
            return Self::PassBy;
        }
        let Some(encodings) = Encodings::accepted(headers) else { return Self::PassBy };
        let (refresh, no_store) = wishes(headers);
        Self::Read(Ask { head: *method == Method::HEAD, refresh, no_store, encodings })
    }
}

/// Whether `Connection` names further fields: those are taken off on the way to the shop, after the
/// key was made with them. Such a request could fill another's place.
fn names_more_than_the_connection(headers: &HeaderMap) -> bool {
    headers.get_all(CONNECTION).iter().any(|value| {
        value.as_bytes().split(|byte| *byte == b',').any(|option| {
            let option = option.trim_ascii();
            !(option.is_empty()
                || option.eq_ignore_ascii_case(b"keep-alive")
                || option.eq_ignore_ascii_case(b"close"))
        })
    })
}

/// `(refresh, no_store)` from `Cache-Control`, or `Pragma` in its absence (RFC 9111 §5.2.1, §5.4).
///
/// A `max-age` or `min-fresh` that is not plainly satisfied by anything fresh asks for a refresh.
fn wishes(headers: &HeaderMap) -> (bool, bool) {
    let (mut refresh, mut no_store) = (false, false);
    let mut lines = headers.get_all(CACHE_CONTROL).iter().peekable();
    if lines.peek().is_none() {
        let pragma = headers.get_all(PRAGMA).iter();
        return (pragma.map(http::HeaderValue::as_bytes).any(mentions_no_cache), false);
    }
    for line in lines {
        for directive in line.as_bytes().split(|byte| *byte == b',') {
            let directive = directive.trim_ascii();
            let name = directive.split(|byte| *byte == b'=').next().unwrap_or_default();
            let is = |other: &[u8]| name.trim_ascii_end().eq_ignore_ascii_case(other);
            no_store |= is(b"no-store");
            refresh |= is(b"no-cache") || is(b"max-age") || is(b"min-fresh") || is(b"no-store");
        }
    }
    (refresh, no_store)
}

fn mentions_no_cache(value: &[u8]) -> bool {
    value
        .split(|byte| *byte == b',')
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(b"no-cache"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn asked(method: &Method, lines: &[(&'static str, &'static str)]) -> Asked {
        let headers = lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        Asked::of(method, &headers, false)
    }

    #[test]
    fn methods_read_change_or_pass_by() {
        let plain =
            Ask { head: false, refresh: false, no_store: false, encodings: Encodings::default() };
        let check = |method: &str, expect: Asked| {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            assert_eq!(asked(&method, &[]), expect, "{method}");
        };
        check("GET", Asked::Read(plain));
        check("HEAD", Asked::Read(Ask { head: true, ..plain }));
        check("OPTIONS", Asked::PassBy);
        for method in ["POST", "PUT", "PATCH", "DELETE", "PURGE", "get"] {
            check(method, Asked::Change);
        }
        assert_eq!(Asked::of(&Method::GET, &HeaderMap::new(), true), Asked::PassBy);
    }

    #[test]
    fn some_headers_pass_by() {
        for line in [
            ("authorization", "Basic eDp5"),
            ("range", "bytes=0-1"),
            ("if-match", "\"a\""),
            ("x-http-method-override", "DELETE"),
            ("connection", "keep-alive, x-currency"),
            ("accept-encoding", "gzip, *;q=0"),
            ("upgrade", "websocket"),
        ] {
            assert_eq!(asked(&Method::GET, &[line]), Asked::PassBy, "{line:?}");
        }
        let plain = asked(&Method::GET, &[]);
        assert_eq!(asked(&Method::GET, &[("connection", "Keep-Alive, ,close")]), plain);
        assert_eq!(asked(&Method::GET, &[("accept", "text/html")]), plain);
    }

    #[test]
    fn a_visitor_may_want_it_fresh_or_not_kept() {
        let check = |line: (&'static str, &'static str), expect: (bool, bool)| {
            let Asked::Read(ask) = asked(&Method::GET, &[line]) else { panic!("{line:?}") };
            assert_eq!((ask.refresh, ask.no_store), expect, "{line:?}");
        };
        check(("cache-control", "no-cache"), (true, false));
        check(("cache-control", "max-age=0"), (true, false));
        check(("cache-control", "max-stale, No-Store"), (true, true));
        check(("cache-control", "min-fresh = 3"), (true, false));
        check(("cache-control", "only-if-cached"), (false, false));
        check(("pragma", "no-cache"), (true, false));
        check(("pragma", "x"), (false, false));
    }
}
