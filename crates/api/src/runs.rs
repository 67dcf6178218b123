//! Changes: a plan is made and previewed, started as a run, approved, stopped, taken back.
//!
//! What a plan needs, its wish says (see [`permission`]); the routes themselves let in whoever may
//! see something, and the handlers look closer.

pub(crate) mod events;
mod previews;
mod view;
mod wish;

pub use previews::Previews;
pub(crate) use view::{LogView, Message, PreviewView, RunView, RunsView};
pub(crate) use wish::WishBody;

use crate::{
    ApiError, ApiState, Command, Refusal, caller::Caller, error::ErrorBody, machine::ask_within,
    names, orders::PATIENCE,
};
use ::plan::Engine;
use axum::{
    Json,
    extract::{Path, Query, State},
};
use kernel::{
    Permission, Place, ShopId,
    plan::{Area, Plan, Reason, Run, RunId, RunState},
};
use serde::{Deserialize, Serialize};
use store::{RunFilter, RunPaging};
use utoipa::ToSchema;
use wish::When;

/// Runs of one answer, at most and when nothing is said.
const MOST: u32 = 200;
const USUAL: u32 = 50;

/// What a plan would do, and what stands in its way. Nothing is started.
#[utoipa::path(
    post, path = "/api/v1/plans", tag = "changes", request_body = WishBody,
    responses(
        (status = 200, body = PreviewView),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 422, body = ErrorBody, description = "It cannot be done as things are"),
    )
)]
pub(crate) async fn preview(
    State(state): State<ApiState>,
    caller: Caller,
    Json(body): Json<WishBody>,
) -> Result<Json<PreviewView>, ApiError> {
    let when = body.when()?;
    let wish = body.understand()?;
    wish::allowed(&wish, &caller)?;
    wish::names_what_is_there(&wish, &state, &caller)?;
    let made = ask_within(PATIENCE, &state, |answer| Command::Plan { wish, answer }).await?;
    let refused =
        |Refusal { message, details, reason }| ApiError::NoPlan { message, details, reason };
    let mut plan = made.map_err(refused)?;
    let at_once = when == When::AtOnce;
    if let When::In(window) = when {
        plan.window = Some(window);
    }
    let preview = match at_once {
        true => state.engine.preview_at_once(plan).await?,
        false => state.engine.preview(plan).await?,
    };
    let shops = |shop| state.watch.with(|live| live.zone(shop).cloned());
    let zone = preview.plan.shop.as_ref().and_then(shops).unwrap_or_else(::plan::zone_here);
    let text = ::plan::preview_text(&preview, &zone);
    let windows = state.engine.windows(&preview.plan);
    let id = state.previews.keep(preview.plan.clone(), at_once);
    Ok(Json(PreviewView::of(id, &preview, text, &windows)))
}

/// Which preview to start.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct StartBody {
    /// The id of a preview.
    preview: String,
    /// Why it cannot wait, for one that begins at once past a window or a freeze; it stands in the
    /// ledger.
    #[serde(default)]
    reason: Option<String>,
}

/// Start what was previewed.
#[utoipa::path(
    post, path = "/api/v1/runs", tag = "changes", request_body = StartBody,
    responses(
        (status = 200, body = RunView),
        (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody, description = "The preview is too old: make it again"),
        (status = 422, body = ErrorBody, description = "Things have changed since: make it again"),
    )
)]
pub(crate) async fn start(
    State(state): State<ApiState>,
    caller: Caller,
    Json(body): Json<StartBody>,
) -> Result<Json<RunView>, ApiError> {
    let missing = || ApiError::NotFound { what: "preview", name: body.preview.clone() };
    let (plan, at_once) = state.previews.get(&body.preview).ok_or_else(missing)?;
    may(&caller, permission(&plan), plan.shop.as_ref())?;
    let reason = body.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    let id = match at_once {
        true => start_at_once(&state, &caller, plan, reason).await?,
        false => state.engine.start(plan, caller.actor.clone()).await?,
    };
    state.previews.forget(&body.preview);
    let run = state.engine.run(id).await?;
    Ok(Json(shown(&state, &caller, &run)))
}

/// Past a window or a freeze goes who may let changes go, and says why.
async fn start_at_once(
    state: &ApiState,
    caller: &Caller,
    plan: Plan,
    reason: Option<&str>,
) -> Result<RunId, ApiError> {
    let actor = caller.actor.clone();
    if !state.engine.is_held_back(&plan) {
        return Ok(state.engine.start(Plan { window: None, ..plan }, actor).await?);
    }
    may(caller, Permission::Approve, plan.shop.as_ref())?;
    let missing = || ApiError::NoPlan {
        message: "it would wait for its window or the end of a freeze: say why it cannot"
            .to_owned(),
        details: Vec::new(),
        reason: Some(Reason::new("reason_needed", [])),
    };
    let reason = reason.ok_or_else(missing)?.to_owned();
    Ok(state.engine.start_at_once(plan, actor, reason).await?)
}

