//! Plans and runs as the API shows them: every text a code with parameters, every step with what
//! stands in its way, what became of it and what undoes it.

use ::plan::Engine;
use kernel::{
    Actor, Params, ShopId,
    config::Bundle,
    plan::{
        Act, Cause, Condition, Holds, Plan, Preview, Reason, Run, RunState, RunSummary, StepRecord,
        StepState, Undo, WaitsFor, WindowChoice,
    },
};
use serde::{Deserialize, Serialize};
use std::path::Path;
use utoipa::ToSchema;

/// A message: its code, and what is filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Message {
    pub(crate) code: String,
    #[schema(value_type = std::collections::BTreeMap<String, serde_json::Value>)]
    pub(crate) params: Params,
}

/// Something that must hold before an act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ConditionView {
    code: String,
    #[schema(value_type = std::collections::BTreeMap<String, serde_json::Value>)]
    params: Params,
    /// `yes`, `no` or `unknown`.
    holds: String,
}

/// How a step is taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct UndoView {
    /// `by`, `nothing_to_undo` or `impossible`.
    kind: String,
    /// With `by`: the act.
    act: Option<Message>,
    /// With `impossible`: why, as a code.
    reason: Option<String>,
}

/// One step of a plan or a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct StepView {
    /// From 0.
    index: usize,
    act: Message,
    /// What it does, in English.
    sentence: String,
    /// In a preview: as of now, as if the steps before were done. Empty in a run.
    conditions: Vec<ConditionView>,
    undo: UndoView,
    timeout_ms: u64,
    /// `planned`, `intended`, `done`, `failed`, `undoing`, `undone`, `skipped` or `unknown`.
    state: String,
    started_ms: Option<i64>,
    ended_ms: Option<i64>,
    /// What went wrong, in the words of whoever did it.
    error: Option<String>,
    /// The same as a code.
    reason: Option<Message>,
    #[schema(value_type = std::collections::BTreeMap<String, serde_json::Value>)]
    evidence: Params,
}

/// What a plan would do, and what stands in its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct PreviewView {
    /// Start it with this. Forgotten after a quarter of an hour.
    pub(crate) id: String,
    kind: String,
    title: Message,
    shop: Option<String>,
    steps: Vec<StepView>,
    waits_for: Vec<Message>,
    /// What it does not wait for, because it was wished at once: starting it needs a reason then.
    hurries_past: Vec<Message>,
    /// The window it is to begin and end in; `null`: none.
    window: Option<String>,
    /// When it would begin, as far as windows and freezes decide; `null`: not as things stand.
    begins_ms: Option<i64>,
    /// The windows that it could wait for.
    windows: Vec<WindowView>,
    /// Once it is done there is nothing to take back: it does so by itself.
    takes_itself_back: bool,
    needs_approval: bool,
    /// Whether it would begin as it is.
    may_start: bool,
    /// Of the configuration, as a unified difference.
    difference: Option<String>,
    /// What whoever starts it should know.
    warnings: Vec<Message>,
    made_at_ms: i64,
    longest_ms: u64,
    /// All of it in English, for a terminal.
    text: String,
}

/// A window that a plan could wait for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct WindowView {
    name: String,
    /// When the plan would begin in it; `null`: it is never open for long enough.
    begins_ms: Option<i64>,
}

/// A plan that was started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct RunView {
    id: String,
    kind: String,
    title: Message,
    shop: Option<String>,
    /// `awaiting_approval`, `waiting`, `running`, `done`, `failed`, `cancelled`, `undoing`,
    /// `undone`, `undo_failed` or `stuck`.
    state: String,
    actor: String,
    approved_by: Option<String>,
    created_ms: i64,
    started_ms: Option<i64>,
    ended_ms: Option<i64>,
    waits_for: Vec<Message>,
    /// Empty in a list.
    steps: Vec<StepView>,
    done_steps: usize,
    all_steps: usize,
    /// Why it is not, or did not end, as planned.
    cause: Option<CauseView>,
    /// Of the configuration, as a unified difference.
    difference: Option<String>,
    /// Why it cannot be taken back any more, which it could be once; `null` in a list, too.
    undo_gone: Option<Message>,
    /// What the caller may do with it now: `approve`, `hurry`, `cancel`, `undo`, `retry`,
    /// `declare_done`, `declare_not_done`, `give_up`.
    pub(crate) may: Vec<String>,
}

/// Why a run is not, or did not end, as planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct CauseView {
    code: String,
    step: Option<usize>,
    /// In the words of whoever acted.
    message: Option<String>,
    /// The same as a code: of what went wrong, or of the condition that does not hold.
    reason: Option<Message>,
    by: Option<String>,
}

