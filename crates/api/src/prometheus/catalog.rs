//! Which series, labels and families there are.

use super::{answer, answer::Refused, params::Params, scope};
use crate::{ApiState, caller::Caller, error::ErrorBody, guard::now_ms};
use ::series::{Matcher, Series};
use axum::{
    extract::{Path, State},
    response::Response,
};
use promql::query::Selector;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What a question about series names: any of the selectors, within a time.
struct Wanted {
    selectors: Vec<Vec<Matcher>>,
    /// Unix milliseconds; the end belongs to it.
    from_ms: i64,
    until_ms: i64,
    limit: usize,
}

impl Wanted {
    fn of(params: &Params, scope: &[Matcher]) -> Result<Self, Refused> {
        let mut selectors = Vec::new();
        for text in params.all("match[]") {
            let selector = Selector::parse(text);
            let selector = selector.map_err(|error| Refused::bad_data(error.to_string()))?;
            selectors.push(selector.matchers().iter().chain(scope).cloned().collect());
        }
        let (from_ms, until_ms) = (params.time("start")?, params.time("end")?);
        let (from_ms, until_ms) = (from_ms.unwrap_or(0), until_ms.unwrap_or_else(now_ms));
        Ok(Self { selectors, from_ms, until_ms, limit: params.limit()? })
    }

    /// As [`Wanted::of`], with all series where no selector is named.
    fn any(params: &Params, scope: &[Matcher]) -> Result<Self, Refused> {
        let mut wanted = Self::of(params, scope)?;
        if wanted.selectors.is_empty() {
            wanted.selectors.push(scope.to_vec());
        }
        Ok(wanted)
    }

    fn each(&self, store: &Series, mut take: impl FnMut(::series::Labels)) {
        for matchers in &self.selectors {
            store
                .select_within(matchers, self.from_ms..=self.until_ms)
                .into_iter()
                .for_each(&mut take);
        }
    }
}

type Pairs = BTreeMap<Arc<str>, Arc<str>>;

/// A list that may have been cut.
fn listed<T: Serialize>(all: impl IntoIterator<Item = T>, limit: usize) -> Response {
    #[derive(Serialize)]
    struct Whole<T> {
        status: &'static str,
        data: Vec<T>,
        #[serde(skip_serializing_if = "Option::is_none")]
        warnings: Option<[String; 1]>,
    }
    let mut data: Vec<T> = all.into_iter().collect();
    let warnings = answer::cut(data.len(), limit).map(|said| [said]);
    data.truncate(limit);
    let whole = Whole { status: "success", data, warnings };
    axum::response::IntoResponse::into_response(axum::Json(whole))
}

/// The series that selectors find within a time, as Prometheus answers.
#[utoipa::path(
    method(get, post), path = "/prometheus/api/v1/series", tag = "metrics",
    params(
        ("match[]" = Vec<String>, Query, description = "Selectors, one at least"),
        ("start" = Option<String>, Query), ("end" = Option<String>, Query), ("limit" = Option<u32>, Query),
    ),
    responses((status = 200, description = "`{status, data: [labels]}`"), (status = 401, body = ErrorBody))
)]
pub(crate) async fn series(
    State(state): State<ApiState>,
    caller: Caller,
    params: Params,
) -> Result<Response, Refused> {
    let wanted = Wanted::of(&params, &scope(&state, &caller))?;
    if wanted.selectors.is_empty() {
        return Err(Refused::bad_data("no match[] parameter provided"));
    }
    let limit = wanted.limit;
    let read = move |store: &Series| {
        let mut all: BTreeSet<Pairs> = BTreeSet::new();
        wanted.each(store, |labels| {
            all.insert(labels.shared().iter().cloned().collect());
        });
        all
    };
    Ok(listed(state.history.ask(read).await?, limit))
}

