//! The request line (RFC 9112 §3) and the Host it must agree with (RFC 9110 §7.2).

use super::{Reason, field, inspector::HeadLimits};
use std::ops::Range;

/// What a request line says, as places within it.
#[derive(Debug, Clone, Default)]
pub(super) struct RequestLine {
    /// HTTP/1.1, not 1.0.
    pub(super) is_1_1: bool,
    /// The authority of an absolute target.
    pub(super) authority: Option<Range<usize>>,
}

/// Longest method served; WebDAV's `VERSION-CONTROL` has 15.
const METHOD_BYTES: usize = 24;

/// Reads a request line without its CRLF.
pub(super) fn parse(line: &[u8], limits: &HeadLimits) -> Result<RequestLine, Reason> {
    let space = memchr::memchr(b' ', line).ok_or(Reason::RequestLine)?;
    let (method, rest) = (&line[..space], &line[space + 1..]);
    let space = memchr::memrchr(b' ', rest).ok_or(Reason::RequestLine)?;
    let (target, version) = (&rest[..space], &rest[space + 1..]);
    check_method(method)?;
    let is_1_1 = check_version(version)?;
    if target.len() > limits.target_bytes {
        return Err(Reason::TargetTooLong);
    }
    if target.contains(&b' ') {
        return Err(Reason::RequestLine);
    }
    let authority = check_target(method, target)?;
    let at = method.len() + 1;
    let authority = authority.map(|range| range.start + at..range.end + at);
    Ok(RequestLine { is_1_1, authority })
}

pub(super) fn check_method(method: &[u8]) -> Result<(), Reason> {
    if !field::is_token(method) {
        return Err(Reason::Method);
    }
    let plain = method[0].is_ascii_uppercase()
        && method.iter().all(|b| b.is_ascii_uppercase() || matches!(b, b'-' | b'_'));
    // CONNECT asks for a tunnel, TRACE for an echo of headers; neither is a shop's business.
    if !plain || method.len() > METHOD_BYTES || matches!(method, b"CONNECT" | b"TRACE" | b"PRI") {
        return Err(if method == b"PRI" {
            Reason::VersionUnsupported
        } else {
            Reason::MethodUnsupported
        });
    }
    Ok(())
}

fn check_version(version: &[u8]) -> Result<bool, Reason> {
    match version {
        b"HTTP/1.1" => Ok(true),
        b"HTTP/1.0" => Ok(false),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Err(Reason::VersionUnsupported)
        }
        _ => Err(Reason::Version),
    }
}

/// Checks the target's form; the place of its authority when it is absolute.
fn check_target(method: &[u8], target: &[u8]) -> Result<Option<Range<usize>>, Reason> {
    match target {
        [b'/', ..] => check_path(target).map(|()| None),
        b"*" if method == b"OPTIONS" => Ok(None),
        _ => {
            let start = match target {
                [h, t1, t2, p, b':', b'/', b'/', ..] if is_http([*h, *t1, *t2, *p]) => 7,
                [h, t1, t2, p, b's' | b'S', b':', b'/', b'/', ..]
                    if is_http([*h, *t1, *t2, *p]) =>
                {
                    8
                }
                _ => return Err(Reason::Target),
            };
            let rest = &target[start..];
            let length = memchr::memchr2(b'/', b'?', rest).unwrap_or(rest.len());
            // hyper takes only `/` after an authority.
            if rest.get(length) == Some(&b'?') || !is_authority(&rest[..length]) {
                return Err(Reason::Target);
            }
            check_path(&rest[length..])?;
            Ok(Some(start..start + length))
        }
    }
}

fn is_http(scheme: [u8; 4]) -> bool {
    scheme.eq_ignore_ascii_case(b"http")
}

const PATH: u8 = 1;
const QUERY: u8 = 2;

/// What may stand in a path and in a query: hyper's own rule (http 1.5, `uri/path.rs`) without the
/// fragment, which it would drop silently. Bytes over 127 must be UTF-8; feed readers send them.
static TARGET: [u8; 256] = {
    let mut table = [PATH | QUERY; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            0..=b' ' | b'#' | b'<' | b'>' | 0x7f => 0,
            b'?' | b'`' => QUERY,
            b'"' => PATH,
            _ => PATH | QUERY,
        };
        byte += 1;
    }
    table
};

/// Checks a path with its query.
pub(super) fn check_path(target: &[u8]) -> Result<(), Reason> {
    let end = memchr::memchr(b'?', target).unwrap_or(target.len());
    let all = |bytes: &[u8], class: u8| {
        bytes.iter().fold(class, |common, b| common & TARGET[usize::from(*b)]) == class
    };
    let text = target.is_ascii() || std::str::from_utf8(target).is_ok();
    let sound = text && all(&target[..end], PATH) && all(&target[end..], QUERY);
    if sound { Ok(()) } else { Err(Reason::Target) }
}

