//! `[shop.ID.backup]`: backups of one shop.

use super::{
    database,
    destinations::Destinations,
    edge::absolute_path,
    reader::Wrong,
    section::{Section, Text, kind},
    values,
};
use crate::config::{
    BackupLimits, BackupSchedule, BackupSettings, KeepSettings, LockMode, LockSettings,
    RepositorySettings, S3Settings, Secret, SftpSettings,
};
use std::path::PathBuf;

mod boot;
mod media;

pub(super) use media::{media, refuse_own_media};

pub(in crate::config) const WITHIN_MS: u64 = 30 * DAY;
pub(in crate::config) const EVERY_MS: u64 = DAY;
pub(in crate::config) const LOSE_AT_MOST_MS: u64 = DAY;
pub(in crate::config) const BACK_WITHIN_MS: u64 = HOUR;
pub(in crate::config) const CHECK_MS: u64 = 7 * DAY;
pub(in crate::config) const DRILL_MS: u64 = 7 * DAY;
pub(in crate::config) const DRILL_SHEET_MS: u64 = 90 * DAY;
/// Where a journal stands for the database in between.
pub(in crate::config) const DATABASE_EVERY_MS: u64 = 7 * DAY;
pub(in crate::config) const KEEP_ASIDE_MS: u64 = 7 * DAY;
/// On a disk, and open to the users that database servers run as.
pub(in crate::config) const DRILL_IN: &str = "/var/tmp";
/// Node on a busy machine needs a minute, after everything else.
pub(in crate::config) const BOOT_WITHIN_MS: u64 = 2 * MINUTE;
/// A run needs a tenth of it; the rest is for indexes of many years.
pub(in crate::config) const MEMORY: u64 = GIB;

/// More no machine of ours has.
const PROCESSORS: u32 = 1024;
/// With less a backup would never come to its end.
const LEAST_PERCENT: u32 = 5;
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 366 * DAY;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// A run may take a while, and one that failed is tried again.
const MARGIN_MS: u64 = HOUR;
const EXAMPLE: &str = "[\"/mnt/usb/shop\", \"s3://bucket/shop\", \"sftp://me@host/shop\"]";

const LOCK_MODES: [(&str, LockMode); 2] =
    [("compliance", LockMode::Compliance), ("governance", LockMode::Governance)];

const DESTINATIONS: Destinations<RepositorySettings> = Destinations {
    key: "to",
    example: EXAMPLE,
    name: "a destination of a backup",
    folder: RepositorySettings::Folder,
    bucket,
    other: |section, text| {
        section.checked("to", text, |text| sftp(text).map(RepositorySettings::Sftp))
    },
    other_table: sftp_table,
};

/// `None` where there is no such table, or it names no destination. `is_followed`: a stream has the changes of the
/// database between two backups, elsewhere than on this machine alone.
pub(super) fn backup(section: Section<'_>, is_followed: bool) -> Option<BackupSettings> {
    if !section.is_given() {
        section.finish();
        return None;
    }
    if section.item("to").is_none() {
        section.missing("to", format!("write `to = {EXAMPLE}`, or one of them"));
    }
    let to = repositories(&section);
    let schedule = schedule(&section);
    let database = section.boolean("database").unwrap_or(true);
    // Of a database that is left out nothing comes back, whoever follows it.
    let lose_at_most = objective(&section, schedule, is_followed && database);
    let settings = BackupSettings {
        keep: keep(&section),
        schedule,
        password: section.text("password").and_then(|text| password(&section, &text)),
        also: paths(&section, "also"),
        exclude: exclude(&section),
        database,
        database_every_ms: section.duration("database_every", DATABASE_EVERY_MS, MINUTE..=31 * DAY),
        restore_as: section
            .parsed("restore_as", |text| database::read(text, section.reader.known.environment)),
        limits: limits(&section),
        lose_at_most_ms: lose_at_most.database_ms,
        lose_files_at_most_ms: lose_at_most.files_ms,
        back_within_ms: section.duration("back_within", BACK_WITHIN_MS, MINUTE..=YEAR),
        check_every_ms: section.duration("check", CHECK_MS, HOUR..=YEAR),
        drill_every_ms: section.duration("drill", DRILL_MS, MINUTE..=YEAR),
        drill_sheet_ms: section.duration("drill_sheet", DRILL_SHEET_MS, MINUTE..=YEAR),
        keep_aside_ms: section.duration("keep_aside", KEEP_ASIDE_MS, MINUTE..=YEAR),
        drill_in: section
            .parsed("drill_in", absolute_path)
            .unwrap_or_else(|| PathBuf::from(DRILL_IN)),
        boot: boot::boot(section.section("boot")),
        to: to.clone(),
    };
    section.finish();
    (!to.is_empty()).then_some(settings)
}

/// What `to` names, none twice.
pub(super) fn repositories(section: &Section<'_>) -> Vec<RepositorySettings> {
    let to = DESTINATIONS.read(section);
    let is_again = |(at, one): &(usize, &RepositorySettings)| {
        to[..*at].iter().any(|other| other.to_string() == one.to_string())
    };
    if let Some((_, again)) = to.iter().enumerate().find(is_again) {
        let message = format!("`to` has {again} twice");
        section.wrong(section.place_of("to"), message, "keep one of the two");
    }
    to
}

