//! `storewarden backup`: how it stands with backups, which there are, what is in one; and the changes
//! that take, read and restore them.

use crate::{
    cli::{ChangeOptions, Exit, Json, State},
    client::ask,
    completions::shops,
    moment::{Here, When, length},
    recover::{phrase_of, sheet::written},
    remote::{escape, good, print, print_bytes},
    runs,
    table::{Side, table},
    terminal::printable,
};
use ::watch::backups::{
    BackupPlace, BackupState, BackupsStanding, DrillRow, Due, DueOf, RecoverySheet, ShopBackups,
    SnapshotEntry, SnapshotFolder, SnapshotRow, Snapshots,
};
use anyhow::bail;
use clap::Subcommand;
use clap_complete::engine::ArgValueCandidates;
use kernel::plan::Way;
use serde_json::json;
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

mod bring_back;
mod kept;
mod points;

const BACKUPS: &str = "/api/v1/backups";

/// What to do with backups.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum BackupCommand {
    /// Say how it stands with the backups of every shop
    Status {
        #[command(flatten)]
        state: State,
        #[command(flatten)]
        json: Json,
    },
    /// Back a shop up, at once
    Now {
        #[command(flatten)]
        shop: OneShop,
        /// Leave the dump of the database out where the journal of its changes stands for it, as
        /// between two dumps of the schedule
        #[arg(long)]
        without_dump: bool,
        #[command(flatten)]
        options: ChangeOptions,
    },
    /// List the backups of a shop, the newest first
    List {
        #[command(flatten)]
        shop: OneShop,
        #[command(flatten)]
        state: State,
        #[command(flatten)]
        json: Json,
    },
    /// Look into a folder of a backup
    Browse {
        #[command(flatten)]
        shop: OneShop,
        /// The backup: its id, or how it begins
        #[arg(long, value_name = "ID", default_value = "latest")]
        snapshot: String,
        /// The folder, from the root
        #[arg(default_value = "/")]
        path: String,
        #[command(flatten)]
        state: State,
        #[command(flatten)]
        json: Json,
    },
    /// Read the data of the backups again, and name what is damaged
    Verify {
        #[command(flatten)]
        shop: OneShop,
        /// Every byte, not the share whose day it is
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        options: ChangeOptions,
    },
    /// Try a backup by restoring it, database and all, into a place of its own
    Drill {
        #[command(flatten)]
        shop: OneShop,
        /// The backup: its id, or how it begins
        #[arg(long, value_name = "ID", default_value = "latest")]
        snapshot: String,
        /// Open it by the phrase of this recovery sheet alone, as on the day it is for; `-` reads the
        /// sheet from standard input
        #[arg(long, value_name = "FILE")]
        sheet: Option<PathBuf>,
        #[command(flatten)]
        options: ChangeOptions,
    },
    /// Make a recovery sheet: what opens the backups when this machine is gone, said once
    Sheet {
        #[command(flatten)]
        shop: OneShop,
        #[command(flatten)]
        state: State,
        #[command(flatten)]
        json: Json,
    },
    /// List what restores in place have put aside, with its age and size; or remove it for good
    Kept {
        #[command(flatten)]
        shop: OneShop,
        /// Remove this one: what put it aside cannot be taken back any more then
        #[arg(long, value_name = "NAME")]
        remove: Option<String>,
        #[command(flatten)]
        options: ChangeOptions,
    },
    /// Bring a bucket with object lock back to what was in it, when it was emptied or written over
    BringBack(bring_back::Arguments),
    /// Bring back what a backup holds: all of it, a folder, a file, the database
    Restore {
        #[command(flatten)]
        shop: OneShop,
        /// The backup: its id, or how it begins
        #[arg(long, value_name = "ID", default_value = "latest")]
        snapshot: String,
        /// What to bring back, from the root of the backup
        #[arg(long, value_name = "PATH", default_value = "/")]
        path: String,
        /// The folder that it goes to, whole, or a bucket of the shop's media, as s3://NAME/PREFIX; what lies
        /// there under other names stays
        #[arg(long, value_name = "DIR|BUCKET", required_unless_present = "database")]
        to: Option<String>,
        /// In a bucket, write over objects that are others by now, and not only what is gone
        #[arg(long, requires = "to", conflicts_with_all = ["database", "whole"])]
        overwrite: bool,
        /// Files and database: the files go into the folder, the database beside the shop's own
        #[arg(long, requires = "to", conflicts_with_all = ["database", "path"])]
        whole: bool,
        /// The database, by its name in the backup where there are several; every row is held against
        /// the backup
        #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
        #[arg(conflicts_with_all = ["to", "path"])]
        database: Option<String>,
        /// As it was at a time, by the journal of changes: 2h for so long ago, a day, or a time such as
        /// 2026-01-31T09:30:15
        #[arg(long, value_name = "TIME", requires = "database", conflicts_with = "snapshot")]
        as_of: Option<When>,
        /// By the journal of changes, or by the server's own log; by whichever goes there unless told
        #[arg(long, value_name = "journal|log", requires = "as_of")]
        by: Option<Way>,
        /// Only the rows of this table; can be repeated
        #[arg(long = "table", value_name = "TABLE", requires = "database")]
        tables: Vec<String>,
        /// What the restored database is called, of SQLite its whole path; by date unless told
        #[arg(long = "as", value_name = "NAME")]
        name: Option<String>,
        /// In the place of the shop's own, which is kept under another name; with --table its rows in
        /// the live table
        #[arg(long, requires = "database", conflicts_with = "name")]
        in_place: bool,
        /// Delete the rows of these tables that the backup does not have
        #[arg(long, requires_all = ["tables", "in_place"])]
        exact: bool,
        /// Carry the orders over that are newer than the backup, each with all that belongs to it
        #[arg(long, requires = "in_place", conflicts_with = "tables")]
        keep_newer_orders: bool,
        /// Take over how the orders that both have stand now: what was paid and shipped since
        #[arg(long, requires = "keep_newer_orders")]
        newer_states: bool,
        /// Take it from this repository, as the configuration names it
        #[arg(long, value_name = "PLACE")]
        from: Option<String>,
        #[command(flatten)]
        options: ChangeOptions,
    },
}

