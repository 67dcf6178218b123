//! Which series are meant.

use std::{fmt, sync::Arc};

/// A condition on one label. A series without the label has the empty value, as in Prometheus.
#[derive(Debug, Clone)]
pub struct Matcher {
    pub label: String,
    pub test: Test,
}

/// What a value must be.
#[derive(Clone)]
pub enum Test {
    Is(String),
    IsNot(String),
    OneOf(Vec<String>),
    /// Anything else, such as a regular expression; called once for each value of the label, the empty one included.
    Passes(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

impl Matcher {
    /// Series whose label has just this value; with an empty one, those without the label.
    #[must_use]
    pub fn is(label: &str, value: &str) -> Self {
        Self { label: label.to_owned(), test: Test::Is(value.to_owned()) }
    }

    /// Series whose label has another value or none.
    #[must_use]
    pub fn is_not(label: &str, value: &str) -> Self {
        Self { label: label.to_owned(), test: Test::IsNot(value.to_owned()) }
    }

    /// Series of this metric.
    #[must_use]
    pub fn metric(name: &str) -> Self {
        Self::is(crate::labels::METRIC, name)
    }
}

impl Test {
    pub(crate) fn passes(&self, value: &str) -> bool {
        match self {
            Self::Is(wanted) => value == wanted,
            Self::IsNot(unwanted) => value != unwanted,
            Self::OneOf(wanted) => wanted.iter().any(|wanted| wanted == value),
            Self::Passes(test) => test(value),
        }
    }
}

impl fmt::Debug for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(value) => write!(f, "Is({value:?})"),
            Self::IsNot(value) => write!(f, "IsNot({value:?})"),
            Self::OneOf(values) => write!(f, "OneOf({values:?})"),
            Self::Passes(_) => f.write_str("Passes(…)"),
        }
    }
}
