//! Changes that were followed, made once more in a restored database: it becomes what the shop's own is,
//! whoever ends in between.

mod mysql;
mod postgres;

use crate::{
    changes::suite::options,
    dump::suite::{Taken, blocking, differences, dump, story},
};
use databases::{
    DatabaseError,
    changes::{Event, Position, RowChange, Stream},
    dump::TableDifference,
    replay::{self, Progress, Replay, Stage, Wanted},
    restore::Beside,
};
use kernel::config::DatabaseUrl;
use std::{cmp::Ordering, collections::BTreeSet, time::Duration};

const LIMIT: Duration = Duration::from_secs(120);
const UNTIL_MS: i64 = 1_795_348_800_000;

/// What a journal has: transactions in their order.
pub(crate) struct Tape(Vec<(Position, Vec<Event>)>);

impl Tape {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// All until the row `until` of the table `mark` is there.
    pub(crate) async fn record(stream: &mut Stream, until: &str) -> Self {
        let (mut tape, mut open) = (Self(Vec::new()), Vec::new());
        let is_mark = |row: &RowChange| {
            let first = row.after().and_then(|after| after.fields[0].as_deref());
            row.table.name == "mark" && first == Some(until.as_bytes())
        };
        let all = async {
            loop {
                match stream.next().await.unwrap_or_else(|error| panic!("{}", story(&error))) {
                    Event::Begin | Event::Reached { .. } | Event::SchemaChanged(_) => {}
                    Event::Commit { position, .. } => {
                        let ends = open
                            .iter()
                            .any(|event| matches!(event, Event::Row(row) if is_mark(row)));
                        tape.0.push((position, std::mem::take(&mut open)));
                        if ends {
                            return;
                        }
                    }
                    event => open.push(event),
                }
            }
        };
        tokio::time::timeout(LIMIT, all).await.expect("all that was committed comes");
        tape
    }

    /// What is not behind the dump is made at once, with what comes after it.
    fn play(
        self,
        wanted: &Wanted,
        dump: &Position,
        stops_at: Option<u64>,
    ) -> Result<Progress, DatabaseError> {
        self.play_watched(wanted, dump, stops_at, &mut || ())
    }

    /// `step` is called before everything that is done.
    fn play_watched(
        self,
        wanted: &Wanted,
        dump: &Position,
        stops_at: Option<u64>,
        step: &mut dyn FnMut(),
    ) -> Result<Progress, DatabaseError> {
        step();
        let mut replay = Replay::begin(wanted.clone())?;
        if replay.is_over() {
            return replay.finish();
        }
        let done = replay.progress().sequence;
        for (sequence, (position, events)) in (1..).zip(self.0) {
            if sequence <= done {
                continue;
            }
            if stops_at.is_some_and(|stops_at| sequence > stops_at) {
                return Ok(replay.progress());
            }
            let certain = position.order(dump) == Some(Ordering::Greater);
            for event in &events {
                step();
                match event {
                    Event::Row(row) => replay.change(row, certain)?,
                    Event::Emptied { table } => replay.emptied(table, certain)?,
                    event => panic!("{event:?}"),
                }
            }
            step();
            replay.commit(sequence, certain)?;
        }
        step();
        replay.finish()
    }
}

/// A database beside the live one, as a dump has it.
pub(crate) async fn restored(live: &DatabaseUrl) -> (Taken, Beside, Position) {
    let taken = dump(live).await;
    let position = taken.reader.manifest().position.clone().unwrap();
    let beside = Beside { live: live.clone(), name: "then".to_owned(), mark: "run-7".to_owned() };
    let (taken, beside) = loaded_again(taken, beside).await;
    (taken, beside, position)
}

async fn loaded_again(taken: Taken, beside: Beside) -> (Taken, Beside) {
    blocking(move || {
        let report = beside.restore(&taken.reader, None, &|_| {});
        report.unwrap_or_else(|error| panic!("{}", story(&error)));
        (taken, beside)
    })
    .await
}

/// MySQL's databases have no comment, which in MariaDB takes the place of the restore's own table.
async fn rows_that_differ(beside: &Beside) -> Vec<TableDifference> {
    let mut found = differences(&beside.live, &beside.url()).await;
    found.retain(|table| table.table != "storewarden_restore");
    found
}

/// Plays it, being ended at these places, and holds all against the live database.
pub(crate) async fn becomes(
    tape: Tape,
    beside: &Beside,
    dump: &Position,
    ends: &[u64],
) -> Progress {
    let wanted = Wanted { beside: beside.clone(), until_ms: UNTIL_MS, tables: Vec::new() };
    let stage = async || {
        let beside = beside.clone();
        blocking(move || replay::stage(&beside, UNTIL_MS).unwrap()).await
    };
    assert_eq!(stage().await, Stage::NotBegun);
    let (dump, ends) = (dump.clone(), ends.to_vec());
    let mut stops: Vec<Option<u64>> = ends.into_iter().map(Some).collect();
    stops.push(None);
    let mut last = Progress::default();
    let mut seen = BTreeSet::new();
    for stop in stops {
        let (wanted, dump) = (wanted.clone(), dump.clone());
        let tape = Tape(tape.0.clone());
        let played = blocking(move || tape.play(&wanted, &dump, stop)).await;
        last = played.unwrap_or_else(|error| panic!("{}", story(&error)));
        assert!(last.sequence == 0 || seen.insert(last.sequence), "nothing was done: {last:?}");
        let expect = if stop.is_some() { Stage::Begun } else { Stage::Done };
        assert_eq!(stage().await, expect);
    }
    assert_eq!(rows_that_differ(beside).await, []);
    // Once more: it is done.
    let dump = dump.clone();
    let again = blocking(move || Tape(tape.0).play(&wanted, &dump, None)).await;
    assert_eq!(again.unwrap(), Progress::default());
    assert_eq!(rows_that_differ(beside).await, []);
    last
}

pub(crate) async fn open(url: &DatabaseUrl, from: &Position) -> Stream {
    let stream = Stream::open(url, &options(), from).await;
    stream.unwrap_or_else(|error| panic!("{}", story(&error)))
}
