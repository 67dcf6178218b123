//! Performs the acts of backups: each is a worker's job, and the repository says what became of it.

use super::{
    BackedUp, Backups, aside::aside_work, book::is_not_there, carrying, databases, drills,
    forgetting, logs, objects,
};
use crate::backup_worker::{
    Deed, Done, Event, Job, Keep, Listing, Pruned, Sources, Told, Trouble, Work,
};
use ::watch::backups::SnapshotRow;
use kernel::{
    Params, ShopId, Value,
    plan::{
        Act, Area, Condition, Failed, Fence, Holds, Intent, Measure, Pending, Performer, Probe,
        Progress,
    },
};
use std::{path::Path, time::Duration};
use tokio::time::timeout;

/// How long looking may take before something begins.
const LOOK: Duration = Duration::from_secs(20);

impl Performer for Backups {
    fn areas(&self) -> &[Area] {
        &[Area::Backups]
    }

    fn conditions<'a>(&'a self, act: &'a Act, after: &'a [Act]) -> Pending<'a, Vec<Condition>> {
        Box::pin(async move {
            let looked = async {
                let of = self.backed_up(shop_of(act)?)?;
                Ok::<_, Box<Trouble>>(self.hold(&of, act, after).await)
            };
            looked.await.unwrap_or_else(|trouble| vec![unknown(&trouble)])
        })
    }

    fn perform<'a>(
        &'a self,
        act: &'a Act,
        fence: Fence,
        progress: &'a dyn Progress,
    ) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(async move {
            let stopped = || Failed::new("stopped halfway, as asked").because("asked_to_stop", []);
            tokio::select! {
                performed = self.perform_act(act, fence, progress) => {
                    performed.map_err(|trouble| Failed::from(*trouble))
                }
                // Dropping what the worker hears by ends it.
                () = progress.cancelled() => Err(stopped()),
            }
        })
    }

    fn verify<'a>(&'a self, act: &'a Act) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(async move {
            if of_database(act) || of_order(act) {
                return self.verify_database(act).await.map_err(|trouble| Failed::from(*trouble));
            }
            let (Act::BackUp { shop, to, mark, .. } | Act::CopySnapshot { shop, to, mark, .. }) =
                act
            else {
                return Ok(Params::new());
            };
            let found = async {
                let of = self.backed_up(shop)?;
                Ok::<_, Box<Trouble>>(marked(&self.look(&of, to).await?, mark))
            };
            match found.await {
                Ok(Some(snapshot)) => Ok(Params::from([("snapshot".to_owned(), snapshot.into())])),
                Ok(None) => {
                    let said = [("place", to.as_str().into())];
                    let message = format!("the repository at {to} does not list the backup");
                    Err(Failed::new(message).because("backup_not_listed", said))
                }
                Err(trouble) => Err(Failed::from(*trouble)),
            }
        })
    }

    fn probe<'a>(&'a self, act: &'a Act, _intent: &'a Intent) -> Pending<'a, Probe> {
        Box::pin(async move {
            if of_database(act) || of_order(act) {
                let probed = async { self.looked_at(&self.backed_up(shop_of(act)?)?, act).await };
                return probed.await.unwrap_or_else(|trouble| Failed::from(*trouble).into());
            }
            let (Act::BackUp { shop, to, mark, .. } | Act::CopySnapshot { shop, to, mark, .. }) =
                act
            else {
                // Doing the rest of it again does no harm: what is forgotten, read or restored stays so.
                return match act {
                    Act::CheckRepository { .. } | Act::DrillBackup { .. } => Probe::NotDone,
                    _ => Probe::Partial,
                };
            };
            let found = async {
                let of = self.backed_up(shop)?;
                self.look(&of, to).await.map(|listing| marked(&listing, mark))
            };
            match found.await {
                Ok(Some(_)) => Probe::Done,
                Ok(None) => Probe::NotDone,
                // Not even the repository was made.
                Err(trouble) if is_not_there(&trouble) => Probe::NotDone,
                Err(trouble) => Failed::from(*trouble).into(),
            }
        })
    }

    fn fact<'a>(&'a self, _name: &'a str) -> Pending<'a, Option<String>> {
        Box::pin(std::future::ready(None))
    }
}

