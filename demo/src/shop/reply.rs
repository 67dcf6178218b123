//! How pages leave the shop: with a validator and a short life when they are the same for
//! everybody, else never to be stored.

use std::hash::{DefaultHasher, Hasher as _};

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use maud::Markup;

use super::view;

/// How a page that is the same for everybody may be kept.
const SHARED: &str = "public, max-age=20";

/// A page that is the same for everybody: answered with 304 when the visitor has it already.
pub(super) fn shared_page(headers: &HeaderMap, page: Markup) -> Response {
    let content = ("text/html; charset=utf-8", page.into_string());
    cacheable(headers, SHARED, content)
}

/// A page for one visitor.
pub(super) fn private_page(status: StatusCode, page: Markup) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "private, no-store"),
    ];
    (status, headers, page.into_string()).into_response()
}

/// `303 See other`, with the cookies to set.
pub(super) fn see_other(
    location: &str,
    cookies: impl IntoIterator<Item = HeaderValue>,
) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let location = HeaderValue::from_str(location).expect("invariant: our own paths are ASCII");
    response.headers_mut().insert(header::LOCATION, location);
    no_store_with(response, cookies)
}

/// Whatever `response` is, for this visitor only, and with these cookies.
pub(super) fn no_store_with(
    mut response: Response,
    cookies: impl IntoIterator<Item = HeaderValue>,
) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend(cookies.into_iter().map(|cookie| (header::SET_COOKIE, cookie)));
    response
}

/// A representation with a strong ETag over its bytes, or 304 when `If-None-Match` names it.
pub(super) fn cacheable(
    headers: &HeaderMap,
    cache_control: &'static str,
    (content_type, body): (&'static str, String),
) -> Response {
    let etag = etag(body.as_bytes());
    let base = [(header::ETAG, etag.as_str()), (header::CACHE_CONTROL, cache_control)];
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == etag || tag == "*");
    if known {
        return (StatusCode::NOT_MODIFIED, base).into_response();
    }
    (base, [(header::CONTENT_TYPE, content_type)], body).into_response()
}

/// The same bytes give the same tag in every instance of the same build.
fn etag(body: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    format!("\"{:016x}\"", hasher.finish())
}

pub(super) fn wants_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.starts_with("application/json"))
}

/// Why a page could not be made. Says to the visitor only that it was not them.
#[derive(Debug)]
pub(super) struct Failure(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        eprintln!("error: {:#}", self.0);
        let page = view::message(
            "The lights went out for a moment",
            "Something failed on our side. Your cart is safe; please try once more.",
        );
        private_page(StatusCode::INTERNAL_SERVER_ERROR, page)
    }
}
