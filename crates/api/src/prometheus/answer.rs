//! Answers and errors in Prometheus' shapes.

use axum::{
    http::{HeaderName, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use promql::query::{Answer, EvalError, Point, ResultRow};
use serde::Serialize;
use std::fmt::Write as _;
use watch::WatchError;

const JSON: [(HeaderName, &str); 1] = [(CONTENT_TYPE, "application/json")];

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

#[derive(Serialize)]
struct RefusedBody<'a> {
    status: &'static str,
    #[serde(rename = "errorType")]
    kind: &'static str,
    error: &'a str,
}

impl Refused {
    pub(super) fn bad_data(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: "bad_data", message: message.into() }
    }

    fn of(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into() }
    }
}

impl From<EvalError> for Refused {
    fn from(error: EvalError) -> Self {
        let message = error.to_string();
        match error {
            EvalError::Range { .. } | EvalError::TooManySteps { .. } | EvalError::RangeVector => {
                Self::bad_data(message)
            }
            EvalError::Stopped => Self::of(StatusCode::SERVICE_UNAVAILABLE, "timeout", message),
            EvalError::Store(_) => Self::of(StatusCode::INTERNAL_SERVER_ERROR, "internal", message),
            _ => Self::of(StatusCode::UNPROCESSABLE_ENTITY, "execution", message),
        }
    }
}

impl From<WatchError> for Refused {
    fn from(error: WatchError) -> Self {
        tracing::warn!(?error, "the metrics store did not answer");
        let message = "the metrics store cannot be read now";
        Self::of(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = RefusedBody { status: "error", kind: self.kind, error: &self.message };
        (self.status, axum::Json(body)).into_response()
    }
}

/// `data` as JSON.
pub(super) fn data<T: Serialize>(data: &T) -> Response {
    #[derive(Serialize)]
    struct Whole<'a, T> {
        status: &'static str,
        data: &'a T,
    }
    axum::Json(Whole { status: "success", data }).into_response()
}

/// What a query came to. `limit`: so many series at most; `infos`: what to know of the answer.
pub(super) fn answer(answer: &Answer, limit: usize, mut infos: Vec<String>) -> Response {
    let mut text = String::from(r#"{"status":"success","data":{"resultType":""#);
    let mut warnings = Vec::new();
    match answer {
        Answer::Scalar(point) => {
            text.push_str(r#"scalar","result":"#);
            put_point(&mut text, *point);
        }
        Answer::Text(said) => {
            text.push_str(r#"string","result":[0,"#);
            put_text(&mut text, said);
            text.push(']');
        }
        Answer::Vector(rows) => {
            text.push_str(r#"vector","result":"#);
            put_rows(&mut text, rows, limit, |text, row| {
                text.push_str(r#","value":"#);
                put_point(text, row.points.first().copied().unwrap_or_default());
            });
            warnings.extend(cut(rows.len(), limit));
        }
        Answer::Matrix(rows) => {
            text.push_str(r#"matrix","result":"#);
            put_rows(&mut text, rows, limit, |text, row| {
                text.push_str(r#","values":["#);
                for (at, point) in row.points.iter().enumerate() {
                    text.push_str(if at == 0 { "" } else { "," });
                    put_point(text, *point);
                }
                text.push(']');
            });
            warnings.extend(cut(rows.len(), limit));
        }
    }
    text.push('}');
    infos.sort();
    for (name, said) in [("warnings", warnings), ("infos", infos)] {
        if !said.is_empty() {
            let said = serde_json::to_string(&said).expect("invariant: texts are JSON");
            write!(text, r#","{name}":{said}"#).expect("invariant: a text takes what is written");
        }
    }
    text.push('}');
    (JSON, text).into_response()
}

pub(super) fn cut(found: usize, limit: usize) -> Option<String> {
    (found > limit).then(|| "results truncated due to limit".to_owned())
}

fn put_rows(
    text: &mut String,
    rows: &[ResultRow],
    limit: usize,
    put_values: impl Fn(&mut String, &ResultRow),
) {
    text.push('[');
    for (at, row) in rows.iter().take(limit).enumerate() {
        text.push_str(if at == 0 { r#"{"metric":{"# } else { r#",{"metric":{"# });
        for (at, (name, value)) in row.labels.iter().enumerate() {
            text.push_str(if at == 0 { "" } else { "," });
            put_text(text, name);
            text.push(':');
            put_text(text, value);
        }
        text.push('}');
        put_values(text, row);
        text.push('}');
    }
    text.push(']');
}

/// Seconds with as many decimals as it takes, and the value as a text.
fn put_point(text: &mut String, (at_ms, value): Point) {
    let (seconds, ms) = (at_ms.div_euclid(1_000), at_ms.rem_euclid(1_000));
    let written = match ms {
        // Before 1970 the parts would point in different ways.
        _ if at_ms < 0 => write!(text, r#"[{},""#, at_ms as f64 / 1_000.0),
        0 => write!(text, r#"[{seconds},""#),
        ms => write!(text, r#"[{seconds}.{ms:03},""#),
    };
    written.expect("invariant: a text takes what is written");
    match value {
        value if value.is_nan() => text.push_str("NaN"),
        f64::INFINITY => text.push_str("+Inf"),
        f64::NEG_INFINITY => text.push_str("-Inf"),
        value => write!(text, "{value}").expect("invariant: a text takes what is written"),
    }
    text.push_str("\"]");
}

fn put_text(text: &mut String, said: &str) {
    let is_plain = said.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    if is_plain {
        text.push('"');
        text.push_str(said);
        text.push('"');
    } else {
        text.push_str(&serde_json::to_string(said).expect("invariant: a text is JSON"));
    }
}
