//! The plans that bring a database back, and what their steps need: beside the shop's own, in its
//! place, or rows of single tables in the shop's own tables.

use super::{BackedUp, Backups, carrying, forgetting, moments, plans, unexpected, worker};
use crate::{
    backup_worker::{
        Database, Deed, Done, Found, LogMoment, Moment, Reached, Replayed, Restoring, Trouble, Work,
    },
    control::changes::refuse,
};
use api::{Refusal, RestoreDatabase};
use databases::restore::{Obstacle, RowCounts, name_of};
use jiff::Timestamp;
use kernel::{
    Params, ShopId,
    config::{BackupSettings, Configuration, DatabaseKind, DatabaseUrl, ShopSettings},
    plan::{Act, ByWal, Condition, Holds, OnFailure, Plan, Probe, Step, Undo, Way},
};
use std::{path::Path, time::Duration};
use tokio::time::timeout;

pub(super) const RESTORE_DATABASE: &str = "restore_database";
pub(super) const RESTORE_ROWS: &str = "restore_rows";
/// Large databases take a day to load, and their indexes to be made.
const RESTORE_MS: u64 = 24 * 60 * 60 * 1000;
/// Who is at work in it is waited for some seconds.
const SWAP_MS: u64 = 10 * 60 * 1000;
/// Large tables take hours to be held against each other.
const ROWS_MS: u64 = 12 * 60 * 60 * 1000;
/// How long rows are counted before a run; those of large tables only in it.
const COUNT: Duration = Duration::from_secs(15);
const TOO_MANY: &str = "rows_too_many";
/// How long looking may take.
const LOOK: Duration = Duration::from_secs(20);
/// PostgreSQL takes 63 bytes and cuts off the rest; a word and a moment stand behind it.
const NAME_BYTES: usize = 63 - "_restored_20261122_101500_250".len();
/// To the millisecond: two in one second are two.
const MOMENT: &str = "%Y%m%d_%H%M%S_%3f";

/// Brings the database of a backup back: beside the shop's own, or in its place.
pub(in crate::control) fn plan(
    configuration: &Configuration,
    backups: &Backups,
    shop: &ShopId,
    wanted: &RestoreDatabase,
    (reached, erased_ms): (Option<&Reached>, &[i64]),
    now_ms: i64,
) -> Result<Plan, Refusal> {
    let (shop, settings) = plans::backed_up(configuration, shop)?;
    carrying::may(shop, wanted)?;
    let wanted = &reached.map_or_else(|| wanted.clone(), |reached| moments::named(wanted, reached));
    let from = plans::place_of(shop, settings, wanted.from.as_deref())?;
    let by_wal = reached.and_then(|reached| reached.by_wal.as_ref());
    let (mut restore, at_ms) = step(backups, (shop, settings), wanted, &from, by_wal, now_ms)?;
    let Act::RestoreDatabase { name, snapshot, .. } = &restore.act else {
        unreachable!("`step` makes no other act")
    };
    let mut params = Params::from([
        ("snapshot".to_owned(), snapshot.as_str().into()),
        ("at_ms".to_owned(), at_ms.into()),
        ("name".to_owned(), name.as_str().into()),
    ]);
    let name = name.clone();
    let of_tables = rows(&restore, wanted.exact, now_ms);
    let then_ms = reached.map_or(at_ms, |reached| reached.until_ms);
    let keep_erased =
        forgetting::step((&shop.id, &shop.platform), &mut restore, erased_ms, then_ms);
    let replay = match reached {
        Some(reached) => {
            let until_ms = reached.until_ms;
            params.insert("until_ms".to_owned(), until_ms.into());
            moments::step(&mut restore, account(shop, settings)?, until_ms, reached)
        }
        _ => None,
    };
    let mut steps: Vec<Step> = [restore].into_iter().chain(replay).chain(keep_erased).collect();
    if wanted.in_place && !wanted.tables.is_empty() {
        params.insert("tables".to_owned(), wanted.tables.join(", ").into());
        steps.extend(of_tables);
        let plan = plans::plan(RESTORE_ROWS, shop, params, steps, now_ms);
        return Ok(Plan { on_failure: OnFailure::Undo, ..plan });
    }
    if wanted.in_place {
        let live = account(shop, settings)?;
        params.insert("name".to_owned(), name_of(live).into());
        let swap = swap(shop, live, &name, now_ms);
        match wanted.keep_newer_orders {
            true => steps.extend(carrying::around(swap, live, wanted.newer_states)),
            false => steps.push(swap),
        }
    }
    let plan = plans::plan(RESTORE_DATABASE, shop, params, steps, now_ms);
    // A half restored database is taken away again, and the shop's own comes back into its place.
    Ok(Plan { on_failure: OnFailure::Undo, ..plan })
}

