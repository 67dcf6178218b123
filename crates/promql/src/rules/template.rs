//! Texts of rules with `{{ … }}` in them: the part of Go's templates that rules are written in.
//!
//! A value, a label, texts and numbers, through functions by call and by `|`. Blocks (`if`, `range`, `with`) and queries within a text are
//! refused by name when the file is read, so that no alert fails because of its words.

mod expression;
mod number;

use expression::Expression;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A text that is understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    Expression(Expression),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("`{{{{` without `}}}}`")]
    Open,
    #[error(
        "`{{{{ {0} }}}}` is not understood: $value, $labels.NAME, texts in quotes, numbers and functions are"
    )]
    Syntax(String),
    #[error(
        "`{0}` is not supported in texts of rules; $value, $labels.NAME and functions of them are"
    )]
    Unsupported(String),
    #[error("`{function}` takes {wanted}")]
    Arguments { function: &'static str, wanted: &'static str },
    #[error("printf does not know `%{0}` here: %v, %s, %d, %f, %e, %g and %% it does")]
    Verb(String),
}

/// What a text is filled with.
#[derive(Debug)]
pub(super) struct Filling<'a> {
    /// Without the name of the series.
    pub(super) labels: &'a BTreeMap<String, String>,
    pub(super) value: f64,
}

impl Template {
    /// # Errors
    /// [`TemplateError`] names what is not understood or not supported.
    pub fn read(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let (mut rest, mut trims) = (text, false);
        while let Some((before, inside)) = rest.split_once("{{") {
            let end = expression::end(inside).ok_or(TemplateError::Open)?;
            let (inside, after) = (&inside[..end], &inside[end + 2..]);
            let before = if trims { before.trim_start() } else { before };
            let (before, inside) = match inside.strip_prefix("- ") {
                Some(inside) => (before.trim_end(), inside),
                None => (before, inside),
            };
            push_text(&mut parts, before);
            let kept = inside.strip_suffix(" -");
            let inside = kept.unwrap_or(inside).trim();
            let is_comment = inside.starts_with("/*") && inside.ends_with("*/");
            if !is_comment {
                parts.push(Part::Expression(Expression::read(inside)?));
            }
            (rest, trims) = (after, kept.is_some());
        }
        push_text(&mut parts, if trims { rest.trim_start() } else { rest });
        Ok(Self { parts })
    }

    /// Whether nothing has to be filled in.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_)))
    }

    pub(super) fn fill(&self, filling: &Filling<'_>) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text += part,
                Part::Expression(expression) => {
                    write!(text, "{}", expression.value(filling))
                        .expect("invariant: a string takes all");
                }
            }
        }
        text
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}