/// Which runs to list.
#[derive(Debug, Deserialize)]
pub(crate) struct RunsQuery {
    shop: Option<String>,
    state: Option<String>,
    before: Option<i64>,
    limit: Option<u32>,
}

/// Runs, the newest first.
#[utoipa::path(
    get, path = "/api/v1/runs", tag = "changes",
    params(
        ("shop" = Option<String>, Query, description = "Of this shop only"),
        ("state" = Option<String>, Query, description = "In this state; `open`: not over"),
        ("before" = Option<i64>, Query, description = "Older than the run of this id"),
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when not given"),
    ),
    responses((status = 200, body = RunsView), (status = 401, body = ErrorBody))
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<RunsQuery>,
) -> Result<Json<RunsView>, ApiError> {
    let limit = query.limit.unwrap_or(USUAL).clamp(1, MOST);
    let shop = query.shop.as_deref().map(shop_id).transpose()?;
    let filter = RunFilter {
        shop: shop.clone(),
        states: query.state.as_deref().map(states).transpose()?.unwrap_or_default(),
        ..RunFilter::default()
    };
    let paging = RunPaging { before: query.before.map(RunId), limit };
    let found = state.store.runs(filter, paging).await?;
    // A shop that is gone still has its runs; one that never was has none.
    if let Some(shop) = shop.filter(|_| found.is_empty()) {
        names::shop(&state, &caller, &shop)?;
    }
    let is_full = found.len() == limit as usize;
    let next = found.last().filter(|_| is_full).map(|run| run.id.to_string());
    let seen = found.iter().filter(|run| sees(&caller, run.shop.as_ref()));
    Ok(Json(RunsView { runs: seen.map(RunView::brief).collect(), next }))
}

/// A run with its steps.
#[utoipa::path(
    get, path = "/api/v1/runs/{run}", tag = "changes",
    params(("run" = i64, Path, description = "The run's id")),
    responses(
        (status = 200, body = RunView),
        (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn one(
    State(state): State<ApiState>,
    caller: Caller,
    Path(run): Path<String>,
) -> Result<Json<RunView>, ApiError> {
    let run = find(&state, &caller, &run).await?;
    Ok(Json(shown(&state, &caller, &run)))
}

#[derive(Debug, Deserialize)]
pub(crate) struct LogQuery {
    #[serde(default)]
    from: usize,
}

/// What a run said while it worked.
#[utoipa::path(
    get, path = "/api/v1/runs/{run}/log", tag = "changes",
    params(
        ("run" = i64, Path, description = "The run's id"),
        ("from" = Option<usize>, Query, description = "The byte to begin with: an answer's `next`"),
    ),
    responses(
        (status = 200, body = LogView),
        (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn log(
    State(state): State<ApiState>,
    caller: Caller,
    Path(run): Path<String>,
    Query(query): Query<LogQuery>,
) -> Result<Json<LogView>, ApiError> {
    let run = find(&state, &caller, &run).await?;
    let whole = state.engine.log(run.id).await?;
    let text = whole.get(query.from..).unwrap_or_default().to_owned();
    Ok(Json(LogView { text, next: whole.len() }))
}

/// Why somebody does something to a run.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
pub(crate) struct ReasonBody {
    #[serde(default)]
    reason: Option<String>,
}

/// What a person can do to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Approve,
    Hurry,
    Cancel,
    Undo,
    Retry,
    DeclareDone,
    DeclareNotDone,
    GiveUp,
}

impl Deed {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Approve, "approve"),
        (Self::Hurry, "hurry"),
        (Self::Cancel, "cancel"),
        (Self::Undo, "undo"),
        (Self::Retry, "retry"),
        (Self::DeclareDone, "declare_done"),
        (Self::DeclareNotDone, "declare_not_done"),
        (Self::GiveUp, "give_up"),
    ];

    fn of(name: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(_, known)| known.replace('_', "-") == name);
        found.map(|(deed, _)| deed)
    }

    /// Whether a run as it stands would take it.
    fn fits(self, run: &Run) -> bool {
        use RunState::{AwaitingApproval, Running, Stuck, UndoFailed, Waiting};
        match self {
            Self::Approve => run.state == AwaitingApproval,
            Self::Hurry => run.state == Waiting && run.hurried.is_none(),
            Self::Cancel => match run.state {
                AwaitingApproval | Waiting => true,
                Running => run.cancelled_by.is_none(),
                _ => false,
            },
            Self::Undo => Engine::may_be_undone(run),
            Self::Retry => {
                matches!(run.state, Stuck | UndoFailed) && Engine::undo_gone(run).is_none()
            }
            Self::DeclareDone | Self::DeclareNotDone | Self::GiveUp => run.state == Stuck,
        }
    }

    /// Who may: to decide is to approve; the rest needs what starting it needed.
    fn permission(self, plan: &Plan) -> Permission {
        match self {
            Self::Approve | Self::Hurry => Permission::Approve,
            _ => permission(plan),
        }
    }
}