impl Backups {
    async fn perform_act(
        &self,
        act: &Act,
        fence: Fence,
        progress: &dyn Progress,
    ) -> Result<Params, Box<Trouble>> {
        let of = self.backed_up(shop_of(act)?)?;
        if matches!(act, Act::KeepErased { .. }) && !forgetting::is_known(&of.shop.platform) {
            progress.line("nobody knows which columns tell of a person: nothing was emptied");
            return Ok(Params::new());
        }
        let (place, job) = self.job_of(&of, act).await?;
        let hear = |event: &Event| match event {
            Event::Progress { bytes, total_bytes } => progress.measure(Measure {
                done: *bytes,
                total: *total_bytes,
                unit: "bytes".to_owned(),
            }),
            Event::Changes { done, total } => progress.measure(Measure {
                done: *done,
                total: Some(*total),
                unit: "changes".to_owned(),
            }),
            Event::Line(line) => progress.line(line),
            Event::Opened(_) | Event::Done(_) | Event::Failed(_) => {}
        };
        let done = self.work(job, &hear).await;
        if let Act::CheckRepository { .. } = act {
            self.note_check(&place, done.as_ref().map_err(AsRef::as_ref)).await;
        }
        if let (Act::DrillBackup { shop, sheet, .. }, Ok(Done::Drilled(report))) = (act, &done) {
            self.note_drill(shop, &place, (fence.run, sheet.is_some()), report).await?;
            self.publish().await;
            return drills::failure(report).map_or_else(|| Ok(drills::evidence(report)), Err);
        }
        let evidence = self.evidence(&place, done?, progress).await;
        if !opens_nothing(act)
            && !of_database(act)
            && !of_order(act)
            && let Err(trouble) = self.look(&of, &place).await
        {
            progress.line(&trouble.message);
        }
        self.publish().await;
        Ok(evidence)
    }

    /// Sees that what was done with a database is so.
    async fn verify_database(&self, act: &Act) -> Result<Params, Box<Trouble>> {
        let of = self.backed_up(shop_of(act)?)?;
        match self.looked_at(&of, act).await? {
            Probe::Done => Ok(Params::new()),
            _ if of_order(act) => {
                let message = format!("`{}` was done, and the rows are not so", act.code());
                let said = [("error", message.as_str().into())];
                Err(Box::new(Trouble::new("order_not_written", said, message.clone())))
            }
            _ => {
                let message = format!("`{}` was done, and is not so", act.code());
                Err(Box::new(Trouble::new(
                    "database_not_restored",
                    [("error", message.as_str().into())],
                    message.clone(),
                )))
            }
        }
    }

    /// What became of an act in a database, told by that.
    async fn looked_at(&self, of: &BackedUp, act: &Act) -> Result<Probe, Box<Trouble>> {
        if let Act::RemoveAside { name, .. } = act {
            self.probe_aside(of, name).await
        } else if of_order(act) {
            self.probe_order(of, act).await
        } else {
            self.probe_database(of, act).await
        }
    }

