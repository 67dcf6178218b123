//! Orders that vanish from a shop's database without a plan of ours: noticed by the journal of its changes
//! within seconds, and by every backup; told until they are back, or somebody has called it over.
//!
//! What was noticed stands in the state directory, so that neither a restart forgets it nor anything is
//! noticed twice. Whose orders they are is told to nobody here: the ledger has them under keyed ids, and
//! the page of orders asks anew.

use super::{BackedUp, Backups, of_store, orders::Shelf, unexpected};
use crate::{
    backup_worker::{Done, OrderDeed, Told, Trouble, story},
    control::now_ms,
};
use ::watch::{
    backups::VanishedOrders,
    desk::Desk,
    time_machine::{DeletedOrder, DeletedOrders, DeletedQuestion},
};
use kernel::{
    Actor, LedgerEntry, Params, Personal, ShopId,
    plan::{Act, Area, Run, StepRecord, Subject},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fs, io,
    ops::RangeInclusive,
    path::PathBuf,
    sync::{Arc, PoisonError},
    time::Duration,
};
use store::{RunFilter, RunPaging};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use vault::{journal::Place, stream::Standing};

/// The finding that is made of it.
const FINDING: &str = "orders_vanished";
/// The folder in the state directory.
const FOLDER: &str = "vanished";
const TICK: Duration = Duration::from_secs(2);
/// How often it is looked whether those that vanished are back; later on, more rarely.
const BACK_MS: i64 = 10_000;
const BACK_LATER_MS: i64 = 60_000;
/// After a look in vain.
const AGAIN_MS: i64 = 30_000;
/// What went before we looked for the first time is noticed when it is not older.
const FIRST_MS: i64 = 24 * 60 * 60 * 1000;
/// What went with no longer a pause in between went together.
const TOGETHER_MS: i64 = 60_000;
/// By so much the database's clock may differ from ours.
const CLOCKS_MS: i64 = 5_000;
/// Looked through for what we did ourselves.
const RUNS: u32 = 100;
/// Told to the ledger one by one; times at which some went; orders that are remembered.
const MOST_TOLD: usize = 20;
const MOST_TIMES: usize = 20;
const MOST_KEPT: usize = 5_000;

/// What was noticed of a shop's orders.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Vanished {
    /// What the journal has until then was looked at. Unix milliseconds.
    looked_ms: Option<i64>,
    /// The newest backup that the shop was held against.
    snapshot_ms: Option<i64>,
    orders: Vec<Lost>,
    /// What the stream's count of deletions was then; `None`: not in this life.
    #[serde(skip)]
    counted: Option<u64>,
    /// When it was looked whether they are back, and before when nothing is tried again.
    #[serde(skip)]
    asked_ms: i64,
    #[serde(skip)]
    again_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Lost {
    key: String,
    number: Option<String>,
    /// By the journal; else the time of the backup that has it last.
    gone_ms: i64,
    noticed_ms: i64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Gone,
    Back,
    /// A plan of ours did it.
    Ours,
    /// A person knows and needs no more telling.
    CalledOver,
}

impl Vanished {
    fn gone(&self) -> impl Iterator<Item = &Lost> {
        self.orders.iter().filter(|lost| lost.state == State::Gone)
    }

    /// For whoever shows and judges it: those that went together, and are not all back.
    fn told(&self) -> Vec<VanishedOrders> {
        let mut orders: Vec<&Lost> = self
            .orders
            .iter()
            .filter(|lost| matches!(lost.state, State::Gone | State::Back))
            .collect();
        orders.sort_by_key(|lost| lost.gone_ms);
        let mut told: Vec<VanishedOrders> = Vec::new();
        for lost in orders {
            let count = u64::from(lost.state == State::Gone);
            match told.last_mut() {
                Some(last) if lost.gone_ms - last.last_ms <= TOGETHER_MS => {
                    last.count += count;
                    last.last_ms = lost.gone_ms;
                }
                _ => {
                    let (first_ms, last_ms) = (lost.gone_ms, lost.gone_ms);
                    told.push(VanishedOrders { count, first_ms, last_ms });
                }
            }
        }
        told.retain(|one| one.count > 0);
        told.drain(..told.len().saturating_sub(MOST_TIMES));
        told
    }

