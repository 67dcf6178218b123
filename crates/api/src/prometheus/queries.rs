//! Queries at a moment and over a range.

use super::{answer, answer::Refused, params::Params, scope};
use crate::{ApiState, caller::Caller, error::ErrorBody, guard::now_ms};
use ::series::Resolution;
use axum::{extract::State, response::Response};
use promql::query::{Answer, EvalError, Query, QueryLimits, Source};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How long a question may take, waiting included, and how long when it does not say.
const LONGEST_MS: i64 = 120_000;
const USUAL_MS: i64 = 30_000;
/// Samples that one may read. They are in memory at the same time, 16 bytes each.
const MOST_SAMPLES: u64 = 10_000_000;

/// What to read: at a moment, or at steps.
#[derive(Debug, Clone, Copy)]
enum Times {
    At(i64),
    Range(i64, i64, i64),
}

/// What a query of PromQL comes to at a moment, as Prometheus answers.
#[utoipa::path(
    method(get, post), path = "/prometheus/api/v1/query", tag = "metrics",
    params(
        ("query" = String, Query, description = "PromQL"),
        ("time" = Option<String>, Query, description = "Seconds since 1970 or RFC 3339; now when left out"),
        ("timeout" = Option<String>, Query, description = "30 s when left out, 2 minutes at most"),
        ("limit" = Option<u32>, Query, description = "So many series at most; 0 is all"),
    ),
    responses(
        (status = 200, description = "`{status, data: {resultType, result}, warnings, infos}`"),
        (status = 400, description = "It is no query"),
        (status = 401, body = ErrorBody),
        (status = 422, description = "It cannot be evaluated"),
        (status = 503, description = "It took too long, or the store cannot be read now"),
    )
)]
pub(crate) async fn query(
    State(state): State<ApiState>,
    caller: Caller,
    params: Params,
) -> Result<Response, Refused> {
    let at_ms = params.time("time")?.unwrap_or_else(now_ms);
    evaluate(&state, &caller, &params, Times::At(at_ms)).await
}

/// What a query of PromQL comes to over a range, as Prometheus answers. Where samples are not kept any more, it is made of means, extremes
/// and last values of a minute or ten, and says so.
#[utoipa::path(
    method(get, post), path = "/prometheus/api/v1/query_range", tag = "metrics",
    params(
        ("query" = String, Query, description = "PromQL"),
        ("start" = String, Query, description = "Seconds since 1970 or RFC 3339"),
        ("end" = String, Query, description = "Seconds since 1970 or RFC 3339"),
        ("step" = String, Query, description = "Seconds, or such as `1m`"),
        ("timeout" = Option<String>, Query, description = "30 s when left out, 2 minutes at most"),
        ("limit" = Option<u32>, Query, description = "So many series at most; 0 is all"),
    ),
    responses(
        (status = 200, description = "`{status, data: {resultType, result}, warnings, infos}`"),
        (status = 400, description = "It is no query, or no range"),
        (status = 401, body = ErrorBody),
        (status = 422, description = "It cannot be evaluated"),
        (status = 503, description = "It took too long, or the store cannot be read now"),
    )
)]
pub(crate) async fn query_range(
    State(state): State<ApiState>,
    caller: Caller,
    params: Params,
) -> Result<Response, Refused> {
    let missing = |name: &str| Refused::bad_data(format!("the parameter \"{name}\" is missing"));
    let start_ms = params.time("start")?.ok_or_else(|| missing("start"))?;
    let end_ms = params.time("end")?.ok_or_else(|| missing("end"))?;
    let step_ms = params.span("step")?.ok_or_else(|| missing("step"))?;
    evaluate(&state, &caller, &params, Times::Range(start_ms, end_ms, step_ms)).await
}

async fn evaluate(
    state: &ApiState,
    caller: &Caller,
    params: &Params,
    times: Times,
) -> Result<Response, Refused> {
    let query = Query::parse(params.must("query")?);
    let query = query.map_err(|error| Refused::bad_data(error.to_string()))?;
    let (limit, scope) = (params.limit()?, scope(state, caller));
    let patience_ms = params.span("timeout")?.unwrap_or(USUAL_MS).clamp(1, LONGEST_MS);
    let until = Instant::now() + Duration::from_millis(patience_ms.unsigned_abs());
    let waited = Waited::default();
    let is_left = Arc::clone(&waited.0);
    let evaluate = move |store: &::series::Series| {
        let stop = || is_left.load(Ordering::Relaxed) || Instant::now() >= until;
        let source = Source::of(store).within(&scope).until(&stop);
        if stop() {
            return (Err(EvalError::Stopped), Resolution::Raw);
        }
        let limits = QueryLimits { samples: MOST_SAMPLES, ..QueryLimits::default() };
        let answer = match times {
            Times::At(at_ms) => query.instant(&source, at_ms, &limits),
            Times::Range(start_ms, end_ms, step_ms) => {
                query.range(&source, (start_ms, end_ms, step_ms), &limits)
            }
        };
        (answer.map(sorted), source.coarsest())
    };
    let (found, coarsest) = state.history.ask(evaluate).await?;
    let infos = told(coarsest).map(str::to_owned).into_iter().collect();
    Ok(answer::answer(&found?, limit, infos))
}

/// Whether anybody still waits: whoever asked may be gone.
#[derive(Debug, Default)]
struct Waited(Arc<AtomicBool>);

impl Drop for Waited {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A matrix has its series by their labels; a vector stands as the query ordered it.
fn sorted(answer: Answer) -> Answer {
    match answer {
        Answer::Matrix(mut rows) => {
            rows.sort_by(|one, other| one.labels.cmp(&other.labels));
            Answer::Matrix(rows)
        }
        answer => answer,
    }
}

fn told(coarsest: Resolution) -> Option<&'static str> {
    match coarsest {
        Resolution::Raw | Resolution::Auto { .. } => None,
        Resolution::Minute => Some(
            "samples as they came are not kept for so long: this is made of one-minute means, extremes and last values",
        ),
        Resolution::TenMinutes => Some(
            "samples as they came are not kept for so long: this is made of ten-minute means, extremes and last values",
        ),
    }
}
