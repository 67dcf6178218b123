//! An order as of any moment, out of a journal and what completes it.

use crate::journal::{at, commit, field, key, lookups, row, small, table, whole};
use databases::{
    changes::{Change, Event, Image, TableShape},
    dump::{Column, Kind, Reference, Row, Table},
};
use serde_json::json;
use shops::OrderGraph;
use std::sync::Arc;
use vault::{
    journal::{Reader, Writer},
    orders::{Base, Closure, Cut, Moment, OrderError, Source, Trail, Wanted, What, find, gone},
};

fn graph() -> OrderGraph {
    OrderGraph {
        root: "orders".into(),
        key: "id".into(),
        numbers: vec!["number".into()],
        ..OrderGraph::default()
    }
}

/// Rows that somebody keeps.
struct Kept {
    tables: Vec<Table>,
    rows: Vec<(&'static str, [&'static str; 3])>,
}

impl Source for Kept {
    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn kind(&self) -> Kind {
        Kind::Postgres
    }

    fn lookup(&mut self, table: &Table, wanted: &[(&str, &[u8])]) -> Result<Vec<Row>, OrderError> {
        let of_it = self.rows.iter().filter(|(label, _)| *label == table.label());
        let fits = |fields: &[&str; 3]| {
            wanted.iter().all(|(column, value)| {
                table.column(column).is_some_and(|at| fields[at].as_bytes() == *value)
            })
        };
        let rows = of_it.filter(|(_, fields)| fits(fields));
        Ok(rows.map(|(_, fields)| Row { fields: fields.iter().map(field).collect() }).collect())
    }
}

fn kept(name: &str, columns: [&str; 3], references: &[Reference]) -> Table {
    let file = json!({"name": "", "bytes": 0, "sha256": ""});
    let column = |name: &&str| Column { name: (*name).to_owned(), type_name: "text".into() };
    let columns: Vec<Column> = columns.iter().map(column).collect();
    serde_json::from_value(json!({
        "schema": "public", "name": name, "columns": columns, "key": ["id"], "key_order": "unknown",
        "summaries": [], "references": references, "row_count": 0, "rows": file, "index": file,
    }))
    .unwrap()
}

fn tables() -> Vec<Table> {
    let to_order = Reference {
        columns: vec!["order_id".into()],
        schema: Some("public".into()),
        table: "orders".into(),
        to: vec!["id".into()],
    };
    vec![
        kept("orders", ["id", "number", "total"], &[]),
        kept("lines", ["id", "order_id", "what"], &[to_order]),
    ]
}

fn image(fields: [&str; 3]) -> Image {
    whole(fields.iter().map(field).collect())
}

/// One order was there before; another comes, and goes line by line.
fn events() -> Vec<Event> {
    let orders: Arc<TableShape> = table("orders", &["id", "number", "total"], &[0]);
    let lines = table("lines", &["id", "order_id", "what"], &[0]);
    let (second, its_line) = (image(["2", "A-2", "20"]), image(["2", "2", "bulb"]));
    let key_only = Image { fields: vec![field("1"), None, None], absent: vec![1, 2] };
    let changed = Change::Updated {
        before: Some(image(["1", "A-1", "10"])),
        after: image(["1", "A-1", "15"]),
    };
    vec![
        Event::Begin,
        row(&orders, Change::Inserted(second.clone())),
        row(&lines, Change::Inserted(its_line.clone())),
        commit(100, 1_000),
        Event::Begin,
        row(&orders, changed),
        commit(200, 2_000),
        Event::Begin,
        row(&lines, Change::Deleted(its_line)),
        commit(300, 3_000),
        Event::Begin,
        row(&orders, Change::Deleted(second)),
        commit(301, 3_005),
        // Of this one no more than its key is told.
        Event::Begin,
        row(&lines, Change::Deleted(key_only)),
        commit(400, 4_000),
    ]
}

fn journal() -> (tempfile::TempDir, Reader) {
    let folder = testkit::folder();
    let mut writer = Writer::open(folder.path(), &key(), small()).unwrap();
    for event in events() {
        writer.append(&event).unwrap();
    }
    writer.sync().unwrap();
    let reader = Reader::open(folder.path(), &key(), &lookups()).unwrap();
    (folder, reader)
}

fn base(rows: Vec<(&'static str, [&'static str; 3])>, taken: Option<(i64, u64)>) -> Base<'static> {
    let taken = taken.map(|(taken_ms, position)| (taken_ms, at(position)));
    Base { source: Box::new(Kept { tables: tables(), rows }), taken }
}

fn before(sequence: u64, position: Option<u64>) -> Cut {
    Cut::Before { sequence, position: position.map(at) }
}

/// The order's total and its lines; `None`: it was not there.
fn seen(moment: &mut Moment<'_>, number: &str) -> Result<Option<(String, usize)>, OrderError> {
    let found = find(moment, &graph(), &Wanted::Number(number.into()))?;
    let Some(order) = found.first() else { return Ok(None) };
    let closure = Closure::of(moment, &graph(), &order.row)?;
    let total = String::from_utf8(order.row.fields[2].clone().unwrap()).unwrap();
    Ok(Some((total, closure.own_rows() - 1)))
}

