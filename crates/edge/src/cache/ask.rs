//! What a request asks of the cache, read once from its head.

use super::encodings::Encodings;
use http::{HeaderMap, Method};

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
        if has_body {
            return Self::PassBy;
        }
        let mut wishes = Wishes::default();
        let mut encodings = Some(Encodings::default());
        for (name, value) in headers {
            match name.as_str() {
                "accept-encoding" => encodings = encodings.and_then(|set| set.with(value)),
                "cache-control" => wishes.read(value.as_bytes()),
                "pragma" => wishes.read_pragma(value.as_bytes()),
                "connection" if names_more_than_the_connection(value.as_bytes()) => {
                    return Self::PassBy;
                }
                name if passes_by(name) => return Self::PassBy,
                _ => {}
            }
        }
        let Some(encodings) = encodings else { return Self::PassBy };
        let (head, no_store) = (*method == Method::HEAD, wishes.no_store);
        Self::Read(Ask { head, refresh: wishes.refresh(), no_store, encodings })
    }
}

/// A request with one of these is answered by the shop, and its answer is no one else's.
///
/// The overrides make some frameworks run another method than the one the cache saw.
fn passes_by(name: &str) -> bool {
    matches!(
        name,
        "authorization"
            | "if-match"
            | "if-range"
            | "if-unmodified-since"
            | "range"
            | "upgrade"
            | "x-http-method"
            | "x-http-method-override"
            | "x-method-override"
    )
}

/// Whether `Connection` names further fields: those are taken off on the way to the shop, after the
/// key was made with them. Such a request could fill another's place.
fn names_more_than_the_connection(value: &[u8]) -> bool {
    items(value).any(|option| {
        !(option.is_empty()
            || option.eq_ignore_ascii_case(b"keep-alive")
            || option.eq_ignore_ascii_case(b"close"))
    })
}

fn items(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// What a visitor wants of caches: `Cache-Control`, or `Pragma` in its absence (RFC 9111 §5.2.1,
/// §5.4).
#[derive(Debug, Default)]
struct Wishes {
    controls: bool,
    refresh: bool,
    no_store: bool,
    pragma: bool,
}

impl Wishes {
    /// A `max-age` or `min-fresh` counts as a wish for a fresh answer, whatever its number.
    fn read(&mut self, value: &[u8]) {
        self.controls = true;
        for directive in items(value) {
            let name = directive.split(|byte| *byte == b'=').next().unwrap_or_default();
            let is = |other: &[u8]| name.trim_ascii_end().eq_ignore_ascii_case(other);
            self.no_store |= is(b"no-store");
            self.refresh |= is(b"no-cache") || is(b"max-age") || is(b"min-fresh");
        }
    }

    fn read_pragma(&mut self, value: &[u8]) {
        self.pragma |= items(value).any(|item| item.eq_ignore_ascii_case(b"no-cache"));
    }

    fn refresh(&self) -> bool {
        self.refresh || self.no_store || (self.pragma && !self.controls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

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
