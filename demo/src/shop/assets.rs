//! Files that hardly ever change: the style sheet, the mark and the pictures of the lamps.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};

use super::{Shared, reply::cacheable};

/// The addresses carry no fingerprint, so they must be asked again after a day.
const LONG: &str = "public, max-age=86400";

pub(super) async fn serve(
    State(shop): Shared,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Response {
    let content = match file.as_str() {
        "shop.css" => {
            Some(("text/css; charset=utf-8", include_str!("../../assets/shop.css").to_owned()))
        }
        "mark.svg" => Some(("image/svg+xml", include_str!("../../assets/mark.svg").to_owned())),
        other => other
            .strip_prefix("lamp-")
            .and_then(|name| name.strip_suffix(".svg"))
            .and_then(|name| shop.pictures.get(name))
            .map(|svg| ("image/svg+xml", svg.clone())),
    };
    match content {
        Some(content) => cacheable(&headers, LONG, content),
        None => (StatusCode::NOT_FOUND, [("cache-control", "no-store")]).into_response(),
    }
}