/// The step that makes the database beside the shop's own, and when its backup was made.
pub(super) fn step(
    backups: &Backups,
    (shop, settings): (&ShopSettings, &BackupSettings),
    wanted: &RestoreDatabase,
    from: &[String],
    by_wal: Option<&ByWal>,
    now_ms: i64,
) -> Result<(Step, i64), Refusal> {
    let live = account(shop, settings)?;
    let (at, snapshot, at_ms, database) = match by_wal {
        Some(by_wal) => base(backups, wanted, from, by_wal)?,
        None => dump(backups, shop, wanted, from)?,
    };
    if wanted.exact && (!wanted.in_place || wanted.tables.is_empty()) {
        let message =
            "only tables that are restored in their place can be made exactly as they were";
        return Err(refuse(message).because("exact_without_tables", []));
    }
    let name = match &wanted.name {
        Some(name) => well_named(live, name)?,
        None => dated(live, "restored", now_ms),
    };
    let mark = format!("{}-{now_ms}", shop.id);
    let act = Act::RestoreDatabase {
        shop: shop.id.clone(),
        at,
        snapshot,
        database,
        tables: wanted.tables.clone(),
        name: name.clone(),
        mark: mark.clone(),
        by_log: None,
        by_wal: by_wal.cloned(),
    };
    // Once it was in the place of the shop's own, there are orders in it that nobody else has.
    let undo = match wanted.in_place && wanted.tables.is_empty() {
        true => Undo::NothingToUndo,
        false => Undo::By(Act::DropRestored { shop: shop.id.clone(), name, mark }),
    };
    Ok((Step { act, undo, timeout_ms: RESTORE_MS }, at_ms))
}

/// Where the dump of a wish is: the place, the snapshot there, when that was made, and the database's name.
fn dump(
    backups: &Backups,
    shop: &ShopSettings,
    wanted: &RestoreDatabase,
    from: &[String],
) -> Result<(String, String, i64, String), Refusal> {
    let (at, snapshot, at_ms) = plans::named(backups, shop, from, None, &wanted.snapshot)?;
    let known = backups.book().snapshots(from);
    let row = known.snapshots.iter().find(|row| row.at_ms == at_ms);
    let names: Vec<&String> =
        row.iter().flat_map(|row| &row.databases).map(|database| &database.name).collect();
    let database = match &wanted.database {
        Some(asked) => names.iter().find(|name| **name == asked),
        None => names.first(),
    };
    let database = database.ok_or_else(|| {
        let there: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        let said = [("known", there.join(", ").into())];
        refuse("there is no such database in the backup").because("no_such_database", said)
    })?;
    Ok((at, snapshot, at_ms, (*database).clone()))
}

/// The same of a base backup, whose name in the wish is its whole id.
fn base(
    backups: &Backups,
    wanted: &RestoreDatabase,
    from: &[String],
    by_wal: &ByWal,
) -> Result<(String, String, i64, String), Refusal> {
    if wanted.in_place && !wanted.tables.is_empty() {
        let message =
            "by the server's log whole databases are restored, or tables beside the live ones";
        return Err(refuse(message).because("wal_without_rows", []));
    }
    let at = backups.base_at(from, &wanted.snapshot).ok_or_else(|| {
        let said = [("snapshot", wanted.snapshot.as_str().into())];
        refuse("there is no such base backup any more").because("no_snapshot", said)
    })?;
    let database = wanted.database.clone().unwrap_or_default();
    Ok((at, wanted.snapshot.clone(), by_wal.from_ms, database))
}