    async fn job_of(&self, of: &BackedUp, act: &Act) -> Result<(String, Job), Box<Trouble>> {
        let (place, work) = match act {
            Act::BackUp { to, mark, dump, .. } => {
                let stream = if *dump { None } else { self.may_stand_in(of).await };
                (to, Work::BackUp(Sources { stream, ..self.sources(of, mark) }))
            }
            Act::CopySnapshot { from, to, mark, .. } => {
                let from = Box::new(self.place(of, from).await?);
                (to, Work::Copy { from, mark: mark.clone() })
            }
            Act::ForgetSnapshots { at, prune, .. } => {
                let keep = Keep::from(&of.settings.keep);
                let time_zone = of.shop.time_zone.clone();
                let promised_ms = self.promised_ms(of);
                let bases_ms = logs::kept_ms(&of.shop);
                (at, Work::Forget { keep, time_zone, prune: *prune, promised_ms, bases_ms })
            }
            Act::CheckRepository { at, part, of, .. } => (at, Work::Check { part: *part, of: *of }),
            Act::RestoreFiles { at, snapshot, path, target, .. } => {
                let snapshot = snapshot.clone();
                (at, Work::Restore { snapshot, path: path.into(), target: target.into() })
            }
            Act::RestoreObjects { at, .. } | Act::TakeObjectsBack { at, .. } => {
                (at, objects::work(of, act, None)?)
            }
            Act::DrillBackup { at, snapshot, scratch, sheet, .. } => {
                let mut job =
                    self.job(of, at, drills::work(of, (snapshot, scratch), &self.state)).await?;
                if let Some(sheet) = sheet {
                    job.at.open_by(&self.kept_phrase(sheet)?);
                }
                return Ok((at.clone(), job));
            }
            Act::RestoreDatabase { at, .. } | Act::ReplayChanges { at, .. } => {
                (at, databases::work(of, act, &self.state).ok_or_else(|| not_ours(act))??)
            }
            Act::RestoreOrder { .. } | Act::TakeOrderBack { .. } => {
                let (place, work) = self.order_work(of, act).await?;
                return Ok((place.clone(), self.job(of, &place, work).await?));
            }
            Act::DropRestored { .. }
            | Act::SwapDatabase { .. }
            | Act::RestoreRows { .. }
            | Act::ReturnRows { .. } => {
                let work = databases::work(of, act, &self.state).ok_or_else(|| not_ours(act))??;
                let place = of.settings.to[0].to_string();
                return Ok((place.clone(), self.job(of, &place, work).await?));
            }
            Act::RemoveAside { name, .. } => {
                let place = of.settings.to[0].to_string();
                let work = aside_work(of, Deed::RemoveAside { name: name.clone() })?;
                return Ok((place.clone(), self.job(of, &place, work).await?));
            }
            Act::CarryOrders { .. } => {
                let place = of.settings.to[0].to_string();
                return Ok((
                    place.clone(),
                    self.job(of, &place, Self::carry_work(of, act)?).await?,
                ));
            }
            Act::KeepErased { .. } => {
                let place = of.settings.to[0].to_string();
                let work = self.forget_work(of, act).await?;
                return Ok((place.clone(), self.job(of, &place, work).await?));
            }
            other => return Err(not_ours(other)),
        };
        Ok((place.clone(), self.job(of, place, work).await?))
    }

    async fn evidence(&self, place: &str, done: Done, progress: &dyn Progress) -> Params {
        let mut evidence = Params::new();
        if let Done::BackedUp { snapshot, notes, .. } = &done {
            evidence = backed_up(snapshot, *notes);
        }
        let mut put = |name: &str, value: Value| {
            evidence.insert(name.to_owned(), value);
        };
        match done {
            Done::BackedUp { snapshot, repository, .. } => {
                self.know(place, &repository).await;
                let short = snapshot.id.get(..8).unwrap_or_default();
                progress.line(&format!("the backup {short} is whole"));
            }
            Done::Copied { snapshot, repository, sent_bytes } => {
                self.know(place, &repository).await;
                put("snapshot", snapshot.into());
                put("sent_bytes", sent_bytes.into());
            }
            Done::Forgotten { removed, kept, freed_bytes, prune } => {
                put("removed", removed.into());
                put("kept", kept.into());
                put("freed_bytes", freed_bytes.into());
                let freed = match prune {
                    Pruned::NotAsked | Pruned::Done => "done",
                    Pruned::NextTime => "next_time",
                    Pruned::NotAllowed => "not_allowed",
                };
                put("freed", freed.into());
            }
            Done::Checked { snapshots, bytes_read } => {
                put("snapshots", snapshots.into());
                put("bytes", bytes_read.into());
            }
            Done::Restored { files, bytes, kept_files } => {
                put("files", files.into());
                put("bytes", bytes.into());
                put("kept_files", kept_files.into());
            }
            Done::ObjectsPut { put: files, bytes, overwritten, kept, stay } => {
                put("files", files.into());
                put("bytes", bytes.into());
                put("overwritten", overwritten.into());
                put("kept_files", kept.into());
                put("left", stay.into());
            }
            Done::ObjectsTakenBack { removed, brought_back } => {
                put("removed", removed.into());
                put("brought_back", brought_back.into());
            }
            Done::DatabaseRestored { tables, rows, bytes } => {
                put("tables", tables.into());
                put("rows", rows.into());
                put("bytes", bytes.into());
            }
            Done::Replayed { transactions, changes, checked } => {
                put("transactions", transactions.into());
                put("changes", changes.into());
                put("checked", checked.into());
            }
            Done::Orders(Told::Changed { rows }) => put("rows", rows.into()),
            Done::Carried(carried) => evidence.extend(carrying::evidence(&carried)),
            Done::Forgot(forgotten) => evidence.extend(forgetting::evidence(&forgotten)),
            Done::Orders(_) | Done::NewerOrders(_) | Done::Confirmed(_) => {}
            Done::Rows(Some(counts)) => evidence.extend(databases::put_back(&counts)),
            Done::DatabaseFound { .. }
            | Done::Aside(_)
            | Done::DatabaseSwapped { .. }
            | Done::Moment(_)
            | Done::ReplayStands(_)
            | Done::Rows(None) => {}
            Done::Listed(_)
            | Done::Folder(_)
            | Done::ObjectsVersions { .. }
            | Done::ObjectsCounted(_)
            | Done::Drilled(_)
            | Done::Points(_)
            | Done::KeyAdded { .. } => {}
        }
        evidence
    }

