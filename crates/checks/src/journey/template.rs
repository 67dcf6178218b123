//! Text with gaps, `{variable}`, as scripts write it; a brace that is meant is written twice.

use super::Variables;
use crate::outcome::{Conclusion, Reason};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    Variable(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template {
    /// As the script has it: it may be shown where what is filled in may not.
    pub(super) written: String,
    parts: Vec<Part>,
}

impl Template {
    /// `None` of braces that name no variable.
    pub(super) fn parse(written: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = written;
        while let Some(at) = rest.find(['{', '}']) {
            text.push_str(&rest[..at]);
            let from = &rest[at..];
            if from.starts_with("{{") || from.starts_with("}}") {
                text.push_str(&from[..1]);
                rest = &from[2..];
                continue;
            }
            let (name, after) = from.strip_prefix('{')?.split_once('}')?;
            if !is_name(name) {
                return None;
            }
            parts.push(Part::Text(std::mem::take(&mut text)));
            parts.push(Part::Variable(name.to_owned()));
            rest = after;
        }
        text.push_str(rest);
        parts.push(Part::Text(text));
        Some(Self { written: written.to_owned(), parts })
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    pub(super) fn render(&self, values: &Variables) -> Result<String, Conclusion> {
        let mut whole = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => whole.push_str(text),
                Part::Variable(name) => whole.push_str(value(values, name)?),
            }
        }
        Ok(whole)
    }

    /// For an address: what cannot stand in one is encoded, what parts it stays, since links are captured whole.
    pub(super) fn render_for_address(&self, values: &Variables) -> Result<String, Conclusion> {
        let whole = self.render(values)?;
        let mut address = String::with_capacity(whole.len());
        for byte in whole.bytes() {
            match byte {
                b'"' | b'#' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => {
                    address.push_str(&format!("%{byte:02X}"));
                }
                0x21..=0x7e => address.push(char::from(byte)),
                _ => address.push_str(&format!("%{byte:02X}")),
            }
        }
        Ok(address)
    }
}

fn value<'a>(values: &'a Variables, name: &str) -> Result<&'a str, Conclusion> {
    let missing = || Conclusion::Unknown(Reason::new("variable_missing").with("variable", name));
    values.get(name).map(String::as_str).ok_or_else(missing)
}

/// Of variables: lower case, digits and `_`, a letter first.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// JSON whose texts have gaps; its keys have none.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Text(Template),
    Fixed(Value),
    List(Vec<Shape>),
    Map(Vec<(String, Shape)>),
}

impl Shape {
    /// # Errors
    /// The text whose braces name no variable.
    pub(super) fn parse(value: &Value) -> Result<Self, String> {
        Ok(match value {
            Value::String(text) => {
                Self::Text(Template::parse(text).ok_or_else(|| text.to_owned())?)
            }
            Value::Array(list) => {
                Self::List(list.iter().map(Self::parse).collect::<Result<_, _>>()?)
            }
            Value::Object(map) => {
                let fields = map.iter().map(|(key, value)| Ok((key.clone(), Self::parse(value)?)));
                Self::Map(fields.collect::<Result<_, String>>()?)
            }
            fixed => Self::Fixed(fixed.clone()),
        })
    }

    pub(super) fn variables(&self) -> Vec<&str> {
        match self {
            Self::Text(template) => template.variables().collect(),
            Self::Fixed(_) => Vec::new(),
            Self::List(list) => list.iter().flat_map(Self::variables).collect(),
            Self::Map(map) => map.iter().flat_map(|(_, shape)| shape.variables()).collect(),
        }
    }

    pub(super) fn render(&self, values: &Variables) -> Result<Value, Conclusion> {
        Ok(match self {
            Self::Text(template) => Value::String(template.render(values)?),
            Self::Fixed(value) => value.clone(),
            Self::List(list) => {
                let list = list.iter().map(|shape| shape.render(values));
                Value::Array(list.collect::<Result<_, _>>()?)
            }
            Self::Map(map) => {
                let fields =
                    map.iter().map(|(key, shape)| Ok((key.clone(), shape.render(values)?)));
                Value::Object(fields.collect::<Result<_, Conclusion>>()?)
            }
        })
    }
}

/// A form as browsers send it (url.spec.whatwg.org, application/x-www-form-urlencoded).
pub(super) fn form(fields: &[(String, String)]) -> String {
    let encoded = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    encoded.collect::<Vec<_>>().join("&")
}

fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                encoded.push(char::from(byte));
            }
            b' ' => encoded.push('+'),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_filled_and_double_braces_are_braces() {
        let values = Variables::from([("lamp".to_owned(), "Pilz & #1/ü".to_owned())]);
        let check = |written: &str, expect: Option<&str>| {
            let rendered = Template::parse(written).map(|parsed| parsed.render(&values).unwrap());
            assert_eq!(rendered.as_deref(), expect, "{written}");
        };
        check("a {lamp}!", Some("a Pilz & #1/ü!"));
        check("{{lamp}}", Some("{lamp}"));
        check("", Some(""));
        check("{lamp", None);
        check("lamp}", None);
        check("{Lamp}", None);
        check("{}", None);
        let path = Template::parse("/p/{lamp}?q=1").unwrap();
        assert_eq!(path.render_for_address(&values).unwrap(), "/p/Pilz%20&%20%231/%C3%BC?q=1");
        let missing = Template::parse("{other}").unwrap().render(&values);
        let Err(Conclusion::Unknown(reason)) = missing else { panic!("{missing:?}") };
        assert_eq!(reason.code, "variable_missing");
    }

    #[test]
    fn a_form_is_encoded_as_browsers_do_it() {
        let fields = [("a b".to_owned(), "x&y=ü*".to_owned()), ("e".to_owned(), String::new())];
        assert_eq!(form(&fields), "a+b=x%26y%3D%C3%BC*&e=");
    }

    #[test]
    fn no_text_makes_it_panic() {
        bolero::check!().with_type::<String>().for_each(|written| {
            if let Some(template) = Template::parse(written) {
                assert!(template.variables().all(is_name));
            }
        });
    }
}
