//! Incidents: what is wrong, what was done about it, who was told; silences; and the routes by which
//! people are told.
//!
//! The routes let in whoever may see something; the handlers look closer: an incident of a shop is
//! for those who see that shop, one of the machine or of several shops for those who see all.

mod view;

use crate::{
    ApiError, ApiState,
    body::{Body, OptionalBody},
    caller::Caller,
    error::ErrorBody,
    guard::now_ms,
    names,
};
use ::watch::{WatchError, incidents::Action};
use axum::{
    Json,
    extract::{Path, Query, State},
};
use kernel::{Incident, IncidentState, Permission, ShopId, Silence};
use serde::{Deserialize, Serialize};
use store::IncidentFilter;
use utoipa::ToSchema;
use view::{IncidentPage, IncidentView, IncidentWhole, RouteView, Routes, SilenceView, Silences};

/// Incidents of one answer, at most and when nothing is said.
const MOST: u32 = 200;
const USUAL: u32 = 50;
/// Pages that are looked through for a caller who sees few of their incidents.
const PAGES: usize = 20;
/// The longest a silence lasts: whoever wants more wants another rule.
const LONGEST_SILENCE_MS: i64 = 90 * 24 * 60 * 60_000;
const OWNER_CHARS: usize = 200;

/// Which incidents to list.
#[derive(Debug, Deserialize)]
pub(crate) struct IncidentsQuery {
    shop: Option<String>,
    state: Option<String>,
    before: Option<i64>,
    limit: Option<u32>,
}

/// Incidents, the newest first.
#[utoipa::path(
    get, path = "/api/v1/incidents", tag = "incidents",
    params(
        ("shop" = Option<String>, Query, description = "Of this shop only"),
        ("state" = Option<String>, Query, description = "`open`, `acknowledged` or `resolved`"),
        ("before" = Option<i64>, Query, description = "Older than the incident of this id"),
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when not given"),
    ),
    responses(
        (status = 200, body = IncidentPage),
        (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<IncidentsQuery>,
) -> Result<Json<IncidentPage>, ApiError> {
    let limit = query.limit.unwrap_or(USUAL).clamp(1, MOST);
    let shop = query.shop.as_deref().map(shop_id).transpose()?;
    if let Some(shop) = &shop {
        caller.may(Permission::See, shop)?;
    }
    let wanted = query.state.as_deref().map(incident_state).transpose()?;
    let mut filter = IncidentFilter { shop: shop.clone(), state: wanted, before: query.before };
    let mut incidents = Vec::new();
    for _ in 0..PAGES {
        let page = state.desk.list(filter.clone(), limit).await.map_err(refused)?;
        let is_last = page.len() < limit as usize;
        for incident in page {
            filter.before = Some(incident.id);
            if sees(&caller, &incident) {
                incidents.push(IncidentView::of(incident));
            }
            if incidents.len() == limit as usize {
                return Ok(Json(IncidentPage { incidents, next: filter.before }));
            }
        }
        if is_last {
            // A shop that is gone still has its incidents; one that never was has none.
            if let Some(shop) = shop.filter(|_| incidents.is_empty()) {
                names::shop(&state, &caller, &shop)?;
            }
            return Ok(Json(IncidentPage { incidents, next: None }));
        }
    }
    Ok(Json(IncidentPage { incidents, next: filter.before }))
}

/// An incident with all that happened in it.
#[utoipa::path(
    get, path = "/api/v1/incidents/{id}", tag = "incidents",
    params(("id" = i64, Path, description = "The incident's id")),
    responses(
        (status = 200, body = IncidentWhole),
        (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn one(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<IncidentWhole>, ApiError> {
    let (incident, timeline) = find(&state, &caller, &id).await?;
    Ok(Json(IncidentWhole::of(incident, timeline)))
}

#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
pub(crate) struct AcknowledgeBody {
    /// It ends then, and people are told again; without it, when the incident is resolved.
    until_ms: Option<i64>,
}

/// Say that one knows: nobody else is told for now.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/acknowledge", tag = "incidents",
    params(("id" = i64, Path, description = "The incident's id")), request_body = AcknowledgeBody,
    responses(
        (status = 200, body = IncidentView),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "It is resolved"),
    )
)]
pub(crate) async fn acknowledge(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody<AcknowledgeBody>,
) -> Result<Json<IncidentView>, ApiError> {
    act(&state, &caller, &id, Action::Acknowledge { until_ms: body.until_ms }).await
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct OwnBody {
    /// A name, as people call them; `null`: nobody in particular.
    owner: Option<String>,
}

/// Say who looks after it.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/own", tag = "incidents",
    params(("id" = i64, Path, description = "The incident's id")), request_body = OwnBody,
    responses(
        (status = 200, body = IncidentView),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn own(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<OwnBody>,
) -> Result<Json<IncidentView>, ApiError> {
    let owner = body.owner.map(|owner| owner.trim().to_owned()).filter(|owner| !owner.is_empty());
    if owner.as_ref().is_some_and(|owner| owner.chars().count() > OWNER_CHARS) {
        return Err(unfit(format!("an owner's name has at most {OWNER_CHARS} characters")));
    }
    act(&state, &caller, &id, Action::Own { owner }).await
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct TextBody {
    text: String,
}

/// Note something that is known of it.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/note", tag = "incidents",
    params(("id" = i64, Path, description = "The incident's id")), request_body = TextBody,
    responses(
        (status = 200, body = IncidentView),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 422, body = ErrorBody, description = "There is no text"),
    )
)]
pub(crate) async fn note(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<TextBody>,
) -> Result<Json<IncidentView>, ApiError> {
    act(&state, &caller, &id, Action::Note { text: given(body)? }).await
}

/// Close it, and say how it was resolved. What still fires opens no other one until it was gone.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/resolve", tag = "incidents",
    params(("id" = i64, Path, description = "The incident's id")), request_body = TextBody,
    responses(
        (status = 200, body = IncidentView),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "It is resolved already"),
        (status = 422, body = ErrorBody, description = "There is no text"),
    )
)]
pub(crate) async fn resolve(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<TextBody>,
) -> Result<Json<IncidentView>, ApiError> {
    act(&state, &caller, &id, Action::Resolve { text: given(body)? }).await
}