    /// A repository that was made is remembered at once. Where that fails, its next list says it again.
    async fn know(&self, place: &str, id: &str) {
        if let Err(error) = self.store.know_repository(place, id).await {
            tracing::warn!(%error, place, "a repository is not remembered yet");
        }
    }

    async fn note_check(&self, place: &str, done: Result<&Done, &Trouble>) {
        let damaged = match done {
            Ok(_) => 0,
            Err(trouble) if trouble.code == "repository_found_damaged" => {
                match trouble.params.get("count") {
                    Some(Value::Integer(count)) => u64::try_from(*count).unwrap_or(1),
                    _ => 1,
                }
            }
            // It was not looked through.
            Err(_) => return,
        };
        let now_ms = crate::control::now_ms();
        if let Err(error) = self.store.repository_checked(place, now_ms, damaged).await {
            tracing::warn!(%error, place, "what was found is not remembered");
        }
        self.publish().await;
    }

    async fn hold(&self, of: &BackedUp, act: &Act, after: &[Act]) -> Vec<Condition> {
        match act {
            Act::BackUp { to, .. } => vec![self.opens(of, to, true).await, sources_there(of)],
            Act::CopySnapshot { to, .. } => vec![self.opens(of, to, true).await],
            // The steps before it have made the repository.
            Act::ForgetSnapshots { .. } => Vec::new(),
            Act::CheckRepository { at, .. } => vec![self.opens(of, at, false).await],
            Act::RestoreFiles { at, snapshot, path, target, .. } => {
                self.may_restore(of, (at, snapshot), (path, target)).await
            }
            Act::RestoreObjects { at, snapshot, .. } => {
                let mut holds = self.may_restore(of, (at, snapshot), ("/buckets", "/")).await;
                holds.extend(self.may_put_objects(of, act).await);
                holds
            }
            Act::RestoreDatabase { at, snapshot, .. } => {
                // Its server may have a disk of its own: whether there is room, nobody knows.
                let mut holds = self.may_restore(of, (at, snapshot), ("/databases", "/")).await;
                holds.extend(self.may_have_database(of, act).await);
                holds
            }
            Act::RestoreOrder { .. } => self.order_as_shown(of, act).await,
            Act::RemoveAside { .. } => self.may_remove_aside(of, act).await,
            Act::RestoreRows { .. } => self.may_have_rows(of, act, after).await,
            Act::CarryOrders { .. } => self.may_carry(of, act, after).await,
            Act::KeepErased { .. } => self.may_forget(of, act).await,
            Act::ReplayChanges { .. }
            | Act::DropRestored { .. }
            | Act::SwapDatabase { .. }
            | Act::ReturnRows { .. }
            | Act::TakeOrderBack { .. }
            | Act::TakeObjectsBack { .. } => Vec::new(),
            Act::DrillBackup { at, snapshot, scratch, .. } => {
                // Everything lies there twice for a while.
                self.may_restore(of, (at, snapshot), ("/", scratch)).await
            }
            other => vec![unknown(&not_ours(other))],
        }
    }

