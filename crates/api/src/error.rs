//! Errors as the world sees them: one shape, a stable code, a sentence.

use crate::runs::Message;
use ::plan::EngineError;
use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kernel::plan::Reason;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a request was not served.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("sign in first: `storewarden sign-in` prints a link")]
    Unauthenticated,
    #[error("this needs the permission `{0}`, which you do not have there")]
    Forbidden(kernel::Permission),
    #[error("set up a second factor first: your role asks for one")]
    SecondFactorMissing,
    #[error("this concerns a person who has signed in, and you are a program")]
    NobodySignedIn,
    #[error("a link for another person is made on the machine; here, invite them")]
    LinkForAnother,
    /// Which of name, password and code it is, nobody is told.
    #[error("name, password or code is wrong")]
    Wrong,
    #[error("the code of the second factor is needed as well")]
    SecondFactorNeeded,
    #[error("too many tries; wait a while")]
    Throttled { retry_after_ms: i64 },
    #[error("this invitation was used, replaced, or has run out; ask for another")]
    InvitationIsUsed,
    /// What was asked for cannot be, whatever is there.
    #[error("{message}")]
    Refused { code: &'static str, message: String },
    /// What was asked for does not fit what is there.
    #[error("{message}")]
    Conflict { code: &'static str, message: String },
    #[error("this request came from another site")]
    CrossOrigin,
    #[error("`{0}` is not a name of this machine's Storewarden")]
    Host(String),
    #[error("there is no {what} `{name}`")]
    NotFound { what: &'static str, name: String },
    /// The same with what there is instead.
    #[error("there is no {what} `{name}`{hint}")]
    Unknown { what: &'static str, name: String, hint: String },
    #[error("there is nothing at this address")]
    NoSuchPath,
    #[error("this address does not do that")]
    Method,
    #[error("{message}")]
    Configuration { message: String, details: Vec<String> },
    /// A plan that cannot be made, or a run that is not as somebody thinks.
    #[error("{message}")]
    NoPlan { message: String, details: Vec<String>, reason: Option<Reason> },
    #[error(transparent)]
    Engine(EngineError),
    #[error("our own records cannot be read or written now")]
    Store(#[from] store::StoreError),
    #[error("the history cannot be read now")]
    History(#[source] watch::WatchError),
    /// Control is ending, or did not answer in time.
    #[error("Storewarden is busy; try again")]
    Unavailable,
    #[error("{0}")]
    Failed(String),
}

/// Goes with the answer that there is no such shop, for the guard: it knows which ones the caller
/// may be told of instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoSuchShop(pub(crate) String);

/// The body of every error.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ErrorBody {
    pub(crate) error: ErrorDetail,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ErrorDetail {
    /// Stable, for programs.
    pub(crate) code: String,
    /// For people.
    pub(crate) message: String,
    /// Line by line, where there is more to say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) details: Vec<String>,
    /// What stands in the way, as a code of its own, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<Message>,
    /// How long to wait before trying again, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after_ms: Option<i64>,
}

impl ApiError {
    fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated"),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Self::SecondFactorMissing => (StatusCode::FORBIDDEN, "second_factor_missing"),
            Self::NobodySignedIn => (StatusCode::FORBIDDEN, "nobody_signed_in"),
            Self::LinkForAnother => (StatusCode::FORBIDDEN, "link_for_another"),
            Self::Wrong => (StatusCode::UNAUTHORIZED, "wrong"),
            Self::SecondFactorNeeded => (StatusCode::UNAUTHORIZED, "second_factor_needed"),
            Self::Throttled { .. } => (StatusCode::TOO_MANY_REQUESTS, "throttled"),
            Self::InvitationIsUsed => (StatusCode::NOT_FOUND, "invitation"),
            Self::Refused { code, .. } => (StatusCode::UNPROCESSABLE_ENTITY, code),
            Self::Conflict { code, .. } => (StatusCode::CONFLICT, code),
            Self::CrossOrigin => (StatusCode::FORBIDDEN, "cross_origin"),
            Self::Host(_) => (StatusCode::MISDIRECTED_REQUEST, "host"),
            Self::NotFound { .. } | Self::Unknown { .. } | Self::NoSuchPath => {
                (StatusCode::NOT_FOUND, "not_found")
            }
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Configuration { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "configuration"),
            Self::NoPlan { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "refused"),
            Self::Engine(error) => engine_kind(error),
            Self::Store(_) | Self::History(_) => (StatusCode::SERVICE_UNAVAILABLE, "store"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Failed(_) => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
        }
    }
}

fn engine_kind(error: &EngineError) -> (StatusCode, &'static str) {
    match error {
        EngineError::NoRun(_) => (StatusCode::NOT_FOUND, "not_found"),
        EngineError::NotNow { .. }
        | EngineError::UndoGone { .. }
        | EngineError::Contended { .. } => (StatusCode::CONFLICT, "not_now"),
        EngineError::Stale { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "stale"),
        EngineError::Full(_) => (StatusCode::TOO_MANY_REQUESTS, "full"),
        EngineError::Plan(_)
        | EngineError::NoWindow { .. }
        | EngineError::TooLong { .. }
        | EngineError::TimeZone { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "refused"),
        EngineError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "store"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Store(error) => Self::Store(error),
            error => Self::Engine(error),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = self.kind();
        if status.is_server_error() {
            // The reader gets a sentence; who looks after the machine gets the cause.
            tracing::warn!(error = ?self, "a request to the API failed");
        }
        let message = self.to_string();
        let retry_after_ms = match &self {
            Self::Throttled { retry_after_ms } => Some(*retry_after_ms),
            _ => None,
        };
        let no_shop = match &self {
            Self::NotFound { what: "shop", name } => Some(NoSuchShop(name.clone())),
            _ => None,
        };
        let (details, reason) = match self {
            Self::Configuration { details, .. } => (details, None),
            Self::NoPlan { details, reason, .. } => (details, reason),
            Self::Engine(error) => (Vec::new(), error.reason()),
            _ => (Vec::new(), None),
        };
        let (code, reason) = (code.to_owned(), reason.map(Message::from));
        let error = ErrorDetail { code, message, details, reason, retry_after_ms };
        let mut response = (status, Json(ErrorBody { error })).into_response();
        if let Some(no_shop) = no_shop {
            response.extensions_mut().insert(no_shop);
        }
        response
    }
}
