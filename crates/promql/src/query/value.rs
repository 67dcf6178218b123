//! What nodes of a query come to.

use super::{error::EvalError, labels::LabelSet, rolled::Rolled};
use promql_parser::parser::Expr;
use std::{collections::HashMap, sync::Arc};

/// Even steps. Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) start_ms: i64,
    pub(super) step_ms: i64,
    pub(super) steps: usize,
}

impl Grid {
    /// # Errors
    /// [`EvalError::TooManySteps`].
    pub(super) fn between(
        (start_ms, end_ms, step_ms): (i64, i64, i64),
        most: u64,
    ) -> Result<Self, EvalError> {
        let steps = end_ms.abs_diff(start_ms) / step_ms.unsigned_abs().max(1) + 1;
        match usize::try_from(steps).ok().filter(|_| steps <= most) {
            Some(steps) => Ok(Self { start_ms, step_ms, steps }),
            None => Err(EvalError::TooManySteps { steps, most }),
        }
    }

    pub(super) fn at(&self, step: usize) -> i64 {
        let passed = self.step_ms.saturating_mul(i64::try_from(step).unwrap_or(i64::MAX));
        self.start_ms.saturating_add(passed)
    }

    pub(super) fn end_ms(&self) -> i64 {
        self.at(self.steps - 1)
    }

    pub(super) fn times(&self) -> impl Iterator<Item = i64> + '_ {
        (0..self.steps).map(|step| self.at(step))
    }
}

/// A series over the steps; `None` where it has nothing.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) labels: LabelSet,
    /// Its name stands for another series by now, and goes at the end; `label_replace` may still look at it.
    pub(super) drops_name: bool,
    pub(super) values: Vec<Option<f64>>,
}

impl Row {
    pub(super) fn map(mut self, change: impl Fn(f64) -> f64) -> Self {
        self.values.iter_mut().flatten().for_each(|value| *value = change(*value));
        self.drops_name = true;
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.iter().all(Option::is_none)
    }
}

/// What a selector or subquery of a range has: samples by time.
#[derive(Debug)]
pub(super) struct Windows {
    pub(super) series: Vec<WindowSeries>,
    pub(super) frame: Frame,
}

/// The windows of a range, one for each step of the grid.
#[derive(Debug)]
pub(super) struct Frame {
    /// Begin, which does not belong to it, and end, which does. Unix milliseconds.
    pub(super) bounds: Vec<(i64, i64)>,
    /// What the window that was asked for is of those: 1 but for short ones over rollups.
    pub(super) shortened: f64,
}

#[derive(Debug)]
pub(super) struct WindowSeries {
    pub(super) labels: LabelSet,
    pub(super) drops_name: bool,
    pub(super) samples: Vec<(i64, f64)>,
    /// What the samples are the last values of.
    pub(super) rolled: Option<Rolled>,
}

#[derive(Debug)]
pub(super) enum Value {
    Scalar(Vec<f64>),
    Text(String),
    Vector(Vec<Row>),
}

/// A value at a time; Unix milliseconds.
pub type Point = (i64, f64);

/// A series of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultRow {
    /// Names and values, by name.
    pub labels: Arc<[(Arc<str>, Arc<str>)]>,
    /// Of an instant vector one.
    pub points: Vec<Point>,
}

/// What a query came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Scalar(Point),
    Text(String),
    /// In the order that the query asks for, else any.
    Vector(Vec<ResultRow>),
    Matrix(Vec<ResultRow>),
}

impl Answer {
    pub(super) fn of_windows(windows: Windows) -> Self {
        let (begin, end) = windows.frame.bounds[0];
        let rows = windows.series.into_iter().map(|series| {
            let inside = series.samples.into_iter().filter(|(at, _)| *at > begin && *at <= end);
            let points: Vec<_> = inside.collect();
            ResultRow { labels: series.labels.named(series.drops_name).into_pairs(), points }
        });
        Self::Matrix(rows.filter(|row| !row.points.is_empty()).collect())
    }
}

impl Value {
    pub(super) fn constant(value: f64, grid: &Grid) -> Self {
        Self::Scalar(vec![value; grid.steps])
    }

    pub(super) fn map(self, change: impl Fn(f64) -> f64) -> Self {
        match self {
            Self::Scalar(values) => Self::Scalar(values.into_iter().map(change).collect()),
            Self::Vector(rows) => {
                Self::Vector(rows.into_iter().map(|row| row.map(&change)).collect())
            }
            text @ Self::Text(_) => text,
        }
    }

    pub(super) fn answer_at(self, grid: &Grid) -> Result<Answer, EvalError> {
        let at = grid.start_ms;
        Ok(match self {
            Self::Scalar(values) => Answer::Scalar((at, values[0])),
            Self::Text(text) => Answer::Text(text),
            Self::Vector(rows) => Answer::Vector(named(rows, grid)?),
        })
    }

    pub(super) fn answer_over(self, grid: &Grid) -> Result<Answer, EvalError> {
        Ok(match self {
            Self::Scalar(values) => {
                let points = grid.times().zip(values).collect();
                Answer::Matrix(vec![ResultRow { labels: Arc::default(), points }])
            }
            Self::Text(_) => return Err(EvalError::Type { expected: "scalar or instant vector" }),
            Self::Vector(rows) => Answer::Matrix(named(rows, grid)?),
        })
    }
}

/// Labels, and values over the steps.
type Merged = (LabelSet, Vec<Option<f64>>);

/// With names gone where they stand for something else by now; series that are the same then are one, where they never meet.
fn named(rows: Vec<Row>, grid: &Grid) -> Result<Vec<ResultRow>, EvalError> {
    let mut known: HashMap<LabelSet, usize> = HashMap::new();
    let mut merged: Vec<Merged> = Vec::new();
    for row in rows.into_iter().filter(|row| !row.is_empty()) {
        let labels = row.labels.named(row.drops_name);
        match known.get(&labels) {
            None => {
                known.insert(labels.clone(), merged.len());
                merged.push((labels, row.values));
            }
            Some(at) => {
                for (own, other) in merged[*at].1.iter_mut().zip(row.values) {
                    match (&own, other) {
                        (Some(_), Some(_)) => return Err(EvalError::SameLabels),
                        (None, other) => *own = other,
                        (Some(_), None) => {}
                    }
                }
            }
        }
    }
    let row = |(labels, values): Merged| {
        let points = grid.times().zip(values).filter_map(|(at, value)| Some((at, value?)));
        ResultRow { labels: labels.into_pairs(), points: points.collect() }
    };
    Ok(merged.into_iter().map(row).collect())
}

/// Without the parentheses around it.
pub(super) fn unwrapped(mut expr: &Expr) -> &Expr {
    while let Expr::Paren(paren) = expr {
        expr = &paren.expr;
    }
    expr
}
