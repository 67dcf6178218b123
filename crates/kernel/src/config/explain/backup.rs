//! `[shop.ID.backup]` in words.

use super::{Rows, Section, bytes, ms, number};
use crate::config::{
    BackupLimits, BackupSchedule, BackupSettings, BootSettings, KeepSettings, LockMode,
    LockSettings, RepositorySettings, ShopSettings, outer,
};

/// Nothing for a shop that is not backed up: a note says so.
pub(super) fn section(shop: &ShopSettings) -> Option<Section> {
    let backup = shop.backup.as_ref()?;
    let mut rows = Rows::default();
    rows.list("to", false, backup.to.iter().enumerate().map(repository));
    contents(&mut rows, shop, backup);
    match backup.schedule {
        BackupSchedule::Every { ms: every } => {
            rows.add("every", &every, &outer::BACKUP_EVERY_MS, ms, "after the last one");
        }
        BackupSchedule::Daily { minute } => {
            let at = format!("{:02}:{:02}", minute / 60, minute % 60);
            rows.put("at", at, false, format!("every day, {}", shop.time_zone));
        }
    }
    keep(&mut rows, &backup.keep);
    let (password, meaning) = match &backup.password {
        Some(_) => ("•••", "opens every repository; keep it elsewhere too"),
        None => ("made at first", "kept sealed in our records; a recovery sheet has it"),
    };
    rows.put("password", password.to_owned(), backup.password.is_none(), meaning);
    let lose = &backup.lose_at_most_ms;
    let meaning = "an older newest backup is an incident";
    rows.put("lose_at_most", ms(lose), *lose == outer::LOSE_AT_MOST_MS, meaning);
    let meaning = "a restore that takes longer is too slow";
    rows.add("back_within", &backup.back_within_ms, &outer::BACK_WITHIN_MS, ms, meaning);
    let meaning = "all data were read again by then";
    rows.add("check", &backup.check_every_ms, &outer::CHECK_MS, ms, meaning);
    let meaning = "the newest is tried by restoring it, database and all";
    rows.add("drill", &backup.drill_every_ms, &outer::DRILL_MS, ms, meaning);
    let meaning = "a recovery sheet that nobody has tried for so long is a finding";
    rows.add("drill_sheet", &backup.drill_sheet_ms, &outer::DRILL_SHEET_MS, ms, meaning);
    let folder = backup.drill_in.display().to_string();
    let is_default = folder == outer::DRILL_IN;
    rows.put("drill_in", folder, is_default, "where; needs room for everything twice");
    let meaning = "what a restore in place has put aside goes after so long";
    rows.add("keep_aside", &backup.keep_aside_ms, &outer::KEEP_ASIDE_MS, ms, meaning);
    backup.boot.iter().for_each(|settings| boot(&mut rows, settings));
    limits(&mut rows, &backup.limits);
    Some(rows.section(&format!("[shop.{}.backup]", shop.id), ""))
}

fn repository((at, to): (usize, &RepositorySettings)) -> (String, String) {
    let meaning = if at == 0 { "takes the backup" } else { "gets a copy of it" };
    let locked = match to {
        RepositorySettings::S3 { lock: Some(LockSettings { for_ms, mode }), .. } => {
            let who = match mode {
                LockMode::Compliance => "nobody deletes",
                LockMode::Governance => "only who may bypass locks deletes",
            };
            format!("; {who} what is younger than {}", ms(for_ms))
        }
        _ => String::new(),
    };
    (to.to_string(), format!("{meaning}{locked}"))
}

fn contents(rows: &mut Rows, shop: &ShopSettings, backup: &BackupSettings) {
    let meaning = match (&shop.database, backup.database) {
        (Some(_), true) => "every table, as of one moment",
        (Some(_), false) => "its database is left out",
        (None, _) => "no `database` is known",
    };
    rows.add("database", &backup.database, &true, ToString::to_string, meaning);
    if shop.stream.is_some() && backup.database {
        let meaning = "and in between its journal of changes stands for it";
        rows.add(
            "database_every",
            &backup.database_every_ms,
            &outer::DATABASE_EVERY_MS,
            ms,
            meaning,
        );
    }
    if let Some(account) = &backup.restore_as {
        rows.put("restore_as", account.to_string(), false, "by whom a database is restored");
    }
    let also = backup.also.iter().map(|path| path.display().to_string());
    rows.list("also", false, also.map(|path| (path, "as well".to_owned())));
    let exclude = backup.exclude.iter().map(|pattern| (pattern.clone(), "left out".to_owned()));
    rows.list("exclude", false, exclude);
}

fn keep(rows: &mut Rows, keep: &KeepSettings) {
    let KeepSettings { within_ms, last, hourly, daily, weekly, monthly, yearly } = keep;
    let counts = [
        ("keep.hourly", hourly, "the last of so many hours"),
        ("keep.daily", daily, "the last of so many days"),
        ("keep.weekly", weekly, "the last of so many weeks"),
        ("keep.monthly", monthly, "the last of so many months"),
        ("keep.yearly", yearly, "the last of so many years"),
    ];
    let is_plain = *last == 1 && counts.iter().all(|(_, count, _)| **count == 0);
    match within_ms {
        Some(within) if is_plain => {
            rows.add("keep", within, &outer::WITHIN_MS, ms, "everything that is not older");
            return;
        }
        Some(within) => rows.put("keep.within", ms(within), false, "everything that is not older"),
        None => {}
    }
    rows.add("keep.last", last, &1, number, "the newest in any case");
    for (key, count, meaning) in counts.into_iter().filter(|(_, count, _)| **count > 0) {
        rows.put(key, number(count), false, meaning);
    }
}

fn boot(rows: &mut Rows, boot: &BootSettings) {
    let BootSettings { command, directory, user, environment, path, status, body, within_ms } =
        boot;
    rows.put("boot.command", command.join(" "), false, "and the shop is started from it");
    if let Some(directory) = directory {
        rows.put("boot.directory", directory.display().to_string(), false, "there, of the backup");
    }
    if let Some(user) = user {
        rows.put("boot.user", user.clone(), false, "as this user");
    }
    // A value may be a secret, or have one in it.
    let named = environment.iter().map(|(name, _)| (format!("{name}=•••"), String::new()));
    rows.list("boot.environment", false, named);
    if let Some(path) = path {
        rows.put("boot.path", path.clone(), false, "must be answered");
    }
    if let Some((low, high)) = status {
        let shown = if low == high { low.to_string() } else { format!("{low}-{high}") };
        rows.put("boot.status", shown, false, "with such a status");
    }
    if let Some(body) = body {
        rows.put("boot.body", body.clone(), false, "and with this in it");
    }
    rows.add("boot.within", within_ms, &outer::BOOT_WITHIN_MS, ms, "by then at the latest");
}

fn limits(rows: &mut Rows, limits: &BackupLimits) {
    let BackupLimits { bandwidth, memory_bytes, cpu_percent } = limits;
    let shown = bandwidth.as_ref().map_or_else(|| "none".to_owned(), bytes);
    rows.put("bandwidth", shown, bandwidth.is_none(), "most bytes a second");
    rows.add("memory", memory_bytes, &outer::BACKUP_MEMORY, bytes, "a run that needs more ends");
    let shown = match cpu_percent {
        None => "all".to_owned(),
        Some(percent) if percent.is_multiple_of(100) => number(&(percent / 100)),
        Some(percent) => format!("{percent}%"),
    };
    rows.put("cpu", shown, cpu_percent.is_none(), "processors, behind everything else");
}
