//! Starts backups and readings when their time has come, and says how it stands with them.
//!
//! When the next one is due follows from what the repository lists, so that a clock that was set, a
//! control that was away and a run that lied change nothing.

use super::{
    BackedUp, Backups,
    aside::REMOVE_ASIDE,
    book::{Page, is_not_there},
    drills::{self, DRILL},
    plans::{self, BACK_UP, VERIFY},
    points::StandingDump,
};
use crate::control::now_ms;
use ::plan::Engine;
use ::watch::backups::{
    BackupPlace, BackupRun, BackupSize, BackupState, BackupsStanding, DrillRow, Due, SheetStanding,
    ShopBackups, SnapshotRow, Trouble,
};
use jiff::{SignedDuration, Timestamp, civil::Time, tz::TimeZone};
use kernel::{
    Actor, ShopId,
    config::{BackupSchedule, RepositorySettings, ShopSettings},
    plan::{Plan, RunState, RunSummary},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use store::{KnownRepository, RunFilter, RunPaging};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

/// How often it is looked whether something is due.
const TICK: Duration = Duration::from_secs(2);
/// How often a repository is asked what it holds when nothing happens, and after one in vain.
const LIST_MS: i64 = 10 * MINUTE_MS;
const LIST_AGAIN_MS: i64 = MINUTE_MS;
/// A repository that has not answered by then is unknown.
const LOOK: Duration = Duration::from_secs(5 * 60);
/// The first wait after a failure; doubled with each further one, up to the longest.
const FIRST_WAIT_MS: i64 = MINUTE_MS;
const LONGEST_WAIT_MS: i64 = HOUR_MS;
/// A journal that was silent for so long stands for no dump; short rests are no reason for one.
const STOOD_MS: i64 = 15 * MINUTE_MS;
/// Where only another dump goes on, it comes so long after the last: who deploys redefines more than once.
const BROKEN_MS: i64 = 30 * MINUTE_MS;
/// So long after a backup another one for want of a dump.
const ASKED_MS: i64 = 5 * MINUTE_MS;
/// Runs of a shop that are looked through.
const RUNS: u32 = 100;
/// Points of the history of sizes.
const HISTORY: usize = 400;
const MINUTE_MS: i64 = 60 * 1000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What became of a shop's last tries.
#[derive(Debug, Default)]
struct Tries {
    /// The one that is not over.
    running: Option<RunSummary>,
    /// The newest that is.
    last: Option<RunSummary>,
    /// How many failed since one did not.
    failures: u32,
}

impl Tries {
    fn of(runs: Vec<RunSummary>, kind: &str) -> Self {
        let mut tries = Self::default();
        let mut counts = true;
        for run in runs.into_iter().filter(|run| run.kind.as_str() == kind) {
            if !run.state.is_over() {
                tries.running = Some(run);
                continue;
            }
            // Who cancelled one did not find anything broken.
            if run.state == RunState::Done {
                counts = false;
            } else if counts && run.state == RunState::Failed {
                tries.failures += 1;
            }
            tries.last.get_or_insert(run);
        }
        tries
    }

    /// Before this nothing is tried again. Of one that ended when the clock was ahead it is not known
    /// how long ago that was.
    fn again_ms(&self, now_ms: i64) -> Option<i64> {
        let ended_ms = self.last.as_ref()?.ended_at_ms.filter(|ended| *ended <= now_ms)?;
        let doublings = self.failures.checked_sub(1)?.min(16);
        Some(ended_ms + (FIRST_WAIT_MS << doublings).min(LONGEST_WAIT_MS))
    }
}

impl Backups {
    /// Never returns.
    pub(in crate::control) async fn keep(self: Arc<Self>, engine: Engine) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut busy = BTreeSet::new();
        let mut rounds: JoinSet<ShopId> = JoinSet::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                Some(ended) = rounds.join_next(), if !rounds.is_empty() => {
                    match ended {
                        Ok(shop) => drop(busy.remove(&shop)),
                        // Whose it was is not known; all are looked after anew.
                        Err(_) => busy.clear(),
                    }
                    continue;
                }
            }
            let configuration = self.configuration.borrow().clone();
            for shop in configuration.shops.iter().filter(|shop| shop.backup.is_some()) {
                if busy.insert(shop.id.clone()) {
                    let (this, engine, shop) = (Arc::clone(&self), engine.clone(), shop.id.clone());
                    rounds.spawn(async move {
                        this.round(&engine, &shop).await;
                        shop
                    });
                }
            }
            self.publish().await;
        }
    }

    async fn round(&self, engine: &Engine, shop: &ShopId) {
        let Ok(of) = self.backed_up(shop) else { return };
        for to in &of.settings.to {
            let place = to.to_string();
            let page = self.book().page(&place);
            let every_ms = if page.trouble.is_some() { LIST_AGAIN_MS } else { LIST_MS };
            let is_due = page.tried_ms.is_none_or(|tried| {
                // A clock that went back makes it no later.
                !(0..every_ms).contains(&(now_ms() - tried))
            });
            if is_due {
                let looked = timeout(LOOK, self.look(&of, &place)).await;
                if let Ok(Err(trouble)) = &looked
                    && !is_not_there(trouble)
                {
                    tracing::warn!(%place, error = trouble.message, "backups cannot be listed");
                }
            }
        }
        self.keep_points(&of, now_ms()).await;
        let due = match self.due(&of).await {
            None => self.aside_due(&of).await,
            due => due,
        };
        if let Some(plan) = due {
            let kind = plan.kind.clone();
            match engine.start(plan, Actor::Storewarden).await {
                Ok(run) => tracing::info!(%shop, %run, %kind, "it is time"),
                Err(error) => tracing::warn!(%shop, %error, %kind, "it does not begin"),
            }
        }
    }

    async fn runs(&self, shop: &ShopId) -> Option<Vec<RunSummary>> {
        let filter = RunFilter { shop: Some(shop.clone()), ..RunFilter::default() };
        let runs = self.store.runs(filter, RunPaging { before: None, limit: RUNS }).await;
        runs.inspect_err(|error| tracing::warn!(%error, "runs cannot be read")).ok()
    }

    /// What restores have put aside goes when it is there for long enough, one after the other.
    async fn aside_due(&self, of: &BackedUp) -> Option<Plan> {
        let tries = Tries::of(self.runs(&of.shop.id).await?, REMOVE_ASIDE);
        let waits = tries.again_ms(now_ms()).is_some_and(|again| again > now_ms());
        if waits || tries.running.is_some() {
            return None;
        }
        self.aside_to_go(of, now_ms()).await
    }

    /// What is to begin now.
    async fn due(&self, of: &BackedUp) -> Option<Plan> {
        let now_ms = now_ms();
        let runs = self.runs(&of.shop.id).await?;
        let of_kind = |kind| Tries::of(runs.clone(), kind);
        let (tries, checks, drills) = (of_kind(BACK_UP), of_kind(VERIFY), of_kind(DRILL));
        if tries.running.is_some() {
            return None;
        }
        let page = self.book().page(&of.settings.to[0].to_string());
        let newest_ms = newest_of(&page)?;
        let configuration = self.configuration.borrow().clone();
        let zone = zone_of(&of.shop);
        let again_ms = tries.again_ms(now_ms);
        let due_ms = next(of.settings.schedule, &zone, newest_ms, again_ms, now_ms);
        let ended_ms = tries.last.as_ref().and_then(|run| run.ended_at_ms);
        let base_ms = self.base_due_ms(of, ended_ms, again_ms);
        if due_ms.min(self.dump_due_ms(of, &page, again_ms, now_ms)).min(base_ms) <= now_ms {
            let day = |ms: i64| at(ms).to_zoned(zone.clone()).date();
            let prune = newest_ms.is_some_and(|newest| day(newest) != day(now_ms));
            return plans::back_up(&configuration, &of.shop.id, (prune, false), now_ms).ok();
        }
        // Reading takes hours, and a backup does not wait for it.
        if checks.running.is_some() || drills.running.is_some() {
            return None;
        }
        let known = self.store.repositories().await.ok()?;
        let waits = checks.again_ms(now_ms).is_some_and(|again| again > now_ms);
        if !waits && self.is_to_be_read(of, &known, now_ms) {
            return plans::verify(&configuration, &of.shop.id, false, now_ms).ok();
        }
        let waits = drills.again_ms(now_ms).is_some_and(|again| again > now_ms);
        if !waits && newest_ms.is_some() && self.is_to_be_tried(of, &drills, now_ms).await {
            return drills::plan(&configuration, self, &of.shop.id, ("latest", None), now_ms).ok();
        }
        None
    }

    /// When the database is to be dumped because no journal stands for it any more; far away: one does.
    fn dump_due_ms(&self, of: &BackedUp, page: &Page, again_ms: Option<i64>, now_ms: i64) -> i64 {
        let listing = page.listing.as_ref().map(|(_, listing)| listing.snapshots.as_slice());
        let rows: Vec<SnapshotRow> = listing.unwrap_or_default().iter().rev().cloned().collect();
        let Some(newest) = rows.first() else { return i64::MAX };
        let stream = self.stream(&of.shop, now_ms);
        let standing = self.standing_dump(&of.shop, stream.as_ref(), &rows);
        let (schedule, zone) = (of.settings.schedule, zone_of(&of.shop));
        let regular = |dump_ms| next(schedule, &zone, Some(dump_ms), again_ms, now_ms);
        dump_due_ms(standing, newest.at_ms, regular, (again_ms, now_ms))
    }

    /// Whether no backup was tried for as long as the configuration says. One that was tried in vain
    /// counts as tried; one that could not be tried does not.
    async fn is_to_be_tried(&self, of: &BackedUp, tries: &Tries, now_ms: i64) -> bool {
        let every_ms = i64::try_from(of.settings.drill_every_ms).unwrap_or(i64::MAX);
        let tried_ms = match self.store.drills(&of.shop.id, 1).await {
            Ok(drills) => drills.first().map(|drill| drill.at_ms),
            Err(error) => {
                tracing::warn!(%error, "drills cannot be read");
                tries.last.as_ref().map(|run| run.created_at_ms)
            }
        };
        tried_ms.is_none_or(|tried| !(0..every_ms).contains(&(now_ms - tried)))
    }

    /// Whether the share of today was not read yet somewhere.
    fn is_to_be_read(&self, of: &BackedUp, known: &[KnownRepository], now_ms: i64) -> bool {
        let (_, parts) = plans::share(&of.settings, now_ms);
        let every_ms = i64::try_from(of.settings.check_every_ms).unwrap_or(i64::MAX);
        let every_ms = every_ms / i64::from(parts);
        of.settings.to.iter().map(ToString::to_string).any(|place| {
            let listing = self.book().page(&place).listing;
            let oldest = listing.and_then(|(_, listing)| listing.snapshots.first().cloned());
            let checked = known.iter().find(|known| known.place == place);
            let checked_ms = checked.and_then(|known| known.checked).map(|(at_ms, _)| at_ms);
            let since_ms = checked_ms.or(oldest.map(|row| row.at_ms));
            // One from when the clock was ahead tells nothing.
            since_ms.is_some_and(|since| !(0..every_ms).contains(&(now_ms - since)))
        })
    }

    /// Says how it stands, to whoever shows it and to whoever judges it.
    pub(super) async fn publish(&self) {
        let configuration = self.configuration.borrow().clone();
        let known = self.store.repositories().await.unwrap_or_default();
        let mut shops = Vec::new();
        for shop in &configuration.shops {
            let runs = match &shop.backup {
                Some(_) => self.runs(&shop.id).await.unwrap_or_default(),
                None => Vec::new(),
            };
            let drills = self.drills(&shop.id).await;
            let sheet = self.sheet_standing(shop, now_ms()).await;
            let tries = [BACK_UP, DRILL].map(|kind| Tries::of(runs.clone(), kind));
            shops.push(self.standing(shop, tries, (drills, sheet), &known, now_ms()));
        }
        let standing = BackupsStanding { shops };
        let mut judged = standing.clone();
        // Looked at each second, and no judgement is made of years.
        judged.shops.iter_mut().for_each(|of| of.history.clear());
        self.watch.with(|live| live.backups(&judged));
        self.board.tell(standing);
    }

    fn standing(
        &self,
        shop: &ShopSettings,
        [tries, tried_drills]: [Tries; 2],
        (drills, sheet): (Vec<DrillRow>, Option<SheetStanding>),
        known: &[KnownRepository],
        now_ms: i64,
    ) -> ShopBackups {
        let stream = self.stream(shop, now_ms);
        let Some(settings) = &shop.backup else {
            return ShopBackups { drills, stream, ..off(shop) };
        };
        let names: Vec<String> = settings.to.iter().map(ToString::to_string).collect();
        let (pages, all): (Vec<Page>, _) = {
            let book = self.book();
            (names.iter().map(|name| book.page(name)).collect(), book.snapshots(&names))
        };
        let newest = all.snapshots.first().cloned();
        let newest_ms = newest_of(&pages[0]);
        let next_ms = newest_ms.filter(|_| tries.running.is_none()).map(|newest_ms| {
            let zone = zone_of(shop);
            next(settings.schedule, &zone, newest_ms, tries.again_ms(now_ms), now_ms).max(now_ms)
        });
        let since_ms = tries.last.as_ref().and_then(|run| run.ended_at_ms);
        let failed = tries.last.as_ref().filter(|run| run.state == RunState::Failed);
        let is_newer = failed.is_some_and(|run| {
            // A backup from the future is none that came after it.
            newest.as_ref().is_none_or(|newest| {
                newest.at_ms < run.created_at_ms || is_ahead(newest.at_ms, now_ms)
            })
        });
        let dump = self.standing_dump(shop, stream.as_ref(), &all.snapshots);
        let files_ms = newest.as_ref().map(|newest| newest.at_ms);
        let files = files_ms.map(|at_ms| (at_ms, settings.lose_files_at_most_ms));
        let database = dump.until_ms.map(|at_ms| (at_ms, settings.lose_at_most_ms));
        let due = Due::first(files, database);
        let late_ms = due.map(|due| due.late_ms());
        let is_known = pages.iter().any(|page| newest_of(page).is_some());
        let state = match late_ms {
            Some(late_ms) if late_ms < now_ms => BackupState::Late,
            Some(_) if is_newer => BackupState::Failing,
            Some(_) if dump.dump_ms.is_some() && dump.until_ms.is_none() => BackupState::Unknown,
            Some(_) => BackupState::Ok,
            None if !is_known => BackupState::Unknown,
            None if failed.is_some() => BackupState::Failing,
            None => BackupState::Never,
        };
        ShopBackups {
            shop: shop.id.clone(),
            state,
            since_ms: match state {
                BackupState::Late => late_ms,
                BackupState::Failing => since_ms,
                _ => None,
            },
            lose_at_most_ms: settings.lose_at_most_ms,
            due,
            back_within_ms: settings.back_within_ms,
            places: settings
                .to
                .iter()
                .zip(&pages)
                .map(|(to, page)| place(to, page, known))
                .collect(),
            newest,
            dump_ms: dump.dump_ms,
            database_ms: dump.until_ms,
            next_ms,
            running: tries.running.map(|run| run.id.to_string()),
            last_run: tries.last.map(tried),
            history: all.snapshots.iter().take(HISTORY).rev().map(size).collect(),
            drill_late_ms: {
                let tried_ms = drills.first().map(|drill| drill.at_ms);
                let oldest_ms = all.snapshots.last().map(|oldest| oldest.at_ms);
                drill_late_ms(settings.drill_every_ms, tried_ms, oldest_ms, now_ms)
            },
            sheet,
            failed_drill: failed_drill(tried_drills, drills.first()),
            drills,
            stream,
            vanished: self.vanished(&shop.id),
            missing: self.missed(&shop.id),
        }
    }
}

