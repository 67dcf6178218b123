//! JSON that somebody sent, refused in our own words when it is not what is expected.

use crate::ApiError;
use axum::{
    Json,
    extract::{FromRequest, Request, rejection::JsonRejection},
    http::header::CONTENT_TYPE,
};
use serde::de::DeserializeOwned;

/// A body that must be there.
pub(crate) struct Body<T>(pub(crate) T);

/// A body that may be missing: a request without one means every default.
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
        if !request.headers().contains_key(CONTENT_TYPE) {
            return Ok(Self(T::default()));
        }
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
        _ => "the body could not be read",
    };
    ApiError::Refused { code: "body", message: message.to_owned() }
}
