//! What is taken from an answer for the steps after it.

use super::cookies::Cookies;
use http::{HeaderMap, HeaderName};
use regex::bytes::Regex;
use serde_json::Value;

/// Of one value: what is longer is none that a later request could send.
const LONGEST_BYTES: usize = 4096;

/// Where a value stands.
#[derive(Debug, Clone)]
pub(super) enum Capture {
    /// A text, a number or a truth value at a pointer (RFC 6901).
    Json(String),
    /// Its one group, the first time it matches.
    Regex(Regex),
    /// The value of the first `<input>` of that name.
    Field(String),
    Header(HeaderName),
    Cookie(String),
}

impl Capture {
    /// The kind, as scripts write it.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Json(_) => "json",
            Self::Regex(_) => "regex",
            Self::Field(_) => "field",
            Self::Header(_) => "header",
            Self::Cookie(_) => "cookie",
        }
    }

    pub(super) fn is_of_body(&self) -> bool {
        matches!(self, Self::Json(_) | Self::Regex(_) | Self::Field(_))
    }

    /// Whether what it takes is a token more often than not: such values are never shown.
    pub(super) fn is_secret(&self) -> bool {
        matches!(self, Self::Field(_) | Self::Header(_) | Self::Cookie(_))
    }

    pub(super) fn take(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        json: Option<&Value>,
        cookies: &Cookies,
    ) -> Option<String> {
        let found = match self {
            Self::Json(pointer) => scalar(json?.pointer(pointer)?),
            Self::Regex(regex) => {
                let group = regex.captures(body)?.get(1)?;
                Some(decode_entities(&String::from_utf8_lossy(group.as_bytes())))
            }
            Self::Field(name) => field(&String::from_utf8_lossy(body), name),
            Self::Header(name) => headers.get(name)?.to_str().ok().map(str::to_owned),
            Self::Cookie(name) => cookies.value(name).map(str::to_owned),
        };
        found.filter(|found| !found.is_empty() && found.len() <= LONGEST_BYTES)
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The value of the first input of that name.
fn field(page: &str, name: &str) -> Option<String> {
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let is_input = rest.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case("input"));
        if !is_input {
            continue;
        }
        let attributes = attributes(&rest[5..]);
        let of = |key: &str| attributes.iter().find(|(name, _)| name == key).map(|(_, told)| told);
        if of("name").is_some_and(|told| told == name) {
            return of("value").cloned();
        }
    }
    None
}

/// Of a tag, from behind its name to its end (html.spec.whatwg.org, 13.2.5, as far as well-formed tags need it).
fn attributes(tag: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = tag.trim_start_matches(is_between);
    while !rest.is_empty() && !rest.starts_with('>') {
        let end = rest.find(|c: char| c == '=' || c == '>' || is_between(c)).unwrap_or(rest.len());
        let name = rest[..end].to_ascii_lowercase();
        rest = rest[end..].trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            (value, rest) = match after.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    after[1..].split_once(quote).unwrap_or((&after[1..], ""))
                }
                _ => {
                    let end = after.find(|c: char| c == '>' || c.is_whitespace());
                    after.split_at(end.unwrap_or(after.len()))
                }
            };
        }
        found.push((name, decode_entities(value)));
        rest = rest.trim_start_matches(is_between);
    }
    found
}

fn is_between(c: char) -> bool {
    c.is_whitespace() || c == '/'
}

/// Those that escaping functions write (Django, PHP, the templates of JavaScript); others stay.
fn decode_entities(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let known = [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#x22;", "\""),
        ("&#39;", "'"),
        ("&#039;", "'"),
        ("&#x27;", "'"),
        ("&apos;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&#x3D;", "="),
        ("&#x2F;", "/"),
        ("&#43;", "+"),
        ("&#x2B;", "+"),
        // Last, so that nothing is decoded twice.
        ("&#38;", "&"),
        ("&#038;", "&"),
        ("&amp;", "&"),
    ];
    known.iter().fold(text.to_owned(), |text, (entity, meant)| text.replace(entity, meant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_however_its_tag_is_written() {
        let check = |page: &str, expect: Option<&str>| {
            assert_eq!(field(page, "csrf").as_deref(), expect, "{page}");
        };
        check(r#"<input type="hidden" name="csrf" value="a&amp;b">"#, Some("a&b"));
        check("<INPUT VALUE='x' NAME='csrf'/>", Some("x"));
        check("<input name=csrf value=x>", Some("x"));
        check("<input disabled\n name = \"csrf\" value = \"x\" />", Some("x"));
        check(r#"<input name="other" value="y"><input name="csrf" value="x">"#, Some("x"));
        check(r#"<input name="csrf-not" value="y">"#, None);
        check("<input name=\"csrf\">", None);
        check("<input name=\"csrf\" value=\"x", Some("x"));
        check("<inp", None);
        check("<input", None);
    }

    #[test]
    fn no_page_makes_it_panic() {
        bolero::check!().with_type::<String>().for_each(|page| {
            let tagged = format!("<input {page}");
            for page in [page.as_str(), tagged.as_str()] {
                if let Some(found) = field(page, "a") {
                    assert!(page.to_ascii_lowercase().contains("value"), "{found}");
                }
            }
        });
    }
}