    async fn listed(&self, of: &BackedUp, place: &str) -> Result<Listing, Box<Trouble>> {
        timeout(LOOK, self.look(of, place)).await.unwrap_or_else(|_| {
            let said = [("place", place.into())];
            let message = format!("{place} does not answer in time");
            Err(Box::new(Trouble::new("place_too_slow", said, message).for_now()))
        })
    }

    async fn opens(&self, of: &BackedUp, place: &str, may_be_made: bool) -> Condition {
        let mut params = Params::from([("place".to_owned(), place.into())]);
        let (code, holds) = match self.listed(of, place).await {
            Ok(listing) => {
                params.insert("snapshots".to_owned(), (listing.snapshots.len() as u64).into());
                params.insert("bytes".to_owned(), listing.bytes.into());
                ("repository_opens", Holds::Yes)
            }
            Err(trouble) if may_be_made && is_not_there(&trouble) => {
                match self.was_there(place).await {
                    false => ("repository_new", Holds::Yes),
                    true => {
                        params.insert("error".to_owned(), trouble.message.into());
                        ("repository_opens", Holds::No)
                    }
                }
            }
            Err(trouble) => {
                let holds = if trouble.may_pass { Holds::Unknown } else { Holds::No };
                params.insert("error".to_owned(), trouble.message.into());
                ("repository_opens", holds)
            }
        };
        Condition { code: code.to_owned(), params, holds }
    }

    async fn was_there(&self, place: &str) -> bool {
        let known = self.store.repositories().await.unwrap_or_default();
        known.iter().any(|known| known.place == place)
    }

    async fn may_restore(
        &self,
        of: &BackedUp,
        (at, snapshot): (&str, &str),
        (path, target): (&str, &str),
    ) -> Vec<Condition> {
        let mut params = Params::from([("snapshot".to_owned(), snapshot.into())]);
        let mut bytes = None;
        let holds = match self.listed(of, at).await {
            Ok(listing) => match listing.snapshots.iter().find(|row| row.id == snapshot) {
                Some(row) => {
                    bytes = row.bytes.filter(|_| path == "/");
                    params.extend(row.bytes.map(|bytes| ("bytes".to_owned(), bytes.into())));
                    params.insert("at_ms".to_owned(), row.at_ms.into());
                    Holds::Yes
                }
                None => match listing.bases.iter().find(|base| base.snapshot == snapshot) {
                    Some(base) => {
                        params.insert("at_ms".to_owned(), base.ended_ms.into());
                        Holds::Yes
                    }
                    None => Holds::No,
                },
            },
            Err(trouble) => {
                params.insert("error".to_owned(), trouble.message.into());
                Holds::Unknown
            }
        };
        let there = Condition { code: "snapshot_there".to_owned(), params, holds };
        [Some(there), room(target, bytes)].into_iter().flatten().collect()
    }
}

/// Whether the target's disk has room, where it is known how much is wanted.
fn room(target: &str, bytes: Option<u64>) -> Option<Condition> {
    let bytes = bytes?;
    let nearest = Path::new(target).ancestors().find(|path| path.exists())?;
    let free = host::facts::disk(nearest).free_bytes?;
    let params = [("target", target.into()), ("free_bytes", free.into()), ("bytes", bytes.into())];
    let params = params.map(|(name, value): (&str, Value)| (name.to_owned(), value));
    let holds = if free > bytes { Holds::Yes } else { Holds::No };
    Some(Condition { code: "target_has_room".to_owned(), params: params.into(), holds })
}

