//! What a visitor sees when the shop cannot be shown: a page in the shop's name that says what
//! happened, what it means for an order, and what to do, and never more than the edge knows.
//!
//! Pure: makes responses, sends none. Every text that comes from outside is escaped, nothing is
//! fetched, no script runs. Programs get a problem document (RFC 9457) or one plain line instead.

mod html;
mod negotiation;
mod picture;
mod problem;
mod report;
mod text;
mod time;
mod trouble;

pub(crate) use report::{REPORT_BYTES, REPORT_PATH, Report, ReportError};
pub(crate) use trouble::Trouble;

use crate::request_id::RequestId;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{
        ALLOW, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER,
        VARY, X_CONTENT_TYPE_OPTIONS,
    },
};
use kernel::{RouteClass, snapshot::Brand};
use negotiation::{Format, Language};

/// All that a page tells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<'a> {
    pub(crate) trouble: Trouble,
    /// Absent when the request belongs to no shop.
    pub(crate) brand: Option<&'a Brand>,
    pub(crate) id: &'a RequestId,
    pub(crate) unix_ms: i64,
    pub(crate) method: &'a Method,
    pub(crate) class: RouteClass,
    /// Seconds until another try makes sense.
    pub(crate) retry_after_s: Option<u32>,
}

impl Page<'_> {
    /// Whether the page may load itself again: nothing is sent twice by that.
    fn may_repeat(&self) -> bool {
        *self.method == Method::GET && self.trouble.passes()
    }

    /// Whether the shop may have heard of a request that changes something.
    fn unsure(&self) -> bool {
        let sent = match *self.method {
            // Tried again elsewhere when a try breaks off, so that a later failure to reach any
            // instance says nothing of the first.
            Method::PUT | Method::DELETE => self.trouble.is_of_instances(),
            _ => self.trouble.was_sent(),
        };
        sent && !self.method.is_safe()
    }
}

/// The answer to a request whose headers were `asked`: HTML for browsers, a problem document for
/// whoever wants JSON, a line of text for everything else.
pub(crate) fn render(page: &Page<'_>, asked: &HeaderMap) -> Response<Bytes> {
    let language = Language::of(asked);
    let body = match Format::of(asked) {
        Format::Html => (Format::Html, html::trouble_page(page, language)),
        Format::Json => (Format::Json, problem::document(page, language)),
        Format::Text => (Format::Text, problem::line(page, language)),
    };
    let mut response = respond(page.trouble.status(), language, body);
    if page.trouble == Trouble::Method {
        // RFC 9110 §15.5.6 wants the field.
        let allowed = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        response.headers_mut().insert(ALLOW, allowed);
    }
    if let Some(seconds) = page.retry_after_s {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The answer to a report: thanks, or what is wrong with it.
pub(crate) fn answer_report(
    brand: &Brand,
    report: &Result<Report, ReportError>,
    asked: &HeaderMap,
) -> Response<Bytes> {
    let language = Language::of(asked);
    let body = match Format::of(asked) {
        Format::Html => (Format::Html, html::report_page(brand, report, language)),
        Format::Json => (Format::Json, problem::report_document(report)),
        Format::Text => (Format::Text, problem::report_line(report, language)),
    };
    let status = report.as_ref().err().map_or(StatusCode::OK, ReportError::status);
    respond(status, language, body)
}

fn respond(
    status: StatusCode,
    language: Language,
    (format, body): (Format, String),
) -> Response<Bytes> {
    const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
                          base-uri 'none'; frame-ancestors 'none'";
    const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
    let fields = [
        (CONTENT_TYPE, format.media_type(status)),
        (CONTENT_LANGUAGE, language.tag()),
        (CACHE_CONTROL, "no-store"),
        (VARY, "accept, accept-language"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (ROBOTS, "noindex"),
    ];
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in fields {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