/// Whose backups.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct OneShop {
    /// The shop's id; may be left out where only one is backed up
    #[arg(long, add = ArgValueCandidates::new(shops))]
    shop: Option<String>,
}

pub(crate) fn run(command: BackupCommand) -> anyhow::Result<Exit> {
    match command {
        BackupCommand::Status { state, json } => status(&state.directory, json.json),
        BackupCommand::Now { shop, without_dump, options } => {
            let shop = shop.find(&options.state.directory)?;
            let wish = json!({ "kind": "back_up", "shop": shop, "without_dump": without_dump });
            start(&wish, options)
        }
        BackupCommand::List { shop, state, json } => {
            list(&state.directory, &shop.find(&state.directory)?, json.json)
        }
        BackupCommand::Browse { shop, snapshot, path, state, json } => {
            let shop = shop.find(&state.directory)?;
            browse(&state.directory, (&shop, &snapshot, &path), json.json)
        }
        BackupCommand::Verify { shop, all, options } => {
            let shop = shop.find(&options.state.directory)?;
            start(&json!({ "kind": "verify_backup", "shop": shop, "all": all }), options)
        }
        BackupCommand::Drill { shop, snapshot, sheet, options } => {
            let shop = shop.find(&options.state.directory)?;
            let mut wish = json!({ "kind": "drill_backup", "shop": shop, "snapshot": snapshot });
            if let Some(sheet) = sheet {
                wish["phrase"] = phrase_of(&sheet)?.into();
            }
            start(&wish, options)
        }
        BackupCommand::Kept { shop, remove, options } => {
            let shop = shop.find(&options.state.directory)?;
            match remove {
                Some(name) => {
                    let wish = json!({ "kind": "remove_aside", "shop": shop, "name": name });
                    runs::change(&options.state.directory, &wish, &options)
                }
                None => kept::list(&options.state.directory, &shop, options.json.json),
            }
        }
        BackupCommand::BringBack(arguments) => bring_back::run(&arguments),
        BackupCommand::Sheet { shop, state, json } => {
            sheet(&state.directory, &shop.find(&state.directory)?, json.json)
        }
        BackupCommand::Restore {
            shop,
            snapshot,
            path,
            to,
            overwrite,
            whole,
            database,
            as_of,
            by,
            tables,
            name,
            in_place,
            exact,
            keep_newer_orders,
            newer_states,
            from,
            options,
        } => {
            let shop = shop.find(&options.state.directory)?;
            let wish = match database {
                Some(database) => json!({
                    "kind": "restore_database", "shop": shop, "snapshot": snapshot,
                    "as_of_ms": as_of.map(|when| when.ago(&Here::now())), "by": by,
                    "database": (!database.is_empty()).then_some(database), "tables": tables, "name": name,
                    "in_place": in_place, "exact": exact,
                    "keep_newer_orders": keep_newer_orders, "newer_states": newer_states, "from": from,
                }),
                None => json!({
                    "kind": if whole { "restore_whole" } else { "restore_backup" }, "shop": shop,
                    "snapshot": snapshot, "path": path, "target": to, "overwrite": overwrite, "from": from, "name": name,
                }),
            };
            runs::change(&options.state.directory, &wish, &options)
        }
    }
}

