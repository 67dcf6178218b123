//! Which moments are reached from a dump by a journal, and what stands in the way of others.

use crate::journal::{at, commit, field, row, small, table, whole};
use databases::{
    changes::{Change, Column, Event, SchemaChange, TableShape},
    dump::{FileEntry, KeyOrder, Kind, Manifest, Position, Table},
};
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};
use vault::{
    journal::{Place, Writer},
    moment::{Forecast, Journals, Obstacle},
    stream::{self, Standing},
};

const T0: i64 = 1_795_348_800_000;

fn shape(name: &str, columns: &[&str]) -> Arc<TableShape> {
    table(name, columns, &[0])
}

/// A dump of `public.orders (id, total)` that lies at this place.
fn manifest(kind: Kind, position: Position, taken_ms: i64) -> Manifest {
    let file = || FileEntry { name: String::new(), bytes: 0, sha256: String::new() };
    let column = |name: &str| Column { name: name.to_owned(), type_name: "text".to_owned() };
    let orders = Table {
        schema: Some("public".to_owned()),
        name: "orders".to_owned(),
        columns: vec![column("id"), column("total")],
        key: vec!["id".to_owned()],
        key_order: KeyOrder::Unknown,
        summaries: Vec::new(),
        references: Vec::new(),
        row_count: 0,
        rows: file(),
        index: file(),
    };
    Manifest {
        format: 1,
        kind,
        server: String::new(),
        database: "shop".to_owned(),
        taken_ms,
        position: Some(position),
        settings: BTreeMap::new(),
        tables: vec![orders],
        sequences: Vec::new(),
        files: Vec::new(),
        rights: Vec::new(),
        left_out: Vec::new(),
    }
}

/// A journal of these events, which has everything up to `current_ms`.
fn journal(state: &Path, events: &[Event], current_ms: i64) -> Place {
    let place = Place::of(state, &"lamps".parse().unwrap());
    let key = place.make_key().unwrap();
    let mut writer = Writer::open(&place.folder(), &key, small()).unwrap();
    writer.append(&Event::Reached { position: at(10) }).unwrap();
    for event in events {
        writer.append(event).unwrap();
        writer.sync().unwrap();
    }
    writer.close().unwrap();
    let standing = format!("{{\"begun_ms\": {T0}, \"current_ms\": {current_ms}}}");
    fs::write(place.beside("json"), standing).unwrap();
    place
}

fn bought(shape: &Arc<TableShape>, id: u32, place: u64, ms: i64) -> [Event; 3] {
    let mut fields = vec![field(id), field("9.50")];
    fields.resize(shape.columns.len(), None);
    [Event::Begin, row(shape, Change::Inserted(whole(fields))), commit(place, ms)]
}

/// One order a second, from the first second on, at the places 110, 120 and so on.
fn trade(seconds: u32) -> Vec<Event> {
    let orders = shape("orders", &["id", "total"]);
    let one = |second: u32| {
        let place = 100 + 10 * u64::from(second);
        bought(&orders, second, place, T0 + 1000 * i64::from(second))
    };
    (1..=seconds).flat_map(one).collect()
}

fn found(place: &Place, manifest: &Manifest, until_ms: i64) -> Result<Forecast, Obstacle> {
    let journals = Journals::of(place).unwrap();
    journals.find(manifest, until_ms, &[]).unwrap().map(|path| path.forecast)
}

#[test]
fn a_moment_is_reached_by_the_changes_since_the_dump_or_it_is_said_why_not() {
    let folder = testkit::folder();
    let place = journal(folder.path(), &trade(300), T0 + 400_000);
    let check = |dump: u64, second: i64, until_s: i64, expect: Result<(u64, i64), Obstacle>| {
        let manifest = manifest(Kind::Postgres, at(dump), T0 + 1000 * second);
        let found = found(&place, &manifest, T0 + 1000 * until_s);
        let found = found.map(|of| (of.changes, of.last_ms.map_or(0, |ms| (ms - T0) / 1000)));
        assert_eq!(found, expect, "dump at {dump}, until {until_s} s");
    };
    // Changes from two minutes before the dump on come once more.
    check(100 + 2000, 200, 250, Ok((171, 250)));
    check(100 + 2005, 200, 250, Ok((171, 250)));
    // Of the journal's first two minutes, all.
    check(100 + 500, 50, 60, Ok((60, 60)));
    check(100 + 3000, 300, 350, Ok((121, 300)));
    // Begun after the journal, whatever came then.
    check(50, 1, 2, Ok((2, 2)));
    check(100 + 2000, 200, 199, Err(Obstacle::TooNew));
    check(100 + 2000, 200, 500, Err(Obstacle::NotReached { until_ms: T0 + 400_000 }));
    // Before the journal was begun.
    check(50, -1, 250, Err(Obstacle::NotCovered));
    let other = Position::Binlog { file: "m.000001".to_owned(), offset: 4, gtid: None };
    let other = manifest(Kind::MySql, other, T0 + 1000);
    assert_eq!(found(&place, &other, T0 + 2000), Err(Obstacle::NotCovered));
    let nowhere = Manifest { position: None, ..other };
    assert_eq!(found(&place, &nowhere, T0 + 2000), Err(Obstacle::NoPlace));
}

