//! `storewarden ledger`: whether it holds, what stands in it, and all of it for others.
//!
//! Reads the store itself, to read only, so that it needs no control and disturbs none.

use crate::{
    cli::{Exit, Json, State},
    moment::{Here, length},
    remote::print,
    runs::words,
    table::{Side, table},
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

/// `2026-01-31 09:30:00 UTC`: for what is compared with what stands elsewhere.
fn utc(at_ms: i64) -> String {
    let (now_ms, zone) = (at_ms, TimeZone::UTC);
    Here { now_ms, zone }.moment(at_ms)
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
        print(shown(&page, &Here::now()).as_bytes())?;
    }
    Ok(Exit::Fine)
}

fn shown(page: &LedgerPage, here: &Here) -> String {
    if page.records.is_empty() {
        return "Nothing stands in the ledger yet.\n".to_owned();
    }
    let rows: Vec<[String; 7]> =
        page.records.iter().map(|record| row(page, record, here)).collect();
    let head = [
        ("RECORD", Side::Right),
        ("TIME", Side::Left),
        ("WHO", Side::Left),
        ("SHOP", Side::Left),
        ("DID", Side::Left),
        ("TO WHAT", Side::Left),
        ("WITH", Side::Left),
    ];
    table(head, &rows)
}

fn row(page: &LedgerPage, record: &LedgerRecord, here: &Here) -> [String; 7] {
    let optional = |text: &Option<String>| text.as_deref().unwrap_or("–").to_owned();
    let (did, used) = did(page, record);
    let rest = record.params.iter().filter(|(name, _)| !used.contains(&name.as_str()));
    let with = rest.map(|(name, value)| match (name.strip_suffix("_ms"), value) {
        (Some(name), Value::Integer(at_ms)) => format!("{name}={}", time(*at_ms, here)),
        _ => format!("{name}={}", value_text(page, value)),
    });
    [
        record.sequence.to_string(),
        here.moment(record.at_ms),
        named(page, &record.actor),
        optional(&record.shop),
        did,
        record.subject.as_deref().map_or_else(|| "–".to_owned(), |text| subject(page, text)),
        with.collect::<Vec<_>>().join(" "),
    ]
}

/// What was done, in words, and the parameters that stand in them.
fn did(page: &LedgerPage, record: &LedgerRecord) -> (String, &'static [&'static str]) {
    let param = |name| record.params.get(name).map(|value| value_text(page, value));
    let kind = words(&record.kind);
    match (kind.strip_prefix("step "), record.params.get("step"), param("act")) {
        (Some(outcome), Some(Value::Integer(step)), Some(act)) => {
            let mut text = format!("step {} {outcome}: {}", step + 1, words(&act));
            for name in ["instance", "release", "hosts", "what"] {
                if let Some(value) = param(name) {
                    text.push_str(&format!(" {}", words_of(name, &value)));
                }
            }
            (text, &["step", "act", "shop", "instance", "release", "hosts", "what"])
        }
        _ => match (param("plan"), param("steps")) {
            (Some(plan), Some(steps)) => {
                (format!("{kind}: {}, {steps} steps", words(&plan)), &["plan", "steps"])
            }
            _ => (kind, &[]),
        },
    }
}

/// A length of time or a moment, which no length comes near.
fn time(milliseconds: i64, here: &Here) -> String {
    const TEN_YEARS_MS: i64 = 10 * 366 * 24 * 60 * 60 * 1000;
    match milliseconds {
        0..TEN_YEARS_MS => length(milliseconds),
        moment => here.moment(moment),
    }
}

/// Names of instances and releases are told as they are; codes as words.
fn words_of(name: &str, value: &str) -> String {
    match name {
        "what" => words(value),
        "release" => format!("of release {value}"),
        _ => value.to_owned(),
    }
}

fn value_text(page: &LedgerPage, value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => named(page, text),
    }
}

/// `run 7` for `run:7`; people by their names.
fn subject(page: &LedgerPage, text: &str) -> String {
    match text.split_once(':') {
        Some((class @ ("run" | "incident" | "silence"), id)) => format!("{class} {id}"),
        _ => named(page, text),
    }
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
     1  1970-01-01 00:00:00 UTC  person:anna                 –      run started  –        by=x steps=3
     2  1970-01-01 00:00:00 UTC  person#bbbbbb… (forgotten)  lamps  run started  run 7    by=x steps=3
";
        let here = Here { now_ms: 0, zone: TimeZone::UTC };
        assert_eq!(shown(&page, &here), expect);
        let empty = LedgerPage { records: Vec::new(), names: BTreeMap::new() };
        assert_eq!(shown(&empty, &here), "Nothing stands in the ledger yet.\n");
    }

    #[test]
    fn what_a_run_did_is_told_with_step_instance_and_release() {
        let page = LedgerPage { records: Vec::new(), names: BTreeMap::new() };
        let check = |kind: &str, params: &[(&str, Value)], expect: &str| {
            let record = LedgerRecord {
                sequence: 1,
                at_ms: 0,
                actor: "command-line".into(),
                shop: None,
                kind: kind.into(),
                subject: Some("run:7".into()),
                params: params
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), value.clone()))
                    .collect(),
                previous: "0".repeat(64).parse().unwrap(),
                hash: "1".repeat(64).parse().unwrap(),
            };
            assert_eq!(did(&page, &record).0, expect);
        };
        let (act, instance) = (("act", "deploy".into()), ("instance", "app-1".into()));
        check(
            "step_failed",
            &[("step", 1_i64.into()), act, instance, ("release", "42".into())],
            "step 2 failed: deploy app-1 of release 42",
        );
        let minutes = ("what", "run_logs".into());
        check(
            "step_done",
            &[("step", 0_i64.into()), ("act", "remove_old_data".into()), minutes],
            "step 1 done: remove old data run logs",
        );
        check(
            "run_started",
            &[("plan", "clean_up".into()), ("steps", 2_i64.into())],
            "run started: clean up, 2 steps",
        );
        check("signed_in", &[], "signed in");
        let here = Here { now_ms: 0, zone: TimeZone::UTC };
        assert_eq!(time(120_000, &here), "2 min 0 s");
        assert_eq!(time(1_767_225_600_000, &here), "2026-01-01 00:00:00 UTC");
    }
}
