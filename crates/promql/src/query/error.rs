//! What a query cannot be.

/// A query that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    #[error("`{query}` is no query: {why}")]
    Syntax { query: String, why: String },
    #[error(
        "a query of {bytes} bytes and {parts} operators and brackets is longer than 16384 and 500"
    )]
    TooLong { bytes: usize, parts: usize },
    #[error("a duration of more than 1000 years")]
    TooFar,
    #[error("`{what}` is experimental in Prometheus and not supported here")]
    Experimental { what: String },
}

/// A query that cannot be evaluated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvalError {
    #[error("a range from {start_ms} to {end_ms} by {step_ms} ms is none")]
    Range { start_ms: i64, end_ms: i64, step_ms: i64 },
    #[error("{steps} steps are more than {most}: take a longer step or a shorter range")]
    TooManySteps { steps: u64, most: u64 },
    #[error(
        "it takes more than {most} samples and steps of series: name fewer series, a shorter range or a longer step"
    )]
    TooManySamples { most: u64 },
    #[error("a selector finds more than {most} series: name fewer")]
    TooManySeries { most: u64 },
    #[error(
        "a range vector stands where it cannot be evaluated by itself: give it to a function such as rate()"
    )]
    RangeVector,
    #[error("expected {expected}")]
    Type { expected: &'static str },
    #[error("vector cannot contain metrics with the same labelset")]
    SameLabels,
    #[error(
        "found duplicate series for the match group {group} on the {side} hand-side of the operation; many-to-many matching not allowed: matching labels must be unique on one side"
    )]
    ManyToMany { group: String, side: &'static str },
    #[error("multiple matches for labels: {what}")]
    Matches { what: &'static str },
    #[error("{what}: invalid label name {name:?}")]
    LabelName { what: &'static str, name: String },
    #[error("invalid regular expression in label_replace(): {0}")]
    Regex(String),
    #[error("{0}")]
    Refused(String),
    #[error(
        "it was not done in time, and stopped: name fewer series, a shorter range or a longer step"
    )]
    Stopped,
    #[error(transparent)]
    Store(std::sync::Arc<StoreFault>),
}

/// What the store could not read.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StoreFault(#[from] pub series::SeriesError);

impl PartialEq for StoreFault {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_string() == other.0.to_string()
    }
}

impl From<series::SeriesError> for EvalError {
    fn from(error: series::SeriesError) -> Self {
        Self::Store(std::sync::Arc::new(StoreFault(error)))
    }
}
