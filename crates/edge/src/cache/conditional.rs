//! Conditional requests on what is kept (RFC 9110 §13): does the visitor have it already?

use http::{
    HeaderMap, HeaderValue,
    header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED},
};

/// Whether a `GET` or `HEAD` with the headers `asked` is answered 304, `kept` being the headers of
/// the kept response. What cannot be read never matches.
pub(super) fn not_modified(asked: &HeaderMap, kept: &HeaderMap) -> bool {
    if asked.contains_key(IF_NONE_MATCH) {
        let lines = asked.get_all(IF_NONE_MATCH);
        return match kept.get(ETAG) {
            Some(tag) => lines.iter().any(|line| names(line.as_bytes(), opaque(tag.as_bytes()))),
            None => lines.iter().any(|line| line.as_bytes().trim_ascii() == b"*"),
        };
    }
    match (asked.get(IF_MODIFIED_SINCE), kept.get(LAST_MODIFIED)) {
        (Some(since), Some(modified)) => not_after(modified, since),
        _ => false,
    }
}

/// The tag without its mark of weakness: comparison is weak.
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// Whether a list of entity tags, or `*`, names this one. Tags may have commas in them.
fn names(line: &[u8], tag: &[u8]) -> bool {
    let mut rest = line.trim_ascii();
    if rest == b"*" {
        return true;
    }
    while !rest.is_empty() {
        let start = opaque(rest);
        let Some(inner) = start.strip_prefix(b"\"") else { return false };
        let Some(len) = memchr::memchr(b'"', inner) else { return false };
        if &start[..len + 2] == tag {
            return true;
        }
        let after = inner[len + 1..].trim_ascii_start();
        rest = match after.strip_prefix(b",") {
            Some(more) => more.trim_ascii_start(),
            None => return false,
        };
    }
    false
}

fn not_after(modified: &HeaderValue, since: &HeaderValue) -> bool {
    let date = |value: &HeaderValue| httpdate::parse_http_date(value.to_str().ok()?).ok();
    modified == since || matches!((date(modified), date(since)), (Some(m), Some(s)) if m <= s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    fn map(lines: &[(HeaderName, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(HeaderName, &'static str)| {
            (name.clone(), HeaderValue::from_static(value))
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn tags_are_compared_weakly() {
        let check = |asked: &'static str, kept: &'static str, expect: bool| {
            let asked_map = map(&[(IF_NONE_MATCH, asked)]);
            let answer = not_modified(&asked_map, &map(&[(ETAG, kept)]));
            assert_eq!(answer, expect, "{asked} against {kept}");
        };
        check(r#""a""#, r#""a""#, true);
        check(r#"W/"a""#, r#""a""#, true);
        check(r#""a""#, r#"W/"a""#, true);
        check(r#""b", W/"a""#, r#""a""#, true);
        check(r#""b,"a"", "a""#, r#""a""#, false);
        check(r#""b,a", "a""#, r#""a""#, true);
        check("*", r#""a""#, true);
        check(r#""A""#, r#""a""#, false);
        check(r#""a"#, r#""a""#, false);
        check("a", r#""a""#, false);
        check("", r#""a""#, false);
        check(r#""""#, r#""""#, true);
        check(r#"w/"a""#, r#""a""#, false);
    }

    #[test]
    fn a_tag_goes_before_a_date() {
        const THEN: &str = "Thu, 01 Jan 2026 00:00:00 GMT";
        const LATER: &str = "Fri, 02 Jan 2026 00:00:00 GMT";
        let check = |asked: &[(HeaderName, &'static str)], expect: bool| {
            let kept = map(&[(ETAG, r#""a""#), (LAST_MODIFIED, THEN)]);
            assert_eq!(not_modified(&map(asked), &kept), expect, "{asked:?}");
        };
        check(&[], false);
        check(&[(IF_MODIFIED_SINCE, THEN)], true);
        check(&[(IF_MODIFIED_SINCE, LATER)], true);
        check(&[(IF_MODIFIED_SINCE, "Wed, 31 Dec 2025 23:59:59 GMT")], false);
        check(&[(IF_MODIFIED_SINCE, "yesterday")], false);
        check(&[(IF_MODIFIED_SINCE, THEN), (IF_NONE_MATCH, r#""b""#)], false);
        check(&[(IF_NONE_MATCH, r#""b""#), (IF_NONE_MATCH, r#""a""#)], true);
        assert!(!not_modified(&map(&[(IF_MODIFIED_SINCE, THEN)]), &HeaderMap::new()));
        assert!(!not_modified(&map(&[(IF_NONE_MATCH, r#""a""#)]), &HeaderMap::new()));
    }
}
