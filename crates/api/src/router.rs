//! Every address of the API and what stands in front of it; the OpenAPI document comes from the
//! same list.

use crate::{
    ApiError, ApiState, backups, checks, cookies, databases, guard, history, incidents,
    ledger_page, machine, me, metrics, orders, pages, peers, people, prometheus, runs, services,
    sessions, shops, sign_in, tokens,
};
use axum::{
    Json, Router,
    extract::DefaultBodyLimit,
    http::{HeaderValue, header::CACHE_CONTROL},
    middleware::{from_fn, from_fn_with_state},
    routing::get,
};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Bodies are a few fields; those that are longer are refused.
const BODY_BYTES: usize = 16 * 1024;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Storewarden",
        description = "Times are unix milliseconds (`_ms`), money is minor units (`_minor`) of the \
            shop's currency, shares are 0..1. `null` is unknown: never zero, never good."
    ),
    security(("session" = []), ("token" = [])),
    modifiers(&Access),
    tags(
        (name = "shops", description = "What a shop owner looks at"),
        (name = "incidents", description = "What is wrong, who looks after it, who was told"),
        (name = "changes", description = "Plans and runs: what is to be done, and what was"),
        (name = "backups", description = "What would bring a shop back"),
        (name = "databases", description = "What a shop's database suffers from"),
        (name = "orders", description = "Single orders then and now: personal data of whoever bought"),
        (name = "metrics", description = "Prometheus' own API over what was measured: give `/prometheus` as the address of one"),
        (name = "machine", description = "What the command line looks at"),
        (name = "access", description = "Coming in and going out"),
        (name = "people", description = "Who may do what"),
        (name = "ledger", description = "What was done, by whom"),
    )
)]
struct Document;

/// The two ways to prove who one is.
struct Access;

impl Modify for Access {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let cookie = ApiKey::Cookie(ApiKeyValue::new(cookies::SESSION_COOKIE));
        components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "A token that was made, or the text of `api-token` in the state directory",
        ));
        components.add_security_scheme("token", SecurityScheme::Http(bearer.build()));
    }
}

/// The document of this API.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let open: OpenApiRouter<ApiState> = open().merge(guarded());
    let mut document = open.into_openapi();
    for (path, item) in &mut document.paths.paths {
        let operations = [
            ("get", &mut item.get),
            ("post", &mut item.post),
            ("patch", &mut item.patch),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                operation.operation_id = Some(operation_id(method, path));
            }
        }
    }
    document
}

/// A name that no other operation has: handlers of different files share theirs.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.trim_start_matches("/api/v1/").split(['/', '-', '.', '{', '}']);
    let words = words.filter(|word| !word.is_empty());
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}

fn open() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(sign_in::open_link))
        .routes(routes!(sign_in::sign_in))
        .routes(routes!(sign_in::look_at_invitation))
        .routes(routes!(sign_in::accept_invitation))
        .routes(routes!(machine::health))
}

fn guarded() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(document))
        .routes(routes!(machine::status))
        .routes(routes!(peers::ask))
        .routes(routes!(peers::list))
        .routes(routes!(checks::list))
        .routes(routes!(checks::report))
        .routes(routes!(checks::report_signal))
        .routes(routes!(services::list))
        .routes(routes!(machine::reload))
        .routes(routes!(sign_in::make_link))
        .routes(routes!(sign_in::sign_out))
        .routes(routes!(me::me))
        .routes(routes!(me::password))
        .routes(routes!(me::begin_second_factor))
        .routes(routes!(me::confirm_second_factor))
        .routes(routes!(me::remove_second_factor))
        .routes(routes!(me::recovery_codes))
        .routes(routes!(people::list, people::add))
        .routes(routes!(people::change, people::remove))
        .routes(routes!(people::invite))
        .routes(routes!(people::reset))
        .routes(routes!(sessions::list, sessions::end_others))
        .routes(routes!(sessions::end))
        .routes(routes!(tokens::list, tokens::make))
        .routes(routes!(tokens::revoke))
        .routes(routes!(incidents::list))
        .routes(routes!(incidents::one))
        .routes(routes!(incidents::acknowledge))
        .routes(routes!(incidents::own))
        .routes(routes!(incidents::note))
        .routes(routes!(incidents::resolve))
        .routes(routes!(incidents::reopen))
        .routes(routes!(incidents::silences, incidents::silence))
        .routes(routes!(incidents::end_silence))
        .routes(routes!(incidents::routes))
        .routes(routes!(incidents::test))
        .routes(routes!(ledger_page::page))
        .routes(routes!(shops::list))
        .routes(routes!(shops::one))
        .routes(routes!(shops::events))
        .routes(routes!(history::of_shop))
        .routes(routes!(backups::standing))
        .routes(routes!(backups::snapshots))
        .routes(routes!(backups::kept))
        .routes(routes!(backups::sheet))
        .routes(routes!(backups::files))
        .routes(routes!(databases::standing))
        .routes(routes!(databases::examine))
        .routes(routes!(orders::look))
        .routes(routes!(orders::history))
        .routes(routes!(orders::deleted))
        .routes(routes!(orders::missing))
        .routes(routes!(orders::erasures))
        .routes(routes!(shops::drain))
        .routes(routes!(shops::undrain))
        .routes(routes!(runs::preview))
        .routes(routes!(runs::list, runs::start))
        .routes(routes!(runs::events::events))
        .routes(routes!(runs::one))
        .routes(routes!(runs::log))
        .routes(routes!(runs::steer))
        .routes(routes!(machine::configuration))
        .routes(routes!(metrics::metrics))
        .routes(routes!(prometheus::query))
        .routes(routes!(prometheus::query_range))
        .routes(routes!(prometheus::exemplars))
        .routes(routes!(prometheus::series))
        .routes(routes!(prometheus::labels))
        .routes(routes!(prometheus::label_values))
        .routes(routes!(prometheus::metadata))
        .routes(routes!(prometheus::alerts))
        .routes(routes!(prometheus::rules))
        .routes(routes!(prometheus::targets))
        .routes(routes!(prometheus::build))
        .routes(routes!(prometheus::write))
}

/// The whole service: API, sign-in, and the interface for every other address.
pub fn router(state: ApiState) -> Router {
    let guarded: Router<ApiState> = Router::from(guarded())
        .method_not_allowed_fallback(|| async { ApiError::Method })
        .route_layer(from_fn_with_state(state.clone(), guard::callers));
    let open: Router<ApiState> = Router::from(open()).route_layer(from_fn(guard::strangers));
    open.merge(guarded)
        .fallback(get(pages::interface).fallback(pages::interface))
        .layer(from_fn(fresh))
        .layer(from_fn_with_state(state.clone(), guard::names))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(state)
}

/// Answers of the API are of this moment; files say themselves how long they last.
async fn fresh(
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> axum::response::Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// This document.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "machine",
    responses(
        (status = 200, description = "OpenAPI 3.1"),
        (status = 401, body = crate::error::ErrorBody),
    )
)]
async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(openapi())
}