/// What changes nothing of the shop needs no question first.
fn start(wish: &serde_json::Value, options: ChangeOptions) -> anyhow::Result<Exit> {
    let options = ChangeOptions { yes: !options.preview, ..options };
    runs::change(&options.state.directory, wish, &options)
}

impl OneShop {
    fn find(&self, state: &Path) -> anyhow::Result<String> {
        if let Some(shop) = &self.shop {
            return Ok(shop.clone());
        }
        let standing: BackupsStanding = good(ask(state, "GET", BACKUPS)?)?.json()?;
        // Of a shop that is not backed up it says so: nothing is said by a control that has just begun.
        if standing.shops.is_empty() {
            bail!("which shop is backed up is not known yet: try again in a moment");
        }
        let is_on = |of: &&ShopBackups| of.state != BackupState::Off;
        let mut on = standing.shops.iter().filter(is_on).map(|of| of.shop.to_string());
        match (on.next(), on.next()) {
            (Some(shop), None) => Ok(shop),
            (None, _) => bail!(
                "no shop is backed up: write `to` into a table `[shop.ID.backup]` of the \
                 configuration"
            ),
            (Some(_), Some(_)) => bail!("several shops are backed up: say which by --shop ID"),
        }
    }
}

fn status(state: &Path, json: bool) -> anyhow::Result<Exit> {
    let answer = good(ask(state, "GET", BACKUPS)?)?;
    let standing: BackupsStanding = answer.json()?;
    if json {
        print_bytes(&answer.body)?;
    } else {
        print(text(&standing, &Here::now()).as_bytes())?;
    }
    let is_whole =
        |place: &BackupPlace| place.trouble.is_none() && place.damaged.is_none_or(|n| n == 0);
    let is_fine = |of: &ShopBackups| {
        matches!(of.state, BackupState::Ok | BackupState::Off) && of.places.iter().all(is_whole)
    };
    Ok(if standing.shops.iter().all(is_fine) { Exit::Fine } else { Exit::Wrong })
}

fn late(due: Option<Due>, here: &Here) -> String {
    let Some(Due { of, at_ms, at_most_ms }) = due else { return "a backup is too old".to_owned() };
    let (at, most) =
        (here.moment_ago(at_ms), length(i64::try_from(at_most_ms).unwrap_or(i64::MAX)));
    match of {
        DueOf::Files => format!("the newest backup is too old: {at}, not {most}"),
        DueOf::Database => format!("the database would come back as of {at}, not {most}"),
    }
}