/// When a database is to be dumped that no journal stands for: at once where only a dump goes on, else when
/// it would be without one. `newest_ms` is the newest backup's time, with a dump or without.
fn dump_due_ms(
    standing: StandingDump,
    newest_ms: i64,
    regular: impl Fn(i64) -> i64,
    (again_ms, now_ms): (Option<i64>, i64),
) -> i64 {
    let StandingDump { dump_ms: Some(dump_ms), until_ms: Some(until_ms), is_broken } = standing
    else {
        return i64::MAX;
    };
    let due_ms = match is_broken {
        true => dump_ms.saturating_add(BROKEN_MS),
        false if until_ms.saturating_add(STOOD_MS) >= now_ms => return i64::MAX,
        false => regular(dump_ms),
    };
    // Whoever dumps judges for himself, and is not asked again and again.
    let due_ms = due_ms.max(newest_ms.saturating_add(ASKED_MS));
    again_ms.map_or(due_ms, |again_ms| due_ms.max(again_ms))
}

/// Since when a backup should have been tried and was not, if there is any. A drill may take a while,
/// and one that could not begin is tried again.
fn drill_late_ms(
    every_ms: u64,
    tried_ms: Option<i64>,
    oldest_ms: Option<i64>,
    now_ms: i64,
) -> Option<i64> {
    let every_ms = i64::try_from(every_ms).unwrap_or(i64::MAX);
    let margin_ms = (every_ms / 2).clamp(HOUR_MS, DAY_MS);
    let late_ms = match tried_ms {
        Some(tried) => tried.saturating_add(every_ms).saturating_add(margin_ms),
        None => oldest_ms?,
    };
    (oldest_ms.is_some() && late_ms < now_ms).then_some(late_ms)
}