#[test]
fn a_journal_that_was_put_aside_reaches_what_it_reached_before() {
    let folder = testkit::folder();
    // Quiet before the first order and after the last one.
    let place = journal(folder.path(), &trade(9), T0 + 100_000);
    let quiet = manifest(Kind::Postgres, at(50), T0 + 500);
    let late = manifest(Kind::Postgres, at(500), T0 + 50_000);
    let check = |place: &Place| {
        assert_eq!(found(place, &quiet, T0 + 90_000).map(|of| of.changes), Ok(9));
        assert_eq!(found(place, &late, T0 + 90_000).map(|of| of.last_ms), Ok(Some(T0 + 9000)));
        let beyond = found(place, &quiet, T0 + 100_001);
        assert_eq!(beyond, Err(Obstacle::NotReached { until_ms: T0 + 100_000 }));
    };
    check(&place);
    let standing = Standing::read(&place).unwrap().unwrap();
    stream::put_aside(&place, &standing, T0 + 110_000).unwrap();
    assert!(!place.folder().exists());
    // Another one goes on, of the time since.
    let standing = format!("{{\"begun_ms\": {0}, \"current_ms\": {0}}}", T0 + 110_000);
    fs::write(place.beside("json"), standing).unwrap();
    check(&place);
    // A dump of a time that neither has.
    let between = manifest(Kind::Postgres, at(600), T0 + 105_000);
    assert_eq!(found(&place, &between, T0 + 106_000), Err(Obstacle::NotCovered));
    // What an older program has put aside says less, and nothing that is wrong.
    let aside = place.put_aside().unwrap().remove(0).0;
    fs::remove_file(aside.join("covered.json")).unwrap();
    assert_eq!(found(&place, &quiet, T0 + 9000), Err(Obstacle::NotCovered));
    let middle = manifest(Kind::Postgres, at(145), T0 + 4500);
    assert_eq!(found(&place, &middle, T0 + 9000).map(|of| of.changes), Ok(9));
}

#[test]
fn what_was_redefined_before_the_dump_is_in_it_and_after_it_is_told() {
    let folder = testkit::folder();
    let narrow = shape("orders", &["id"]);
    let wide = shape("orders", &["id", "total", "phone"]);
    let fresh = shape("coupons", &["id"]);
    let mut events: Vec<Event> = bought(&narrow, 1, 100, T0 + 1000).into();
    events.extend(trade(9).split_off(3));
    events.extend(bought(&wide, 50, 900, T0 + 50_000));
    events.extend(bought(&fresh, 1, 910, T0 + 60_000));
    let place = journal(folder.path(), &events, T0 + 100_000);
    let dump = manifest(Kind::Postgres, at(150), T0 + 5000);
    let forecast = found(&place, &dump, T0 + 9000).unwrap();
    assert_eq!((forecast.changes, forecast.transactions), (8, 8));
    let redefined = |table: &str, at_ms| {
        Err(Obstacle::Redefined { table: Some(table.to_owned()), statement: None, at_ms })
    };
    let orders = redefined("public.orders", T0 + 50_000);
    assert_eq!(found(&place, &dump, T0 + 70_000), orders);
    assert_eq!(found(&place, &dump, T0 + 49_999).map(|of| of.changes), Ok(8));
    // A table that the dump does not have, where the others are not asked for.
    let journals = Journals::of(&place).unwrap();
    let only = ["public.coupons".to_owned()];
    let coupons = journals.find(&dump, T0 + 70_000, &only).unwrap();
    let coupons = coupons.map(|path| path.forecast);
    assert_eq!(coupons, redefined("public.coupons", T0 + 60_000));
}

