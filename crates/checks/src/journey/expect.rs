//! What the answer to a step has to hold.

use super::{
    Variables,
    template::{Shape, Template},
};
use crate::outcome::{Conclusion, Reason};
use serde_json::Value;

/// What is told of a value that is another one.
const TOLD_CHARS: usize = 200;

#[derive(Debug, Clone, Default)]
pub(super) struct Expect {
    /// Any of these; empty: 200 to 299.
    pub(super) status: Vec<u16>,
    /// Where redirects have to lead: how the path begins.
    pub(super) path: Option<Template>,
    pub(super) contains: Vec<Template>,
    pub(super) lacks: Vec<Template>,
    pub(super) json: Vec<JsonExpect>,
}

#[derive(Debug, Clone)]
pub(super) struct JsonExpect {
    pub(super) pointer: String,
    pub(super) wanted: Wanted,
}

#[derive(Debug, Clone)]
pub(super) enum Wanted {
    Equals(Shape),
    /// Null is nothing.
    Exists(bool),
}

/// What a step got.
pub(super) struct Got<'a> {
    pub(super) status: u16,
    /// With the query.
    pub(super) path: &'a str,
    pub(super) body: &'a [u8],
    /// `None`: the body is no JSON.
    pub(super) json: Option<&'a Value>,
}

impl Expect {
    pub(super) fn is_of_body(&self) -> bool {
        !(self.contains.is_empty() && self.lacks.is_empty() && self.json.is_empty())
    }

    pub(super) fn variables(&self) -> Vec<&str> {
        let texts = self.path.iter().chain(&self.contains).chain(&self.lacks);
        let mut variables: Vec<&str> = texts.flat_map(Template::variables).collect();
        for json in &self.json {
            if let Wanted::Equals(shape) = &json.wanted {
                variables.extend(shape.variables());
            }
        }
        variables
    }

    pub(super) fn judge(&self, got: &Got<'_>, values: &Variables) -> Result<(), Conclusion> {
        let is_expected = match self.status.as_slice() {
            [] => (200..300).contains(&got.status),
            any => any.contains(&got.status),
        };
        if !is_expected {
            return fail(Reason::new("status_differs").with("status", u64::from(got.status)));
        }
        if let Some(path) = &self.path
            && !got.path.starts_with(&path.render_for_address(values)?)
        {
            let found = got.path.split('?').next().unwrap_or_default();
            let reason = Reason::new("arrived_elsewhere").with("expected", path.written.as_str());
            return fail(reason.with("found", told(found)));
        }
        for text in &self.contains {
            if !contains(got.body, &text.render(values)?) {
                return fail(Reason::new("body_lacks").with("text", text.written.as_str()));
            }
        }
        for text in &self.lacks {
            if contains(got.body, &text.render(values)?) {
                return fail(Reason::new("body_contains").with("text", text.written.as_str()));
            }
        }
        self.json.iter().try_for_each(|json| json.judge(got.json, values))
    }
}

impl JsonExpect {
    fn judge(&self, json: Option<&Value>, values: &Variables) -> Result<(), Conclusion> {
        let Some(json) = json else { return fail(Reason::new("body_no_json")) };
        let found = json.pointer(&self.pointer);
        let differs = |expected: String| {
            let reason = Reason::new("json_differs").with("pointer", self.pointer.as_str());
            let reason = reason.with("expected", told(&expected));
            fail(match found {
                Some(found) => reason.with("found", told(&found.to_string())),
                None => reason,
            })
        };
        match &self.wanted {
            Wanted::Equals(shape) => {
                let expected = shape.render(values)?;
                if found == Some(&expected) { Ok(()) } else { differs(expected.to_string()) }
            }
            Wanted::Exists(wanted) => {
                let exists = found.is_some_and(|found| !found.is_null());
                let expected = if *wanted { "something" } else { "nothing" };
                if exists == *wanted { Ok(()) } else { differs(expected.to_owned()) }
            }
        }
    }
}

/// What a GraphQL server says when it could not do what it was asked: it answers 200 all the same (spec.graphql.org, 7.1.2).
pub(super) fn graphql_errors(json: Option<&Value>) -> Result<(), Conclusion> {
    let Some(json) = json else { return fail(Reason::new("body_no_json")) };
    let errors = json.get("errors").and_then(Value::as_array);
    let Some(first) = errors.and_then(|errors| errors.first()) else { return Ok(()) };
    let said = first.get("message").and_then(Value::as_str).unwrap_or_default();
    fail(Reason::new("graphql_errors").with("said", told(said)))
}

fn fail(reason: Reason) -> Result<(), Conclusion> {
    Err(Conclusion::Failed(reason))
}

fn told(text: &str) -> String {
    text.chars().take(TOLD_CHARS).collect()
}

fn contains(body: &[u8], text: &str) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text.as_bytes())
}
