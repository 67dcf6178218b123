//! What restores in place have put aside: which databases and rows, since when, and by which change; and
//! the plans by which it goes, when somebody says so or it has been there for long enough.

use super::{BackedUp, Backups, databases, plans, refused, unexpected, worker};
use crate::{
    backup_worker::{Database, Deed, Done, Restoring, Trouble, Work},
    control::changes::refuse,
};
use ::databases::restore::{Aside, AsideKind};
use ::watch::backups::{AsideRow, KeptAside};
use api::Refusal;
use kernel::{
    Params, ShopId,
    config::ShopSettings,
    plan::{
        Act, Condition, Holds, OnFailure, Plan, Probe, Purpose, Run, RunId, Step, StepState, Undo,
    },
};
use std::time::Duration;
use store::{RunFilter, RunPaging, StoreError};
use tokio::time::timeout;

pub(super) const REMOVE_ASIDE: &str = "remove_aside";
/// How long somebody waits for the list.
const PATIENCE: Duration = Duration::from_secs(8);
/// Changes that may have put something aside, which are looked through, the newest of them.
const RUNS: u32 = 500;
/// The kinds of plans that put something aside.
const KINDS: [&str; 2] = [databases::RESTORE_DATABASE, databases::RESTORE_ROWS];
/// A large database is deleted file by file.
const REMOVE_MS: u64 = 60 * 60 * 1000;
/// How often a database is asked whether something of it is to go, at most and at least.
const LOOK_MS: (i64, i64) = (5_000, 60 * 60 * 1000);

impl Backups {
    /// Everything that restores of a shop's database have put aside, the oldest first.
    pub(in crate::control) async fn kept_aside(&self, shop: &ShopId) -> Result<KeptAside, Refusal> {
        let of = self.backed_up(shop).map_err(|trouble| refused(*trouble))?;
        let found = self.look_for_aside(&of).await.map_err(|trouble| refused(*trouble))?;
        let runs = self.restores(shop).await.unwrap_or_default();
        let row = |aside: Aside| {
            let run = put_aside_by(&runs, &aside.name);
            AsideRow {
                goes_ms: run.and_then(|run| goes_ms(&of, &aside, run)),
                run: run.map(|run| run.id.to_string()),
                kind: kind_of(&aside).to_owned(),
                name: aside.name,
                since_ms: aside.since_ms,
                bytes: aside.bytes,
            }
        };
        Ok(KeptAside { kept: found.into_iter().map(row).collect() })
    }

    /// The plan by which one of them goes for good.
    ///
    /// # Errors
    /// When nothing of that name is put aside, or the change that did is not over.
    pub(in crate::control) async fn remove_aside(
        &self,
        shop: &ShopId,
        name: &str,
        now_ms: i64,
    ) -> Result<Plan, Refusal> {
        let of = self.backed_up(shop).map_err(|trouble| refused(*trouble))?;
        let found = self.look_for_aside(&of).await.map_err(|trouble| refused(*trouble))?;
        let Some(aside) = found.into_iter().find(|aside| aside.name == name) else {
            let message = format!("no restore has put aside anything called `{name}`");
            return Err(refuse(message).because("no_such_aside", [("name", name.into())]));
        };
        // Whose it is must be known: else it could be removed under somebody who needs it.
        let runs = self.restores(shop).await.map_err(|error| refused(*super::of_store(error)))?;
        let run = put_aside_by(&runs, name);
        if let Some(run) = run.filter(|run| !run.state.is_over()) {
            let message = format!("change {}, which put `{name}` aside, is {}", run.id, run.state);
            let said = [("run", run.id.to_string().into()), ("state", run.state.code().into())];
            return Err(refuse(message).because("aside_in_use", said));
        }
        Ok(removal(&of.shop, &aside, run.map(|run| run.id), now_ms))
    }