fn sources_there(of: &BackedUp) -> Condition {
    let named = [&of.shop.media, &of.shop.code, &of.settings.also].into_iter().flatten();
    let shown = |paths: Vec<&std::path::PathBuf>| {
        paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    };
    let all: Vec<_> = named.collect();
    let missing: Vec<_> =
        all.iter().copied().filter(|path| path.symlink_metadata().is_err()).collect();
    let holds = if missing.is_empty() { Holds::Yes } else { Holds::No };
    let mut params = Params::from([("paths".to_owned(), shown(all).into())]);
    if holds == Holds::No {
        params.insert("missing".to_owned(), shown(missing).into());
    }
    Condition { code: "sources_there".to_owned(), params, holds }
}

fn unknown(trouble: &Trouble) -> Condition {
    let params = Params::from([("error".to_owned(), trouble.message.as_str().into())]);
    Condition { code: "conditions_can_be_read".to_owned(), params, holds: Holds::Unknown }
}

/// What a run says of the backup that it took; without a dump, what stands for the database.
fn backed_up(snapshot: &SnapshotRow, notes: u64) -> Params {
    let SnapshotRow { bytes, added_bytes, files, .. } = *snapshot;
    let figures = [("bytes", bytes), ("added_bytes", added_bytes), ("files", files)];
    let figures = figures.into_iter().filter_map(|(name, figure)| Some((name, figure?.into())));
    let journal = snapshot.journal_ms.map(|at_ms| ("journal_ms", at_ms.into()));
    let own = [("notes", notes.into()), ("snapshot", snapshot.id.as_str().into())];
    let all = figures.chain(journal).chain(own);
    all.map(|(name, value): (&str, Value)| (name.to_owned(), value)).collect()
}

fn marked(listing: &Listing, mark: &str) -> Option<String> {
    let tag = format!("mark:{mark}");
    let found = listing.snapshots.iter().find(|row| row.tags.contains(&tag));
    found.map(|row| row.id.clone())
}

fn shop_of(act: &Act) -> Result<&ShopId, Box<Trouble>> {
    match act {
        Act::BackUp { shop, .. }
        | Act::CopySnapshot { shop, .. }
        | Act::ForgetSnapshots { shop, .. }
        | Act::CheckRepository { shop, .. }
        | Act::RestoreFiles { shop, .. }
        | Act::RestoreObjects { shop, .. }
        | Act::TakeObjectsBack { shop, .. }
        | Act::RestoreDatabase { shop, .. }
        | Act::ReplayChanges { shop, .. }
        | Act::DropRestored { shop, .. }
        | Act::SwapDatabase { shop, .. }
        | Act::RestoreRows { shop, .. }
        | Act::ReturnRows { shop, .. }
        | Act::RemoveAside { shop, .. }
        | Act::RestoreOrder { shop, .. }
        | Act::TakeOrderBack { shop, .. }
        | Act::CarryOrders { shop, .. }
        | Act::KeepErased { shop, .. }
        | Act::DrillBackup { shop, .. } => Ok(shop),
        other => Err(not_ours(other)),
    }
}

fn of_database(act: &Act) -> bool {
    matches!(
        act,
        Act::RestoreDatabase { .. }
            | Act::ReplayChanges { .. }
            | Act::DropRestored { .. }
            | Act::SwapDatabase { .. }
            | Act::RestoreRows { .. }
            | Act::ReturnRows { .. }
            | Act::RemoveAside { .. }
    )
}

/// Whether the repository is as it was.
fn opens_nothing(act: &Act) -> bool {
    matches!(
        act,
        Act::RestoreFiles { .. }
            | Act::RestoreObjects { .. }
            | Act::TakeObjectsBack { .. }
            | Act::CheckRepository { .. }
            | Act::CarryOrders { .. }
            | Act::KeepErased { .. }
    )
}

fn of_order(act: &Act) -> bool {
    matches!(act, Act::RestoreOrder { .. } | Act::TakeOrderBack { .. })
}

pub(super) fn not_ours(act: &Act) -> Box<Trouble> {
    let message = format!("`{}` is none of the backups'", act.code());
    Box::new(Trouble::new("backup_failed", [("error", message.as_str().into())], message.clone()))
}
