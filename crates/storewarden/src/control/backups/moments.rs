//! Moments between backups: which one a wish is about, and the step that goes there by the journal.

use super::{BackedUp, Backups, databases::account, logs, plans, refused, unexpected, worker};
use crate::{
    backup_worker::{Database, Deed, Done, Moment, Reached, Restoring, Taken, Trouble, Work},
    control::changes::refuse,
};
use api::{Refusal, RestoreDatabase};
use databases::restore::name_of;
use kernel::{
    ShopId,
    config::{DatabaseKind, DatabaseUrl},
    plan::{Act, Step, Undo, Way},
};
use std::time::Duration;
use tokio::time::timeout;

/// Somebody waits while the journal is looked through.
const PATIENCE: Duration = Duration::from_secs(45);
/// A week of changes takes hours.
const REPLAY_MS: u64 = 24 * 60 * 60 * 1000;

impl Backups {
    /// From which backup the moment of a wish is reached; `None`: it names a backup instead.
    ///
    /// # Errors
    /// Why it cannot be reached, with the next moment that can.
    pub(in crate::control) async fn moment(
        &self,
        shop: &ShopId,
        wanted: &RestoreDatabase,
        now_ms: i64,
    ) -> Option<Result<Reached, Refusal>> {
        let of = match self.backed_up(shop) {
            Ok(of) => of,
            // Whoever makes the plan says so as well.
            Err(_) if wanted.as_of_ms.is_none() => return None,
            Err(trouble) => return Some(Err(refused(*trouble))),
        };
        let until_ms = match wanted.as_of_ms {
            Some(as_of_ms) => as_of_ms,
            None => self.stands_until(&of, wanted).await?,
        };
        Some(self.reach(&of, wanted, (until_ms, now_ms)).await)
    }

    /// Of a backup without a dump the moment up to which the journal stands for its database.
    async fn stands_until(&self, of: &BackedUp, wanted: &RestoreDatabase) -> Option<i64> {
        let places = plans::place_of(&of.shop, &of.settings, wanted.from.as_deref()).ok()?;
        // Whoever asks first has the repositories looked at.
        self.snapshots(&of.shop.id).await.ok()?;
        let (_, _, at_ms) = plans::named(self, &of.shop, &places, None, &wanted.snapshot).ok()?;
        let known = self.book().snapshots(&places).snapshots;
        let row = known.iter().find(|row| row.at_ms == at_ms)?;
        row.journal_ms.filter(|_| row.databases.is_empty())
    }

    async fn reach(
        &self,
        of: &BackedUp,
        wanted: &RestoreDatabase,
        (until_ms, now_ms): (i64, i64),
    ) -> Result<Reached, Refusal> {
        let live = account(&of.shop, &of.settings)?;
        let has_wal = logs::account(&of.shop).is_some();
        if live.kind == DatabaseKind::Sqlite {
            let message = "SQLite has no stream of changes: it comes back as of a backup only";
            return Err(refuse(message).because("moment_without_stream", []));
        }
        if until_ms > now_ms {
            let message = "that moment is still to come";
            return Err(refuse(message).because("moment_to_come", []));
        }
        let by_journal = self.reach_by_journal(of, wanted, live, until_ms);
        match wanted.by {
            Some(Way::Log) if live.kind == DatabaseKind::Postgres => {
                self.reach_by_wal(of, wanted, until_ms).await
            }
            None if has_wal => {
                let refusal = match by_journal.await {
                    Ok(reached) => return Ok(reached),
                    Err(refusal) => refusal,
                };
                let by_wal = self.reach_by_wal(of, wanted, until_ms).await;
                by_wal.map_err(|other| neither(refusal, &other))
            }
            _ => by_journal.await,
        }
    }