/// From the database beside into the shop's own tables; and that is not needed any more then.
fn rows(restore: &Step, exact: bool, now_ms: i64) -> Vec<Step> {
    let Act::RestoreDatabase { shop, at, snapshot, database, tables, name, mark, .. } =
        restore.act.clone()
    else {
        unreachable!("`step` makes no other act")
    };
    let now = Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let kept = now.strftime(MOMENT).to_string();
    let undo = Act::ReturnRows {
        shop: shop.clone(),
        tables: tables.clone(),
        kept: kept.clone(),
        mark: mark.clone(),
    };
    let drop = Act::DropRestored { shop: shop.clone(), name: name.clone(), mark: mark.clone() };
    let with = name;
    let act = Act::RestoreRows { shop, at, snapshot, database, tables, with, exact, kept, mark };
    vec![
        Step { act, undo: Undo::By(undo), timeout_ms: ROWS_MS },
        Step { act: drop, undo: Undo::NothingToUndo, timeout_ms: SWAP_MS },
    ]
}

fn swap(shop: &ShopSettings, live: &DatabaseUrl, with: &str, now_ms: i64) -> Step {
    let (with, aside) = (with.to_owned(), dated(live, "before", now_ms));
    let kind = match live.kind {
        DatabaseKind::Postgres => "postgres",
        DatabaseKind::MySql => "mysql",
        DatabaseKind::Sqlite => "sqlite",
    };
    let swap = |with: &String, aside: &String| Act::SwapDatabase {
        shop: shop.id.clone(),
        with: with.clone(),
        aside: aside.clone(),
        kind: kind.to_owned(),
    };
    let (act, undo) = (swap(&with, &aside), Undo::By(swap(&aside, &with)));
    Step { act, undo, timeout_ms: SWAP_MS }
}

/// The shop's database by the account that restores.
pub(super) fn account<'a>(
    shop: &'a ShopSettings,
    settings: &'a BackupSettings,
) -> Result<&'a DatabaseUrl, Refusal> {
    let Some(live) = &shop.database else {
        let message = format!("the configuration names no database of {}", shop.id);
        return Err(refuse(message).because("no_database", []));
    };
    let Some(account) = &settings.restore_as else { return Ok(live) };
    if account.kind != live.kind || name_of(account) != name_of(live) {
        let message = format!("`restore_as` is {account}, another database than {live}");
        let said = [("account", account.to_string().into()), ("live", live.to_string().into())];
        return Err(refuse(message).because("restore_account_elsewhere", said));
    }
    Ok(account)
}

/// A name that a server takes as it is, or a whole path of a file.
fn well_named(live: &DatabaseUrl, name: &str) -> Result<String, Refusal> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let is_good = match live.kind {
        DatabaseKind::Sqlite => name.starts_with('/') && !name.ends_with('/'),
        _ => !name.is_empty() && name.len() <= 63 && name.chars().all(is_plain),
    };
    if is_good && name != name_of(live) {
        return Ok(name.to_owned());
    }
    let message = format!("`{name}` is no name for a new database here");
    Err(refuse(message).because("database_name_odd", [("name", name.into())]))
}

/// `shop_restored_20261122_101500_250`; `/srv/shop.restored-20261122-101500-250.db`.
fn dated(live: &DatabaseUrl, word: &str, now_ms: i64) -> String {
    let now = Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let name = name_of(live);
    if live.kind == DatabaseKind::Sqlite {
        let path = Path::new(&name);
        let text = |part: Option<&std::ffi::OsStr>| {
            part.map(|part| part.to_string_lossy().into_owned()).unwrap_or_default()
        };
        let ending = path.extension().map(|ending| format!(".{}", ending.to_string_lossy()));
        let (stem, ending) = (text(path.file_stem()), ending.unwrap_or_default());
        let moment = now.strftime(MOMENT).to_string().replace('_', "-");
        let name = format!("{stem}.{word}-{moment}{ending}");
        return path.with_file_name(name).display().to_string();
    }
    let mut short = name.as_str();
    while short.len() > NAME_BYTES {
        short = &short[..short.floor_char_boundary(short.len() - 1)];
    }
    format!("{short}_{word}_{}", now.strftime(MOMENT))
}