fn text(standing: &BackupsStanding, here: &Here) -> String {
    let mut text = String::new();
    for of in &standing.shops {
        let newest = of.newest.as_ref().map(|newest| here.moment_ago(newest.at_ms));
        let newest = newest.unwrap_or_else(|| "unknown".to_owned());
        let says = match of.state {
            BackupState::Off => "is not backed up".to_owned(),
            BackupState::Ok => format!("is backed up: {newest}"),
            BackupState::Late => late(of.due, here),
            BackupState::Never => "there is no backup yet".to_owned(),
            BackupState::Failing => format!("the last backup failed; the newest: {newest}"),
            BackupState::Unknown if of.newest.is_some() => {
                format!("is backed up: {newest}; how far its database comes back is unknown")
            }
            BackupState::Unknown => "whether there is a backup is unknown".to_owned(),
        };
        writeln!(text, "{}: {says}", of.shop).expect("invariant: a String takes all text");
        let mut line = |line: String| {
            writeln!(text, "  {}", printable(&line)).expect("invariant: a String takes all text");
        };
        if let Some(run) = &of.running {
            line(format!("run {run} backs it up: storewarden runs follow {run}"));
        }
        if let Some(trouble) = of.last_run.as_ref().and_then(|run| run.trouble.as_ref())
            && matches!(of.state, BackupState::Failing | BackupState::Late)
        {
            line(trouble.message.clone());
        }
        of.places.iter().for_each(|place| line(about(place, here)));
        if let Some(drill) = of.drills.first() {
            line(tried(drill, here));
        }
        if let Some(next_ms) = of.next_ms {
            line(format!("the next one begins {}", here.moment(next_ms)));
        }
    }
    text
}

fn tried(drill: &DrillRow, here: &Here) -> String {
    let when = here.moment_ago(drill.at_ms);
    let took = length(i64::try_from(drill.took_ms).unwrap_or(i64::MAX));
    let score = drill.score.map(|score| format!(", score {score}")).unwrap_or_default();
    let when = if drill.by_sheet { format!("from the sheet {when}") } else { when };
    let to = drill.until_ms.map(|until_ms| format!(", to {}", here.moment(until_ms)));
    let when = format!("{when}{}", to.unwrap_or_default());
    match drill.verdict.as_str() {
        "good" => format!("tried {when}: everything came back, in {took}{score}"),
        "short" => format!("tried {when}: everything came back, in {took}, not as agreed{score}"),
        "broken" => format!("tried {when}: it did not come back{score}; run {}", drill.run),
        _ => format!("tried {when}: not everything could be looked at{score}; run {}", drill.run),
    }
}

fn about(place: &BackupPlace, here: &Here) -> String {
    let name = &place.place;
    if let Some(trouble) = &place.trouble {
        return format!("{name}: {}", trouble.message);
    }
    let (Some(snapshots), Some(bytes)) = (place.snapshots, place.bytes) else {
        return format!("{name}: what is there is not known yet");
    };
    let number = if snapshots == 1 { "backup" } else { "backups" };
    let checked = match (place.checked_ms, place.damaged) {
        (Some(at_ms), Some(0)) => format!(", read again {}", here.ago(at_ms)),
        (Some(at_ms), Some(damaged)) => {
            format!(", DAMAGED: {damaged} things, found {}", here.ago(at_ms))
        }
        _ => String::new(),
    };
    format!("{name}: {snapshots} {number}, {}{checked}", size(bytes))
}