/// Open a resolved incident again; people are told again.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/reopen", tag = "incidents",
    params(("id" = i64, Path, description = "The incident's id")),
    responses(
        (status = 200, body = IncidentView),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "It is not resolved"),
    )
)]
pub(crate) async fn reopen(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<IncidentView>, ApiError> {
    act(&state, &caller, &id, Action::Reopen).await
}

/// Silences that have not ended.
#[utoipa::path(
    get, path = "/api/v1/silences", tag = "incidents",
    responses((status = 200, body = Silences), (status = 401, body = ErrorBody))
)]
pub(crate) async fn silences(State(state): State<ApiState>, caller: Caller) -> Json<Silences> {
    let silences = state.desk.silences().await.into_iter();
    // One that covers every shop covers those that the caller sees.
    let seen = silences.filter(|silence| silence.shop.as_ref().is_none_or(|s| caller.sees(s)));
    Json(Silences { silences: seen.map(SilenceView::of).collect() })
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct SilenceBody {
    /// `null`: every shop, and the machine.
    shop: Option<String>,
    /// The code of a finding; `null`: all.
    code: Option<String>,
    /// Now when not given.
    from_ms: Option<i64>,
    until_ms: i64,
    #[serde(default)]
    comment: String,
}

/// Tell nobody of what it covers until it ends. Incidents are opened all the same.
#[utoipa::path(
    post, path = "/api/v1/silences", tag = "incidents", request_body = SilenceBody,
    responses(
        (status = 200, body = SilenceView),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 422, body = ErrorBody, description = "It ends before it begins, or too late"),
    )
)]
pub(crate) async fn silence(
    State(state): State<ApiState>,
    caller: Caller,
    Body(body): Body<SilenceBody>,
) -> Result<Json<SilenceView>, ApiError> {
    let shop = body.shop.as_deref().map(shop_id).transpose()?;
    may(&caller, shop.as_ref())?;
    if let Some(shop) = &shop {
        names::shop(&state, &caller, shop)?;
    }
    let now_ms = now_ms();
    let (from_ms, until_ms) = (body.from_ms.unwrap_or(now_ms), body.until_ms);
    if until_ms <= from_ms.max(now_ms) {
        return Err(unfit("a silence ends after it begins, and after now".to_owned()));
    }
    if until_ms - now_ms > LONGEST_SILENCE_MS {
        return Err(unfit("a silence ends within ninety days".to_owned()));
    }
    let (code, comment, by) = (body.code, body.comment, caller.actor);
    let silence = Silence { id: 0, shop, code, from_ms, until_ms, comment, by };
    let made = state.desk.add_silence(silence).await.map_err(refused)?;
    Ok(Json(SilenceView::of(made)))
}

