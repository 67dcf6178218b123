//! `storewarden ledger`: whether it holds, what stands in it, and all of it for others.
//!
//! Reads the store itself, to read only, so that it needs no control and disturbs none.

use crate::{
    cli::{Exit, Json, State},
    remote::print,
};
use anyhow::Context as _;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use kernel::Value;
use std::{
    path::{Path, PathBuf},
    str::FromStr,
};
use store::{LedgerFile, LedgerFilter, LedgerPage, LedgerPaging, LedgerPublicKey, LedgerRecord};
use verdict::verify;

mod csv;
mod verdict;

/// Records that are read at once for an export.
const PAGE: u32 = 1_000;

/// What to do with the ledger. None of it needs a running control, and none disturbs one.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum LedgerCommand {
    /// Say whether every record is the one that was written, and what is not
    ///
    /// Holds records, their chain and all checkpoints against each other. Exits with 1 when
    /// something does not hold.
    Verify {
        #[command(flatten)]
        state: State,
        /// A checkpoint that was kept elsewhere, or a folder of them; may be given again
        #[arg(long = "checkpoint", value_name = "FILE")]
        checkpoints: Vec<PathBuf>,
        /// A key whose checkpoints are believed (`ed25519:…`), instead of the one in the state
        /// directory; may be given again
        #[arg(long = "public-key", value_name = "KEY")]
        public_keys: Vec<LedgerPublicKey>,
        #[command(flatten)]
        json: Json,
    },
    /// Print all records, the oldest first
    Export {
        #[command(flatten)]
        state: State,
        /// From this time on: 2026-01-31, or 2026-01-31T09:30:00Z
        #[arg(long, value_name = "TIME")]
        from: Option<Time>,
        /// Before this time
        #[arg(long, value_name = "TIME")]
        until: Option<Time>,
        /// Print comma-separated values
        #[arg(long, conflicts_with = "json")]
        csv: bool,
        /// Print a line of JSON for each record, as without this
        #[arg(long)]
        json: bool,
    },
    /// Print the last records as a table
    Show {
        #[command(flatten)]
        state: State,
        /// How many
        #[arg(long, value_name = "NUMBER", default_value_t = 20)]
        #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
        last: u32,
        #[command(flatten)]
        json: Json,
    },
}

pub(crate) fn run(command: LedgerCommand) -> anyhow::Result<Exit> {
    match command {
        LedgerCommand::Verify { state, checkpoints, public_keys, json } => {
            verify(&state.directory, &checkpoints, public_keys, json.json)
        }
        LedgerCommand::Export { state, from, until, csv, json: _ } => {
            let (from_ms, until_ms) = (from.map(|time| time.0), until.map(|time| time.0));
            let filter = LedgerFilter { from_ms, until_ms, ..LedgerFilter::default() };
            export(&state.directory, &filter, csv)
        }
        LedgerCommand::Show { state, last, json } => show(&state.directory, last, json.json),
    }
}

/// A time on the command line, as unix milliseconds: a day, which is its first moment in UTC, or a
/// moment with its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time(i64);

/// Text that is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a day such as 2026-01-31, or a time such as 2026-01-31T09:30:00Z")]
pub(crate) struct TimeError;

impl FromStr for Time {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let day = || {
            let day = text.parse::<Date>().ok()?;
            day.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp())
        };
        let moment = text.parse::<Timestamp>().ok().or_else(day).ok_or(TimeError)?;
        Ok(Self(moment.as_millisecond()))
    }
}

/// `2026-01-31 09:30:00 UTC`.
fn shown(at_ms: i64) -> String {
    match Timestamp::from_millisecond(at_ms) {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => format!("{at_ms} ms after 1970"),
    }
}

fn open(state: &Path) -> anyhow::Result<LedgerFile> {
    LedgerFile::open(state).with_context(|| format!("look for a ledger in `{}`", state.display()))
}

fn export(state: &Path, filter: &LedgerFilter, as_csv: bool) -> anyhow::Result<Exit> {
    let file = open(state)?;
    if as_csv {
        print(csv::HEAD.as_bytes())?;
    }
    let mut after = 0;
    loop {
        let page = file.page(LedgerPaging::OldestFirst { after }, PAGE, filter)?;
        let Some(last) = page.records.last() else { return Ok(Exit::Fine) };
        after = last.sequence;
        let mut text = String::new();
        for record in &page.records {
            if as_csv {
                text.push_str(&csv::line(record));
            } else {
                text.push_str(&serde_json::to_string(record)?);
                text.push('\n');
            }
        }
        print(text.as_bytes())?;
    }
}