/// Runs, the newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct RunsView {
    pub(crate) runs: Vec<RunView>,
    /// Ask with `before` for those before these; `null` when there are none.
    pub(crate) next: Option<String>,
}

/// A part of a run's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct LogView {
    pub(crate) text: String,
    /// Ask with `from` for what comes after.
    pub(crate) next: usize,
}

impl Message {
    fn of(act: &Act) -> Self {
        Self { code: act.code().to_owned(), params: act.params() }
    }

    fn bare(code: &str) -> Self {
        Self { code: code.to_owned(), params: Params::new() }
    }

    fn with<const N: usize>(code: &str, params: [(&str, kernel::Value); N]) -> Self {
        let params = params.map(|(name, value)| (name.to_owned(), value));
        Self { code: code.to_owned(), params: params.into() }
    }

    fn title(plan: &Plan) -> Self {
        let mut params = plan.params.clone();
        if let Some(shop) = &plan.shop {
            params.entry("shop".to_owned()).or_insert_with(|| shop.as_str().into());
        }
        Self { code: plan.kind.to_string(), params }
    }
}

impl From<&WaitsFor> for Message {
    fn from(waits: &WaitsFor) -> Self {
        match waits {
            WaitsFor::Approval => Self::bare("approval"),
            WaitsFor::Window { window, opens_at_ms } => Self::with(
                "window",
                [("name", window.to_string().into()), ("opens_ms", (*opens_at_ms).into())],
            ),
            WaitsFor::Freeze { freeze, reason, until_ms } => Self::with(
                "freeze",
                [
                    ("name", freeze.as_str().into()),
                    ("reason", reason.as_str().into()),
                    ("until_ms", (*until_ms).into()),
                ],
            ),
            WaitsFor::Never { window } => {
                Self::with("never", [("name", window.to_string().into())])
            }
            WaitsFor::Run { run } => Self::with("run", [("id", run.to_string().into())]),
            WaitsFor::Place => Self::bare("place"),
        }
    }
}

impl From<Reason> for Message {
    fn from(Reason { code, params }: Reason) -> Self {
        Self { code, params }
    }
}

impl From<&WindowChoice> for WindowView {
    fn from(choice: &WindowChoice) -> Self {
        Self { name: choice.window.to_string(), begins_ms: choice.begins_at_ms }
    }
}

impl From<&Condition> for ConditionView {
    fn from(condition: &Condition) -> Self {
        let holds = match condition.holds {
            Holds::Yes => "yes",
            Holds::No => "no",
            Holds::Unknown => "unknown",
        };
        let (code, params) = (condition.code.clone(), condition.params.clone());
        Self { code, params, holds: holds.to_owned() }
    }
}

impl From<&Undo> for UndoView {
    fn from(undo: &Undo) -> Self {
        let view = |kind: &str, act, reason| Self { kind: kind.to_owned(), act, reason };
        match undo {
            Undo::By(act) => view("by", Some(Message::of(act)), None),
            Undo::NothingToUndo => view("nothing_to_undo", None, None),
            Undo::Impossible { reason } => view("impossible", None, Some(reason.clone())),
            Undo::NoReturn { reason } => view("no_return", None, Some(reason.clone())),
        }
    }
}

impl PreviewView {
    pub(crate) fn of(
        id: String,
        preview: &Preview,
        text: String,
        windows: &[WindowChoice],
    ) -> Self {
        let plan = &preview.plan;
        let planned = StepRecord::planned();
        let step = |(index, shown): (usize, &kernel::plan::StepPreview)| {
            let mut view = step_view(index, plan, &planned);
            view.conditions = shown.conditions.iter().map(ConditionView::from).collect();
            view
        };
        let irreversible = preview.impossible_to_undo.iter().map(|step| {
            Message::with("cannot_be_undone", [("step", i64::try_from(*step).unwrap_or(0).into())])
        });
        let stale = preview.stale.iter();
        let stale = stale.map(|fact| Message::with("stale", [("fact", fact.as_str().into())]));
        Self {
            id,
            kind: plan.kind.to_string(),
            title: Message::title(plan),
            shop: plan.shop.as_ref().map(ShopId::to_string),
            steps: preview.steps.iter().enumerate().map(step).collect(),
            waits_for: preview.waits_for.iter().map(Message::from).collect(),
            hurries_past: preview.hurries_past.iter().map(Message::from).collect(),
            window: plan.window.as_ref().map(ToString::to_string),
            begins_ms: preview.begins_at_ms,
            windows: windows.iter().map(WindowView::from).collect(),
            takes_itself_back: plan.takes_itself_back(),
            needs_approval: plan.approval == kernel::plan::Approval::Needed,
            may_start: preview.may_start(),
            difference: difference(plan),
            warnings: irreversible.chain(stale).collect(),
            made_at_ms: plan.made_at_ms,
            longest_ms: preview.longest_ms,
            text,
        }
    }
}