#[test]
fn every_moment_is_told_as_it_was() {
    let (_folder, journal) = journal();
    let then = vec![("public.orders", ["1", "A-1", "10"]), ("public.lines", ["1", "1", "lamp"])];
    let check = |at_ms, number: &str, expect: Option<(&str, usize)>| {
        let base = base(then.clone(), Some((500, 50)));
        let mut moment = Moment::new(&journal, (at_ms, Cut::Until(at_ms)), base);
        assert_eq!(moment.is_based_before(), at_ms >= 500, "{at_ms}");
        let told = seen(&mut moment, number).unwrap();
        let told = told.as_ref().map(|(total, lines)| (total.as_str(), *lines));
        assert_eq!(told, expect, "{number} at {at_ms}");
    };
    check(999, "A-2", None);
    check(1_000, "A-2", Some(("20", 1)));
    check(2_999, "A-2", Some(("20", 1)));
    check(3_004, "A-2", Some(("20", 0)));
    check(3_005, "A-2", None);
    check(1_999, "A-1", Some(("10", 1)));
    check(2_000, "A-1", Some(("15", 1)));
    // The dump has what the journal knows only by its key.
    check(3_999, "A-1", Some(("15", 1)));
    check(4_000, "A-1", Some(("15", 0)));
}

#[test]
fn what_nobody_knows_is_not_guessed() {
    let (_folder, journal) = journal();
    // Taken after the line had gone: of the moment before, nobody has more than its key.
    let now = vec![("public.orders", ["1", "A-1", "15"])];
    let at = |at_ms| (at_ms, Cut::Until(at_ms));
    let mut moment = Moment::new(&journal, at(3_500), base(now.clone(), None));
    let table = moment.tables()[1].clone();
    let told = moment.lookup(&table, &[("id", b"1")]);
    assert!(matches!(told, Err(OrderError::NotKnown { .. })), "{told:?}");
    // What came since the journal began is known from it alone.
    let mut moment = Moment::new(&journal, at(2_500), base(now.clone(), None));
    assert_eq!(seen(&mut moment, "A-2").unwrap(), Some(("20".into(), 1)));
    // However coarse a clock is, the moment before a transaction is that.
    let mut moment = Moment::new(&journal, (0, before(3, None)), base(now, None));
    assert_eq!(seen(&mut moment, "A-2").unwrap(), Some(("20".into(), 1)));
}

#[test]
fn within_a_second_the_place_in_the_log_says_what_a_dump_was_taken_before() {
    let (_folder, journal) = journal();
    let is_before = |cut: Cut, taken| {
        let moment = Moment::new(&journal, (3_000, cut), base(Vec::new(), Some(taken)));
        moment.is_based_before()
    };
    // As MariaDB tells it: something went at 3 s, and the dump was taken 600 ms into that second.
    assert!(is_before(before(3, Some(300)), (3_600, 250)));
    assert!(!is_before(before(3, Some(300)), (3_600, 300)), "what went is not in this dump");
    assert!(!is_before(before(3, Some(300)), (2_900, 350)), "whatever the clocks say");
    assert!(is_before(before(3, None), (2_900, 350)), "without a place, clocks are all there is");
    assert!(!is_before(before(3, None), (3_600, 250)));
}

#[test]
fn an_order_that_went_row_by_row_is_whole_just_before_the_first() {
    let (_folder, journal) = journal();
    let found = gone(&journal, "public.orders", &graph(), Kind::Postgres, &(0..=9_999)).unwrap();
    let told: Vec<_> = found.iter().map(|one| (&*one.numbers[0], &*one.key, one.gone_ms)).collect();
    assert_eq!(told, [("A-2", "2", 3_005)]);
    let none = gone(&journal, "public.orders", &graph(), Kind::Postgres, &(3_006..=9_999));
    assert_eq!(none.unwrap(), []);
    let of = |key: &str| {
        Trail::of(&journal, (&tables(), Kind::Postgres), &graph(), key.as_bytes()).unwrap()
    };
    let trail = of("2");
    let told: Vec<_> = trail
        .happenings
        .iter()
        .map(|one| (one.at_ms, one.what, one.difference.rows.len()))
        .collect();
    let expect = [(1_000, What::Made, 2), (3_000, What::Changed, 1), (3_005, What::Gone, 1)];
    assert_eq!(told, expect);
    assert_eq!(trail.last_whole(), Some((3_000, before(3, Some(300)))));
    assert_eq!(trail.gone_ms(), Some(3_005));
    assert!(trail.begins_with_it());
    // Old values beside new ones.
    let trail = of("1");
    assert_eq!((trail.last_whole(), trail.begins_with_it()), (None, false));
    let difference = &trail.happenings[0].difference;
    let changes: Vec<_> = difference.rows[0]
        .changes()
        .map(|(column, then, now)| {
            (column, difference.shown(then.unwrap()), difference.shown(now.unwrap()))
        })
        .collect();
    assert_eq!(changes, [("total", Some("10".to_owned()), Some("15".to_owned()))]);
}