fn list(state: &Path, shop: &str, json: bool) -> anyhow::Result<Exit> {
    let answer = good(ask(state, "GET", &format!("/api/v1/shops/{}/backups", escape(shop)))?)?;
    if json {
        print_bytes(&answer.body)?;
        return Ok(Exit::Fine);
    }
    let found: Snapshots = answer.json()?;
    let here = Here::now();
    let known = |number: Option<u64>| number.map_or_else(|| "?".to_owned(), size);
    let row = |row: &SnapshotRow| {
        let took = row.took_ms.map_or_else(|| "?".to_owned(), length);
        let tables = row.databases.iter().map(|database| {
            let tables = database.tables.map_or_else(|| "?".to_owned(), |count| count.to_string());
            format!("{} ({tables} tables)", database.name)
        });
        [
            row.id.get(..8).unwrap_or(&row.id).to_owned(),
            here.moment(row.at_ms),
            row.files.map_or_else(|| "?".to_owned(), |files| files.to_string()),
            known(row.bytes),
            known(row.added_bytes),
            took,
            match row.journal_ms {
                Some(at_ms) => format!("journal up to {}", here.time(at_ms)),
                None => tables.collect::<Vec<_>>().join(", "),
            },
            row.places.join(", "),
        ]
    };
    let rows: Vec<_> = found.snapshots.iter().map(row).collect();
    let head = [
        ("BACKUP", Side::Left),
        ("TIME", Side::Left),
        ("FILES", Side::Right),
        ("SIZE", Side::Right),
        ("ADDED", Side::Right),
        ("TOOK", Side::Right),
        ("DATABASES", Side::Left),
        ("AT", Side::Left),
    ];
    let mut text = table(head, &rows);
    if rows.is_empty() && found.unknown.is_empty() {
        text.push_str("There is no backup yet.\n");
    }
    if let Some(moments) = &found.moments {
        text.push_str(&points::text(moments, &here));
    }
    for place in &found.unknown {
        writeln!(text, "What there is at {place} is unknown: see storewarden backup status")?;
    }
    print(text.as_bytes())?;
    Ok(if found.unknown.is_empty() { Exit::Fine } else { Exit::Wrong })
}

fn sheet(state: &Path, shop: &str, json: bool) -> anyhow::Result<Exit> {
    let path = format!("/api/v1/shops/{}/backups/sheet", escape(shop));
    let answer = good(ask(state, "POST", &path)?)?;
    let sheet: RecoverySheet = answer.json()?;
    if json {
        print_bytes(&answer.body)?;
    } else {
        print(written(&sheet, &Here::now()).as_bytes())?;
    }
    let is_whole = sheet.places.iter().all(|place| place.trouble.is_none());
    Ok(if is_whole { Exit::Fine } else { Exit::Wrong })
}

fn browse(
    state: &Path,
    (shop, snapshot, path): (&str, &str, &str),
    json: bool,
) -> anyhow::Result<Exit> {
    let (shop, snapshot, path) = (escape(shop), escape(snapshot), escape(path));
    let path = format!("/api/v1/shops/{shop}/backups/{snapshot}/files?path={path}");
    let mut folder: SnapshotFolder = good(ask(state, "GET", &path)?)?.json()?;
    while (folder.entries.len() as u64) < folder.total {
        let rest = format!("{path}&skip={}", folder.entries.len());
        let rest: SnapshotFolder = good(ask(state, "GET", &rest)?)?.json()?;
        if rest.entries.is_empty() {
            bail!(
                "the folder has {} entries, and {} were told",
                folder.total,
                folder.entries.len()
            );
        }
        folder.entries.extend(rest.entries);
    }
    if json {
        print_bytes(&serde_json::to_vec(&folder)?)?;
        return Ok(Exit::Fine);
    }
    let here = Here::now();
    let row = |entry: &SnapshotEntry| {
        let slash = if entry.kind == "folder" { "/" } else { "" };
        let bytes = entry.size_bytes.map_or_else(String::new, size);
        [bytes, here.moment(entry.modified_ms), format!("{}{slash}", entry.name)]
    };
    let rows: Vec<_> = folder.entries.iter().map(row).collect();
    let head = [("SIZE", Side::Right), ("CHANGED", Side::Left), ("NAME", Side::Left)];
    print(table(head, &rows).as_bytes())?;
    Ok(Exit::Fine)
}

/// Bytes with a unit that keeps the number short.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut number = bytes as f64;
    let mut unit = 0;
    while number >= 999.5 && unit + 1 < UNITS.len() {
        number /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && number < 99.95);
    format!("{number:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let check = |bytes, expect: &str| assert_eq!(size(bytes), expect);
        check(0, "0 B");
        check(999, "999 B");
        check(1_000, "1.0 kB");
        check(123_456, "123 kB");
        check(999_960, "1.0 MB");
        check(5_400_000_000, "5.4 GB");
    }
}
