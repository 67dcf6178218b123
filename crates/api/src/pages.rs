//! The user interface, embedded, and the two plain pages that must work without it.

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderValue, Method, StatusCode, Uri,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{Html, IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::ApiError;

/// What `web/` was built into. Holds no `index.html` when it was not built.
#[derive(RustEmbed)]
#[folder = "../../web/dist"]
struct Interface;

const INDEX: &str = "index.html";
/// Vite names what lies here by its content, so it never changes.
const HASHED: &str = "assets/";

/// A file of the interface; for every other address its index, which knows the pages.
pub(crate) async fn interface(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path == "api" || path.starts_with("api/") {
        return ApiError::NoSuchPath.into_response();
    }
    if !matches!(method, Method::GET | Method::HEAD) {
        return ApiError::Method.into_response();
    }
    if let Some(found) = Interface::get(path) {
        return file(path, found, &headers);
    }
    // A page has no dot in its last part; a missing file is missing.
    let last = path.rsplit('/').next().unwrap_or_default();
    if last.contains('.') || path.starts_with(HASHED) {
        return ApiError::NoSuchPath.into_response();
    }
    match Interface::get(INDEX) {
        Some(index) => file(INDEX, index, &headers),
        None => not_built(),
    }
}

fn file(path: &str, file: EmbeddedFile, asked: &HeaderMap) -> Response {
    let hash: String =
        file.metadata.sha256_hash()[..16].iter().map(|b| format!("{b:02x}")).collect();
    let tag = format!("\"{hash}\"");
    let hashed = path.starts_with(HASHED);
    let keep = if hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = asked.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let same = known.is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag));
    let mut response = if same {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = [(CONTENT_TYPE, file.metadata.mimetype().to_owned())];
        (kind, Body::from(file.data)).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    response
}

fn not_built() -> Response {
    plain(
        StatusCode::OK,
        "The interface was not built",
        "<p>Storewarden runs, and the shop is served; only its pages are missing from this build.</p>\
         <p>Run <code>cargo xtask demo</code>, which builds everything, or build the pages and then \
         the program:</p>\
         <pre>npm --prefix web ci\nnpm --prefix web run build\ncargo build</pre>\
         <p>Until then <code>storewarden status</code> tells how the shop is.</p>",
    )
}

/// For a link that was opened before, ran out, or was never made.
pub(crate) fn link_is_used() -> Response {
    plain(
        StatusCode::FORBIDDEN,
        "This sign-in link has been used or has run out",
        "<p>A link opens once, within fifteen minutes. If you are signed in already, go to \
         <a href=\"/\">the overview</a>.</p>\
         <p>Else make a new link on the machine that runs Storewarden, and open the address that it \
         prints:</p>\
         <pre>storewarden sign-in --state DIR</pre>",
    )
}

/// A page without script, style file or image, readable in light and dark.
fn plain(status: StatusCode, title: &str, body: &str) -> Response {
    let page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title} – Storewarden</title></head>\
         <body><main><h1>{title}</h1>{body}</main></body></html>\n"
    );
    (status, [(CACHE_CONTROL, "no-store")], Html(page)).into_response()
}