/// Decide on a run, or steer it: `approve`, `hurry` (begin outside its window), `cancel`, `undo`,
/// `retry`, `declare-done`, `declare-not-done` and `give-up` (of one that is stuck).
#[utoipa::path(
    post, path = "/api/v1/runs/{run}/{deed}", tag = "changes", request_body = ReasonBody,
    params(
        ("run" = i64, Path, description = "The run's id"),
        ("deed" = String, Path, description = "What to do: one of the run's `may`, with hyphens"),
    ),
    responses(
        (status = 200, body = RunView),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "Not as the run stands now"),
    )
)]
pub(crate) async fn steer(
    State(state): State<ApiState>,
    caller: Caller,
    Path((run, deed)): Path<(String, String)>,
    body: Option<Json<ReasonBody>>,
) -> Result<Json<RunView>, ApiError> {
    let run = find(&state, &caller, &run).await?;
    let deed = Deed::of(&deed).ok_or(ApiError::NoSuchPath)?;
    may(&caller, deed.permission(&run.plan), run.plan.shop.as_ref())?;
    let (engine, by, id) = (&state.engine, caller.actor.clone(), run.id);
    let reason = body.and_then(|Json(body)| body.reason).unwrap_or_default();
    let run = match deed {
        Deed::Approve => engine.approve(id, by).await,
        Deed::Hurry => engine.hurry(id, by, reason).await,
        Deed::Cancel => engine.cancel(id, by).await,
        Deed::Undo => engine.undo(id, by).await,
        Deed::Retry => engine.retry(id, by).await,
        Deed::DeclareDone => engine.declare(id, true, by).await,
        Deed::DeclareNotDone => engine.declare(id, false, by).await,
        Deed::GiveUp => engine.give_up(id, by).await,
    }?;
    Ok(Json(shown(&state, &caller, &run)))
}

/// What starting a plan needs: the most that one of its acts does.
fn permission(plan: &Plan) -> Permission {
    let configures = plan.steps.iter().any(|step| step.act.area() == Area::Configuration);
    if configures { Permission::ChangeConfiguration } else { Permission::Operate }
}

fn may(caller: &Caller, permission: Permission, shop: Option<&ShopId>) -> Result<(), ApiError> {
    match shop {
        Some(shop) => caller.may(permission, shop),
        None => caller.may_everywhere(permission),
    }
}

/// Runs of the machine are seen by whoever may see all of it.
fn sees(caller: &Caller, shop: Option<&ShopId>) -> bool {
    match shop {
        Some(shop) => caller.sees(shop),
        None => caller.rights.may(Permission::See, Place::Machine),
    }
}

async fn find(state: &ApiState, caller: &Caller, id: &str) -> Result<Run, ApiError> {
    let missing = || ApiError::NotFound { what: "run", name: id.to_owned() };
    let number: RunId = id.parse().map_err(|_| missing())?;
    let run = state.store.run(number).await?.ok_or_else(missing)?;
    if sees(caller, run.plan.shop.as_ref()) { Ok(run) } else { Err(missing()) }
}

/// A run as this caller is shown it.
fn shown(state: &ApiState, caller: &Caller, run: &Run) -> RunView {
    let live = state.engine.live(run.id);
    let waits = live.as_ref().map_or(&[][..], |live| &live.waits);
    let mut view = RunView::of(run, waits);
    let fitting = Deed::ALL.into_iter().filter(|(deed, _)| {
        deed.fits(run) && may(caller, deed.permission(&run.plan), run.plan.shop.as_ref()).is_ok()
    });
    view.may = fitting.map(|(_, name)| name.to_owned()).collect();
    view
}

fn shop_id(text: &str) -> Result<ShopId, ApiError> {
    text.parse().map_err(|_| ApiError::NotFound { what: "shop", name: text.to_owned() })
}

/// The states that a word of the query means.
fn states(word: &str) -> Result<Vec<RunState>, ApiError> {
    let all = RunState::ALL.into_iter();
    let states: Vec<RunState> = match word {
        "open" => all.filter(|state| !state.is_over()).collect(),
        word => all.filter(|state| state.code() == word).collect(),
    };
    if states.is_empty() {
        let known = RunState::ALL.iter().map(|state| state.code());
        return Err(names::unknown("state of runs", word, known.chain(["open"])));
    }
    Ok(states)
}
