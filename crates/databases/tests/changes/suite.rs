//! A replica in memory, which is held against a dump of the server that it followed.

use crate::dump::suite::{blocking, dump, story};
use databases::{
    DatabaseError,
    changes::{
        Change, Event, Options, Position, RowChange, SchemaChange, Stream, TableShape, Tables,
    },
    dump::Field,
};
use kernel::config::DatabaseUrl;
use std::{cmp::Ordering, collections::BTreeMap, time::Duration};

/// Nothing here takes nearly that long, on any machine.
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn options() -> Options {
    Options {
        name: "storewarden_test".to_owned(),
        server_id: 4711,
        tables: Tables::All,
        raw: false,
    }
}

/// Rows by their keys; of a table without a key, each row is one.
type Rows = BTreeMap<Vec<Field>, Vec<Field>>;

#[derive(Debug, Default)]
pub(crate) struct Replica {
    pub(crate) tables: BTreeMap<String, Rows>,
    /// After the last transaction that is in `tables`.
    pub(crate) at: Option<Position>,
    pub(crate) transactions: u32,
    pub(crate) repeated: u32,
    pub(crate) schema_changes: Vec<SchemaChange>,
    /// Every change, as it came.
    pub(crate) changes: Vec<RowChange>,
    open: Option<Vec<Event>>,
}

impl Replica {
    pub(crate) async fn open(&self, url: &DatabaseUrl, from: &Position) -> Stream {
        let stream = Stream::open(url, &options(), self.at.as_ref().unwrap_or(from)).await;
        stream.unwrap_or_else(|error| panic!("{}", story(&error)))
    }

    /// Takes everything until the row of the table `mark` with this number is committed.
    pub(crate) async fn follow(&mut self, stream: &mut Stream, mark: &str, acknowledges: bool) {
        let seen = |replica: &Self| {
            let rows = replica.tables.iter().find(|(label, _)| label.ends_with("mark"));
            rows.is_some_and(|(_, rows)| rows.contains_key(&vec![Some(mark.as_bytes().to_vec())]))
        };
        let all = async {
            while !seen(self) {
                let event = stream.next().await.unwrap_or_else(|error| panic!("{}", story(&error)));
                if let Some(position) = self.take(event)
                    && acknowledges
                {
                    stream.acknowledge(&position).await.unwrap();
                }
            }
        };
        tokio::time::timeout(LIMIT, all).await.expect("all that was committed comes");
    }

    /// Until it fails.
    pub(crate) async fn follow_to_error(&mut self, stream: &mut Stream) -> DatabaseError {
        let all = async {
            loop {
                match stream.next().await {
                    Ok(event) => self.take(event),
                    Err(error) => return error,
                };
            }
        };
        tokio::time::timeout(LIMIT, all).await.expect("it fails")
    }

    /// Gives the position of what is durable from now on.
    fn take(&mut self, event: Event) -> Option<Position> {
        match event {
            Event::Begin => {
                assert!(self.open.replace(Vec::new()).is_none(), "a transaction in another");
                None
            }
            Event::Reached { position } => {
                assert!(self.open.is_none(), "reached {position} within a transaction");
                // A stream from an older place comes by here once more.
                if !self.has(&position) {
                    self.at = Some(position.clone());
                }
                Some(position)
            }
            Event::Commit { position, committed_ms } => {
                assert!(committed_ms > 1_700_000_000_000, "{committed_ms}");
                let events = self.open.take().expect("a commit ends what was begun");
                assert!(!events.is_empty(), "a transaction without changes");
                if self.has(&position) {
                    self.repeated += 1;
                } else {
                    self.transactions += 1;
                    events.into_iter().for_each(|event| self.apply(event));
                    self.at = Some(position.clone());
                }
                Some(position)
            }
            event => {
                self.open.as_mut().expect("changes are within transactions").push(event);
                None
            }
        }
    }

    /// Whether all before this place is in the tables.
    fn has(&self, position: &Position) -> bool {
        let order = self.at.as_ref().map(|at| position.order(at).expect("one log"));
        order.is_some_and(Ordering::is_le)
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Emptied { table } => {
                self.tables.insert(table, Rows::new());
            }
            Event::SchemaChanged(change) => self.schema_changes.push(change),
            Event::Row(row) => {
                let rows = self.tables.entry(row.table.label()).or_default();
                match &row.change {
                    Change::Inserted(after) => {
                        assert!(after.is_whole(), "{row:?}");
                        let before =
                            rows.insert(key(&row.table, &after.fields), after.fields.clone());
                        assert_eq!(before, None, "inserted twice");
                    }
                    Change::Deleted(before) => {
                        let gone = rows.remove(&key(&row.table, &before.fields));
                        let gone = gone.unwrap_or_else(|| panic!("deleted and not there: {row:?}"));
                        if before.is_whole() {
                            assert_eq!(gone, before.fields);
                        }
                    }
                    Change::Updated { before, after } => {
                        let old_key = key(&row.table, &before.as_ref().unwrap_or(after).fields);
                        let mut fields = after.fields.clone();
                        let gone = rows.remove(&old_key);
                        let gone = gone.unwrap_or_else(|| panic!("updated and not there: {row:?}"));
                        for absent in &after.absent {
                            fields[*absent].clone_from(&gone[*absent]);
                        }
                        assert_eq!(rows.insert(key(&row.table, &fields), fields), None);
                    }
                }
                self.changes.push(row);
            }
            event => panic!("{event:?} is none of a transaction's"),
        }
    }

    /// What changed of a table, as it came.
    pub(crate) fn changes_of(&self, label: &str) -> Vec<&Change> {
        let of = self.changes.iter().filter(|row| row.table.label() == label);
        of.map(|row| &row.change).collect()
    }

    /// Holds these tables against the server, byte for byte.
    pub(crate) async fn assert_same(&self, url: &DatabaseUrl, tables: &[&str]) {
        let taken = dump(url).await;
        let mine = self.tables.clone();
        let tables: Vec<String> = tables.iter().map(|name| (*name).to_owned()).collect();
        blocking(move || {
            for name in tables {
                let table = taken.reader.table(&name).unwrap_or_else(|| panic!("no {name}"));
                let theirs = taken.reader.rows(table).unwrap().map(|row| row.unwrap().fields);
                let mut theirs: Vec<Vec<Field>> = theirs.collect();
                theirs.sort();
                let mut mine: Vec<Vec<Field>> =
                    mine.get(&name).cloned().unwrap_or_default().into_values().collect();
                mine.sort();
                assert_eq!(readable(&mine), readable(&theirs), "{name}");
            }
        })
        .await;
    }
}

fn key(table: &TableShape, fields: &[Field]) -> Vec<Field> {
    match table.key.as_slice() {
        [] => fields.to_vec(),
        key => key.iter().map(|column| fields[*column].clone()).collect(),
    }
}

fn readable(rows: &[Vec<Field>]) -> Vec<Vec<String>> {
    let text = |field: &Field| match field {
        Some(bytes) if bytes.len() > 200 => format!("{} bytes, {:x}", bytes.len(), sum(bytes)),
        Some(bytes) => format!("'{}'", bytes.escape_ascii()),
        None => "NULL".to_owned(),
    };
    rows.iter().map(|row| row.iter().map(text).collect()).collect()
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
}