    /// Whether this one was noticed before.
    fn knows(&self, order: &DeletedOrder) -> bool {
        let same = |lost: &&Lost| lost.key == order.key;
        self.orders.iter().filter(same).any(|lost| match order.gone_ms {
            Some(gone_ms) => lost.gone_ms == gone_ms || lost.state == State::Gone,
            None => lost.gone_ms >= order.seen_ms,
        })
    }
}

impl Backups {
    /// Looks after the orders of all shops. Never returns.
    pub(in crate::control) async fn keep_orders(self: Arc<Self>, desk: Desk) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let configuration = self.configuration.borrow().clone();
            let mut looks = JoinSet::new();
            for shop in configuration.shops.iter().filter(|shop| shop.database.is_some()) {
                let platform = shops::platform(&shop.platform);
                let is_known = platform.is_some_and(|platform| !platform.graphs.is_empty());
                if let Some(of) = self.backed_up(&shop.id).ok().filter(|_| is_known) {
                    let (this, desk) = (Arc::clone(&self), desk.clone());
                    looks.spawn(async move { this.look_after_orders(&of, &desk).await });
                }
            }
            looks.join_all().await;
        }
    }

    /// Of orders that vanished from a shop, how many and when.
    pub(super) fn vanished(&self, shop: &ShopId) -> Vec<VanishedOrders> {
        let known = self.vanished.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(shop).map(Vanished::told).unwrap_or_default()
    }

    async fn look_after_orders(&self, of: &BackedUp, desk: &Desk) {
        let shop = &of.shop.id;
        let known = self.vanished.lock().unwrap_or_else(PoisonError::into_inner).get(shop).cloned();
        let before = match known {
            Some(known) => known,
            None => match self.read_vanished(shop) {
                Ok(read) => read,
                Err(error) => {
                    let error = story(&error);
                    tracing::error!(%shop, error, "which orders vanished cannot be read; begun anew");
                    Vanished::default()
                }
            },
        };
        // What stands on disk holds while somebody looks anew.
        self.keep_vanished(shop, before.clone());
        let now_ms = now_ms();
        let mut vanished = before.clone();
        self.call_over(of, desk, &mut vanished).await;
        if !(now_ms..now_ms + AGAIN_MS).contains(&vanished.again_ms)
            && let Err(trouble) = self.notice(of, &mut vanished, now_ms).await
        {
            let error = trouble.message;
            tracing::warn!(%shop, error, "whether orders vanished cannot be told for now");
            vanished.again_ms = now_ms + AGAIN_MS;
        }
        let surplus = vanished.orders.len().saturating_sub(MOST_KEPT);
        vanished.orders.drain(..surplus);
        let is_other = vanished != before;
        if is_other && let Err(error) = self.write_vanished(shop, &vanished) {
            let error = story(&error);
            tracing::error!(%shop, error, "which orders vanished cannot be written down");
        }
        self.keep_vanished(shop, vanished);
    }

    fn keep_vanished(&self, shop: &ShopId, vanished: Vanished) {
        let mut all = self.vanished.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(shop.clone(), vanished);
    }

    async fn call_over(&self, of: &BackedUp, desk: &Desk, vanished: &mut Vanished) {
        let first_ms = vanished.gone().map(|lost| lost.noticed_ms).min();
        let Some(first_ms) = first_ms else { return };
        if let Some(at_ms) = desk.called_over_ms(&of.shop.id, FINDING, first_ms).await {
            for lost in &mut vanished.orders {
                if lost.state == State::Gone && lost.noticed_ms <= at_ms {
                    lost.state = State::CalledOver;
                }
            }
        }
    }

    /// Looks wherever something may have happened.
    async fn notice(
        &self,
        of: &BackedUp,
        vanished: &mut Vanished,
        now_ms: i64,
    ) -> Result<(), Box<Trouble>> {
        let mut found = self.by_journal(of, vanished, now_ms).await?;
        found.extend(self.by_backups(of, vanished).await?);
        self.add(of, vanished, found, now_ms).await?;
        let newest_ms = vanished.gone().map(|lost| lost.noticed_ms).max();
        let Some(newest_ms) = newest_ms else { return Ok(()) };
        let every_ms =
            if now_ms - newest_ms < 60 * BACK_LATER_MS { BACK_MS } else { BACK_LATER_MS };
        if (0..every_ms).contains(&(now_ms - vanished.asked_ms)) {
            return Ok(());
        }
        vanished.asked_ms = now_ms;
        let keys: Vec<String> = vanished.gone().map(|lost| lost.key.clone()).collect();
        let shelf = Shelf::without(of);
        let lacking: BTreeSet<String> =
            match self.ask_of(of, &shelf, OrderDeed::Lacking(keys)).await? {
                Told::Lacking(lacking) => lacking.into_iter().collect(),
                other => return Err(unexpected(&Done::Orders(other))),
            };
        for lost in &mut vanished.orders {
            if lost.state == State::Gone && !lacking.contains(&lost.key) {
                lost.state = State::Back;
            }
        }
        Ok(())
    }

    /// Those that the journal has seen go since it was looked at.
    async fn by_journal(
        &self,
        of: &BackedUp,
        vanished: &mut Vanished,
        now_ms: i64,
    ) -> Result<Vec<DeletedOrder>, Box<Trouble>> {
        if of.shop.stream.is_none() {
            return Ok(Vec::new());
        }
        let place = Place::of(&self.state, &of.shop.id);
        let standing = Standing::read(&place).map_err(|error| Trouble::of(error, "journal"))?;
        let Some(standing) = standing else { return Ok(Vec::new()) };
        if vanished.counted == Some(standing.orders_deleted) {
            return Ok(Vec::new());
        }
        // By the clock of the database, which may tell whole seconds; what is told twice counts once.
        let since_ms = vanished.looked_ms.unwrap_or(now_ms - FIRST_MS);
        let question = DeletedQuestion { since_ms: Some(since_ms), until_ms: None };
        let shelf = Shelf::without(of);
        let found = self.deleted_of(of, &shelf, question).await?;
        if let Some(error) = found.journal.and_then(|reach| reach.error) {
            let said = [("error", error.as_str().into())];
            return Err(Box::new(Trouble::new("order_journal_unreadable", said, error.clone())));
        }
        let newest_ms = found.orders.iter().filter_map(|one| one.gone_ms).max();
        vanished.looked_ms = Some(newest_ms.unwrap_or(since_ms).max(since_ms));
        vanished.counted = Some(standing.orders_deleted);
        Ok(found.orders)
    }

    /// Those that the last two backups have and the shop has not, when a backup has come.
    async fn by_backups(
        &self,
        of: &BackedUp,
        vanished: &mut Vanished,
    ) -> Result<Vec<DeletedOrder>, Box<Trouble>> {
        let places: Vec<String> = of.settings.to.iter().map(ToString::to_string).collect();
        let newest_ms = {
            let known = self.book().snapshots(&places).snapshots;
            known.iter().find(|row| !row.databases.is_empty()).map(|row| row.at_ms)
        };
        let Some(newest_ms) = newest_ms.filter(|at_ms| vanished.snapshot_ms != Some(*at_ms)) else {
            return Ok(Vec::new());
        };
        let shelf = self.shelf(of, (Some(newest_ms), None)).await;
        let shelf = shelf.map_err(|refusal| {
            Trouble::new(
                "backup_failed",
                [("error", refusal.message.as_str().into())],
                refusal.message.clone(),
            )
        })?;
        let shelf = shelf.without_journals();
        let found = self.deleted_of(of, &shelf, DeletedQuestion::default()).await?;
        vanished.snapshot_ms = Some(newest_ms);
        Ok(found.orders)
    }

    async fn deleted_of(
        &self,
        of: &BackedUp,
        shelf: &Shelf,
        question: DeletedQuestion,
    ) -> Result<DeletedOrders, Box<Trouble>> {
        match self.ask_of(of, shelf, OrderDeed::Deleted(question)).await? {
            Told::Deleted(found) => Ok(found),
            other => Err(unexpected(&Done::Orders(other))),
        }
    }

    /// Remembers those that are new, and has the ledger told.
    async fn add(
        &self,
        of: &BackedUp,
        vanished: &mut Vanished,
        found: Vec<DeletedOrder>,
        now_ms: i64,
    ) -> Result<(), Box<Trouble>> {
        let new: Vec<DeletedOrder> =
            found.into_iter().filter(|order| !vanished.knows(order)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let runs = self.runs_in_database(&of.shop.id).await?;
        let mut told = 0;
        for order in new {
            let gone_ms = order.gone_ms.unwrap_or(order.seen_ms);
            let when = match order.gone_ms {
                Some(at_ms) => at_ms..=at_ms,
                None => order.seen_ms..=order.missed_ms.unwrap_or(now_ms),
            };
            let is_ours = runs.iter().any(|run| did(run, &order.key, &when));
            let number = order.numbers.first().cloned();
            if !is_ours && told < MOST_TOLD {
                told += 1;
                let called = number.clone().unwrap_or_else(|| order.key.clone());
                let params = Params::from([
                    ("order".to_owned(), Personal::Order(called).into()),
                    ("gone_ms".to_owned(), gone_ms.into()),
                ]);
                let entry = LedgerEntry {
                    at_ms: now_ms,
                    actor: Actor::Storewarden,
                    shop: Some(of.shop.id.clone()),
                    kind: "order_vanished".to_owned(),
                    subject: None,
                    params,
                };
                self.store.append_to_ledger(entry).await.map_err(of_store)?;
            }
            let state = if is_ours { State::Ours } else { State::Gone };
            let key = order.key;
            vanished.orders.push(Lost { key, number, gone_ms, noticed_ms: now_ms, state });
        }
        Ok(())
    }

    /// Runs of late that may have taken rows out of the shop's database.
    async fn runs_in_database(&self, shop: &ShopId) -> Result<Vec<Run>, Box<Trouble>> {
        let filter = RunFilter { shop: Some(shop.clone()), ..RunFilter::default() };
        let paging = RunPaging { before: None, limit: RUNS };
        let mut runs = Vec::new();
        for summary in self.store.runs(filter, paging).await.map_err(of_store)? {
            let run = self.store.run(summary.id).await.map_err(of_store)?;
            runs.extend(run.filter(|run| {
                let is_it = |subject: &Subject| matches!(subject, Subject::Database { .. });
                run.plan.claims().iter().any(|claim| is_it(&claim.subject))
            }));
        }
        Ok(runs)
    }

    fn vanished_file(&self, shop: &ShopId) -> PathBuf {
        self.state.join(FOLDER).join(format!("{shop}.json"))
    }

    fn read_vanished(&self, shop: &ShopId) -> io::Result<Vanished> {
        match fs::read(self.vanished_file(shop)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vanished::default()),
            Err(error) => Err(error),
        }
    }

    /// The state directory is its owner's alone, and so is what lies in it.
    fn write_vanished(&self, shop: &ShopId, vanished: &Vanished) -> io::Result<()> {
        let path = self.vanished_file(shop);
        let folder = self.state.join(FOLDER);
        fs::create_dir_all(&folder)?;
        let new = path.with_extension("new");
        let bytes = serde_json::to_vec(vanished).expect("invariant: our own types are JSON");
        fs::write(&new, bytes)?;
        fs::File::open(&new)?.sync_all()?;
        fs::rename(&new, &path)?;
        fs::File::open(&folder)?.sync_all()
    }
}