/// A host with or without port, no userinfo: `name`, `1.2.3.4`, `[::1]`, each with `:443`.
pub(super) fn is_authority(text: &[u8]) -> bool {
    let (host, port) = match text {
        [b'[', rest @ ..] => {
            let Some(end) = memchr::memchr(b']', rest) else { return false };
            let (address, rest) = (&rest[..end], &rest[end + 1..]);
            let is_address = |b: &u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.');
            if address.len() < 2 || !address.iter().all(is_address) {
                return false;
            }
            match rest {
                [] => return true,
                [b':', port @ ..] => return is_port(port),
                _ => return false,
            }
        }
        _ => match memchr::memchr(b':', text) {
            Some(colon) => (&text[..colon], Some(&text[colon + 1..])),
            None => (text, None),
        },
    };
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    !host.is_empty() && host.iter().all(is_name) && port.is_none_or(is_port)
}

fn is_port(port: &[u8]) -> bool {
    (1..=5).contains(&port.len())
        && port.iter().all(u8::is_ascii_digit)
        && port.iter().fold(0_u32, |n, b| n * 10 + u32::from(b - b'0')) <= 65_535
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_is_no_text_is_refused() {
        assert!(matches!(parse(b"GET /\xe4 HTTP/1.1", &LIMITS), Err(Reason::Target)));
    }

    const LIMITS: HeadLimits = HeadLimits { head_bytes: 1000, target_bytes: 60, headers: 10 };

    #[test]
    fn request_lines_are_read_or_refused() {
        let check = |line: &str, expect: Result<Option<&str>, Reason>| {
            let found = parse(line.as_bytes(), &LIMITS).map(|r| r.authority.map(|a| &line[a]));
            assert_eq!(found, expect, "{line:?}");
        };
        check("GET / HTTP/1.1", Ok(None));
        check("VERSION-CONTROL /a?b=c|d HTTP/1.0", Ok(None));
        check("OPTIONS * HTTP/1.1", Ok(None));
        check("GET http://a.example/x HTTP/1.1", Ok(Some("a.example")));
        check("GET HTTPS://[::1]:8443 HTTP/1.1", Ok(Some("[::1]:8443")));
        check("GET  / HTTP/1.1", Err(Reason::RequestLine));
        check("GET /  HTTP/1.1", Err(Reason::RequestLine));
        check(" GET / HTTP/1.1", Err(Reason::Method));
        check("GET /\tHTTP/1.1", Err(Reason::RequestLine));
        check("GET / HTTP/1.1 ", Err(Reason::Version));
        check("GET /", Err(Reason::RequestLine));
        check("GET / HTTP/1.2", Err(Reason::VersionUnsupported));
        check("GET / HTTP/2.0", Err(Reason::VersionUnsupported));
        check("GET / http/1.1", Err(Reason::Version));
        check("GET / HTTP/1.10", Err(Reason::Version));
        check("PRI * HTTP/2.0", Err(Reason::VersionUnsupported));
        check("get / HTTP/1.1", Err(Reason::MethodUnsupported));
        check("CONNECT a:443 HTTP/1.1", Err(Reason::MethodUnsupported));
        check("-GET / HTTP/1.1", Err(Reason::MethodUnsupported));
        check("TRACE / HTTP/1.1", Err(Reason::MethodUnsupported));
        check("G(T / HTTP/1.1", Err(Reason::Method));
        check("GET * HTTP/1.1", Err(Reason::Target));
        check("GET a HTTP/1.1", Err(Reason::Target));
        check("GET /a#b HTTP/1.1", Err(Reason::Target));
        check("GET /\u{e4}?\u{e4} HTTP/1.1", Ok(None));
        check("GET /a<b HTTP/1.1", Err(Reason::Target));
        check("GET ftp://a/ HTTP/1.1", Err(Reason::Target));
        check("GET http:///x HTTP/1.1", Err(Reason::Target));
        check("GET http://u@a/ HTTP/1.1", Err(Reason::Target));
        check("GET http://a?b HTTP/1.1", Err(Reason::Target));
        check(&format!("GET /{} HTTP/1.1", "a".repeat(60)), Err(Reason::TargetTooLong));
    }

    #[test]
    fn authorities_are_told_from_others() {
        for good in ["a", "a.example", "a_b-c:1", "127.0.0.1:65535", "[::1]", "[fe80::1]:80", "a."]
        {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        for bad in ["", ":80", "a:", "a:b", "a:65536", "a:123456", "u@a", "[::1", "[]", "[::1]x"] {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
        for bad in ["a b", "a,b", "a/b", "a%41", "[::1]:", "a:80:80", "[g]"] {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
    }
}
