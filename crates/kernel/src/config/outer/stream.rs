//! `[shop.ID.stream]`: the changes of one shop's database, followed.

use super::{backup, database, section::Section};
use crate::config::{
    BackupSettings, DatabaseKind, DatabaseUrl, RepositorySettings, StreamCopySettings,
    StreamSettings,
};

pub(in crate::config) const BEHIND_AT_MOST_MS: u64 = MINUTE;
pub(in crate::config) const KEEP_MS: u64 = 30 * DAY;
pub(in crate::config) const POINTS_MS: u64 = HOUR;
pub(in crate::config) const BASE_EVERY_MS: u64 = 7 * DAY;
pub(in crate::config) const SEND_EVERY_MS: u64 = 5 * SECOND;
/// To whom nobody is billed for: less than a second is lost.
const TO_A_MACHINE_EVERY_MS: u64 = 200;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 366 * DAY;

/// `None` where there is no such table; `shop` is the shop's own database, `backup` where that goes.
pub(super) fn stream(
    section: Section<'_>,
    shop: Option<&DatabaseUrl>,
    backup: Option<&BackupSettings>,
) -> Option<StreamSettings> {
    if !section.is_given() {
        section.finish();
        return None;
    }
    let follow_as =
        section.parsed("follow_as", |text| database::read(text, section.reader.known.environment));
    let kind = follow_as.as_ref().or(shop).map(|url| url.kind);
    let settings = StreamSettings {
        follow_as: follow_as.clone(),
        leave_out: leave_out(&section),
        behind_at_most_ms: section.duration("behind_at_most", BEHIND_AT_MOST_MS, SECOND..=DAY),
        keep_ms: section.duration("keep", KEEP_MS, HOUR..=100 * YEAR),
        points_ms: section.duration("points", POINTS_MS, SECOND..=DAY),
        raw: section.boolean("raw").unwrap_or(kind == Some(DatabaseKind::MySql)),
        base_every_ms: section.duration("base_every", BASE_EVERY_MS, HOUR..=100 * DAY),
        copies: copies(&section, backup),
    };
    if settings.raw && kind == Some(DatabaseKind::Postgres) && backup.is_none() {
        let message = "the WAL goes on from base backups, and the shop is not backed up";
        section.wrong(
            section.place_of("raw"),
            message,
            "write a table `backup`, or leave `raw` out",
        );
    }
    if kind.is_none_or(|kind| kind == DatabaseKind::Sqlite) {
        let message = match kind {
            Some(_) => "SQLite has no stream of changes",
            None => "no database is named whose changes could be followed",
        };
        let mend = "write `database = \"postgres://…\"` or \"mysql://…\" above, or leave this out";
        section.wrong(section.at.clone(), message, mend);
    }
    section.finish();
    Some(settings)
}

/// Whether a journal lies elsewhere too, where the shop is backed up: what is no boolean is told where it is read.
pub(super) fn is_copied(section: &Section<'_>) -> bool {
    section.is_given() && section.item("copy").and_then(toml_edit::Item::as_bool) != Some(false)
}

/// Where nobody says, it goes where the backups go.
fn copies(section: &Section<'_>, backup: Option<&BackupSettings>) -> Vec<StreamCopySettings> {
    let send_every_ms = section.duration("send_every", SEND_EVERY_MS, SECOND..=HOUR);
    let is_wanted = section.boolean("copy").unwrap_or(true);
    let to = match section.item("to") {
        Some(_) if !is_wanted => {
            let message = "`to` names places, and `copy = false` wants no copy";
            section.wrong(section.place_of("copy"), message, "keep one of the two");
            Vec::new()
        }
        Some(_) => backup::repositories(section),
        None => backup.filter(|_| is_wanted).map(|backup| backup.to.clone()).unwrap_or_default(),
    };
    let every = |to: &RepositorySettings| match to {
        RepositorySettings::S3 { .. } => send_every_ms,
        RepositorySettings::Folder(_) | RepositorySettings::Sftp(_) => TO_A_MACHINE_EVERY_MS,
    };
    to.into_iter().map(|to| StreamCopySettings { every_ms: every(&to), to }).collect()
}

fn leave_out(section: &Section<'_>) -> Vec<String> {
    let mut labels: Vec<String> = Vec::new();
    for text in section.texts("leave_out", "[\"public.django_session\"]").unwrap_or_default() {
        if labels.iter().any(|label| label == text.value) {
            let message = format!("`leave_out` has \"{}\" twice", text.value);
            section.wrong(text.at, message, "keep one of the two");
            continue;
        }
        labels.push(text.value.to_owned());
    }
    labels
}