/// The names of labels, as Prometheus answers.
#[utoipa::path(
    method(get, post), path = "/prometheus/api/v1/labels", tag = "metrics",
    params(
        ("match[]" = Option<Vec<String>>, Query, description = "Of these selectors' series alone"),
        ("start" = Option<String>, Query), ("end" = Option<String>, Query), ("limit" = Option<u32>, Query),
    ),
    responses((status = 200, description = "`{status, data: [name]}`"), (status = 401, body = ErrorBody))
)]
pub(crate) async fn labels(
    State(state): State<ApiState>,
    caller: Caller,
    params: Params,
) -> Result<Response, Refused> {
    let wanted = Wanted::any(&params, &scope(&state, &caller))?;
    let limit = wanted.limit;
    let read = move |store: &Series| {
        let mut names: BTreeSet<Arc<str>> = BTreeSet::new();
        wanted.each(store, |labels| {
            names.extend(labels.shared().iter().map(|(name, _)| Arc::clone(name)));
        });
        names
    };
    Ok(listed(state.history.ask(read).await?, limit))
}

/// The values of a label, as Prometheus answers.
#[utoipa::path(
    get, path = "/prometheus/api/v1/label/{name}/values", tag = "metrics",
    params(
        ("name" = String, Path, description = "The label; `__name__` is the metric's name"),
        ("match[]" = Option<Vec<String>>, Query, description = "Of these selectors' series alone"),
        ("start" = Option<String>, Query), ("end" = Option<String>, Query), ("limit" = Option<u32>, Query),
    ),
    responses((status = 200, description = "`{status, data: [value]}`"), (status = 401, body = ErrorBody))
)]
pub(crate) async fn label_values(
    State(state): State<ApiState>,
    caller: Caller,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, Refused> {
    let wanted = Wanted::any(&params, &scope(&state, &caller))?;
    let limit = wanted.limit;
    let read = move |store: &Series| {
        let mut values: BTreeSet<Arc<str>> = BTreeSet::new();
        wanted.each(store, |labels| {
            let labels = labels.shared();
            let found = labels.iter().find(|(known, _)| **known == *name);
            values.extend(found.map(|(_, value)| Arc::clone(value)));
        });
        values
    };
    Ok(listed(state.history.ask(read).await?, limit))
}

#[derive(Serialize)]
struct Told {
    #[serde(rename = "type")]
    kind: &'static str,
    help: String,
    unit: String,
}

/// What metrics are, as Prometheus answers.
#[utoipa::path(
    get, path = "/prometheus/api/v1/metadata", tag = "metrics",
    params(
        ("metric" = Option<String>, Query, description = "Of this one alone"),
        ("limit" = Option<u32>, Query),
    ),
    responses((status = 200, description = "`{status, data: {name: [{type, help, unit}]}}`"), (status = 401, body = ErrorBody))
)]
pub(crate) async fn metadata(
    State(state): State<ApiState>,
    params: Params,
) -> Result<Response, Refused> {
    let families = state.history.families(params.get("metric"));
    let told = families.into_iter().take(params.limit()?).map(|(name, facts)| {
        (name, [Told { kind: facts.kind.word(), help: facts.help, unit: facts.unit }])
    });
    Ok(answer::data(&told.collect::<BTreeMap<_, _>>()))
}

/// Exemplars, of which none are kept.
#[utoipa::path(
    method(get, post), path = "/prometheus/api/v1/query_exemplars", tag = "metrics",
    responses((status = 200, description = "`{status, data: []}`"), (status = 401, body = ErrorBody))
)]
pub(crate) async fn exemplars() -> Response {
    answer::data(&[(); 0])
}

/// Which program this is, as Prometheus answers: clients choose by it what they ask for.
#[utoipa::path(
    get, path = "/prometheus/api/v1/status/buildinfo", tag = "metrics",
    responses((status = 200, description = "`{status, data: {version, application, …}}`"), (status = 401, body = ErrorBody))
)]
pub(crate) async fn build() -> Response {
    #[derive(Serialize)]
    struct Build {
        /// Of the Prometheus whose language and addresses these are.
        version: &'static str,
        application: &'static str,
        revision: &'static str,
        branch: &'static str,
    }
    answer::data(&Build {
        version: "2.55.0",
        application: "storewarden",
        revision: env!("CARGO_PKG_VERSION"),
        branch: "",
    })
}
