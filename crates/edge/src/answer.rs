//! Answers that the edge makes itself: pages for people in trouble, challenges, redirects.

use crate::{
    body::EdgeBody,
    clock::unix_ms,
    error_page::{self, Page, Report, ReportError, Trouble},
    guard::Reason,
    headers,
    path::{Body, Record, host_of},
    serving::{Serving, Site},
};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header, request::Parts};

/// Where ACME looks for an answer (RFC 8555 §8.3).
const CHALLENGES: &str = "/.well-known/acme-challenge/";
/// When to come back after a wait in vain, seconds.
const RETRY_AFTER_S: u32 = 5;

/// The page for a request that got no answer from the shop. `site` is `None` for unknown hosts.
pub(crate) fn refuse(
    trouble: Trouble,
    site: Option<&Site>,
    head: &Parts,
    record: &Record,
) -> Response<Body> {
    let page = Page {
        trouble,
        brand: site.map(|site| &site.brand),
        id: record.id(),
        unix_ms: unix_ms(),
        method: &head.method,
        class: record.class,
        retry_after_s: (trouble.status() == StatusCode::SERVICE_UNAVAILABLE)
            .then_some(RETRY_AFTER_S),
    };
    finish(error_page::render(&page, &head.headers), head, record)
}

/// Thanks for a report, or what is wrong with it.
pub(crate) fn report(
    site: &Site,
    report: &Result<Report, ReportError>,
    head: &Parts,
    record: &Record,
) -> Response<Body> {
    finish(error_page::answer_report(&site.brand, report, &head.headers), head, record)
}

/// What a program gets whose request must not go on; people's browsers send none such.
pub(crate) fn malformed(reason: Reason) -> Response<Body> {
    let mut response = Response::new(EdgeBody::full(reason.sentence()));
    *response.status_mut() = reason.status();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The answer to an ACME challenge of ours; everybody else's go on to the shop.
pub(crate) fn challenge(serving: &Serving, head: &Parts) -> Option<Response<Body>> {
    let token = head.uri.path().strip_prefix(CHALLENGES)?;
    let answer = serving.challenges.get(token)?;
    let mut response = Response::new(EdgeBody::full(Bytes::copy_from_slice(answer.as_bytes())));
    let kind = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Some(response)
}

/// Sends a plain request on to https, with its method and body (RFC 9110 §15.4.9).
pub(crate) fn to_https(head: &Parts, record: &Record) -> Response<Body> {
    let host = shops::hosts::plain_host(host_of(head).unwrap_or_default());
    let target = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    match HeaderValue::try_from(format!("https://{host}{target}")) {
        Ok(location) => {
            response.headers_mut().insert(header::LOCATION, location);
        }
        // A host that is no header value cannot have come in one.
        Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    finish(response, head, record)
}

fn finish(response: Response<Bytes>, head: &Parts, record: &Record) -> Response<Body> {
    let (mut parts, bytes) = response.into_parts();
    headers::finish_response(&mut parts.headers, record.id());
    // hyper leaves the body of an answer to HEAD out and keeps its length.
    let body = if head.method == http::Method::HEAD { Bytes::new() } else { bytes };
    Response::from_parts(parts, EdgeBody::full(body))
}
