//! Looking before acting: the preview, and whether a plan is older than its facts.

use super::Inner;
use crate::{EngineError, Timing};
use kernel::{
    Params,
    plan::{Act, Approval, Condition, Holds, Plan, Preview, StepPreview, Undo, WaitsFor},
};
use std::time::Duration;

/// The longest that a look may take. What takes longer is unknown.
pub(super) const LOOK_LIMIT: Duration = Duration::from_secs(30);

impl Inner {
    pub(super) async fn preview(&self, plan: Plan, at_once: bool) -> Result<Preview, EngineError> {
        let stale = self.stale_facts(&plan).await;
        let mut steps = Vec::new();
        let mut after: Vec<Act> = Vec::new();
        for step in &plan.steps {
            let conditions = self.conditions(&step.act, &after).await?;
            let (act, undo) = (step.act.clone(), step.undo.clone());
            after.push(act.clone());
            steps.push(StepPreview { act, conditions, undo });
        }
        let is_impossible =
            |step: &usize| matches!(plan.steps[*step].undo, Undo::Impossible { .. });
        let approval = (plan.approval == Approval::Needed).then_some(WaitsFor::Approval);
        let now_ms = self.now();
        let (held, holder) = {
            let board = self.board();
            let held = board.calendar().hold(&Timing::of(&plan), now_ms);
            (held, board.holder(&plan.claims()).map(|run| WaitsFor::Run { run }))
        };
        let begins_now = at_once || held.waits.is_empty();
        let begins_at_ms = if begins_now { Some(now_ms) } else { held.begins_at_ms };
        let (waits, hurries_past) =
            if at_once { (Vec::new(), held.waits) } else { (held.waits, Vec::new()) };
        Ok(Preview {
            impossible_to_undo: (0..plan.steps.len()).filter(is_impossible).collect(),
            stale,
            waits_for: approval.into_iter().chain(waits).chain(holder).collect(),
            hurries_past,
            begins_at_ms,
            longest_ms: plan.longest_ms(),
            steps,
            plan,
        })
    }

    /// The names of facts that are not what the plan was made from, or cannot be read.
    pub(super) async fn stale_facts(&self, plan: &Plan) -> Vec<String> {
        let mut stale = Vec::new();
        for fact in &plan.facts {
            let mut version = None;
            for performer in &self.performers {
                let look = tokio::time::timeout(LOOK_LIMIT, performer.fact(&fact.name));
                version = look.await.ok().flatten();
                if version.is_some() {
                    break;
                }
            }
            if version.as_ref() != Some(&fact.version) {
                stale.push(fact.name.clone());
            }
        }
        stale
    }

    /// What must hold before an act; a look that takes too long is a condition that is unknown.
    pub(super) async fn conditions(
        &self,
        act: &Act,
        after: &[Act],
    ) -> Result<Vec<Condition>, EngineError> {
        let performer = self.performer(act.area())?;
        let look = tokio::time::timeout(LOOK_LIMIT, performer.conditions(act, after));
        Ok(look.await.unwrap_or_else(|_| {
            let code = "conditions_can_be_read".to_owned();
            vec![Condition { code, params: Params::new(), holds: Holds::Unknown }]
        }))
    }
}
