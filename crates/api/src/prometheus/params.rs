//! What a question says: in the address, or as a form.

use super::answer::Refused;
use axum::{
    Form,
    extract::{FromRequest, FromRequestParts as _, Query, Request},
    http::Method,
};
use std::{str::FromStr as _, time::Duration};

/// Names and values, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let (mut parts, body) = request.into_parts();
        let is_form = parts.method == Method::POST;
        let unread = |why: String| Refused::bad_data(format!("the question cannot be read: {why}"));
        let address = Query::<Vec<(String, String)>>::from_request_parts(&mut parts, state).await;
        let Query(mut all) = address.map_err(|why| unread(why.to_string()))?;
        if is_form {
            let request = Request::from_parts(parts, body);
            let form = Form::<Vec<(String, String)>>::from_request(request, state).await;
            let Form(form) = form.map_err(|why| unread(why.to_string()))?;
            // What the form says holds, as in Prometheus.
            all.splice(0..0, form);
        }
        Ok(Self(all))
    }
}

impl Params {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// # Errors
    /// When it is not there.
    pub(super) fn must(&self, name: &str) -> Result<&str, Refused> {
        self.get(name)
            .ok_or_else(|| Refused::bad_data(format!("the parameter \"{name}\" is missing")))
    }

    /// A moment; `None` when it is not said. Unix milliseconds.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn time(&self, name: &str) -> Result<Option<i64>, Refused> {
        let Some(text) = self.get(name) else { return Ok(None) };
        time(text).map(Some).ok_or_else(|| {
            let message = format!(
                "invalid parameter \"{name}\": cannot parse \"{text}\" to a valid timestamp: seconds since 1970 or RFC 3339"
            );
            Refused::bad_data(message)
        })
    }

    /// A span; `None` when it is not said. Milliseconds.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn span(&self, name: &str) -> Result<Option<i64>, Refused> {
        let Some(text) = self.get(name) else { return Ok(None) };
        span(text).map(Some).ok_or_else(|| {
            let message = format!(
                "invalid parameter \"{name}\": cannot parse \"{text}\" to a valid duration: seconds, or such as 1m30s"
            );
            Refused::bad_data(message)
        })
    }

    /// How many there may be at most; 0 and nothing: as many as there are.
    ///
    /// # Errors
    /// When it is no number.
    pub(super) fn limit(&self) -> Result<usize, Refused> {
        let Some(text) = self.get("limit") else { return Ok(usize::MAX) };
        let wrong = |_| {
            Refused::bad_data(format!("invalid parameter \"limit\": \"{text}\" is no whole number"))
        };
        let limit: usize = text.parse().map_err(wrong)?;
        Ok(if limit == 0 { usize::MAX } else { limit })
    }
}

/// Seconds since 1970, also broken ones, or RFC 3339.
fn time(text: &str) -> Option<i64> {
    match text.parse::<f64>() {
        Ok(seconds) => milliseconds(seconds),
        Err(_) => jiff::Timestamp::from_str(text).ok().map(jiff::Timestamp::as_millisecond),
    }
}

fn span(text: &str) -> Option<i64> {
    match text.parse::<f64>() {
        Ok(seconds) => milliseconds(seconds),
        Err(_) => {
            let span: Duration = promql::query::duration(text)?;
            i64::try_from(span.as_millis()).ok()
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it was just seen to be in range")]
fn milliseconds(seconds: f64) -> Option<i64> {
    /// A hundred thousand years either way.
    const MOST: f64 = 3e15;
    let ms = (seconds * 1_000.0).round();
    (ms.is_finite() && ms.abs() < MOST).then_some(ms as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_dates() {
        assert_eq!(time("1700000000.123"), Some(1_700_000_000_123));
        assert_eq!(time("1700000000"), Some(1_700_000_000_000));
        assert_eq!(time("2023-11-14T22:13:20.5Z"), Some(1_700_000_000_500));
        assert_eq!(time("2023-11-14T23:13:20+01:00"), Some(1_700_000_000_000));
        for wrong in ["", "soon", "NaN", "Inf", "1e300"] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn spans_are_seconds_or_written_as_in_promql() {
        assert_eq!(span("15"), Some(15_000));
        assert_eq!(span("0.5"), Some(500));
        assert_eq!(span("1m30s"), Some(90_000));
        assert_eq!(span("1d"), Some(86_400_000));
        for wrong in ["", "m", "1x", "NaN"] {
            assert_eq!(span(wrong), None, "{wrong}");
        }
    }
}