    /// The plan for the oldest thing that was put aside long enough ago. Only what a change of ours that
    /// is remembered has put aside goes by itself; without one the database is not even asked.
    pub(super) async fn aside_to_go(&self, of: &BackedUp, now_ms: i64) -> Option<Plan> {
        let keep_ms = i64::try_from(of.settings.keep_aside_ms).unwrap_or(i64::MAX);
        let every_ms = (keep_ms / 4).clamp(LOOK_MS.0, LOOK_MS.1);
        let last_ms = self.asides().get(&of.shop.id).copied();
        // A clock that went back makes it no later.
        if last_ms.is_some_and(|last| (0..every_ms).contains(&(now_ms - last))) {
            return None;
        }
        self.asides().insert(of.shop.id.clone(), now_ms);
        let warn = |error: &StoreError| tracing::warn!(%error, "restores cannot be read");
        let runs = self.restores(&of.shop.id).await.inspect_err(warn).ok()?;
        let may_have_left =
            |run: &Run| over_since(run).is_some_and(|over| over + keep_ms <= now_ms) && leans(run);
        if !runs.iter().any(may_have_left) {
            return None;
        }
        let found = self.look_for_aside(of).await.inspect_err(|trouble| {
            tracing::warn!(shop = %of.shop.id, error = trouble.message, "what was put aside is not known");
        });
        let due = found.ok()?.into_iter().find_map(|aside| {
            let run = put_aside_by(&runs, &aside.name)?;
            let is_due = goes_ms(of, &aside, run).is_some_and(|goes| goes <= now_ms);
            is_due.then(|| removal(&of.shop, &aside, Some(run.id), now_ms))
        })?;
        let configuration = self.configuration.borrow().clone();
        let window =
            configuration.plan.window_of(&due.kind, due.shop.as_ref(), due.purpose).cloned();
        Some(Plan { window, ..due })
    }

    /// What must hold: it is there, and who put it aside is done with it.
    pub(super) async fn may_remove_aside(&self, of: &BackedUp, act: &Act) -> Vec<Condition> {
        let Act::RemoveAside { name, run, .. } = act else { return Vec::new() };
        let mut params = Params::from([("name".to_owned(), name.as_str().into())]);
        let holds = match self.look_for_aside(of).await {
            Ok(found) => match found.into_iter().find(|aside| aside.name == *name) {
                Some(aside) => {
                    params.extend(aside.bytes.map(|bytes| ("bytes".to_owned(), bytes.into())));
                    params.insert("since_ms".to_owned(), aside.since_ms.into());
                    Holds::Yes
                }
                None => Holds::No,
            },
            Err(trouble) => {
                params.insert("error".to_owned(), trouble.message.as_str().into());
                Holds::Unknown
            }
        };
        let there = Condition { code: "aside_is_there".to_owned(), params, holds };
        let over = match run {
            Some(run) => self.is_over(*run).await,
            None => None,
        };
        [Some(there), over].into_iter().flatten().collect()
    }

    /// `None`: nobody remembers it.
    async fn is_over(&self, run: RunId) -> Option<Condition> {
        let mut params = Params::from([("run".to_owned(), run.to_string().into())]);
        let holds = match self.store.run(run).await {
            Ok(Some(run)) if run.state.is_over() => Holds::Yes,
            Ok(Some(_)) => Holds::No,
            Ok(None) => return None,
            Err(error) => {
                params.insert("error".to_owned(), error.to_string().into());
                Holds::Unknown
            }
        };
        Some(Condition { code: "aside_run_is_over".to_owned(), params, holds })
    }

    /// Whether it is gone.
    pub(super) async fn probe_aside(
        &self,
        of: &BackedUp,
        name: &str,
    ) -> Result<Probe, Box<Trouble>> {
        let found = self.look_for_aside(of).await?;
        let is_there = found.iter().any(|aside| aside.name == name);
        Ok(if is_there { Probe::NotDone } else { Probe::Done })
    }

