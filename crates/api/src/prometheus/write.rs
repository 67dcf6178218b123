//! Remote write: what a Prometheus, or whoever speaks it, sends us.

use crate::{ApiState, caller::Caller, error::ErrorBody};
use axum::{
    body::{Body, to_bytes},
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use promql::wire::remote_write::{Version, written_headers};
use watch::history::IntakeError;

/// Of a request, packed.
const MOST_BODY_BYTES: usize = 32 << 20;
/// Seconds after which a sender may come again.
const AGAIN_SECONDS: &str = "5";

/// Samples that a Prometheus has taken, by remote write 1.0 or 2.0. They are on disk when the answer says so.
#[utoipa::path(
    post, path = "/prometheus/api/v1/write", tag = "metrics",
    request_body(content = Vec<u8>, content_type = "application/x-protobuf", description = "Snappy, as remote write has it"),
    responses(
        (status = 204, description = "All of it is on disk"),
        (status = 400, description = "Some or all of it will never be taken, and why; the rest is on disk"),
        (status = 401, body = ErrorBody),
        (status = 415, description = "Neither 1.0 nor 2.0 of remote write"),
        (status = 503, description = "It cannot be taken now: send it again"),
    )
)]
pub(crate) async fn write(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let version = match Version::of_headers(text(CONTENT_TYPE), text(CONTENT_ENCODING)) {
        Ok(version) => version,
        Err(error) => {
            return (StatusCode::UNSUPPORTED_MEDIA_TYPE, error.to_string()).into_response();
        }
    };
    let Ok(body) = to_bytes(body, MOST_BODY_BYTES).await else {
        let message = format!("the body broke off, or is longer than {MOST_BODY_BYTES} bytes");
        return (StatusCode::BAD_REQUEST, message).into_response();
    };
    let sender = caller.actor.to_string();
    let (samples, status, message) = match state.history.take_in(&sender, version, body).await {
        Ok(taken) => match taken.complaint {
            None => (taken.samples, StatusCode::NO_CONTENT, String::new()),
            Some(complaint) => (taken.samples, StatusCode::BAD_REQUEST, complaint),
        },
        Err(IntakeError::Wire(error)) => (0, StatusCode::BAD_REQUEST, error.to_string()),
        Err(IntakeError::Later(error)) => {
            tracing::warn!(?error, sender, "samples of another cannot be taken now");
            let message = "these samples cannot be taken now: send them again".to_owned();
            (0, StatusCode::SERVICE_UNAVAILABLE, message)
        }
    };
    let mut response = (status, written_headers(samples), message).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let again = axum::http::HeaderValue::from_static(AGAIN_SECONDS);
        response.headers_mut().insert(RETRY_AFTER, again);
    }
    response
}
