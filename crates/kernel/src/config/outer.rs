//! The file a person writes: TOML in, a validated [`Configuration`](super::Configuration) or every
//! error at once out. The format is written in docs/formats/configuration.md.

use super::{Configuration, ShopSettings};
use crate::{ShopId, snapshot::Check};
use reader::Reader;
use section::Section;
use std::{fmt, path::PathBuf};

mod alerts;
mod backup;
mod check;
mod database;
mod destinations;
mod edge;
mod include;
mod ledger;
mod peer;
mod plan;
mod reader;
mod replica;
mod scrape;
mod section;
mod service;
mod shop;
mod stream;
mod syntax;
mod values;
mod whole;

pub use include::{Includes, include_patterns, includes_file};

pub(super) use alerts::REPEAT_MS;
pub(super) use backup::{
    BACK_WITHIN_MS, BOOT_WITHIN_MS, CHECK_MS, DATABASE_EVERY_MS, DRILL_IN, DRILL_MS,
    DRILL_SHEET_MS, EVERY_MS as BACKUP_EVERY_MS, KEEP_ASIDE_MS, LOSE_AT_MOST_MS,
    MEMORY as BACKUP_MEMORY, WITHIN_MS,
};
pub(super) use check::{
    DAYS_LEFT as CHECK_DAYS_LEFT, EVERY_MS as CHECK_EVERY_MS, FAILURES as CHECK_FAILURES,
    GRACE_MS as CHECK_GRACE_MS, REDIRECTS as CHECK_REDIRECTS, WITHIN_MS as CHECK_WITHIN_MS,
};
pub(super) use edge::{
    CONTROL, LETS_ENCRYPT, PULSE_MS, RENEW_DAYS, SECOND_FACTOR, SECOND_FACTORS,
    default_settings as default_edge,
};
pub(super) use ledger::CHECKPOINT_MS;
pub(super) use peer::{EVERY_MS as PEER_EVERY_MS, SILENT_MS as PEER_SILENT_MS};
pub(super) use plan::OPEN_MS;
pub(super) use replica::REPLICA_BEHIND_AT_MOST_MS;
pub(super) use scrape::EVERY_MS as SCRAPE_EVERY_MS;
pub(super) use shop::{
    BALANCE, BALANCES, COLOUR, EJECT_AFTER, EJECT_FOR_MS, QUEUE_WAITS_MS, SLOW_START_MS, TIME_ZONE,
};
pub(super) use stream::{
    BASE_EVERY_MS, BEHIND_AT_MOST_MS, KEEP_MS as STREAM_KEEP_MS, POINTS_MS, SEND_EVERY_MS,
};
pub use values::nearest;
pub(super) use values::{duration_text, is_public, size_text};

/// The version of the format that this program reads.
const VERSION: u64 = 1;

/// What the reader must know from elsewhere to judge a file.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The platforms there are files for.
    pub platforms: &'a [KnownPlatform],
    /// What `${NAME}` in the file stands for: a variable of the environment by its name, the text of
    /// a file by `file:/PATH`, a credential of systemd by `credential:NAME`.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Whether there is a time zone of an IANA name; else the names of those that there are.
    pub time_zone: &'a dyn Fn(&str) -> Result<(), Vec<String>>,
}

/// What the reader must know of a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPlatform {
    pub name: String,
    /// Fills in what a shop's own `check` leaves open.
    pub check: Check,
}

impl fmt::Debug for Known<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").field("platforms", &self.platforms).finish_non_exhaustive()
    }
}

/// One thing wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The included file that it stands in; `None`: the file itself.
    pub file: Option<PathBuf>,
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    pub message: String,
    /// What to do about it.
    pub mend: String,
}

/// All that is wrong with a file, in the order of its lines. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.line, self.column, self.message, self.mend)
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => {
                write!(f, "one mistake in the configuration, in line {}", one.line)?;
                one.file.as_ref().map_or(Ok(()), |file| write!(f, " of {}", file.display()))
            }
            all => write!(f, "{} mistakes in the configuration", all.len()),
        }
    }
}

impl std::error::Error for ConfigErrors {}

/// A valid file.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    pub configuration: Configuration,
    /// What is allowed and should yet be otherwise.
    pub warnings: Vec<ConfigError>,
}

/// Reads a configuration file's text, which includes nothing.
///
/// # Errors
/// Every mistake in the text with its line, column and mend.
pub fn parse(text: &str, known: Known<'_>) -> Result<Configuration, ConfigErrors> {
    parse_with(text, known, Includes::none()).map(|parsed| parsed.configuration)
}

/// Reads a configuration file's text and the files that it includes.
///
/// # Errors
/// Every mistake in all of them with its file, line, column and mend.
pub fn parse_with(
    text: &str,
    known: Known<'_>,
    includes: Includes<'_>,
) -> Result<Parsed, ConfigErrors> {
    let gathered = include::gather(text, includes);
    let reader = Reader::new(&gathered.sources, known, gathered.partial);
    for mistake in gathered.mistakes {
        reader.wrong(mistake.at, mistake.wrong);
    }
    let whole = gathered.table.as_ref().and_then(|table| whole::read(&reader, table));
    reader.finish(whole).map(|(configuration, warnings)| Parsed { configuration, warnings })
}

/// The shop of that id; the mistake is told where there is none.
fn shop_named(
    section: &Section<'_>,
    text: &section::Text<'_>,
    shops: &[ShopSettings],
) -> Option<ShopId> {
    let found = shops.iter().find(|shop| shop.id.as_str() == text.value);
    if found.is_none() {
        let message = format!("`shop` is \"{}\", and there is no `[shop.{0}]`", text.value);
        let known: Vec<String> = shops.iter().map(|shop| format!("\"{}\"", shop.id)).collect();
        section.wrong(text.at.clone(), message, format!("write one of {}", known.join(", ")));
    }
    found.map(|shop| shop.id.clone())
}

#[cfg(test)]
mod tests;
