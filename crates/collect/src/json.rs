//! Numbers of a service's JSON, by where they stand in it.

use crate::{CollectError, Login, error::said, field::Field, nginx::page};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use kernel::readings::Readings;
use outbound::http::{Client, HeaderMap, header, place};
use serde_json::Value;
use std::time::Duration;

/// The JSON at a path below a service's address.
pub(crate) async fn document(
    client: &Client,
    base: &str,
    path: &str,
    login: Option<&Login>,
    deadline: Duration,
) -> Result<Value, CollectError> {
    let mut headers = HeaderMap::new();
    if let Some(Login { user, password }) = login {
        let words = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let value = words.parse().expect("invariant: base64 is plain text");
        headers.insert(header::AUTHORIZATION, value);
    }
    let url = format!("{}{path}", base.trim_end_matches('/'));
    let body = page(client, &url, headers, deadline).await?;
    serde_json::from_slice(&body).map_err(|_| {
        let reason = format!("`{}` is no JSON", said(&body));
        CollectError::odd(&place(base).unwrap_or_default(), reason)
    })
}

/// Puts each field that is there: `from` names the way to it, `queue_totals.messages`. True is 1, false 0.
pub(crate) fn put_fields(
    fields: &[Field],
    value: &Value,
    labels: &[(&str, &str)],
    readings: &mut Readings,
) {
    for field in fields {
        let found = field.from.split('.').try_fold(value, |value, part| value.get(part));
        let number = match found {
            Some(Value::Bool(is)) => Some(f64::from(u8::from(*is))),
            Some(value) => value.as_f64(),
            None => None,
        };
        if let Some(number) = number {
            field.put(readings, labels, number);
        }
    }
}

/// A text in it; empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
