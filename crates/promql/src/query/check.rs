//! What Prometheus calls experimental is refused by its name, before anything is read.

use super::{error::QueryError, select::millis};
use promql_parser::parser::{
    BinModifier, Expr, Offset, VectorSelector,
    token::{T_LIMIT_RATIO, T_LIMITK},
};

/// The parser takes time by the square of a query's length, and stack by its depth.
const MOST_BYTES: usize = 16 << 10;
const MOST_PARTS: usize = 500;
/// Longer durations are none that anybody has data for: 1,000 years.
const MOST_MS: i64 = 1_000 * 365 * 86_400_000;

/// Before a text is parsed.
///
/// # Errors
/// [`QueryError::TooLong`]; [`QueryError::Syntax`] for an escape of a byte that is no text by itself.
pub(super) fn guard(text: &str) -> Result<(), QueryError> {
    let is_byte = |at: usize| text.get(at + 2..at + 3).is_some_and(|digit| digit >= "8");
    if let Some((at, _)) = text.match_indices("\\x").find(|(at, _)| is_byte(*at)) {
        let why = format!("the escape at byte {at} is no UTF-8");
        return Err(QueryError::Syntax { query: text.to_owned(), why });
    }
    let (mut parts, mut quote, mut is_escaped) = (0, None, false);
    for c in text.chars() {
        match quote {
            Some(_) if is_escaped => is_escaped = false,
            Some(open) if c == open => quote = None,
            Some(open) => is_escaped = c == '\\' && open != '`',
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            None => parts += usize::from("([{+-*/%^=<>!@".contains(c)),
        }
    }
    match text.len() > MOST_BYTES || parts > MOST_PARTS {
        true => Err(QueryError::TooLong { bytes: text.len(), parts }),
        false => Ok(()),
    }
}

fn selector(selector: &VectorSelector) -> Result<(), QueryError> {
    if !selector.matchers.or_matchers.is_empty() {
        return Err(QueryError::Experimental { what: "or between matchers".to_owned() });
    }
    offset(selector.offset.as_ref())
}

fn offset(offset: Option<&Offset>) -> Result<(), QueryError> {
    match offset {
        Some(Offset::Pos(by) | Offset::Neg(by)) => duration(*by),
        None => Ok(()),
    }
}

fn duration(duration: std::time::Duration) -> Result<(), QueryError> {
    if millis(duration) > MOST_MS { Err(QueryError::TooFar) } else { Ok(()) }
}

pub(super) fn check(expr: &Expr) -> Result<(), QueryError> {
    let refused = |what: &str| Err(QueryError::Experimental { what: what.to_owned() });
    match expr {
        Expr::Aggregate(aggregate) => {
            if matches!(aggregate.op.id(), T_LIMITK | T_LIMIT_RATIO) {
                return refused(&aggregate.op.to_string());
            }
            aggregate.param.iter().try_for_each(|param| check(param))?;
            check(&aggregate.expr)
        }
        Expr::Binary(binary) => {
            let fills = |modifier: &BinModifier| {
                modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some()
            };
            if binary.modifier.as_ref().is_some_and(fills) {
                return refused("fill");
            }
            check(&binary.lhs)?;
            check(&binary.rhs)
        }
        Expr::Call(call) => {
            if call.func.experimental {
                return refused(&format!("{}()", call.func.name));
            }
            call.args.args.iter().try_for_each(|arg| check(arg))
        }
        Expr::Unary(unary) => check(&unary.expr),
        Expr::Paren(paren) => check(&paren.expr),
        Expr::Subquery(subquery) => {
            duration(subquery.range)?;
            offset(subquery.offset.as_ref())?;
            check(&subquery.expr)
        }
        Expr::VectorSelector(one) => selector(one),
        Expr::MatrixSelector(range) => {
            duration(range.range)?;
            selector(&range.vs)
        }
        _ => Ok(()),
    }
}