/// How old what comes back may be. Milliseconds.
struct Objective {
    database_ms: u64,
    files_ms: u64,
}

/// What is not told is a day: a backup that runs once a day is older than a day while the next runs.
fn objective(section: &Section<'_>, schedule: BackupSchedule, is_followed: bool) -> Objective {
    let told_ms = section.duration("lose_at_most", LOSE_AT_MOST_MS, MINUTE..=YEAR);
    let gap_ms = schedule.longest_gap_ms();
    let usual_ms = gap_ms + MARGIN_MS.min(gap_ms / 2);
    let is_told = section.item("lose_at_most").is_some();
    if is_told && is_followed {
        // Files are as old as their backup; what the database lacks is what its journal lacks.
        return Objective { database_ms: told_ms, files_ms: told_ms.max(usual_ms) };
    }
    if is_told && told_ms < gap_ms {
        let message = format!(
            "`lose_at_most` is {}, but {} lie between two backups",
            values::duration_text(told_ms),
            values::duration_text(gap_ms)
        );
        let mend = "make `every` shorter than it, or this longer; or follow the database's changes (`stream`), with a copy";
        section.wrong(section.place_of("lose_at_most"), message, mend);
    }
    let ms = if is_told { told_ms } else { told_ms.max(usual_ms) };
    Objective { database_ms: ms, files_ms: ms }
}

fn schedule(section: &Section<'_>) -> BackupSchedule {
    let ms = section.duration("every", EVERY_MS, MINUTE..=31 * DAY);
    let minute = section.parsed("at", time_of_day);
    if section.item("at").is_some() && section.item("every").is_some() {
        let message = "`at` and `every` stand beside each other";
        section.wrong(section.place_of("at"), message, "keep one of the two");
    }
    minute.map_or(BackupSchedule::Every { ms }, |minute| BackupSchedule::Daily { minute })
}

fn time_of_day(text: &str) -> Result<u32, Wrong> {
    let read = || {
        let (hour, minute) = text.split_once(':').filter(|_| text.len() == 5)?;
        let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    };
    let mend = "write one such as \"02:30\", in the shop's time zone";
    read().ok_or_else(|| Wrong::new(format!("is \"{text}\", which is no time of day"), mend))
}

/// `keep = "30d"`, or a table.
fn keep(section: &Section<'_>) -> KeepSettings {
    let none = KeepSettings {
        within_ms: None,
        last: 1,
        hourly: 0,
        daily: 0,
        weekly: 0,
        monthly: 0,
        yearly: 0,
    };
    let Some(item) = section.item("keep") else {
        return KeepSettings { within_ms: Some(WITHIN_MS), ..none };
    };
    if !item.is_table_like() {
        let within_ms = section.duration("keep", WITHIN_MS, DAY..=100 * YEAR);
        return KeepSettings { within_ms: Some(within_ms), ..none };
    }
    let table = section.section("keep");
    let count = |key| table.number(key, 0, 0..=10_000);
    let within_ms = table.duration("within", 0, 0..=100 * YEAR);
    let keep = KeepSettings {
        within_ms: (within_ms > 0).then_some(within_ms),
        last: table.number("last", 1, 1..=10_000),
        hourly: count("hourly"),
        daily: count("daily"),
        weekly: count("weekly"),
        monthly: count("monthly"),
        yearly: count("yearly"),
    };
    table.finish();
    keep
}

fn limits(section: &Section<'_>) -> BackupLimits {
    let bandwidth = section.size("bandwidth", 0, 16 << 10..=100 * GIB);
    BackupLimits {
        bandwidth: (bandwidth > 0).then_some(bandwidth),
        memory_bytes: section.size("memory", MEMORY, 256 * MIB..=1024 * GIB),
        cpu_percent: cpu(section),
    }
}

/// Whole processors as a number, or a share of one as a text.
fn cpu(section: &Section<'_>) -> Option<u32> {
    if section.item("cpu").is_some_and(|item| item.as_str().is_some()) {
        return section.parsed("cpu", percent);
    }
    let processors = section.number("cpu", 0, 1..=PROCESSORS);
    (processors > 0).then_some(processors * 100)
}

/// `50%`: of one processor.
fn percent(text: &str) -> Result<u32, Wrong> {
    let read = || {
        let number: u32 = text.strip_suffix('%')?.trim_end().parse().ok()?;
        (LEAST_PERCENT..=PROCESSORS * 100).contains(&number).then_some(number)
    };
    let mend = "write processors, such as 2, or a share of one from \"5%\" on, such as \"50%\"";
    read()
        .ok_or_else(|| Wrong::new(format!("is \"{text}\", which is no share of a processor"), mend))
}

/// Whole paths, each once.
pub(super) fn paths(section: &Section<'_>, key: &'static str) -> Vec<PathBuf> {
    let texts = section.texts(key, "[\"/var/lib/shop\"]").unwrap_or_default();
    let mut paths: Vec<PathBuf> = Vec::new();
    for text in texts {
        let Some(path) = section.checked(key, &text, absolute_path) else { continue };
        if paths.contains(&path) {
            let message = format!("`{key}` has \"{}\" twice", path.display());
            section.wrong(text.at, message, "keep one of the two");
            continue;
        }
        paths.push(path);
    }
    paths
}

