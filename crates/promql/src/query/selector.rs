//! A selector by itself, as questions about series have it.

use super::{
    check::{check, guard},
    error::QueryError,
    select::matchers,
};
use promql_parser::{
    parser::{self, Expr},
    util::parse_duration,
};
use series::Matcher;
use std::time::Duration;

/// Which series are meant: `up{shop="lamps"}`.
#[derive(Debug, Clone)]
pub struct Selector {
    matchers: Vec<Matcher>,
}

impl Selector {
    /// # Errors
    /// [`QueryError`], also when it is a query of another kind.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        guard(text)?;
        let syntax = |why: String| QueryError::Syntax { query: text.to_owned(), why };
        let expr = parser::parse(text).map_err(syntax)?;
        check(&expr)?;
        match expr {
            Expr::VectorSelector(selector)
                if selector.offset.is_none() && selector.at.is_none() =>
            {
                Ok(Self { matchers: matchers(&selector) })
            }
            _ => Err(syntax("a selector is wanted, without offset and @".to_owned())),
        }
    }

    #[must_use]
    pub fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }
}

/// A duration as PromQL writes it: `1h30m`. `None` of anything else.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    parse_duration(text).ok()
}
