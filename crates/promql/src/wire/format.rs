//! The two texts, and how client and server agree on one.

use super::WireError;

/// What to ask an exporter for: OpenMetrics first, then text, UTF-8 names as they are.
///
/// The order and weights of Prometheus 3 (`config/config.go`, `DefaultScrapeProtocols`), without protobuf.
pub const ACCEPT: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
     application/openmetrics-text;version=0.0.1;q=0.4,\
     text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
     text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

/// A text of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus' text, version 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// What an answer with this `Content-Type` holds. Without one, and with one that says nothing (`application/octet-stream`), text: many
    /// a small exporter names none.
    ///
    /// # Errors
    /// [`WireError::ContentType`], when it is a page, JSON or protobuf: then it is not metrics, or not in a form that was asked for.
    pub fn of_content_type(content_type: Option<&str>) -> Result<Self, WireError> {
        let Some(content_type) = content_type else { return Ok(Self::Text) };
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let is = |known: &str| essence.eq_ignore_ascii_case(known);
        if is("application/openmetrics-text") {
            Ok(Self::OpenMetrics)
        } else if is("") || is("text/plain") || is("application/octet-stream") {
            Ok(Self::Text)
        } else {
            let content_type = content_type.chars().take(100).collect();
            Err(WireError::ContentType { content_type })
        }
    }

    /// What to answer somebody who sent this `Accept`: the format that it weighs most, text when both weigh the same or neither is named.
    /// Versions of OpenMetrics other than 1.0.0 and 0.0.1 do not count (RFC 9110, section 12.5.1, for the weights).
    #[must_use]
    pub fn for_accept(accept: Option<&str>) -> Self {
        let mut text = 0;
        let mut open_metrics = 0;
        for range in accept.unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
            let (mut weight, mut is_known) = (1_000, true);
            for part in parts {
                let Some((name, value)) = part.split_once('=') else { continue };
                match name.trim().to_ascii_lowercase().as_str() {
                    "q" => weight = thousandths(value.trim()),
                    "version" => is_known = matches!(value.trim(), "1.0.0" | "0.0.1"),
                    _ => {}
                }
            }
            match essence.as_str() {
                "application/openmetrics-text" if is_known => {
                    open_metrics = open_metrics.max(weight);
                }
                "text/plain" | "text/*" | "*/*" => text = text.max(weight),
                _ => {}
            }
        }
        if open_metrics > text { Self::OpenMetrics } else { Self::Text }
    }

    /// The `Content-Type` of an answer in it.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// A weight of `Accept` in thousandths; one that can not be read is 0, so that it asks for nothing.
fn thousandths(weight: &str) -> u32 {
    let weight: f64 = weight.parse().unwrap_or(0.0);
    // In range by the clamp; a NaN becomes 0.
    (weight.clamp(0.0, 1.0) * 1_000.0).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_says_which_text_it_is() {
        let check = |content_type: Option<&str>, expect: Option<Format>| {
            assert_eq!(Format::of_content_type(content_type).ok(), expect, "{content_type:?}");
        };
        check(None, Some(Format::Text));
        check(Some(""), Some(Format::Text));
        check(Some("text/plain; version=0.0.4"), Some(Format::Text));
        check(Some("Text/Plain;version=1.0.0;escaping=allow-utf-8"), Some(Format::Text));
        check(
            Some("application/openmetrics-text; version=1.0.0; charset=utf-8"),
            Some(Format::OpenMetrics),
        );
        check(Some(Format::Text.content_type()), Some(Format::Text));
        check(Some(Format::OpenMetrics.content_type()), Some(Format::OpenMetrics));
        check(Some("text/html"), None);
        check(Some("application/json"), None);
        check(
            Some("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily"),
            None,
        );
    }

    #[test]
    fn whoever_weighs_openmetrics_more_gets_it() {
        let check = |accept: &str, expect: Format| {
            assert_eq!(Format::for_accept(Some(accept)), expect, "{accept}");
        };
        assert_eq!(Format::for_accept(None), Format::Text);
        check(ACCEPT, Format::OpenMetrics);
        check("*/*", Format::Text);
        check("text/html,*/*;q=0.8", Format::Text);
        check("application/openmetrics-text;version=1.0.0", Format::OpenMetrics);
        check("application/openmetrics-text;version=2.0.0", Format::Text);
        check("application/openmetrics-text;q=0.2,text/plain;q=0.5", Format::Text);
        check("application/openmetrics-text;q=nonsense,text/plain;q=0.1", Format::Text);
        check("application/openmetrics-text;q=0", Format::Text);
    }
}