/// What a worker is told for an act; `None`: it is another area's.
pub(super) fn work(of: &BackedUp, act: &Act, state: &Path) -> Option<Result<Work, Box<Trouble>>> {
    let deed = match act {
        Act::RestoreDatabase { snapshot, database, tables, name, mark, by_log, by_wal, .. } => {
            let moment = |until_ms: i64| LogMoment {
                state: state.to_owned(),
                until_ms,
                scratch: plans::scratch(&of.settings, "moment", &of.shop.id, state),
            };
            let by_log = by_log.as_ref().map(|by_log| moment(by_log.until_ms));
            let by_wal = by_wal.as_ref().map(|by_wal| moment(by_wal.until_ms));
            Deed::Restore {
                snapshot: snapshot.clone(),
                database: database.clone(),
                tables: tables.clone(),
                name: name.clone(),
                mark: mark.clone(),
                by_log,
                by_wal,
            }
        }
        Act::ReplayChanges { snapshot, database, tables, name, mark, until_ms, .. } => {
            let (state, until_ms, tables) = (state.to_owned(), *until_ms, tables.clone());
            Deed::Replay {
                moment: Moment { state, until_ms, tables, by: Some(Way::Journal) },
                snapshot: snapshot.clone(),
                database: database.clone(),
                name: name.clone(),
                mark: mark.clone(),
            }
        }
        Act::DropRestored { name, mark, .. } => {
            Deed::Discard { name: name.clone(), mark: mark.clone() }
        }
        Act::SwapDatabase { with, aside, .. } => {
            Deed::Swap { with: with.clone(), aside: aside.clone() }
        }
        Act::RestoreRows { tables, with, exact, kept, mark, .. } => Deed::PutRows {
            tables: tables.clone(),
            with: with.clone(),
            exact: *exact,
            kept: kept.clone(),
            mark: mark.clone(),
        },
        Act::ReturnRows { kept, mark, .. } => {
            Deed::ReturnRows { kept: kept.clone(), mark: mark.clone() }
        }
        _ => return None,
    };
    Some(told(of, deed))
}

/// What a worker is told to see what became of an act.
fn look_for(act: &Act) -> Option<Deed> {
    match act {
        Act::RestoreDatabase { name, mark, .. } | Act::DropRestored { name, mark, .. } => {
            Some(Deed::Look { name: name.clone(), mark: mark.clone() })
        }
        Act::ReplayChanges { name, mark, until_ms, .. } => {
            let (name, mark, until_ms) = (name.clone(), mark.clone(), *until_ms);
            Some(Deed::LookForReplay { name, mark, until_ms })
        }
        Act::SwapDatabase { with, aside, .. } => {
            Some(Deed::LookForSwap { with: with.clone(), aside: aside.clone() })
        }
        Act::RestoreRows { kept, mark, .. } | Act::ReturnRows { kept, mark, .. } => {
            Some(Deed::LookForRows { kept: kept.clone(), mark: mark.clone() })
        }
        _ => None,
    }
}

fn told(of: &BackedUp, deed: Deed) -> Result<Work, Box<Trouble>> {
    let account = account(&of.shop, &of.settings).map_err(|refusal| {
        let code = refusal.reason.as_ref().map_or("no_database", |reason| reason.code.as_str());
        Box::new(Trouble::new(code, [], refusal.message.clone()))
    })?;
    Ok(Work::Database(Restoring { live: Database::new(account), deed }))
}

impl Backups {
    async fn look_at_database(&self, of: &BackedUp, act: &Act) -> Result<Done, Box<Trouble>> {
        let deed = look_for(act).expect("invariant: asked for acts of databases alone");
        // A repository is named because every job names one; this one opens none.
        let place = of.settings.to[0].to_string();
        let job = self.job(of, &place, told(of, deed)?).await?;
        let looked = timeout(LOOK, self.work(job, &worker::unheard)).await;
        looked.unwrap_or_else(|_| {
            let message = "the database does not answer in time";
            let said = [("error", message.into())];
            Err(Box::new(Trouble::new("database_unreachable", said, message).for_now()))
        })
    }

    /// Whether an account may do it, and nothing is in the way.
    pub(super) async fn may_have_database(&self, of: &BackedUp, act: &Act) -> Vec<Condition> {
        let Act::RestoreDatabase { name, .. } = act else { return Vec::new() };
        let (lacking, found, account) = match self.look_at_database(of, act).await {
            Ok(Done::DatabaseFound { lacking, found, account }) => (lacking, found, account),
            Ok(other) => return vec![unsure(&unexpected(&other))],
            Err(trouble) => return vec![unsure(&trouble)],
        };
        let mut params = Params::from([("account".to_owned(), account.into())]);
        let holds = if lacking.is_empty() { Holds::Yes } else { Holds::No };
        if holds == Holds::No {
            params.insert("lacking".to_owned(), lacking.join(", ").into());
        }
        let may = Condition { code: "restore_account_may".to_owned(), params, holds };
        let params = Params::from([("name".to_owned(), name.as_str().into())]);
        let holds = if found == Found::Foreign { Holds::No } else { Holds::Yes };
        vec![may, Condition { code: "name_is_free".to_owned(), params, holds }]
    }