    async fn look_for_aside(&self, of: &BackedUp) -> Result<Vec<Aside>, Box<Trouble>> {
        // Where there is no database, nothing of one was put aside.
        if of.shop.database.is_none() {
            return Ok(Vec::new());
        }
        let work = aside_work(of, Deed::Aside)?;
        // A repository is named because every job names one; this one opens none.
        let place = of.settings.to[0].to_string();
        let job = self.job(of, &place, work).await?;
        let looked = timeout(PATIENCE, self.work(job, &worker::unheard)).await;
        let looked = looked.unwrap_or_else(|_| {
            let message = "the database does not answer in time";
            let said = [("error", message.into())];
            Err(Box::new(Trouble::new("database_unreachable", said, message).for_now()))
        });
        match looked? {
            Done::Aside(found) => Ok(found),
            other => Err(unexpected(&other)),
        }
    }

    /// Of the changes that may have put something aside, those that are remembered.
    async fn restores(&self, shop: &ShopId) -> Result<Vec<Run>, StoreError> {
        let kinds = KINDS.map(crate::control::changes::kind).to_vec();
        let filter = RunFilter { shop: Some(shop.clone()), kinds, ..RunFilter::default() };
        let mut runs = Vec::new();
        for run in self.store.runs(filter, RunPaging { before: None, limit: RUNS }).await? {
            runs.extend(self.store.run(run.id).await?);
        }
        Ok(runs)
    }
}

pub(super) fn aside_work(of: &BackedUp, deed: Deed) -> Result<Work, Box<Trouble>> {
    let account = databases::account(&of.shop, &of.settings).map_err(|refusal| {
        let code = refusal.reason.as_ref().map_or("no_database", |reason| reason.code.as_str());
        Box::new(Trouble::new(code, [], refusal.message.clone()))
    })?;
    Ok(Work::Database(Restoring { live: Database::new(account), deed }))
}

fn removal(shop: &ShopSettings, aside: &Aside, run: Option<RunId>, now_ms: i64) -> Plan {
    let act = Act::RemoveAside {
        shop: shop.id.clone(),
        name: aside.name.clone(),
        what: kind_of(aside).to_owned(),
        run,
        since_ms: aside.since_ms,
        bytes: aside.bytes,
    };
    let mut params = Params::from([("name".to_owned(), aside.name.as_str().into())]);
    params.extend(run.map(|run| ("run".to_owned(), run.to_string().into())));
    let undo = Undo::Impossible { reason: "data_is_gone".to_owned() };
    let steps = vec![Step { act, undo, timeout_ms: REMOVE_MS }];
    let plan = plans::plan(REMOVE_ASIDE, shop, params, steps, now_ms);
    // Nothing becomes well by it: it waits for windows and the end of a freeze.
    Plan { purpose: Purpose::Change, on_failure: OnFailure::Stop, ..plan }
}

/// When it is to go by itself; `None`: not while its change is under way.
fn goes_ms(of: &BackedUp, aside: &Aside, run: &Run) -> Option<i64> {
    let keep_ms = i64::try_from(of.settings.keep_aside_ms).unwrap_or(i64::MAX);
    // A plan may have waited for days until it was carried out.
    Some(over_since(run)?.max(aside.since_ms).saturating_add(keep_ms))
}

fn over_since(run: &Run) -> Option<i64> {
    run.ended_at_ms.filter(|_| run.state.is_over())
}

/// Whether it could be taken back by something that it put aside.
fn leans(run: &Run) -> bool {
    run.plan.steps.iter().zip(&run.steps).any(|(step, record)| {
        let is_one = matches!(step.act, Act::SwapDatabase { .. } | Act::RestoreRows { .. });
        is_one && !matches!(record.state, StepState::Undone | StepState::Skipped)
    })
}

fn put_aside_by<'a>(runs: &'a [Run], name: &str) -> Option<&'a Run> {
    runs.iter().find(|run| run.plan.steps.iter().any(|step| step.act.puts_aside(name)))
}

fn kind_of(aside: &Aside) -> &'static str {
    match aside.kind {
        AsideKind::Database => "database",
        AsideKind::Rows => "rows",
    }
}