impl RunView {
    /// A run whole; `waits_for` is what the engine says it waits for now.
    pub(crate) fn of(run: &Run, waits_for: &[WaitsFor]) -> Self {
        let steps = run.steps.iter().enumerate();
        Self {
            id: run.id.to_string(),
            kind: run.plan.kind.to_string(),
            title: Message::title(&run.plan),
            shop: run.plan.shop.as_ref().map(ShopId::to_string),
            state: run.state.code().to_owned(),
            actor: run.actor.to_string(),
            approved_by: run.approved_by.as_ref().map(Actor::to_string),
            created_ms: run.created_at_ms,
            started_ms: run.began_at_ms,
            ended_ms: run.ended_at_ms,
            waits_for: waits(run.state, waits_for),
            steps: steps.map(|(index, step)| step_view(index, &run.plan, step)).collect(),
            done_steps: run.steps.iter().filter(|step| step.state == StepState::Done).count(),
            all_steps: run.steps.len(),
            cause: run.cause.as_ref().map(CauseView::from),
            difference: difference(&run.plan),
            undo_gone: Engine::undo_gone(run).cloned().map(Message::from),
            may: Vec::new(),
        }
    }

    /// A run in a list.
    pub(crate) fn brief(run: &RunSummary) -> Self {
        let mut params = run.params.clone();
        if let Some(shop) = &run.shop {
            params.entry("shop".to_owned()).or_insert_with(|| shop.as_str().into());
        }
        Self {
            id: run.id.to_string(),
            kind: run.kind.to_string(),
            title: Message { code: run.kind.to_string(), params },
            shop: run.shop.as_ref().map(ShopId::to_string),
            state: run.state.code().to_owned(),
            actor: run.actor.to_string(),
            approved_by: None,
            created_ms: run.created_at_ms,
            started_ms: run.began_at_ms,
            ended_ms: run.ended_at_ms,
            waits_for: waits(run.state, &[]),
            steps: Vec::new(),
            done_steps: run.done,
            all_steps: run.steps,
            cause: run.cause.as_ref().map(CauseView::from),
            difference: None,
            undo_gone: None,
            may: Vec::new(),
        }
    }
}

impl From<&Cause> for CauseView {
    fn from(cause: &Cause) -> Self {
        let code = serde_json::to_value(cause.code).ok();
        Self {
            code: code.and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default(),
            step: cause.step,
            message: cause.message.clone(),
            reason: cause.reason.clone().map(Message::from),
            by: cause.by.as_ref().map(Actor::to_string),
        }
    }
}

fn waits(state: RunState, told: &[WaitsFor]) -> Vec<Message> {
    match state {
        RunState::AwaitingApproval => vec![Message::bare("approval")],
        RunState::Waiting => told.iter().map(Message::from).collect(),
        _ => Vec::new(),
    }
}

fn step_view(index: usize, plan: &Plan, record: &StepRecord) -> StepView {
    let step = &plan.steps[index];
    let begun = record.undo_intent.as_ref().or(record.intent.as_ref());
    StepView {
        index,
        act: Message::of(&step.act),
        sentence: ::plan::sentence(&step.act, &::plan::zone_here()),
        conditions: Vec::new(),
        undo: UndoView::from(&step.undo),
        timeout_ms: step.timeout_ms,
        state: record.state.code().to_owned(),
        started_ms: begun.map(|intent| intent.at_ms),
        ended_ms: record.undo_ended_at_ms.or(record.ended_at_ms),
        error: record.message.clone(),
        reason: record.reason.clone().map(Message::from),
        evidence: record.evidence.clone(),
    }
}

/// What a change of the configuration changes, file by file, with three lines around it.
fn difference(plan: &Plan) -> Option<String> {
    plan.steps.iter().find_map(|step| match &step.act {
        Act::ApplyConfiguration { text, before, .. } => Some(between(before, text)),
        _ => None,
    })
}

fn between(before: &str, after: &str) -> String {
    let (before, after) = (Bundle::split(before), Bundle::split(after));
    let mut paths: Vec<Option<&Path>> =
        before.files().chain(after.files()).map(|of| of.0).collect();
    paths.sort();
    paths.dedup();
    let of = |path: Option<&Path>| {
        let text = |bundle: &Bundle| bundle.get(path).unwrap_or_default().to_owned();
        let (old, new) = (text(&before), text(&after));
        let difference = similar::TextDiff::from_lines(&old, &new);
        let name = |word: &str| match path {
            Some(path) => path.display().to_string(),
            None => word.to_owned(),
        };
        let (old, new) = (name("before"), name("after"));
        difference.unified_diff().context_radius(3).header(&old, &new).to_string()
    };
    paths.into_iter().map(of).collect()
}
