//! What an answer has to hold.

use crate::outcome::Reason;
use http::{HeaderMap, HeaderName};
use serde_json::Value;

/// What is told of a value that is another one.
const TOLD_CHARS: usize = 200;

/// One thing that must be so.
#[derive(Debug, Clone, PartialEq)]
pub enum Expectation {
    /// Somewhere in the body, byte for byte.
    BodyContains(String),
    BodyLacks(String),
    /// By pointer (RFC 6901): `""` is the whole, `/shop/open` a field.
    JsonEquals {
        pointer: String,
        value: Value,
    },
    /// One of those that are there by this name.
    HeaderEquals {
        name: HeaderName,
        value: String,
    },
}

impl Expectation {
    pub(crate) fn is_of_body(&self) -> bool {
        !matches!(self, Self::HeaderEquals { .. })
    }

    pub(crate) fn judge(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Reason> {
        match self {
            Self::BodyContains(text) if !contains(body, text) => {
                Err(Reason::new("body_lacks").with("text", text.as_str()))
            }
            Self::BodyLacks(text) if contains(body, text) => {
                Err(Reason::new("body_contains").with("text", text.as_str()))
            }
            Self::BodyContains(_) | Self::BodyLacks(_) => Ok(()),
            Self::JsonEquals { pointer, value } => json_equals(body, pointer, value),
            Self::HeaderEquals { name, value } => {
                let mut found = headers.get_all(name).iter().peekable();
                let first = found.peek().map(|first| String::from_utf8_lossy(first.as_bytes()));
                let first = first.map(std::borrow::Cow::into_owned);
                if found.any(|found| found.as_bytes() == value.as_bytes()) {
                    return Ok(());
                }
                let reason = Reason::new("header_differs").with("name", name.as_str());
                Err(differing(reason, value, first))
            }
        }
    }
}

fn json_equals(body: &[u8], pointer: &str, value: &Value) -> Result<(), Reason> {
    // serde_json goes no deeper than 128, and the body's length is bounded.
    let whole: Value = serde_json::from_slice(body).map_err(|_| Reason::new("body_no_json"))?;
    let found = whole.pointer(pointer);
    if found == Some(value) {
        return Ok(());
    }
    let reason = Reason::new("json_differs").with("pointer", pointer);
    Err(differing(reason, &value.to_string(), found.map(Value::to_string)))
}

/// Without `found`, there is none.
fn differing(reason: Reason, expected: &str, found: Option<String>) -> Reason {
    let reason = reason.with("expected", expected);
    match found {
        Some(found) => reason.with("found", found.chars().take(TOLD_CHARS).collect::<String>()),
        None => reason,
    }
}

fn contains(body: &[u8], text: &str) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn json(pointer: &str, value: Value) -> Expectation {
        Expectation::JsonEquals { pointer: pointer.to_owned(), value }
    }

    #[test]
    fn an_answer_holds_what_it_should_or_says_what_it_lacks() {
        let mut headers = HeaderMap::new();
        headers.append("x-shop", "a".parse().unwrap());
        headers.append("x-shop", "b".parse().unwrap());
        let check = |expectation: Expectation, body: &str, expect: Option<&str>| {
            let reason = expectation.judge(&headers, body.as_bytes()).err();
            assert_eq!(reason.map(|reason| reason.code), expect, "{expectation:?}");
        };
        let header = |name: &'static str, value: &str| Expectation::HeaderEquals {
            name: HeaderName::from_static(name),
            value: value.to_owned(),
        };
        check(Expectation::BodyContains("Lampe".into()), "eine Lampe", None);
        check(Expectation::BodyContains("Lampe".into()), "Lamp", Some("body_lacks"));
        check(Expectation::BodyContains(String::new()), "", None);
        check(Expectation::BodyLacks("Fatal error".into()), "fine", None);
        check(Expectation::BodyLacks("error".into()), "Fatal error", Some("body_contains"));
        check(json("/shop/open", json!(true)), r#"{"shop":{"open":true}}"#, None);
        check(json("/shop/open", json!(true)), r#"{"shop":{"open":"true"}}"#, Some("json_differs"));
        check(json("/none", json!(null)), "{}", Some("json_differs"));
        check(json("", json!([1])), "[1]", None);
        check(json("", json!([1])), "<html>", Some("body_no_json"));
        check(json("", json!([1])), &"[".repeat(100_000), Some("body_no_json"));
        check(header("x-shop", "b"), "", None);
        check(header("x-shop", "c"), "", Some("header_differs"));
        check(header("x-none", ""), "", Some("header_differs"));
    }

    #[test]
    fn no_body_makes_it_panic() {
        bolero::check!().with_type::<(String, Vec<u8>)>().for_each(|(text, body)| {
            let headers = HeaderMap::new();
            let has = Expectation::BodyContains(text.clone()).judge(&headers, body).is_ok();
            let lacks = Expectation::BodyLacks(text.clone()).judge(&headers, body).is_ok();
            assert_ne!(has, lacks);
            let _judged = json(text, Value::Null).judge(&headers, body).is_ok();
        });
    }
}
