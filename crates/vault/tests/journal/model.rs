//! A journal holds what a plain list of everything that happened holds, however it was cut into logs and
//! segments, and whatever came twice.

use super::{at, commit, field, key, lookups, row, small, table, whole};
use databases::{
    changes::{Change, Event, Image, Position, RowChange, SchemaChange, TableShape},
    dump::Field,
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{collections::BTreeMap, sync::Arc};
use vault::{
    VaultError,
    journal::{Entry, JournalKey, MarkKind, Reader, State, Writer},
};

/// One thing that happened.
#[derive(Debug, Clone)]
struct Happened {
    order: (u64, u64),
    ms: i64,
    what: Event,
}

struct Play {
    dice: SmallRng,
    tables: [Arc<TableShape>; 3],
    rows: BTreeMap<(usize, Field), Image>,
    happened: Vec<Happened>,
    /// Whole transactions, so that they can come again.
    transactions: Vec<Vec<Event>>,
    number: u64,
    clock_ms: i64,
    last_ms: i64,
}

impl Play {
    fn new(seed: u64) -> Self {
        Self {
            dice: SmallRng::seed_from_u64(seed),
            tables: [
                table("orders", &["id", "mail", "note"], &[0]),
                table("lines", &["order_id", "id", "name"], &[1]),
                table("no_key", &["a"], &[]),
            ],
            rows: BTreeMap::new(),
            happened: Vec::new(),
            transactions: Vec::new(),
            number: 0,
            clock_ms: 1_000_000,
            last_ms: 0,
        }
    }

    fn value(&mut self) -> Field {
        match self.dice.random_range(0..6) {
            0 => None,
            1 => field(""),
            2 => field("tab\t line\n back\\ \\N ü🛒"),
            3 => Some((0..self.dice.random_range(1..400)).map(|_| self.dice.random()).collect()),
            _ => field(self.dice.random_range(0..50)),
        }
    }

    fn image(&mut self, of: usize, id: &Field) -> Image {
        let mut fields = match of {
            0 => vec![id.clone(), self.value(), self.value()],
            1 => vec![field(self.dice.random_range(0..9)), id.clone(), self.value()],
            _ => vec![id.clone()],
        };
        // As where only what was changed is told.
        if of == 0 && self.dice.random_range(0..10) == 0 {
            fields[2] = None;
            return Image { fields, absent: vec![2] };
        }
        whole(fields)
    }

    fn event(&mut self) -> Event {
        let of = self.dice.random_range(0..3);
        let shape = Arc::clone(&self.tables[of]);
        match self.dice.random_range(0..60) {
            0 => {
                self.rows.retain(|(table, _), _| *table != of);
                return Event::Emptied { table: shape.label() };
            }
            1 => {
                let statement = Some("ALTER TABLE".to_owned());
                return Event::SchemaChanged(SchemaChange { table: None, statement });
            }
            _ => {}
        }
        let id = field(self.dice.random_range(0..12));
        let after = self.image(of, &id);
        let change = match self.rows.remove(&(of, id.clone())) {
            None => Change::Inserted(after.clone()),
            Some(before) if of == 2 || self.dice.random_range(0..3) == 0 => {
                return row(&shape, Change::Deleted(before));
            }
            Some(before) => {
                let moved = field(self.dice.random_range(0..12));
                let is_free = !self.rows.contains_key(&(of, moved.clone())) && moved != id;
                if is_free && self.dice.random_range(0..4) == 0 {
                    let after = self.image(of, &moved);
                    self.rows.insert((of, moved), after.clone());
                    return row(&shape, Change::Updated { before: Some(before), after });
                }
                let tells = self.dice.random_range(0..4) > 0;
                Change::Updated { before: tells.then_some(before), after: after.clone() }
            }
        };
        self.rows.insert((of, id), after);
        row(&shape, change)
    }

    fn transaction(&mut self) -> Vec<Event> {
        self.number += 1;
        // The server's clock may be set back.
        self.clock_ms += self.dice.random_range(-300..1000);
        self.last_ms = self.last_ms.max(self.clock_ms);
        let mut events = vec![Event::Begin];
        for place in 0..self.dice.random_range(1..12) {
            let what = self.event();
            let order = (self.number, place);
            self.happened.push(Happened { order, ms: self.last_ms, what: what.clone() });
            events.push(what);
        }
        events.push(commit(self.number * 10, self.clock_ms));
        self.transactions.push(events.clone());
        events
    }

    /// What happened to a row with this key, in its order.
    fn history(&self, of: usize, id: &Field) -> Vec<&Happened> {
        let place = self.tables[of].key.first().copied().unwrap_or(0);
        let has = |row: &RowChange| {
            [row.before(), row.after()]
                .into_iter()
                .flatten()
                .any(|image| image.fields[place] == *id)
        };
        let label = self.tables[of].label();
        let is_it = |event: &Event| matches!(event, Event::Row(row) if row.table.label() == label && has(row));
        self.happened.iter().filter(|one| is_it(&one.what)).collect()
    }

    /// How a row was, told by going through everything.
    fn state(&self, of: usize, id: &Field, ms: i64) -> State {
        let place = self.tables[of].key.first().copied().unwrap_or(0);
        let mut state = State::Unknown;
        if self.happened.first().is_some_and(|first| ms >= first.ms) {
            // All rows are made within the play.
            state = State::Absent;
        }
        for one in self.happened.iter().filter(|one| one.ms <= ms) {
            match &one.what {
                Event::Emptied { table } if *table == self.tables[of].label() => {
                    state = State::Absent;
                }
                Event::Row(row) if row.table == self.tables[of] => {
                    let had = row.before().is_some_and(|image| image.fields[place] == *id);
                    match row.after().filter(|image| image.fields[place] == *id) {
                        Some(after) => state = State::Row(after.clone()),
                        None if had => state = State::Absent,
                        None => {}
                    }
                }
                _ => {}
            }
        }
        state
    }
}

fn feed(writer: &mut Writer, events: &[Event]) {
    events.iter().for_each(|event| writer.append(event).unwrap());
}

fn assert_same(play: &Play, reader: &Reader) {
    let told = |found: &[vault::journal::Version]| -> Vec<_> {
        found
            .iter()
            .map(|v| ((v.sequence, v.place), v.committed_ms, Event::Row(v.row.clone())))
            .collect()
    };
    let all = |happened: &[&Happened]| -> Vec<_> {
        happened.iter().map(|one| (one.order, one.ms, one.what.clone())).collect()
    };
    for of in 0..3 {
        let label = play.tables[of].label();
        for id in (0..12).map(field) {
            let mine = play.history(of, &id);
            let found = reader.history(&label, std::slice::from_ref(&id)).unwrap();
            assert_eq!(told(&found), all(&mine), "{label} {id:?}");
            let times = [0, 1_000_000, play.last_ms / 2 + 500_000, play.last_ms];
            for ms in times.into_iter().chain(mine.iter().map(|one| one.ms)) {
                let state = reader.state_of(&found, &label, std::slice::from_ref(&id), ms);
                // Without any trace of a row, the journal cannot know that there was none.
                let expect = play.state(of, &id, ms);
                let is_same =
                    state == expect || (state == State::Unknown && expect == State::Absent);
                assert!(is_same, "{label} {id:?} at {ms}: {state:?}, not {expect:?}");
            }
        }
        let middle = 1_000_000..=play.last_ms / 2 + 500_000;
        let deleted = play.happened.iter().filter(|one| {
            let is_it = |row: &RowChange| {
                row.table.label() == label && matches!(row.change, Change::Deleted(_))
            };
            middle.contains(&one.ms) && matches!(&one.what, Event::Row(row) if is_it(row))
        });
        let deleted: Vec<_> = deleted.collect();
        assert_eq!(told(&reader.deleted(&label, middle.clone()).unwrap()), all(&deleted));
    }
    // By a column with an index, and by one without.
    for (column, name) in [(0, "order_id"), (2, "name")] {
        for value in ["3", ""] {
            let has = |image: &Image| image.fields[column].as_deref() == Some(value.as_bytes());
            let mine = play.happened.iter().filter(|one| match &one.what {
                Event::Row(row) if row.table == play.tables[1] => {
                    [row.before(), row.after()].into_iter().flatten().any(has)
                }
                _ => false,
            });
            let found = reader.find("public.lines", name, value.as_bytes()).unwrap();
            assert_eq!(told(&found), all(&mine.collect::<Vec<_>>()), "{name} {value}");
        }
    }
    for after in [None, Some(0), Some(play.number / 2), Some(play.number)] {
        let mut found = Vec::new();
        let from = after.map(|number| at(number * 10));
        reader
            .scan(from.as_ref(), |entry| {
                found.push(match entry {
                    Entry::Version(v) => ((v.sequence, v.place), v.committed_ms, Event::Row(v.row)),
                    Entry::Mark(mark) => {
                        let what = match mark.kind {
                            MarkKind::Emptied { table } => Event::Emptied { table },
                            MarkKind::Redefined { table, statement } => {
                                Event::SchemaChanged(SchemaChange { table, statement })
                            }
                        };
                        ((mark.sequence, mark.place), mark.committed_ms, what)
                    }
                });
                Ok(())
            })
            .unwrap();
        let is_after = |one: &&Happened| after.is_none_or(|after| one.order.0 > after);
        let mine: Vec<_> = play.happened.iter().filter(is_after).collect();
        assert_eq!(found, all(&mine), "after {after:?}");
    }
    reader.check().unwrap();
}

#[test]
fn it_holds_what_happened_whatever_came_between() {
    let seed: u64 =
        std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("SEED={seed}");
    for round in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let mut play = Play::new(seed.wrapping_add(round));
        let mut writer = Writer::open(folder.path(), &key(), small()).unwrap();
        for _ in 0..120 {
            let events = play.transaction();
            feed(&mut writer, &events);
            match play.dice.random_range(0..20) {
                0 => writer.roll().unwrap(),
                1 => {
                    // One that never ends, and is told anew by a stream that was opened anew.
                    writer.sync().unwrap();
                    let half = &events[..events.len() - 1];
                    feed(&mut writer, half);
                    if play.dice.random() {
                        writer.sync().unwrap();
                        drop(writer);
                        writer = Writer::open(folder.path(), &key(), small()).unwrap();
                        assert_eq!(writer.last(), Some(&at(play.number * 10)));
                    }
                }
                2 => {
                    let begin = play.dice.random_range(0..play.transactions.len());
                    let before = writer.repeats();
                    play.transactions[begin..].iter().for_each(|events| feed(&mut writer, events));
                    let again = play.transactions.len() - begin;
                    assert_eq!(writer.repeats() - before, again as u64);
                }
                3 => {
                    let position = at(play.number * 10 + 5);
                    writer.append(&Event::Reached { position: position.clone() }).unwrap();
                    assert_eq!(writer.sync().unwrap(), Some(&position));
                }
                4..12 => {
                    writer.sync().unwrap();
                }
                _ => {}
            }
        }
        writer.sync().unwrap();
        assert_same(&play, &Reader::open(folder.path(), &key(), &lookups()).unwrap());
        writer.roll().unwrap();
        writer.close().unwrap();
        let reader = Reader::open(folder.path(), &key(), &lookups()).unwrap();
        assert!(vault::journal::segments(folder.path()).unwrap().len() > 2);
        assert_same(&play, &reader);
    }
}

#[test]
fn one_writes_and_only_with_its_key_and_its_server() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(folder.path(), &key(), small()).unwrap();
    let other = Writer::open(folder.path(), &key(), small()).unwrap_err();
    assert!(matches!(other, VaultError::JournalHeld { .. }), "{other}");
    let orders = table("orders", &["id"], &[0]);
    let events =
        [Event::Begin, row(&orders, Change::Inserted(whole(vec![field(1)]))), commit(10, 5)];
    feed(&mut writer, &events);
    writer.roll().unwrap();
    let position = Position::Binlog { file: "m.000001".to_owned(), offset: 4, gtid: None };
    let error = writer.append(&Event::Commit { position, committed_ms: 6 }).unwrap_err();
    assert!(matches!(error, VaultError::OtherHistory { .. }), "{error}");
    writer.close().unwrap();
    let stranger = JournalKey::from_bytes([9; 64]);
    let error = Reader::open(folder.path(), &stranger, &lookups()).unwrap_err();
    assert!(matches!(error, VaultError::DamagedJournal { .. }), "{error}");
    let bytes: Vec<u8> = std::fs::read_dir(folder.path())
        .unwrap()
        .flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    assert!(!bytes.windows(6).any(|six| six == b"orders"), "a name is seen");
}
