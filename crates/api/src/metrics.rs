//! What is measured now, for Prometheus and whoever speaks its formats.

use crate::{ApiError, ApiState, caller::Caller, error::ErrorBody, guard::now_ms};
use axum::{
    extract::State,
    http::{
        HeaderMap,
        header::{ACCEPT, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
};
use kernel::Permission;
use promql::wire::Format;
use watch::history::{Measured, page};

/// What is measured now of the shops that the caller may see, and of the machine for who may see it, as metrics.
///
/// In Prometheus' text, or as OpenMetrics where `Accept` asks for it. Names, labels and units are those of
/// docs/formats/history.md. What is not known now is left out.
#[utoipa::path(
    get, path = "/metrics", tag = "machine",
    responses(
        (status = 200, description = "Prometheus' text 0.0.4, or OpenMetrics 1.0", body = String),
        (status = 401, body = ErrorBody),
    )
)]
pub(crate) async fn metrics(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::for_accept(accept);
    let measured = state.watch.with(|live| live.measured(now_ms()));
    let sees_machine = caller.may_everywhere(Permission::See).is_ok();
    let is_shown = |one: &&Measured| match one.shop() {
        Some(shop) => shop.parse().is_ok_and(|shop| caller.sees(&shop)),
        None => sees_machine,
    };
    let version = env!("CARGO_PKG_VERSION");
    let text = page(measured.iter().filter(is_shown), version, format)
        .map_err(|error| ApiError::Failed(error.to_string()))?;
    Ok(([(CONTENT_TYPE, format.content_type())], text).into_response())
}
