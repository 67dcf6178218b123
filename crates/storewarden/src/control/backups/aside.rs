//! What restores in place have put aside: which databases and rows, since when, and by which change.

use super::{BackedUp, Backups, databases, refused, unexpected, worker};
use crate::backup_worker::{Database, Deed, Done, Restoring, Trouble, Work};
use ::databases::restore::{Aside, AsideKind};
use ::watch::backups::{AsideRow, KeptAside};
use api::Refusal;
use kernel::{
    ShopId,
    plan::{Act, Plan, RunId},
};
use std::time::Duration;
use store::{RunFilter, RunPaging};
use tokio::time::timeout;

/// How long somebody waits for the list.
const PATIENCE: Duration = Duration::from_secs(8);
/// Changes of a shop that are looked through for the one that put something aside.
const RUNS: u32 = 500;
/// The kinds of plans that put something aside.
const KINDS: [&str; 2] = [databases::RESTORE_DATABASE, databases::RESTORE_ROWS];

impl Backups {
    /// Everything that restores of a shop's database have put aside, the oldest first.
    pub(in crate::control) async fn kept_aside(&self, shop: &ShopId) -> Result<KeptAside, Refusal> {
        let of = self.backed_up(shop).map_err(|trouble| refused(*trouble))?;
        let found = timeout(PATIENCE, self.look_for_aside(&of)).await.unwrap_or_else(|_| {
            let message = "the database does not answer in time";
            let said = [("error", message.into())];
            Err(Box::new(Trouble::new("database_unreachable", said, message).for_now()))
        });
        let found = found.map_err(|trouble| refused(*trouble))?;
        let plans = self.plans_of_restores(shop).await;
        let row = |aside: Aside| AsideRow {
            run: plans
                .iter()
                .find(|(_, plan)| puts_aside(plan, &aside.name))
                .map(|(id, _)| id.to_string()),
            kind: match aside.kind {
                AsideKind::Database => "database",
                AsideKind::Rows => "rows",
            }
            .to_owned(),
            name: aside.name,
            since_ms: aside.since_ms,
            bytes: aside.bytes,
        };
        Ok(KeptAside { kept: found.into_iter().map(row).collect() })
    }

    async fn look_for_aside(&self, of: &BackedUp) -> Result<Vec<Aside>, Box<Trouble>> {
        // Where there is no database, nothing of one was put aside.
        if of.shop.database.is_none() {
            return Ok(Vec::new());
        }
        let account = databases::account(&of.shop, &of.settings).map_err(|refusal| {
            let code = refusal.reason.as_ref().map_or("no_database", |reason| reason.code.as_str());
            Box::new(Trouble::new(code, [], refusal.message.clone()))
        })?;
        let work = Work::Database(Restoring { live: Database::new(account), deed: Deed::Aside });
        // A repository is named because every job names one; this one opens none.
        let place = of.settings.to[0].to_string();
        match self.work(self.job(of, &place, work).await?, &worker::unheard).await? {
            Done::Aside(found) => Ok(found),
            other => Err(unexpected(&other)),
        }
    }

    /// Of the changes that may have put something aside, those that are remembered.
    async fn plans_of_restores(&self, shop: &ShopId) -> Vec<(RunId, Plan)> {
        let filter = RunFilter { shop: Some(shop.clone()), ..RunFilter::default() };
        let paging = RunPaging { before: None, limit: RUNS };
        let known = self.store.runs(filter, paging).await;
        let known = known.inspect_err(|error| tracing::warn!(%error, "runs cannot be read"));
        let mut plans = Vec::new();
        let is_one = |kind: &str| KINDS.contains(&kind);
        for run in known.unwrap_or_default().into_iter().filter(|run| is_one(run.kind.as_str())) {
            match self.store.run(run.id).await {
                Ok(Some(found)) => plans.push((run.id, found.plan)),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, run = %run.id, "a run cannot be read"),
            }
        }
        plans
    }
}

fn puts_aside(plan: &Plan, name: &str) -> bool {
    plan.steps.iter().any(|step| match &step.act {
        Act::SwapDatabase { aside, .. } => aside == name,
        // The date is the end of what keeps them, whatever the server.
        Act::RestoreRows { kept, .. } => name.ends_with(&format!("_before_{kept}")),
        _ => false,
    })
}