/// Whether a run took an order away at a time.
fn did(run: &Run, key: &str, when: &RangeInclusive<i64>) -> bool {
    run.plan.steps.iter().zip(&run.steps).any(|(step, record)| match &step.act {
        // Bringing one back deletes nothing; taking that back deletes this one alone.
        Act::RestoreOrder { key: its, .. } => its == key && overlaps(undone(record), when),
        Act::RestoreDatabase { .. } | Act::DropRestored { .. } => false,
        act if act.area() == Area::Backups => {
            overlaps(done(record), when) || overlaps(undone(record), when)
        }
        _ => false,
    })
}

/// From when to when a step was done; the end is open as long as it is.
fn done(record: &StepRecord) -> Option<(i64, Option<i64>)> {
    record.intent.as_ref().map(|intent| (intent.at_ms, record.ended_at_ms))
}

fn undone(record: &StepRecord) -> Option<(i64, Option<i64>)> {
    record.undo_intent.as_ref().map(|intent| (intent.at_ms, record.undo_ended_at_ms))
}

fn overlaps(span: Option<(i64, Option<i64>)>, when: &RangeInclusive<i64>) -> bool {
    span.is_some_and(|(from_ms, until_ms)| {
        let until_ms = until_ms.unwrap_or(i64::MAX).saturating_add(CLOCKS_MS);
        from_ms - CLOCKS_MS <= *when.end() && *when.start() <= until_ms
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(key: &str, gone_ms: i64, state: State) -> Lost {
        Lost { key: key.to_owned(), number: None, gone_ms, noticed_ms: gone_ms, state }
    }

    #[test]
    fn what_went_together_is_told_together_until_all_of_it_is_back() {
        let check = |states: [State; 3], expect: &[(u64, i64, i64)]| {
            let at_ms = [1_000, 31_000, 200_000];
            let orders = at_ms
                .into_iter()
                .zip(states)
                .map(|(at_ms, state)| lost(&at_ms.to_string(), at_ms, state));
            let told = Vanished { orders: orders.collect(), ..Vanished::default() }.told();
            let told: Vec<_> =
                told.into_iter().map(|one| (one.count, one.first_ms, one.last_ms)).collect();
            assert_eq!(told, expect);
        };
        let (gone, back) = (State::Gone, State::Back);
        check([gone, gone, gone], &[(2, 1_000, 31_000), (1, 200_000, 200_000)]);
        check([back, gone, back], &[(1, 1_000, 31_000)]);
        check([back, back, State::Ours], &[]);
        check([State::CalledOver, gone, back], &[(1, 31_000, 31_000)]);
    }

    #[test]
    fn nothing_is_noticed_twice() {
        let check = |state, gone_ms: Option<i64>, seen_ms, expect| {
            let vanished =
                Vanished { orders: vec![lost("7", 1_000, state)], ..Vanished::default() };
            let order = DeletedOrder {
                key: "7".to_owned(),
                numbers: Vec::new(),
                snapshot: None,
                seen_ms,
                gone_ms,
                missed_ms: None,
            };
            assert_eq!(vanished.knows(&order), expect, "{state:?} {gone_ms:?} {seen_ms}");
        };
        check(State::Gone, Some(1_000), 1_000, true);
        check(State::CalledOver, Some(1_000), 1_000, true);
        // It came back, and went again.
        check(State::Back, Some(2_000), 2_000, false);
        // The backup before it went has it.
        check(State::Gone, None, 900, true);
        check(State::CalledOver, None, 900, true);
        check(State::Back, None, 1_500, false);
    }

    #[test]
    fn a_step_is_held_against_the_clock_of_the_database() {
        let check = |span, at_ms: i64, expect| {
            assert_eq!(overlaps(span, &(at_ms..=at_ms)), expect, "{span:?} {at_ms}");
        };
        check(None, 0, false);
        check(Some((10_000, Some(11_000))), 10_500, true);
        check(Some((10_000, Some(11_000))), 5_001, true);
        check(Some((10_000, Some(11_000))), 17_000, false);
        check(Some((10_000, None)), 99_000, true);
    }
}