/// The last run that failed to try a backup, when no drill has come since. One that found a backup
/// broken has tried it.
fn failed_drill(tries: Tries, newest: Option<&DrillRow>) -> Option<BackupRun> {
    let run = tries.last.filter(|run| run.state == RunState::Failed)?;
    let has_come = newest.is_some_and(|drill| drill.at_ms >= run.created_at_ms);
    (!has_come).then(|| tried(run))
}

/// A shop that the configuration does not have backed up.
fn off(shop: &ShopSettings) -> ShopBackups {
    ShopBackups {
        shop: shop.id.clone(),
        state: BackupState::Off,
        since_ms: None,
        lose_at_most_ms: 0,
        due: None,
        back_within_ms: 0,
        places: Vec::new(),
        newest: None,
        dump_ms: None,
        database_ms: None,
        next_ms: None,
        running: None,
        last_run: None,
        history: Vec::new(),
        drills: Vec::new(),
        drill_late_ms: None,
        failed_drill: None,
        sheet: None,
        stream: None,
        vanished: Vec::new(),
        missing: None,
    }
}

fn place(to: &RepositorySettings, page: &Page, known: &[KnownRepository]) -> BackupPlace {
    let name = to.to_string();
    let checked = known.iter().find(|known| known.place == name).and_then(|known| known.checked);
    let was_there = known.iter().any(|known| known.place == name);
    let listing = page.listing.as_ref();
    // That it is still to be made is no trouble.
    let trouble = page.trouble.clone().filter(|trouble| was_there || !is_not_there(trouble));
    BackupPlace {
        kind: kind_of(to),
        place: name,
        looked_ms: listing.map(|(at_ms, _)| *at_ms),
        trouble: trouble.map(Trouble::from),
        snapshots: listing.map(|(_, listing)| listing.snapshots.len() as u64),
        newest_ms: listing.and_then(|(_, listing)| listing.snapshots.last()).map(|row| row.at_ms),
        bytes: listing.map(|(_, listing)| listing.bytes),
        checked_ms: checked.map(|(at_ms, _)| at_ms),
        damaged: checked.map(|(_, damaged)| damaged),
    }
}

