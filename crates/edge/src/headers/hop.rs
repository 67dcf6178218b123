//! Fields that concern one connection only (RFC 9110 §7.6.1).

use http::{HeaderMap, HeaderName, HeaderValue, header::CONNECTION};

/// Whether a field concerns one connection whatever `Connection` says. Trailers are not passed on,
/// so neither are their names.
pub(super) fn is_always(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "http2-settings"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// The options of all `Connection` lines.
pub(super) fn options(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(CONNECTION).iter().map(HeaderValue::as_bytes);
    lines.flat_map(|line| line.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
}

/// The fields that `Connection` names. Empty, and without an allocation, for the ordinary
/// `keep-alive` and `close`.
///
/// Without `Host`, `Content-Length` and `Cookie` a message means something else: they are not among
/// them, whoever names them.
pub(super) fn named(headers: &HeaderMap) -> Vec<HeaderName> {
    options(headers)
        .filter(|option| {
            !option.eq_ignore_ascii_case(b"keep-alive") && !option.eq_ignore_ascii_case(b"close")
        })
        .filter_map(|option| HeaderName::from_bytes(option).ok())
        .filter(|name| !matches!(name.as_str(), "host" | "content-length" | "cookie"))
        .collect()
}

/// Removes `Connection`, the fields it names, and those that are always of one connection.
pub(super) fn remove(headers: &mut HeaderMap) {
    let mut gone = named(headers);
    gone.extend(headers.keys().filter(|name| is_always(name.as_str())).cloned());
    for name in gone {
        headers.remove(name);
    }
}
