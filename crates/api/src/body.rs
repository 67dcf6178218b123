//! JSON that somebody sent, refused in our own words when it is not what is expected.

use crate::ApiError;
use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, Request, rejection::JsonRejection},
};
use serde::de::DeserializeOwned;

const UNREAD: &str = "the body could not be read";

/// A body that must be there.
pub(crate) struct Body<T>(pub(crate) T);

/// A body that may be missing or empty, which means every default.
pub(crate) struct OptionalBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Json::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(refuse(&rejection)),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let read = Bytes::from_request(Request::from_parts(parts.clone(), body), state).await;
        let unread = |_| ApiError::Refused { code: "body", message: UNREAD.to_owned() };
        let bytes = read.map_err(unread)?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        let request = Request::from_parts(parts, bytes.into());
        Body::from_request(request, state).await.map(|Body(body)| Self(body))
    }
}

/// Says what is missing or too much, and never what was sent: it may be a password.
fn refuse(rejection: &JsonRejection) -> ApiError {
    let message = match rejection {
        JsonRejection::JsonDataError(_) => {
            "the body lacks a field, or has one of the wrong kind; see the API's document"
        }
        JsonRejection::JsonSyntaxError(_) => "the body is not JSON",
        JsonRejection::MissingJsonContentType(_) => "the body must be `application/json`",
        _ => UNREAD,
    };
    ApiError::Refused { code: "body", message: message.to_owned() }
}