/// What sort of place it is, for programs.
pub(super) fn kind_of(to: &RepositorySettings) -> String {
    let kind = match to {
        RepositorySettings::Folder(_) => "folder",
        RepositorySettings::S3 { .. } => "s3",
        RepositorySettings::Sftp(_) => "sftp",
    };
    kind.to_owned()
}

fn tried(run: RunSummary) -> BackupRun {
    let trouble = run.cause.map(|cause| {
        let message = cause.message.unwrap_or_default();
        match cause.reason {
            Some(reason) => Trouble::new(reason, message),
            None => Trouble { code: "said".to_owned(), params: kernel::Params::new(), message },
        }
    });
    let (run_id, state) = (run.id.to_string(), run.state.code().to_owned());
    BackupRun { run: run_id, state, ended_ms: run.ended_at_ms, trouble }
}

fn size(row: &SnapshotRow) -> BackupSize {
    let SnapshotRow { at_ms, bytes, added_bytes, took_ms, .. } = *row;
    BackupSize { at_ms, bytes, added_bytes, took_ms }
}

/// The newest that a repository lists: `None` when that is not known, `Some(None)` when there is none.
#[expect(clippy::option_option, reason = "not known is not the same as none")]
fn newest_of(page: &Page) -> Option<Option<i64>> {
    match (&page.listing, &page.trouble) {
        (Some((_, listing)), _) => Some(listing.snapshots.last().map(|row| row.at_ms)),
        (None, Some(trouble)) if is_not_there(trouble) => Some(None),
        (None, _) => None,
    }
}