fn show(state: &Path, last: u32, as_json: bool) -> anyhow::Result<Exit> {
    let newest = LedgerPaging::NewestFirst { before: None };
    let mut page = open(state)?.page(newest, last, &LedgerFilter::default())?;
    page.records.reverse();
    if as_json {
        print(format!("{}\n", serde_json::to_string_pretty(&page)?).as_bytes())?;
    } else {
        print(table(&page).as_bytes())?;
    }
    Ok(Exit::Fine)
}

fn table(page: &LedgerPage) -> String {
    if page.records.is_empty() {
        return "Nothing stands in the ledger yet.\n".to_owned();
    }
    let head = ["RECORD", "TIME", "WHO", "SHOP", "DID", "TO WHAT", "WITH"].map(str::to_owned);
    let rows = page.records.iter().map(|record| row(page, record));
    let rows: Vec<[String; 7]> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; 7] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let line = |row: &[String; 7]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn row(page: &LedgerPage, record: &LedgerRecord) -> [String; 7] {
    let params = record.params.iter().map(|(name, value)| match value {
        Value::Integer(number) => format!("{name}={number}"),
        Value::Number(number) => format!("{name}={number}"),
        Value::Text(text) => format!("{name}={}", named(page, text)),
    });
    let optional = |text: &Option<String>| text.as_deref().unwrap_or("–").to_owned();
    [
        record.sequence.to_string(),
        shown(record.at_ms),
        named(page, &record.actor),
        optional(&record.shop),
        record.kind.clone(),
        record.subject.as_deref().map_or_else(|| "–".to_owned(), |text| named(page, text)),
        params.collect::<Vec<_>>().join(" "),
    ]
    .map(|cell| cell.replace(char::is_control, " "))
}

/// Who is behind a keyed id; of those who were forgotten its beginning.
fn named(page: &LedgerPage, text: &str) -> String {
    match (page.names.get(text), text.split_once('#')) {
        (Some(personal), _) => personal.to_string(),
        (None, Some((class @ ("person" | "customer" | "mail"), digits))) if digits.len() == 32 => {
            format!("{class}#{}… (forgotten)", &digits[..digits.floor_char_boundary(6)])
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::{Params, Personal};
    use std::collections::BTreeMap;

    #[test]
    fn days_and_moments_are_times() {
        let check = |text: &str, expect: Option<i64>| {
            assert_eq!(text.parse::<Time>().ok().map(|time| time.0), expect, "{text}");
        };
        check("1970-01-02", Some(86_400_000));
        check("1970-01-01T01:00:00+01:00", Some(0));
        check("1970-01-01T00:00:01Z", Some(1_000));
        check("yesterday", None);
        check("", None);
        assert_eq!(shown(1_767_225_600_000), "2026-01-01 00:00:00 UTC");
    }

    #[test]
    fn the_table_names_who_is_known_and_nobody_else() {
        let anna = format!("person#{}", "a".repeat(32));
        let record = |sequence: u64, actor: &str| LedgerRecord {
            sequence,
            at_ms: 0,
            actor: actor.into(),
            shop: (sequence == 2).then(|| "lamps".into()),
            kind: "run\nstarted".into(),
            subject: (sequence == 2).then(|| "run:7".into()),
            params: Params::from([("steps".into(), 3_i64.into()), ("by".into(), "x".into())]),
            previous: "0".repeat(64).parse().unwrap(),
            hash: "1".repeat(64).parse().unwrap(),
        };
        let forgotten = format!("person#{}", "b".repeat(32));
        let page = LedgerPage {
            records: vec![record(1, &anna), record(2, &forgotten)],
            names: BTreeMap::from([(anna, Personal::Person("anna".into()))]),
        };
        let expect = "\
RECORD  TIME                     WHO                         SHOP   DID          TO WHAT  WITH
1       1970-01-01 00:00:00 UTC  person:anna                 –      run started  –        by=x steps=3
2       1970-01-01 00:00:00 UTC  person#bbbbbb… (forgotten)  lamps  run started  run:7    by=x steps=3
";
        assert_eq!(table(&page), expect);
        let empty = LedgerPage { records: Vec::new(), names: BTreeMap::new() };
        assert_eq!(table(&empty), "Nothing stands in the ledger yet.\n");
    }
}