#[test]
fn a_statement_counts_only_behind_the_dumps_place_and_where_it_touches_tables() {
    let folder = testkit::folder();
    let said = |statement: &str, place, ms| {
        let statement = Some(statement.to_owned());
        let change = SchemaChange { table: None, statement };
        [Event::Begin, Event::SchemaChanged(change), commit(place, ms)]
    };
    let mut events = trade(5);
    events.extend(said("ALTER TABLE orders ADD a int", 160, T0 + 6000));
    events.extend(said("CREATE INDEX i ON orders (id)", 170, T0 + 7000));
    events.extend(said("DROP TABLE carts", 180, T0 + 9000));
    let place = journal(folder.path(), &events, T0 + 100_000);
    // Of a kind whose dumps lie exactly at their place.
    let check = |dump: u64, until_s: i64, expect: Result<u64, i64>| {
        let manifest = manifest(Kind::MySql, at(dump), T0 + 1000);
        let found = found(&place, &manifest, T0 + 1000 * until_s);
        let found = found.map(|of| of.changes).map_err(|obstacle| match obstacle {
            Obstacle::Redefined { at_ms, statement: Some(_), .. } => (at_ms - T0) / 1000,
            other => panic!("{other}"),
        });
        assert_eq!(found, expect, "{dump} {until_s}");
    };
    check(120, 5, Ok(3));
    check(120, 8, Err(6));
    check(160, 8, Ok(0));
    check(160, 9, Err(9));
    check(180, 50, Ok(0));
}

/// From and until, and whether something ends it; then the points as second and changes.
type Reached = (i64, i64, bool, Vec<(i64, u64)>);

fn reach(place: &Place, manifest: &Manifest, step_s: i64) -> Result<Reached, Obstacle> {
    let journals = Journals::of(place).unwrap();
    let reach = journals.reach(manifest, i64::MAX, 1000 * step_s).unwrap()?;
    let second = |ms: i64| (ms - T0).div_euclid(1000);
    let points = reach.points.iter().map(|point| (second(point.at_ms), point.changes));
    Ok((second(reach.from_ms), second(reach.until_ms), reach.ends.is_some(), points.collect()))
}

#[test]
fn every_full_step_that_a_journal_reaches_is_told_with_what_it_takes() {
    let folder = testkit::folder();
    let place = journal(folder.path(), &trade(300), T0 + 400_000);
    let exact = manifest(Kind::MySql, at(100 + 2000), T0 + 200_000);
    // Steps are the clock's, and not the dump's.
    assert_eq!(T0 % 100_000, 0);
    let minutes = reach(&place, &exact, 60).unwrap();
    assert_eq!((minutes.0, minutes.1, minutes.2), (200, 400, false));
    let expect = [(240, 40), (300, 100), (360, 100)];
    assert_eq!(minutes.3, expect);
    // As many as a restore to that moment says.
    for (second, changes) in expect {
        let until_ms = T0 + 1000 * second;
        assert_eq!(found(&place, &exact, until_ms).map(|of| of.changes), Ok(changes));
    }
    // PostgreSQL's come once more from two minutes before the dump on, and its first second is unclear.
    let around = manifest(Kind::Postgres, at(100 + 2000), T0 + 200_000);
    assert_eq!(reach(&place, &around, 100), Ok((201, 400, false, vec![(300, 221), (400, 221)])));
    assert_eq!(
        reach(&place, &manifest(Kind::Postgres, at(50), T0 - 1000), 60),
        Err(Obstacle::NotCovered)
    );
}

#[test]
fn what_is_redefined_ends_what_is_reached() {
    let folder = testkit::folder();
    let mut events = trade(9);
    let wide = shape("orders", &["id", "total", "phone"]);
    events.extend(bought(&wide, 50, 900, T0 + 50_500));
    events.extend(bought(&wide, 51, 910, T0 + 60_000));
    let place = journal(folder.path(), &events, T0 + 100_000);
    let dump = manifest(Kind::MySql, at(150), T0 + 5000);
    assert_eq!(reach(&place, &dump, 20), Ok((5, 50, true, vec![(20, 4), (40, 4)])));
    let journals = Journals::of(&place).unwrap();
    assert_eq!(journals.current_ms(), Some(T0 + 100_000));
    journals.check().unwrap();
}