fn exclude(section: &Section<'_>) -> Vec<String> {
    let texts = section.texts("exclude", "[\"cache\", \"*.tmp\"]").unwrap_or_default();
    let whole = |text: &Text<'_>| {
        section.checked("exclude", text, |text| {
            let mend = "write a name, `*.tmp`, or a whole path, `/srv/shop/**/cache`";
            let is_pattern = !text.is_empty() && text != "/" && !text.contains('\0');
            is_pattern.then(|| text.to_owned()).ok_or_else(|| {
                Wrong::new(format!("has \"{text}\", which would leave out everything"), mend)
            })
        })
    };
    texts.iter().filter_map(whole).collect()
}

fn password(section: &Section<'_>, text: &Text<'_>) -> Option<Secret> {
    section.checked("password", text, |text| {
        let value = database::variable(text, section.reader.known.environment)?;
        let mend = "write `password = \"${file:/etc/storewarden/backup-password}\"`";
        value.map(Secret::new).ok_or_else(|| Wrong::new("stands here in clear", mend))
    })
}

/// A bucket, whose objects may be locked.
fn bucket(section: Option<&Section<'_>>, bucket: Option<S3Settings>) -> Option<RepositorySettings> {
    let lock = section.and_then(|section| {
        let given = section.item("locked_for").is_some();
        let for_ms = section.duration("locked_for", 0, DAY..=100 * YEAR);
        let mode = section.choice("lock_mode", LockMode::Compliance, &LOCK_MODES);
        if !given && section.item("lock_mode").is_some() {
            let mend = "write `locked_for = \"45d\"` beside it, longer than `keep`";
            section.wrong(section.place_of("lock_mode"), "`lock_mode` locks nothing alone", mend);
        }
        given.then_some(LockSettings { for_ms, mode })
    });
    bucket.map(|bucket| RepositorySettings::S3 { bucket, lock })
}

/// A machine with a key of its own.
fn sftp_table(section: &Section<'_>) -> Option<Option<RepositorySettings>> {
    let place = section.parsed("sftp", sftp);
    section.item("sftp")?;
    let (identity, known_hosts) =
        (section.parsed("identity", absolute_path), section.parsed("known_hosts", absolute_path));
    Some(
        place
            .map(|place| RepositorySettings::Sftp(SftpSettings { identity, known_hosts, ..place })),
    )
}

/// `sftp://USER@HOST:PORT/PATH`.
fn sftp(text: &str) -> Result<SftpSettings, Wrong> {
    let mend = format!("write destinations such as {EXAMPLE}");
    let Some(rest) = text.strip_prefix("sftp://") else {
        let message = "is neither a whole path nor begins with `s3://` or `sftp://`";
        return Err(Wrong::new(message, mend));
    };
    let odd = |why: &str| {
        Wrong::new(format!("is \"{text}\", {why}"), "write one such as \"sftp://me@host/shop\"")
    };
    let (server, path) = rest.split_once('/').ok_or_else(|| odd("which names no folder"))?;
    let (user, place) = match server.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, server),
    };
    if user.is_some_and(|user| user.contains(':')) {
        // Not shown: what follows the colon may be a password.
        return Err(Wrong::new(
            "has a password in it",
            "sign in by a key: `identity = \"/etc/storewarden/ssh-key\"`",
        ));
    }
    let fits = |text: &str| {
        let in_name = |c: char| c.is_ascii_alphanumeric() || "-._:[]%".contains(c);
        !text.is_empty() && !text.starts_with('-') && text.chars().all(in_name)
    };
    let (host, port) = match place
        .rsplit_once(':')
        .filter(|(host, _)| !host.starts_with('[') || host.ends_with(']'))
    {
        Some((host, port)) => (host, Some(port.parse().map_err(|_| odd("whose port is none"))?)),
        None => (place, None),
    };
    if !fits(host) || user.is_some_and(|user| !fits(user)) {
        return Err(odd("which names no machine"));
    }
    if path.is_empty() || path.split('/').any(|part| part == "..") {
        return Err(odd("which names no folder"));
    }
    Ok(SftpSettings {
        user: user.map(str::to_owned),
        host: host.trim_matches(['[', ']']).to_owned(),
        port,
        path: PathBuf::from(format!("/{}", path.trim_end_matches('/'))),
        identity: None,
        known_hosts: None,
    })
}

/// `code` of a shop.
pub(super) fn folders(section: &Section<'_>, key: &'static str) -> Vec<PathBuf> {
    section.refuse_empty_list(key, "\"/var/lib/shop\"");
    if let Some(other) = section.item(key).filter(|item| item.is_table_like()) {
        let message = format!("`{key}` is {}, but folders are wanted", kind(other));
        section.wrong(section.place(other), message, format!("write `{key} = \"/var/lib/shop\"`"));
        return Vec::new();
    }
    paths(section, key)
}
