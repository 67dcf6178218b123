//! The machine as a whole: is it there, how is it, read the configuration again.

use crate::{ApiError, ApiState, Command, InForce, Wished, caller::Caller, error::ErrorBody};
use ::watch::state::Status;
use axum::{Json, extract::State};
use kernel::{
    config::{Bundle, include_patterns},
    plan::{Plan, Reason, RunState},
};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::{sync::oneshot, time::timeout};
use utoipa::ToSchema;

/// The version of the program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How long control may take for what it is asked.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Health {
    ok: bool,
    version: String,
}

/// Whether control answers; needs no sign-in.
#[utoipa::path(
    get, path = "/api/v1/health", tag = "machine", security(()),
    responses((status = 200, body = Health))
)]
pub(crate) async fn health() -> Json<Health> {
    Json(Health { ok: true, version: VERSION.to_owned() })
}

/// The machine with the shops that the caller may see, without their points.
#[utoipa::path(
    get, path = "/api/v1/status", tag = "machine",
    responses(
        (status = 200, body = Status),
        (status = 401, body = ErrorBody),
    )
)]
pub(crate) async fn status(State(state): State<ApiState>, caller: Caller) -> Json<Status> {
    let mut status = state.watch.with(|live| live.status(VERSION));
    status.shops.retain(|shop| caller.sees(&shop.now.id));
    Json(status)
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Reloaded {
    /// The version of the snapshot that the edge gets.
    version: u64,
}

/// Read the configuration file again.
///
/// A file that says something new is taken over by a run, which can be undone and stands in the
/// ledger; one that does not is read all the same, for the files that it names.
#[utoipa::path(
    post, path = "/api/v1/reload", tag = "machine",
    responses(
        (status = 200, body = Reloaded),
        (status = 401, body = ErrorBody),
        (status = 422, body = ErrorBody, description = "The file is not valid; nothing changed"),
    )
)]
pub(crate) async fn reload(
    State(state): State<ApiState>,
    caller: Caller,
) -> Result<Json<Reloaded>, ApiError> {
    let wish = Wished::TakeOverFile;
    if let Ok(plan) = ask(&state, |answer| Command::Plan { wish, answer }).await? {
        return take_over(&state, plan, caller).await.map(Json);
    }
    // What is wrong with the file control says, and remembers as a finding.
    let answer = ask(&state, |answer| Command::Reload { answer }).await?;
    let rejected =
        |r: crate::Rejected| ApiError::Configuration { message: r.message, details: r.details };
    Ok(Json(Reloaded { version: answer.map_err(rejected)? }))
}

async fn take_over(state: &ApiState, plan: Plan, caller: Caller) -> Result<Reloaded, ApiError> {
    let id = state.engine.start(plan, caller.actor).await?;
    let waits = || ApiError::NoPlan {
        message: format!("run {id} has not taken the file over yet: see it in Changes"),
        details: Vec::new(),
        reason: Some(Reason::new("not_taken_over_yet", [("run", id.to_string().into())])),
    };
    let run = timeout(PATIENCE, state.engine.settled(id)).await.map_err(|_| waits())??;
    if run.state != RunState::Done {
        let cause = run.cause.and_then(|cause| cause.message).unwrap_or_default();
        let message = format!("run {id} did not take the file over: it is {}", run.state);
        return Err(ApiError::Configuration { message, details: vec![cause] });
    }
    let in_force = ask(state, |answer| Command::InForce { answer }).await?;
    Ok(Reloaded { version: in_force.version })
}

/// The configuration as it is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ConfigurationText {
    /// The file it was read from.
    path: String,
    /// The text that is in force, whatever stands in the file by now; behind it that of the files
    /// which it includes.
    text: String,
    /// The same file by file, the file itself first.
    files: Vec<ConfigurationFile>,
    /// The patterns by which it includes files, from the folder of the first: a new file must fit
    /// one.
    includes: Vec<String>,
    /// Of the snapshot that the edge was given.
    version: u64,
}

/// A file of the configuration.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ConfigurationFile {
    /// From the folder of the first, or whole; `null`: the file itself.
    path: Option<String>,
    text: String,
}

/// The text of the configuration that is in force. To change it, ask for a plan.
#[utoipa::path(
    get, path = "/api/v1/configuration", tag = "machine",
    responses((status = 200, body = ConfigurationText), (status = 401, body = ErrorBody))
)]
pub(crate) async fn configuration(
    State(state): State<ApiState>,
) -> Result<Json<ConfigurationText>, ApiError> {
    let InForce { file, text, version } = ask(&state, |answer| Command::InForce { answer }).await?;
    let bundle = Bundle::split(&text);
    let files = bundle.files().map(|(path, text)| ConfigurationFile {
        path: path.map(|path| path.display().to_string()),
        text: text.to_owned(),
    });
    let includes = include_patterns(&bundle);
    let includes = includes.iter().map(|pattern| pattern.display().to_string()).collect();
    let (path, files) = (file.display().to_string(), files.collect());
    Ok(Json(ConfigurationText { path, text, files, includes, version }))
}

/// Hands control a command and waits for its answer.
pub(crate) async fn ask<T>(
    state: &ApiState,
    command: impl FnOnce(oneshot::Sender<T>) -> Command,
) -> Result<T, ApiError> {
    ask_within(PATIENCE, state, command).await
}

/// The same for what takes longer, such as looking into backups.
pub(crate) async fn ask_within<T>(
    patience: Duration,
    state: &ApiState,
    command: impl FnOnce(oneshot::Sender<T>) -> Command,
) -> Result<T, ApiError> {
    let (answer, answered) = oneshot::channel();
    let asked = async {
        state.commands.send(command(answer)).await.map_err(|_| ApiError::Unavailable)?;
        answered.await.map_err(|_| ApiError::Unavailable)
    };
    timeout(patience, asked).await.map_err(|_| ApiError::Unavailable)?
}
