//! The plans of backups: take one, read them again, restore from one.

use super::{Backups, databases, forgetting, moments};
use crate::{
    backup_worker::Reached,
    control::changes::{configuration, kind, refuse},
};
use api::{Refusal, Restore, RestoreDatabase};
use kernel::{
    Params, ShopId,
    config::{BackupSettings, Configuration, ShopSettings},
    plan::{Act, Approval, OnFailure, Plan, PlanKind, Purpose, Step, Undo},
};
use std::path::{Path, PathBuf};

pub(super) const BACK_UP: &str = "back_up";
pub(super) const VERIFY: &str = "verify_backup";
pub(super) const RESTORE: &str = "restore_backup";

const HOUR_MS: u64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// A first backup to far away may take half a day.
const BACK_UP_MS: u64 = 18 * HOUR_MS;
const FORGET_MS: u64 = 3 * HOUR_MS;
const CHECK_MS: u64 = 18 * HOUR_MS;
const RESTORE_MS: u64 = 24 * HOUR_MS;
const WHOSE_CHARS: usize = 8;

/// Backs a shop up: into its first repository, from there into the others, and then what is kept no
/// longer goes. With `prune`, what nobody uses is freed; with `dump`, no journal stands for the database.
pub(in crate::control) fn back_up(
    configuration: &Configuration,
    shop: &ShopId,
    (prune, dump): (bool, bool),
    now_ms: i64,
) -> Result<Plan, Refusal> {
    let (shop, settings) = backed_up(configuration, shop)?;
    let id = || shop.id.clone();
    let mark = format!("{}-{now_ms}", shop.id);
    let places: Vec<String> = settings.to.iter().map(ToString::to_string).collect();
    let (first, others) = places.split_first().expect("invariant: a backup goes somewhere");
    let take = Act::BackUp { shop: id(), to: first.clone(), mark: mark.clone(), dump };
    let copies = others.iter().map(|to| {
        let (from, to, mark) = (first.clone(), to.clone(), mark.clone());
        adds(Act::CopySnapshot { shop: id(), from, to, mark }, BACK_UP_MS)
    });
    let forget = places.iter().map(|at| Step {
        act: Act::ForgetSnapshots { shop: id(), at: at.clone(), prune },
        undo: Undo::Impossible { reason: "data_is_gone".to_owned() },
        timeout_ms: FORGET_MS,
    });
    let steps = [adds(take, BACK_UP_MS)].into_iter().chain(copies).chain(forget).collect();
    let params = Params::from([("to".to_owned(), places.join(", ").into())]);
    Ok(plan(BACK_UP, shop, params, steps, now_ms))
}

/// Reads the data of a shop's repositories again: all of it, or the share whose day it is.
pub(in crate::control) fn verify(
    configuration: &Configuration,
    shop: &ShopId,
    all: bool,
    now_ms: i64,
) -> Result<Plan, Refusal> {
    let (shop, settings) = backed_up(configuration, shop)?;
    let (part, of) = if all { (1, 1) } else { share(settings, now_ms) };
    let check =
        |at: String| adds(Act::CheckRepository { shop: shop.id.clone(), at, part, of }, CHECK_MS);
    let steps = settings.to.iter().map(|to| check(to.to_string())).collect();
    let number = |name: &str, value: u8| (name.to_owned(), u64::from(value).into());
    let params = Params::from([number("part", part), number("of", of)]);
    let plan = plan(VERIFY, shop, params, steps, now_ms);
    // What is damaged at one place says nothing of the others.
    Ok(Plan { on_failure: OnFailure::GoOn, ..plan })
}

/// Brings back what lies at a path of a backup, into a folder of this machine.
pub(in crate::control) fn restore(
    configuration: &Configuration,
    backups: &Backups,
    shop: &ShopId,
    (wanted, reached, erased_ms): (Restore, Option<&Reached>, &[i64]),
    now_ms: i64,
) -> Result<Plan, Refusal> {
    let (shop, settings) = backed_up(configuration, shop)?;
    let Restore { snapshot, path, target, from, whole, name, overwrite: _ } = wanted;
    for (name, given) in [("path", &path), ("target", &target)] {
        let is_whole = given.starts_with('/') && given.split('/').all(|part| part != "..");
        if !is_whole {
            let said = [("field", name.into()), ("text", given.as_str().into())];
            let message = format!("`{name}` is \"{given}\", which is no whole path");
            return Err(refuse(message).because("path_not_whole", said));
        }
    }
    let places = place_of(shop, settings, from.as_deref())?;
    let (at, id, at_ms) = named(backups, shop, &places, None, &snapshot)?;
    let mut params = Params::from([
        ("snapshot".to_owned(), id.as_str().into()),
        ("at_ms".to_owned(), at_ms.into()),
        ("path".to_owned(), path.as_str().into()),
        ("target".to_owned(), target.as_str().into()),
    ]);
    let step = Step {
        act: Act::RestoreFiles { shop: shop.id.clone(), at, snapshot: id.clone(), path, target },
        undo: Undo::Impossible { reason: "files_were_there".to_owned() },
        timeout_ms: RESTORE_MS,
    };
    let mut steps = vec![step];
    if whole {
        let database = RestoreDatabase { snapshot: id, name, ..RestoreDatabase::default() };
        let database =
            reached.map_or(database.clone(), |reached| moments::named(&database, reached));
        let by_wal = reached.and_then(|reached| reached.by_wal.as_ref());
        let (mut step, at_ms) =
            databases::step(backups, (shop, settings), &database, &places, by_wal, now_ms)?;
        let then_ms = reached.map_or(at_ms, |reached| reached.until_ms);
        let keep_erased =
            forgetting::step((&shop.id, &shop.platform), &mut step, erased_ms, then_ms);
        let replay = reached.map(|reached| {
            params.insert("until_ms".to_owned(), reached.until_ms.into());
            let live = databases::account(shop, settings)?;
            Ok(moments::step(&mut step, live, reached.until_ms, reached))
        });
        let replay = replay.transpose()?.flatten();
        steps.extend([step].into_iter().chain(replay).chain(keep_erased));
    }
    Ok(plan(RESTORE, shop, params, steps, now_ms))
}