    /// Whether rows may come back, and how many that would be. In the run itself the step looks.
    pub(super) async fn may_have_rows(
        &self,
        of: &BackedUp,
        act: &Act,
        after: &[Act],
    ) -> Vec<Condition> {
        let Act::RestoreRows { at, snapshot, database, tables, .. } = act else {
            return Vec::new();
        };
        if after.is_empty() {
            return Vec::new();
        }
        let count = async |counted: bool, limit: Duration| {
            let deed = Deed::CountRows {
                snapshot: snapshot.clone(),
                database: database.clone(),
                tables: tables.clone(),
                counted,
            };
            let job = self.job(of, at, told(of, deed)?).await?;
            timeout(limit, self.work(job, &worker::unheard)).await.unwrap_or_else(|_| {
                let message = "the rows are not looked through in time";
                let said = [("error", message.into())];
                Err(Box::new(Trouble::new(TOO_MANY, said, message).for_now()))
            })
        };
        let named = ("tables".to_owned(), tables.join(", ").into());
        let may = |error: Option<&Trouble>| {
            let error = error.map(|trouble| ("error".to_owned(), trouble.message.as_str().into()));
            Params::from_iter([named.clone()].into_iter().chain(error))
        };
        let condition =
            |code: &str, params, holds| Condition { code: code.to_owned(), params, holds };
        if let Err(trouble) = count(false, LOOK).await {
            let holds = if trouble.may_pass { Holds::Unknown } else { Holds::No };
            return vec![condition("rows_may_come_back", may(Some(&trouble)), holds)];
        }
        let mut conditions = vec![condition("rows_may_come_back", may(None), Holds::Yes)];
        // What they will be held against, nobody has yet.
        let is_later = |act: &Act| {
            matches!(act, Act::ReplayChanges { .. } | Act::RestoreDatabase { by_log: Some(_), .. })
        };
        if after.iter().any(is_later) {
            conditions.push(condition("rows_not_counted", may(None), Holds::Yes));
            return conditions;
        }
        match count(true, COUNT).await {
            Ok(Done::Rows(Some(counts))) => conditions
                .extend(counts.iter().map(|of| condition("rows_counted", numbers(of), Holds::Yes))),
            Ok(other) => return vec![unsure(&unexpected(&other))],
            // With columns that were added since, they cannot be held against each other from here.
            Err(trouble) if [TOO_MANY, Obstacle::OtherColumns.code()].contains(&&*trouble.code) => {
                conditions.push(condition("rows_not_counted", may(None), Holds::Yes));
            }
            Err(trouble) => {
                let params = may(Some(&trouble));
                conditions.push(condition("rows_may_come_back", params, Holds::Unknown));
            }
        }
        conditions
    }

    /// What became of it.
    pub(super) async fn probe_database(
        &self,
        of: &BackedUp,
        act: &Act,
    ) -> Result<Probe, Box<Trouble>> {
        let found = self.look_at_database(of, act).await?;
        Ok(match (act, found) {
            (Act::SwapDatabase { .. }, Done::DatabaseSwapped { is_done: true })
            | (Act::DropRestored { .. }, Done::DatabaseFound { found: Found::Nothing, .. })
            | (Act::RestoreDatabase { .. }, Done::DatabaseFound { found: Found::Whole, .. }) => {
                Probe::Done
            }
            (Act::RestoreDatabase { .. }, Done::DatabaseFound { found: Found::Begun, .. })
            | (Act::ReplayChanges { .. }, Done::ReplayStands(Replayed::Begun)) => Probe::Partial,
            (Act::ReplayChanges { .. }, Done::ReplayStands(Replayed::Done)) => Probe::Done,
            (Act::ReplayChanges { .. }, Done::ReplayStands(Replayed::NotBegun)) => Probe::NotDone,
            (Act::RestoreRows { .. }, Done::Rows(Some(_)))
            | (Act::ReturnRows { .. }, Done::Rows(None)) => Probe::Done,
            // What an attempt has left is taken up, or thrown away.
            (Act::RestoreRows { .. } | Act::ReturnRows { .. }, Done::Rows(_)) => Probe::Partial,
            (_, Done::DatabaseSwapped { .. } | Done::DatabaseFound { .. }) => Probe::NotDone,
            (_, other) => return Err(unexpected(&other)),
        })
    }
}