    async fn reach_by_journal(
        &self,
        of: &BackedUp,
        wanted: &RestoreDatabase,
        live: &DatabaseUrl,
        until_ms: i64,
    ) -> Result<Reached, Refusal> {
        let places = plans::place_of(&of.shop, &of.settings, wanted.from.as_deref())?;
        let (place, snapshots) = self.taken(of, wanted, &places).await?;
        let (state, tables) = (self.state.clone(), wanted.tables.clone());
        let moment = Moment { state, until_ms, tables, by: wanted.by };
        let deed = Deed::FindMoment { moment, snapshots };
        let work = Work::Database(Restoring { live: Database::new(live), deed });
        let asked = async {
            let job = self.job(of, &place, work).await?;
            match self.work(job, &worker::unheard).await? {
                Done::Moment(reached) => Ok(reached),
                other => Err(unexpected(&other)),
            }
        };
        let asked = timeout(PATIENCE, asked).await.unwrap_or_else(|_| {
            let said = [("place", place.as_str().into())];
            let message = format!("{place} does not answer in time");
            Err(Box::new(Trouble::new("place_too_slow", said, message).for_now()))
        });
        asked.map_err(|trouble| refused(*trouble))
    }

    /// Every backup with the database in it, of the first place that has the newest, the newest first.
    async fn taken(
        &self,
        of: &BackedUp,
        wanted: &RestoreDatabase,
        places: &[String],
    ) -> Result<(String, Vec<Taken>), Refusal> {
        // Whoever asks first has the repositories looked at.
        self.snapshots(&of.shop.id).await?;
        let known = self.book().snapshots(places).snapshots;
        let own = of.shop.database.as_ref().map(name_of);
        let name = wanted.database.clone().or(own);
        let rows = known.iter().filter(|row| !row.databases.is_empty());
        let rows: Vec<_> = rows.collect();
        let place = rows.first().and_then(|row| row.places.first()).cloned();
        let place = place.ok_or_else(|| {
            let message = format!("there is no backup of {} with its database", of.shop.id);
            let said = [("shop", of.shop.id.as_str().into())];
            refused(Trouble::new("no_backup_then", said, message))
        })?;
        let taken = rows.iter().filter_map(|row| {
            let named = row.databases.iter().find(|one| Some(&one.name) == name.as_ref());
            let database = named.or(row.databases.first())?.name.clone();
            Some(Taken { id: self.id_at(&place, row)?, at_ms: row.at_ms, database })
        });
        let taken = taken.collect();
        Ok((place, taken))
    }
}

/// Neither the journal nor the server's own log goes there.
fn neither(refusal: Refusal, other: &Refusal) -> Refusal {
    let message =
        format!("{}; by the server's own log neither: {}", refusal.message, other.message);
    let reason = refusal.reason.map(|mut reason| {
        reason.params.insert("why".to_owned(), other.message.as_str().into());
        reason
    });
    Refusal { message, reason, ..refusal }
}

/// What a wish for a moment comes to: the backup that it is reached from.
pub(super) fn named(wanted: &RestoreDatabase, reached: &Reached) -> RestoreDatabase {
    let Reached { snapshot, database, .. } = reached;
    RestoreDatabase {
        snapshot: snapshot.clone(),
        database: Some(database.clone()),
        ..wanted.clone()
    }
}

/// The step that goes on from the database that the other one restores, which is to restore whatever the
/// changes need: InnoDB changes rows by foreign keys without a word, so there all tables are needed. `None`
/// where that one goes to the moment by itself, by the server's log.
pub(super) fn step(
    restore: &mut Step,
    live: &DatabaseUrl,
    until_ms: i64,
    reached: &Reached,
) -> Option<Step> {
    let Act::RestoreDatabase { shop, at, snapshot, database, tables, name, mark, by_log, .. } =
        &mut restore.act
    else {
        unreachable!("asked for a step that restores a database alone")
    };
    if live.kind == DatabaseKind::MySql {
        tables.clear();
    }
    if reached.by_log.is_some() || reached.by_wal.is_some() {
        // The server's log goes on before it is restored.
        by_log.clone_from(&reached.by_log);
        return None;
    }
    let act = Act::ReplayChanges {
        shop: shop.clone(),
        at: at.clone(),
        snapshot: snapshot.clone(),
        database: database.clone(),
        tables: tables.clone(),
        name: name.clone(),
        mark: mark.clone(),
        until_ms,
        from_ms: reached.from_ms,
        transactions: reached.transactions,
        changes: reached.changes,
        last_ms: reached.last_ms,
    };
    // What takes the restored database away takes these with it.
    Some(Step { act, undo: Undo::NothingToUndo, timeout_ms: REPLAY_MS })
}