/// End a silence before its time.
#[utoipa::path(
    delete, path = "/api/v1/silences/{id}", tag = "incidents",
    params(("id" = i64, Path, description = "The silence's id")),
    responses(
        (status = 200, body = Silences, description = "Those that remain"),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn end_silence(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Silences>, ApiError> {
    let missing = || ApiError::NotFound { what: "silence", name: id.clone() };
    let number: i64 = id.parse().map_err(|_| missing())?;
    let silences = state.desk.silences().await;
    let silence = silences.iter().find(|silence| silence.id == number).ok_or_else(missing)?;
    may(&caller, silence.shop.as_ref())?;
    state.desk.end_silence(number, &caller.actor).await.map_err(refused)?;
    Ok(self::silences(State(state), caller).await)
}

/// The routes by which people are told, and how each fares.
#[utoipa::path(
    get, path = "/api/v1/notify", tag = "incidents",
    responses((status = 200, body = Routes), (status = 401, body = ErrorBody))
)]
pub(crate) async fn routes(State(state): State<ApiState>) -> Result<Json<Routes>, ApiError> {
    let routes = state.desk.routes().await.map_err(refused)?;
    Ok(Json(Routes { routes: routes.into_iter().map(RouteView::of).collect() }))
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct TestBody {
    /// The name of a `[[notify]]`.
    route: String,
}

/// Send a test by a route, now and once; the answer says whether the other side took it.
#[utoipa::path(
    post, path = "/api/v1/notify/test", tag = "incidents", request_body = TestBody,
    responses(
        (status = 200, body = Routes),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 422, body = ErrorBody, description = "It did not arrive, and why"),
    )
)]
pub(crate) async fn test(
    State(state): State<ApiState>,
    Body(body): Body<TestBody>,
) -> Result<Json<Routes>, ApiError> {
    state.desk.test(&body.route).await.map_err(refused)?;
    routes(State(state)).await
}

async fn act(
    state: &ApiState,
    caller: &Caller,
    id: &str,
    action: Action,
) -> Result<Json<IncidentView>, ApiError> {
    let (incident, _) = find(state, caller, id).await?;
    may(caller, incident.shop.as_ref())?;
    let incident = state.desk.act(incident.id, action, &caller.actor).await.map_err(refused)?;
    Ok(Json(IncidentView::of(incident)))
}

/// An incident that the caller may know of.
async fn find(
    state: &ApiState,
    caller: &Caller,
    id: &str,
) -> Result<(Incident, Vec<kernel::TimelineEntry>), ApiError> {
    let missing = || ApiError::NotFound { what: "incident", name: id.to_owned() };
    let number: i64 = id.parse().map_err(|_| missing())?;
    let found = state.desk.one(number).await.map_err(refused)?;
    found.filter(|(incident, _)| sees(caller, incident)).ok_or_else(missing)
}

fn sees(caller: &Caller, incident: &Incident) -> bool {
    match &incident.shop {
        Some(shop) => caller.sees(shop),
        None => caller.may_everywhere(Permission::See).is_ok(),
    }
}

/// Whether the caller may look after incidents there.
fn may(caller: &Caller, shop: Option<&ShopId>) -> Result<(), ApiError> {
    match shop {
        Some(shop) => caller.may(Permission::Acknowledge, shop),
        None => caller.may_everywhere(Permission::Acknowledge),
    }
}

fn given(body: TextBody) -> Result<String, ApiError> {
    if body.text.trim().is_empty() {
        return Err(unfit("say something".to_owned()));
    }
    Ok(body.text)
}

fn shop_id(text: &str) -> Result<ShopId, ApiError> {
    text.parse().map_err(|_| ApiError::NotFound { what: "shop", name: text.to_owned() })
}

fn incident_state(text: &str) -> Result<IncidentState, ApiError> {
    use IncidentState::{Acknowledged, Open, Resolved};
    let states = [Open, Acknowledged, Resolved];
    let found = states.into_iter().find(|state| state.as_str() == text);
    found.ok_or_else(|| unfit("a state is `open`, `acknowledged` or `resolved`".to_owned()))
}

fn unfit(message: String) -> ApiError {
    ApiError::Refused { code: "refused", message }
}

fn refused(error: WatchError) -> ApiError {
    match error {
        WatchError::Store(error) => ApiError::Store(error),
        WatchError::Missing { what, name } => ApiError::NotFound { what, name },
        WatchError::Refused(why) => {
            ApiError::Conflict { code: "not_now", message: why.to_string() }
        }
        WatchError::NotifySettings(why)
        | WatchError::NotifyRefused(why)
        | WatchError::NotifyFailed(why) => ApiError::Refused { code: "not_told", message: why },
        error => ApiError::Failed(error.to_string()),
    }
}