/// When the next backup is due, in unix milliseconds, the past included.
fn next(
    schedule: BackupSchedule,
    zone: &TimeZone,
    newest_ms: Option<i64>,
    again_ms: Option<i64>,
    now_ms: i64,
) -> i64 {
    // A backup from the future is none to wait for.
    let newest_ms = newest_ms.filter(|newest| !is_ahead(*newest, now_ms));
    let due = newest_ms.map_or(now_ms, |newest| match schedule {
        BackupSchedule::Every { ms } => {
            newest.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX))
        }
        BackupSchedule::Daily { minute } => daily(minute, zone, newest),
    });
    again_ms.map_or(due, |again| due.max(again))
}

/// Whether a backup is of a time that has not come, further than the clocks of machines differ. A worker
/// makes none then.
fn is_ahead(at_ms: i64, now_ms: i64) -> bool {
    at_ms > now_ms.saturating_add(HOUR_MS)
}

/// The first time after `since_ms` at which a clock in this zone shows that minute of the day.
fn daily(minute: u32, zone: &TimeZone, since_ms: i64) -> i64 {
    let day = at(since_ms).to_zoned(zone.clone()).date();
    let hour = i8::try_from(minute / 60).unwrap_or(0);
    let time = Time::new(hour, i8::try_from(minute % 60).unwrap_or(0), 0, 0);
    let time = time.expect("invariant: a minute of the day is a time");
    (0..3)
        .filter_map(|days| day.checked_add(SignedDuration::from_hours(24 * days)).ok())
        // An hour that is left out is the one after it; one that comes twice begins the first time.
        .filter_map(|day| zone.to_zoned(day.to_datetime(time)).ok())
        .map(|moment| moment.timestamp().as_millisecond())
        .find(|moment| *moment > since_ms)
        .unwrap_or(since_ms + DAY_MS)
}

