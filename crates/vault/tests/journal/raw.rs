//! The server's log as it came: what holds of it comes back in its order, however the journal was cut and
//! whatever broke off; and a hole in it is one.

use super::{field, key, row, small, table, whole};
use databases::changes::{Change, Event, Position, RawFile};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{path::Path, sync::Arc};
use vault::{
    VaultError,
    journal::{RawSpan, Reader, Writer},
};

const GTID: u8 = 162;
const ROWS: u8 = 23;

fn file(number: u64) -> Arc<RawFile> {
    let description = vec![0, 0, 0, 0, 15, u8::try_from(number).unwrap()];
    Arc::new(RawFile { name: format!("m.{number:06}"), description })
}

fn at(file: u64, offset: u64) -> Position {
    Position::Binlog { file: format!("m.{file:06}"), offset, gtid: None }
}

/// An event that begins at an offset.
fn event(begins: u64, kind: u8, body: usize) -> Vec<u8> {
    let mut bytes = vec![0; 19 + body];
    bytes[4] = kind;
    let ends = u32::try_from(begins).unwrap() + u32::try_from(bytes.len()).unwrap();
    bytes[13..17].copy_from_slice(&ends.to_le_bytes());
    bytes
}

/// The server's log, and what of it is in the journal.
struct Log {
    dice: SmallRng,
    file: u64,
    offset: u64,
    kept: Vec<(String, Vec<u8>)>,
}

impl Log {
    fn next(&mut self, kind: u8) -> Vec<u8> {
        let body = self.dice.random_range(0..300);
        let event = event(self.offset, kind, body);
        self.offset += event.len() as u64;
        event
    }

    /// A transaction of it, with rows for us or without, up to its end.
    fn transaction(&mut self) -> Vec<Event> {
        if self.dice.random_range(0..20) == 0 {
            (self.file, self.offset) = (self.file + 1, 4);
        }
        let orders = table("orders", &["id"], &[0]);
        let named = file(self.file);
        let raw = |event: Vec<u8>| Event::Raw { file: Arc::clone(&named), event };
        let mut events = vec![Event::Begin, raw(self.next(GTID))];
        let has_rows = self.dice.random_range(0..3) > 0;
        for _ in 0..self.dice.random_range(1..4) {
            events.push(raw(self.next(ROWS)));
            if has_rows {
                events.push(row(&orders, Change::Inserted(whole(vec![field(self.offset)]))));
            }
        }
        let position = at(self.file, self.offset);
        events.push(match has_rows {
            true => Event::Commit { position, committed_ms: 7 },
            false => Event::Reached { position },
        });
        events
    }

    fn keep(&mut self, events: &[Event]) {
        for event in events {
            if let Event::Raw { file, event } = event {
                self.kept.push((file.name.clone(), event.clone()));
            }
        }
    }
}

fn read(path: &Path, span: &RawSpan) -> Result<Vec<(String, Vec<u8>)>, VaultError> {
    let mut found = Vec::new();
    Reader::open(path, &key(), &super::lookups())?.raw(span, &mut |event| {
        found.push((event.file.name.clone(), event.bytes.to_vec()));
        Ok(())
    })?;
    Ok(found)
}

#[test]
fn what_holds_of_a_servers_log_comes_back() {
    let seed = rand::random();
    println!("seed {seed}");
    let folder = testkit::folder();
    let mut log = Log { dice: SmallRng::seed_from_u64(seed), file: 1, offset: 4, kept: Vec::new() };
    let mut writer = Writer::open(folder.path(), &key(), small()).unwrap();
    let mut places = vec![at(1, 4)];
    for _ in 0..300 {
        let events = log.transaction();
        // A connection breaks off, and what was under way comes again; or all of it does.
        let broken = log.dice.random_range(0..events.len() + 12);
        if broken < events.len() {
            events[..broken].iter().for_each(|event| writer.append(event).unwrap());
            if log.dice.random() {
                writer.sync().unwrap();
                drop(writer);
                writer = Writer::open(folder.path(), &key(), small()).unwrap();
            }
        }
        events.iter().for_each(|event| writer.append(event).unwrap());
        if broken == events.len() {
            events.iter().for_each(|event| writer.append(event).unwrap());
        }
        log.keep(&events);
        places.push(writer.last().unwrap().clone());
        if log.dice.random_range(0..4) == 0 {
            writer.sync().unwrap();
        }
    }
    writer.close().unwrap();
    assert_eq!(read(folder.path(), &RawSpan::default()).unwrap(), log.kept);
    let (from, to) = (log.dice.random_range(0..150), log.dice.random_range(150..301));
    let (after, until) = (Some(places[from].clone()), Some(places[to].clone()));
    let some = read(folder.path(), &RawSpan { after, until }).unwrap();
    let first = log.kept.iter().position(|kept| Some(kept) == some.first()).unwrap();
    assert_eq!(some, log.kept[first..first + some.len()]);
    let before: usize = log.kept[..first].iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(from == 0 || before > 0, "it begins after its place");
    Reader::open(folder.path(), &key(), &super::lookups()).unwrap().check().unwrap();
}

#[test]
fn a_hole_in_a_servers_log_is_told_with_its_place() {
    let check = |events: &[(u64, u64, u8)], span: &RawSpan, expect: Option<&str>| {
        let folder = testkit::folder();
        let mut writer = Writer::open(folder.path(), &key(), small()).unwrap();
        for (number, begins, kind) in events {
            let event = event(*begins, *kind, 1);
            let position = at(*number, begins + event.len() as u64);
            writer.append(&Event::Raw { file: file(*number), event }).unwrap();
            writer.append(&Event::Reached { position }).unwrap();
        }
        writer.close().unwrap();
        let found = read(folder.path(), span).err().map(|error| error.to_string());
        let is_so = match (&found, expect) {
            (None, None) => true,
            (Some(found), Some(expect)) => found.contains(expect),
            _ => false,
        };
        assert!(is_so, "{events:?}: {found:?}, {expect:?}");
    };
    let all = RawSpan::default();
    check(&[(1, 4, GTID), (1, 24, GTID), (2, 4, GTID)], &all, None);
    check(
        &[(1, 4, GTID), (1, 25, GTID)],
        &all,
        Some("up to m.000001:24, and then from m.000001:25"),
    );
    // Within a transaction, texts of statements are not told.
    check(&[(1, 4, GTID), (1, 90, ROWS)], &all, None);
    check(&[(1, 4, GTID), (3, 4, GTID)], &all, Some("m.000003:4"));
    check(&[(1, 4, GTID), (2, 24, GTID)], &all, Some("m.000002:24"));
    let after = |offset| RawSpan { after: Some(at(1, offset)), until: None };
    check(&[(1, 24, GTID)], &after(24), None);
    check(&[(1, 44, GTID)], &after(24), Some("m.000001:24"));
    let until = |offset| RawSpan { after: None, until: Some(at(1, offset)) };
    check(&[(1, 4, GTID)], &until(24), None);
    check(&[(1, 4, GTID)], &until(44), Some("no further"));
    check(&[], &until(44), Some("nothing"));
}