/// The repository that was named, or all of them.
pub(super) fn place_of(
    shop: &ShopSettings,
    settings: &BackupSettings,
    from: Option<&str>,
) -> Result<Vec<String>, Refusal> {
    let places: Vec<String> = settings.to.iter().map(ToString::to_string).collect();
    let Some(from) = from else { return Ok(places) };
    if places.iter().any(|place| place == from) {
        return Ok(vec![from.to_owned()]);
    }
    let said = [("place", from.into()), ("known", places.join(", ").into())];
    let message = format!("{} is not backed up to {from}", shop.id);
    Err(refuse(message).because("no_such_place", said))
}

/// The snapshot that begins so, at the first of these places that has it or the one that is named:
/// the place, its id there, and when it was made.
pub(super) fn named(
    backups: &Backups,
    shop: &ShopSettings,
    places: &[String],
    from: Option<&str>,
    snapshot: &str,
) -> Result<(String, String, i64), Refusal> {
    let known = backups.book().snapshots(places);
    let mut fitting = known.snapshots.iter().filter(|row| {
        let is_there = from.is_none_or(|from| row.places.iter().any(|place| place == from));
        is_there && (snapshot == "latest" || !snapshot.is_empty() && row.id.starts_with(snapshot))
    });
    let none = || {
        let message = format!("there is no backup `{snapshot}` of {}", shop.id);
        refuse(message).because("no_snapshot", [("snapshot", snapshot.into())])
    };
    let found = fitting.next().ok_or_else(none)?;
    if snapshot != "latest" && fitting.next().is_some() {
        return Err(none());
    }
    // A copy has an id of its own: it is found by its place's own list.
    let at = from.map_or_else(|| found.places[0].clone(), str::to_owned);
    let id = backups.id_at(&at, found).ok_or_else(none)?;
    Ok((at, id, found.at_ms))
}

/// Which part of how many is read today, so that after so many days every one was.
pub(super) fn share(settings: &BackupSettings, now_ms: i64) -> (u8, u8) {
    let days = i64::try_from(settings.check_every_ms).unwrap_or(i64::MAX) / DAY_MS;
    let of = u8::try_from(days.max(1)).unwrap_or(u8::MAX);
    let today = (now_ms / DAY_MS).rem_euclid(i64::from(of));
    (u8::try_from(today).unwrap_or(0) + 1, of)
}

/// The folder in which something of a shop is tried. Two programs on one machine may look after shops of one
/// name, such as one that is tried out beside the real one: neither clears away what the other works in.
pub(super) fn scratch(
    settings: &BackupSettings,
    what: &str,
    shop: &ShopId,
    state: &Path,
) -> PathBuf {
    let whose = configuration::digest(&state.to_string_lossy());
    settings.drill_in.join(format!("storewarden-{what}-{shop}-{}", &whose[..WHOSE_CHARS]))
}

pub(super) fn backed_up<'a>(
    configuration: &'a Configuration,
    shop: &ShopId,
) -> Result<(&'a ShopSettings, &'a BackupSettings), Refusal> {
    let found = configuration.shops.iter().find(|known| known.id == *shop);
    let found =
        found.ok_or_else(|| refuse(format!("there is no shop {shop}")).because("no_shop", []))?;
    let settings = found.backup.as_ref().ok_or_else(|| {
        let message =
            format!("{shop} is not backed up: write `to` into a table `[shop.{shop}.backup]`");
        refuse(message).because("not_backed_up", [("shop", shop.as_str().into())])
    })?;
    Ok((found, settings))
}

/// What it adds is kept as long as the rules say; there is nothing to take back.
pub(super) fn adds(act: Act, timeout_ms: u64) -> Step {
    Step { act, undo: Undo::NothingToUndo, timeout_ms }
}

pub(super) fn plan(
    name: &'static str,
    shop: &ShopSettings,
    params: Params,
    steps: Vec<Step>,
    now_ms: i64,
) -> Plan {
    let kind: PlanKind = kind(name);
    Plan {
        kind,
        shop: Some(shop.id.clone()),
        params,
        steps,
        made_at_ms: now_ms,
        facts: Vec::new(),
        approval: Approval::NotNeeded,
        // Nothing of the shop becomes different: a freeze is no reason to be without backups.
        purpose: Purpose::Repair,
        on_failure: OnFailure::Stop,
        window: None,
    }
}