fn zone_of(shop: &ShopSettings) -> TimeZone {
    TimeZone::get(&shop.time_zone).unwrap_or(TimeZone::UTC)
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22 12:00 UTC.
    const NOON_MS: i64 = 1_795_348_800_000;

    #[test]
    fn the_next_backup_follows_from_the_newest() {
        let check = |schedule, newest_ms, again_ms, expect_minutes: i64| {
            let next = next(schedule, &TimeZone::UTC, newest_ms, again_ms, NOON_MS);
            assert_eq!((next - NOON_MS) / MINUTE_MS, expect_minutes, "{schedule:?} {newest_ms:?}");
        };
        let every = BackupSchedule::Every { ms: 6 * 60 * 60 * 1000 };
        check(every, None, None, 0);
        check(every, Some(NOON_MS - 2 * HOUR_MS), None, 240);
        check(every, Some(NOON_MS - 8 * HOUR_MS), None, -120);
        check(every, Some(NOON_MS - 8 * HOUR_MS), Some(NOON_MS + MINUTE_MS), 1);
        check(every, Some(NOON_MS + DAY_MS), None, 0);
        let at_two = BackupSchedule::Daily { minute: 150 };
        check(at_two, Some(NOON_MS - HOUR_MS), None, 14 * 60 + 30);
        check(at_two, Some(NOON_MS - DAY_MS), None, -(9 * 60 + 30));
        let vienna = TimeZone::get("Europe/Vienna").unwrap();
        assert_eq!(daily(150, &vienna, NOON_MS) - NOON_MS, 13 * HOUR_MS + 30 * MINUTE_MS);
        // On the 29th of March 2026 clocks jump from 02:00 to 03:00: 02:30 is 03:30 there.
        let before: Timestamp = "2026-03-28T12:00:00Z".parse().unwrap();
        let expect: Timestamp = "2026-03-29T01:30:00Z".parse().unwrap();
        assert_eq!(daily(150, &vienna, before.as_millisecond()), expect.as_millisecond());
    }

    #[test]
    fn a_database_that_no_journal_stands_for_is_dumped_as_without_one() {
        let day_ago = NOON_MS - DAY_MS;
        let check = |standing: StandingDump, newest_ms, again_ms, expect: Option<i64>| {
            let regular = |dump_ms: i64| dump_ms + DAY_MS;
            let due = dump_due_ms(standing, newest_ms, regular, (again_ms, NOON_MS));
            let minutes = (due != i64::MAX).then_some((due - NOON_MS) / MINUTE_MS);
            assert_eq!(minutes, expect, "{standing:?}");
        };
        let stands = |dump_ms, until_ms, is_broken| StandingDump {
            dump_ms: Some(dump_ms),
            until_ms: Some(until_ms),
            is_broken,
        };
        check(StandingDump::default(), day_ago, None, None);
        let three_days_ago = NOON_MS - 3 * DAY_MS;
        check(stands(three_days_ago, NOON_MS - MINUTE_MS, false), day_ago, None, None);
        // The stream is off, or silent for too long: a dump of a day ago would be due by now.
        let silent = NOON_MS - 16 * MINUTE_MS;
        check(stands(three_days_ago, three_days_ago, false), day_ago, None, Some(-24 * 60 + 5));
        check(stands(three_days_ago, silent, false), day_ago, None, Some(-24 * 60 + 5));
        check(stands(NOON_MS - HOUR_MS, silent, false), day_ago, None, Some(23 * 60));
        // A gap, or a table that was redefined: not before the next regular one, but soon.
        check(stands(NOON_MS - HOUR_MS, silent, true), NOON_MS - HOUR_MS, None, Some(-30));
        let again_ms = Some(NOON_MS + MINUTE_MS);
        check(stands(NOON_MS - HOUR_MS, silent, true), NOON_MS - HOUR_MS, again_ms, Some(1));
        check(stands(NOON_MS - HOUR_MS, silent, true), NOON_MS, None, Some(5));
    }

    #[test]
    fn a_drill_is_late_a_while_after_it_was_due() {
        let check = |every_ms, tried_ms: Option<i64>, oldest_ms, expect: Option<i64>| {
            let late_ms = drill_late_ms(every_ms, tried_ms, oldest_ms, NOON_MS);
            assert_eq!(late_ms.map(|ms| (NOON_MS - ms) / HOUR_MS), expect, "{tried_ms:?}");
        };
        let week_ms = 7 * 24 * 60 * 60 * 1000;
        let ago = |hours: i64| Some(NOON_MS - hours * HOUR_MS);
        check(week_ms, None, None, None);
        check(week_ms, None, ago(3), Some(3));
        check(week_ms, ago(7 * 24 + 20), ago(900), None);
        check(week_ms, ago(7 * 24 + 25), ago(900), Some(1));
        check(60_000, ago(2), ago(900), Some(0));
        // There is nothing left that could be tried.
        check(week_ms, ago(900), None, None);
    }

    #[test]
    fn failures_wait_ever_longer() {
        let run = |id: i64, state: &str| -> RunSummary {
            serde_json::from_value(serde_json::json!({
                "id": id, "kind": BACK_UP, "shop": "lamps", "params": {}, "state": state,
                "actor": Actor::Storewarden, "created_at_ms": 0, "began_at_ms": 0,
                "ended_at_ms": 1_000, "cause": null, "done": 0, "steps": 1,
            }))
            .unwrap()
        };
        let check = |states: &[&str], expect: Option<i64>| {
            let runs = (1..).zip(states).map(|(id, state)| run(id, state)).collect();
            let again = Tries::of(runs, BACK_UP).again_ms(2_000);
            assert_eq!(again.map(|ms| ms - 1_000), expect);
        };
        check(&[], None);
        check(&["done", "failed"], None);
        check(&["failed", "done"], Some(MINUTE_MS));
        check(&["failed", "failed", "failed", "done"], Some(4 * MINUTE_MS));
        check(&["failed"; 9], Some(HOUR_MS));
        check(&["cancelled", "failed"], Some(MINUTE_MS));
        // The clock went back: nobody waits for the day on which it failed.
        let tries = Tries::of(vec![run(1, "failed")], BACK_UP);
        assert_eq!(tries.again_ms(999), None);
    }
}
