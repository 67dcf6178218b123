//! The head of an HTTP/2 request, which comes parsed: what the HTTP/2 layer lets through and
//! HTTP/1.1 towards the shop would not survive (RFC 9113 §8.3.1, §10.3).

use super::{Reason, field, request_line};
use http::{HeaderValue, header, request::Parts};
use kernel::snapshot::Limits;

/// Holds a head against the rules that heads of HTTP/1.1 are held against.
///
/// # Errors
/// Why it must not go on; nothing of it is to be used then.
pub(crate) fn check_stream_head(head: &Parts, limits: &Limits) -> Result<(), Reason> {
    let method = head.method.as_str().as_bytes();
    request_line::check_method(method)?;
    let target = head.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
    if target.len() > limits.target_bytes as usize {
        return Err(Reason::TargetTooLong);
    }
    match target.as_bytes() {
        [b'/', ..] => request_line::check_path(target.as_bytes())?,
        b"*" if method == b"OPTIONS" => {}
        _ => return Err(Reason::Target),
    }
    check_authority(head)?;
    check_fields(head, limits)
}

fn check_authority(head: &Parts) -> Result<(), Reason> {
    let mut hosts = head.headers.get_all(header::HOST).iter();
    let (host, second) = (hosts.next().map(HeaderValue::as_bytes), hosts.next());
    if second.is_some() {
        return Err(Reason::HostTwice);
    }
    let authority = head.uri.authority().map(|authority| authority.as_str().as_bytes());
    let named = authority.or(host).ok_or(Reason::HostMissing)?;
    if !request_line::is_authority(named) {
        return Err(Reason::Host);
    }
    let agree = host.is_none_or(|host| host.eq_ignore_ascii_case(named));
    if agree { Ok(()) } else { Err(Reason::HostMismatch) }
}

fn check_fields(head: &Parts, limits: &Limits) -> Result<(), Reason> {
    for name in head.headers.keys() {
        field::special(name.as_str().as_bytes())?;
    }
    let mut lengths = head.headers.get_all(header::CONTENT_LENGTH).iter();
    if let Some(length) = lengths.next() {
        field::length(length.as_bytes())?;
        if lengths.next().is_some() {
            return Err(Reason::ContentLengthTwice);
        }
    }
    // Cookies may come in crumbs, a field each (RFC 9113 §8.2.3).
    let crumbs = head.headers.get_all(header::COOKIE).iter().count();
    let fields = head.headers.len() - crumbs.saturating_sub(1);
    if fields > limits.headers as usize { Err(Reason::TooManyHeaders) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn check(uri: &str, fields: &[(&str, &str)], expect: Result<(), Reason>) {
        let request =
            fields.iter().fold(Request::get(uri), |r, (name, value)| r.header(*name, *value));
        let (head, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(check_stream_head(&head, &Limits::default()), expect, "{uri} {fields:?}");
    }

    #[test]
    fn heads_are_held_to_the_rules_of_http_1() {
        let good = "https://s/a?b=c";
        check(good, &[], Ok(()));
        check(good, &[("host", "S"), ("content-length", "5")], Ok(()));
        check("/a", &[("host", "s:443")], Ok(()));
        check("/a", &[], Err(Reason::HostMissing));
        check("https://u@s/a", &[], Err(Reason::Host));
        check("*", &[("host", "s")], Err(Reason::Target));
        check(good, &[("host", "t")], Err(Reason::HostMismatch));
        check(good, &[("host", "s"), ("host", "s")], Err(Reason::HostTwice));
        check(good, &[("content-length", "+5")], Err(Reason::ContentLength));
        let twice = [("content-length", "5"), ("content-length", "5")];
        check(good, &twice, Err(Reason::ContentLengthTwice));
        check(good, &[("content_length", "5")], Err(Reason::FieldName));
        check(&format!("https://s/{}", "a".repeat(9000)), &[], Err(Reason::TargetTooLong));
        check(good, &[("a", "b"); 101], Err(Reason::TooManyHeaders));
        check(good, &[("cookie", "a=b"); 101], Ok(()));
    }
}
