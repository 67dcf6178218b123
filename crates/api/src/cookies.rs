//! The cookie that holds a session's secret.

use axum::http::{
    HeaderMap, HeaderName,
    header::{COOKIE, ORIGIN},
};

pub(crate) const SESSION_COOKIE: &str = "storewarden_session";
/// Where the browser came by TLS: one that no other host and no plain page can set (RFC 6265bis,
/// section 4.1.3.2).
const HOST_COOKIE: &str = "__Host-storewarden_session";

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// How long a browser stays signed in.
pub(crate) const SESSION_MS: i64 = 12 * 60 * 60 * 1000;

/// The cookie of a new session.
pub(crate) fn set(secret: &str, headers: &HeaderMap) -> String {
    let seconds = SESSION_MS / 1000;
    let rest = format!("Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict");
    match came_by_tls(headers) {
        true => format!("{HOST_COOKIE}={secret}; {rest}; Secure"),
        false => format!("{SESSION_COOKIE}={secret}; {rest}"),
    }
}

/// Cookies that take both away.
pub(crate) fn gone() -> [String; 2] {
    let rest = "Path=/; Max-Age=0; HttpOnly; SameSite=Strict";
    [format!("{SESSION_COOKIE}=; {rest}"), format!("{HOST_COOKIE}=; {rest}; Secure")]
}

/// Whether the browser speaks TLS, to us or to a proxy before us. Whoever lies gets a cookie that
/// their own browser may not send back.
pub(crate) fn came_by_tls(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    text(ORIGIN).is_some_and(|origin| origin.starts_with("https://"))
        || text(FORWARDED_PROTO).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
}

/// The values of every session cookie, the safer ones first: another program on this machine may
/// have set one of the same name, for cookies do not know ports.
pub(crate) fn secrets(headers: &HeaderMap) -> Vec<&str> {
    let all = |name: &'static str| {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        cookies.flat_map(|cookies| cookies.split(';')).filter_map(move |cookie| {
            let (found, value) = cookie.trim().split_once('=')?;
            (found == name).then_some(value)
        })
    };
    all(HOST_COOKIE).chain(all(SESSION_COOKIE)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_cookie_is_as_safe_as_the_way_it_came() {
        let check = |name: &'static str, value: &'static str, expect: bool| {
            let headers = HeaderMap::from_iter([(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )]);
            let cookie = set("S", &headers);
            assert_eq!(cookie.starts_with("__Host-storewarden_session=S; "), expect, "{cookie}");
            assert_eq!(cookie.ends_with("; Secure"), expect, "{cookie}");
            assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
        };
        check("origin", "http://127.0.0.1:8470", false);
        check("origin", "https://warden.example", true);
        check("x-forwarded-proto", "https", true);
        check("x-forwarded-proto", "http", false);
    }

    #[test]
    fn the_safer_cookie_is_looked_at_first() {
        let cookies = "a=1; storewarden_session=old; __Host-storewarden_session=new";
        let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(cookies))]);
        assert_eq!(secrets(&headers), ["new", "old"]);
    }
}
