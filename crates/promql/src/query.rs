//! PromQL over the metrics store: a query is parsed and checked once, and evaluated at a moment or at even steps of a range.
//!
//! Each node of a query is evaluated for all steps at once. A series is read once, whatever the number of steps, and windows slide over it.

mod aggregate;
mod binary;
mod calls;
mod check;
mod error;
mod histogram;
mod labels;
mod over_time;
mod rolled;
mod select;
mod selector;
mod source;
mod times;
mod value;

pub use error::{EvalError, QueryError};
pub use selector::{Selector, duration};
pub use source::Source;
pub use value::{Answer, Point, ResultRow};

use check::{check, guard};
use promql_parser::parser::{self, Expr};
use value::{Grid, Row, Value};

/// How far an instant selector looks back, in milliseconds, as in Prometheus.
pub const LOOKBACK_MS: i64 = 300_000;

/// What one evaluation may take.
#[derive(Debug, Clone, Copy)]
pub struct QueryLimits {
    /// Samples that are read, and values that are made of them at the steps: all series and subqueries together.
    pub samples: u64,
    /// Series that one selector finds.
    pub series: u64,
    /// Steps of a range, and of a subquery within it.
    pub steps: u64,
    pub subquery_steps: u64,
    /// The step of a subquery that names none, in milliseconds.
    pub subquery_step_ms: i64,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self {
            samples: 20_000_000,
            series: 200_000,
            steps: 11_000,
            subquery_steps: 100_000,
            subquery_step_ms: 60_000,
        }
    }
}

/// A query that is understood.
#[derive(Debug, Clone)]
pub struct Query {
    text: String,
    expr: Expr,
}

impl Query {
    /// # Errors
    /// [`QueryError`] says what is not understood, or which part is experimental in Prometheus and not here.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        guard(text)?;
        let expr = parser::parse(text)
            .map_err(|why| QueryError::Syntax { query: text.to_owned(), why })?;
        check(&expr)?;
        Ok(Self { text: text.to_owned(), expr })
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it comes to at a moment. Unix milliseconds.
    ///
    /// # Errors
    /// [`EvalError`].
    pub fn instant(
        &self,
        source: &Source<'_>,
        at_ms: i64,
        limits: &QueryLimits,
    ) -> Result<Answer, EvalError> {
        let grid = Grid { start_ms: at_ms, step_ms: 1, steps: 1 };
        let mut evaluation = Evaluation::new(source, &grid, limits);
        match value::unwrapped(&self.expr) {
            Expr::StringLiteral(literal) => Ok(Answer::Text(literal.val.clone())),
            Expr::MatrixSelector(selector) => {
                evaluation.matrix(selector, &grid).map(Answer::of_windows)
            }
            Expr::Subquery(subquery) => {
                evaluation.subquery(subquery, &grid).map(Answer::of_windows)
            }
            expr => Ok(evaluation.value(expr, &grid)?.answer_at(&grid)?),
        }
    }

    /// What it comes to at even steps, the end included where it is one.
    ///
    /// # Errors
    /// [`EvalError`]; a query for a range vector or a text has no range.
    pub fn range(
        &self,
        source: &Source<'_>,
        (start_ms, end_ms, step_ms): (i64, i64, i64),
        limits: &QueryLimits,
    ) -> Result<Answer, EvalError> {
        if step_ms <= 0 || end_ms < start_ms {
            return Err(EvalError::Range { start_ms, end_ms, step_ms });
        }
        let grid = Grid::between((start_ms, end_ms, step_ms), limits.steps)?;
        Evaluation::new(source, &grid, limits).value(&self.expr, &grid)?.answer_over(&grid)
    }
}

/// One evaluation of a query.
struct Evaluation<'a> {
    source: &'a Source<'a>,
    /// Of the whole query, for `@ start()` and `@ end()`.
    outer: Grid,
    limits: &'a QueryLimits,
    read: u64,
}

impl<'a> Evaluation<'a> {
    fn new(source: &'a Source<'a>, grid: &Grid, limits: &'a QueryLimits) -> Self {
        Self { source, outer: *grid, limits, read: 0 }
    }

    fn count(&mut self, samples: usize) -> Result<(), EvalError> {
        self.read += samples as u64;
        let most = self.limits.samples;
        if self.read > most {
            return Err(EvalError::TooManySamples { most });
        }
        if self.source.is_stopped() { Err(EvalError::Stopped) } else { Ok(()) }
    }

    fn value(&mut self, expr: &Expr, grid: &Grid) -> Result<Value, EvalError> {
        match expr {
            Expr::NumberLiteral(literal) => Ok(Value::constant(literal.val, grid)),
            Expr::StringLiteral(literal) => Ok(Value::Text(literal.val.clone())),
            Expr::Paren(paren) => self.value(&paren.expr, grid),
            Expr::Unary(unary) => Ok(self.value(&unary.expr, grid)?.map(|value| -value)),
            Expr::VectorSelector(selector) => self.instants(selector, grid).map(Value::Vector),
            Expr::Binary(binary) => self.binary(binary, grid),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, grid),
            Expr::Call(call) => self.call(call, grid),
            Expr::MatrixSelector(_) | Expr::Subquery(_) => Err(EvalError::RangeVector),
            Expr::Extension(_) => unreachable!("the parser makes none"),
        }
    }

    fn vector(&mut self, expr: &Expr, grid: &Grid) -> Result<Vec<Row>, EvalError> {
        match self.value(expr, grid)? {
            Value::Vector(rows) => Ok(rows),
            _ => Err(EvalError::Type { expected: "instant vector" }),
        }
    }

    fn scalar(&mut self, expr: &Expr, grid: &Grid) -> Result<Vec<f64>, EvalError> {
        match self.value(expr, grid)? {
            Value::Scalar(values) => Ok(values),
            _ => Err(EvalError::Type { expected: "scalar" }),
        }
    }

    fn text(&mut self, expr: &Expr, grid: &Grid) -> Result<String, EvalError> {
        match self.value(expr, grid)? {
            Value::Text(text) => Ok(text),
            _ => Err(EvalError::Type { expected: "string" }),
        }
    }
}