fn numbers(of: &RowCounts) -> Params {
    let RowCounts { table, added, changed, only_live } = of;
    let number = |name: &str, value: u64| (name.to_owned(), value.into());
    let numbers =
        [number("added", *added), number("changed", *changed), number("only_live", *only_live)];
    [("table".to_owned(), table.as_str().into())].into_iter().chain(numbers).collect()
}

/// What a run says of the rows that it put back.
pub(super) fn put_back(counts: &[RowCounts]) -> Params {
    let sum = |number: fn(&RowCounts) -> u64| counts.iter().map(number).sum::<u64>();
    let number = |name: &str, value: u64| (name.to_owned(), value.into());
    Params::from([
        number("added", sum(|of| of.added)),
        number("changed", sum(|of| of.changed)),
        number("only_live", sum(|of| of.only_live)),
    ])
}

fn unsure(trouble: &Trouble) -> Condition {
    let params = Params::from([("error".to_owned(), trouble.message.as_str().into())]);
    Condition { code: "restore_account_may".to_owned(), params, holds: Holds::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(kind: DatabaseKind, secret: &str) -> DatabaseUrl {
        DatabaseUrl { kind, secret: secret.to_owned() }
    }

    #[test]
    fn new_databases_are_named_by_date() {
        let check = |kind, secret: &str, expect: &str| {
            assert_eq!(dated(&url(kind, secret), "restored", 1_795_348_800_250), expect);
        };
        check(DatabaseKind::Postgres, "postgres://h/shop", "shop_restored_20261122_120000_250");
        let long = format!("mysql://h/{}", "ä".repeat(30).replace('ä', "%C3%A4"));
        let expect = format!("{}_restored_20261122_120000_250", "ä".repeat(17));
        check(DatabaseKind::MySql, &long, &expect);
        assert!(expect.len() <= 63, "PostgreSQL would cut it off");
        check(DatabaseKind::Sqlite, "sqlite:/a/shop.db", "/a/shop.restored-20261122-120000-250.db");
        check(DatabaseKind::Sqlite, "sqlite:///a/shop", "/a/shop.restored-20261122-120000-250");
    }

    #[test]
    fn names_that_a_server_would_not_take_are_refused() {
        let check = |live: &DatabaseUrl, name: &str, expect: bool| {
            assert_eq!(well_named(live, name).is_ok(), expect, "{name}");
        };
        let postgres = url(DatabaseKind::Postgres, "postgres://h/shop");
        check(&postgres, "shop-then", true);
        check(&postgres, "shop", false);
        check(&postgres, "", false);
        check(&postgres, "a;b", false);
        let sqlite = url(DatabaseKind::Sqlite, "sqlite:/a/shop.db");
        check(&sqlite, "/a/then.db", true);
        check(&sqlite, "then.db", false);
        check(&sqlite, "/a/shop.db", false);
    }

    #[test]
    fn rows_come_back_from_a_database_beside_that_goes_again() {
        let text = |text: &str| text.to_owned();
        let shop: ShopId = "lamps".parse().unwrap();
        let restore = Act::RestoreDatabase {
            shop: shop.clone(),
            at: text("/backups"),
            snapshot: text("0a1b"),
            database: text("shop"),
            tables: vec![text("orders")],
            name: text("shop_restored"),
            mark: text("lamps-7"),
            by_log: None,
            by_wal: None,
        };
        let restore = Step { act: restore, undo: Undo::NothingToUndo, timeout_ms: 1 };
        let steps = rows(&restore, true, 1_795_348_800_250);
        let [put, gone] = steps.as_slice() else { panic!("{steps:?}") };
        let Act::RestoreRows { with, exact: true, kept, mark, .. } = &put.act else {
            panic!("{put:?}")
        };
        assert_eq!((with.as_str(), kept.as_str()), ("shop_restored", "20261122_120000_250"));
        // What takes it back knows it by the same name and mark.
        let back = Act::ReturnRows {
            shop: shop.clone(),
            tables: vec![text("orders")],
            kept: kept.clone(),
            mark: mark.clone(),
        };
        assert_eq!(put.undo.act(), Some(&back));
        let drop = Act::DropRestored { shop, name: text("shop_restored"), mark: text("lamps-7") };
        assert_eq!((&gone.act, gone.undo.act()), (&drop, None));
    }
}
