//! Every way in which a ledger can be tampered with, and what is said of it.

use super::*;
use crate::{
    ledger::{CheckpointOutcome, LedgerKey, append, checkpoint},
    migrations,
};
use kernel::{Actor, LedgerEntry, Params, Personal};
use tempfile::TempDir;

const RECORDS: i64 = 9;
const T: i64 = 1_767_225_600_000;

/// A ledger in memory whose triggers somebody took away.
struct Ledger {
    connection: Connection,
    key: LedgerKey,
    _folder: TempDir,
}

fn entry(number: i64) -> LedgerEntry {
    LedgerEntry {
        at_ms: T + number,
        actor: if number % 2 == 0 { Actor::Storewarden } else { Actor::Person("anna".into()) },
        shop: (number % 3 != 0).then(|| "lamps".parse().unwrap()),
        kind: "run_started".into(),
        subject: (number % 4 != 0).then(|| format!("run:{number}")),
        params: Params::from([
            ("steps".to_owned(), number.into()),
            ("customer".to_owned(), Personal::Customer("4711".into()).into()),
        ]),
    }
}

impl Ledger {
    fn new(records: i64) -> Self {
        let mut connection = Connection::open_in_memory().unwrap();
        migrations::run(&mut connection).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ledger =
            Self { connection, key: LedgerKey::open(folder.path()).unwrap(), _folder: folder };
        ledger.grow(records);
        ledger
    }

    fn grow(&self, records: i64) {
        for number in 1..=records {
            append(&self.connection, &entry(number)).unwrap();
        }
    }

    fn checkpoint(&self) -> Checkpoint {
        match checkpoint::make(&self.connection, &self.key, T).unwrap() {
            CheckpointOutcome::Made(made) => made,
            other => panic!("{other:?}"),
        }
    }

    fn lay_open(&self) {
        let names = "SELECT name FROM sqlite_schema WHERE type = 'trigger'";
        let mut select = self.connection.prepare(names).unwrap();
        let names = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
        for name in names.map(Result::unwrap).collect::<Vec<_>>() {
            self.run(&format!("DROP TRIGGER {name}"));
        }
    }

    fn run(&self, sql: &str) {
        self.connection.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    fn verify(&self, witnesses: &[Witness]) -> Verification {
        verify(&self.connection, witnesses, &[self.key.public()]).unwrap()
    }

    /// What is wrong after `sql`, which is then undone.
    fn after(&self, sql: &str) -> Vec<LedgerFault> {
        self.run("SAVEPOINT before");
        self.run(sql);
        let faults = self.verify(&[]).faults;
        self.run("ROLLBACK TO before; RELEASE before");
        faults
    }

    /// Makes all hashes anew, as somebody would who knows the format.
    fn forge_chain(&self) {
        let store = query::store_id(&self.connection).unwrap();
        let mut previous = record::origin(store.as_bytes());
        let mut read = self.connection.prepare(&select("true ORDER BY sequence")).unwrap();
        let mut rows = read.query([]).unwrap();
        let write = "UPDATE ledger SET previous = ?2, hash = ?3 WHERE sequence = ?1";
        while let Some(row) = rows.next().unwrap() {
            let fields = Seen::of(row).unwrap().fields;
            let hash = record::hash(&fields, &previous, &mut Vec::new());
            let values = (fields.sequence, previous.as_bytes(), hash.as_bytes());
            self.connection.execute(write, values).unwrap();
            previous = hash;
        }
    }
}

fn witness(checkpoint: Checkpoint) -> Witness {
    Witness { name: "usb".into(), checkpoint }
}

fn breaks(faults: &[LedgerFault]) -> Vec<(u64, &LedgerBreak)> {
    faults.iter().map(|fault| (fault.sequence, &fault.what)).collect()
}

#[test]
fn a_ledger_that_nobody_touched_holds() {
    let ledger = Ledger::new(RECORDS);
    let made = ledger.checkpoint();
    ledger.grow(2);
    let found = ledger.verify(&[witness(made.clone())]);
    assert!(found.holds(), "{found:?}");
    assert_eq!((found.records, found.chained, found.covered), (11, 11, 9));
    assert_eq!((found.checkpoints, found.witnesses.as_slice()), (1, ["usb".to_owned()].as_slice()));
    assert_eq!((found.first_at_ms, found.last_at_ms), (Some(T + 1), Some(T + 2)));
    assert_eq!((found.clock_steps_back, found.first_step_back), (1, Some(10)));
    assert_eq!(Checkpoint::parse(&made.text()).unwrap(), made);
    assert!(found.missing_triggers.is_empty());
    let empty = Ledger::new(0).verify(&[]);
    assert!(empty.holds() && empty.hash.is_none() && empty.records == 0, "{empty:?}");
}

#[test]
fn what_is_written_cannot_be_changed_by_mistake() {
    let ledger = Ledger::new(2);
    ledger.checkpoint();
    for sql in [
        "UPDATE ledger SET kind = 'x' WHERE sequence = 1",
        "DELETE FROM ledger WHERE sequence = 2",
        "DELETE FROM ledger",
        "INSERT OR REPLACE INTO ledger SELECT * FROM ledger WHERE sequence = 2",
        "INSERT INTO ledger SELECT 9, at_ms, actor, shop, kind, subject, params, previous, hash
             FROM ledger WHERE sequence = 2",
        "UPDATE ledger_checkpoint SET count = 1",
        "DELETE FROM ledger_checkpoint",
        "INSERT OR REPLACE INTO ledger_checkpoint SELECT * FROM ledger_checkpoint",
        "UPDATE ledger_origin SET store = ''",
        "DELETE FROM ledger_origin",
    ] {
        let error = ledger.connection.execute_batch(sql).unwrap_err().to_string();
        assert!(error.contains(" is never ") || error.contains(" comes after "), "{sql}: {error}");
    }
    assert!(ledger.verify(&[]).holds());
}

#[test]
fn any_byte_of_any_record_that_changes_is_found() {
    let ledger = Ledger::new(RECORDS);
    ledger.lay_open();
    assert_eq!(ledger.verify(&[]).missing_triggers.len(), 8);
    let texts = ["actor", "shop", "kind", "subject", "params", "previous", "hash"];
    let mut changes = 0;
    for sequence in 1..=RECORDS {
        for column in texts {
            let cast = if matches!(column, "previous" | "hash") { "blob" } else { "text" };
            let read =
                format!("SELECT CAST({column} AS blob) FROM ledger WHERE sequence = {sequence}");
            let bytes: Option<Vec<u8>> =
                ledger.connection.query_row(&read, [], |row| row.get(0)).unwrap();
            for at in 0..bytes.as_ref().map_or(0, Vec::len) {
                let mut other = bytes.clone().unwrap();
                other[at] ^= 1 << (at % 8);
                let value = record::hex(&other);
                let sql = format!(
                    "UPDATE ledger SET {column} = CAST(x'{value}' AS {cast})
                     WHERE sequence = {sequence}"
                );
                let faults = ledger.after(&sql);
                assert_eq!(faults.len(), 1, "{sql}");
                assert_eq!(faults[0].sequence, sequence.unsigned_abs(), "{sql}");
                changes += 1;
            }
        }
        for (column, value) in [
            ("at_ms", "at_ms + 1"),
            ("shop", "CASE WHEN shop IS NULL THEN '' ELSE NULL END"),
            ("subject", "CASE WHEN subject IS NULL THEN '' ELSE NULL END"),
            ("params", "params || ' '"),
            ("kind", "''"),
            ("hash", "x''"),
        ] {
            let sql = format!("UPDATE ledger SET {column} = {value} WHERE sequence = {sequence}");
            assert_eq!(ledger.after(&sql).len(), 1, "{sql}");
        }
    }
    assert!(changes > 1000, "{changes}");
}

#[test]
fn records_removed_inserted_or_moved_are_found() {
    let ledger = Ledger::new(RECORDS);
    ledger.lay_open();
    let copy = "at_ms, actor, shop, kind, subject, params, previous, hash FROM ledger";
    for at in 1..RECORDS {
        let sequence = at.unsigned_abs();
        let faults = ledger.after(&format!("DELETE FROM ledger WHERE sequence = {at}"));
        let missing = LedgerBreak::Missing { next: sequence + 1 };
        assert_eq!(breaks(&faults), [(sequence, &missing)]);
        // The gap closed again: the records behind it do not fit.
        let close = format!(
            "DELETE FROM ledger WHERE sequence = {at};
             UPDATE ledger SET sequence = -sequence WHERE sequence > {at};
             UPDATE ledger SET sequence = -sequence - 1 WHERE sequence < 0"
        );
        assert_eq!(breaks(&ledger.after(&close)), [(sequence, &LedgerBreak::Changed)]);
        let swap = format!(
            "UPDATE ledger SET sequence = -1 WHERE sequence = {at};
             UPDATE ledger SET sequence = {at} WHERE sequence = {at} + 1;
             UPDATE ledger SET sequence = {at} + 1 WHERE sequence = -1"
        );
        assert_eq!(breaks(&ledger.after(&swap)), [(sequence, &LedgerBreak::Changed)]);
        let insert = format!(
            "UPDATE ledger SET sequence = -sequence WHERE sequence > {at};
             UPDATE ledger SET sequence = 1 - sequence WHERE sequence < 0;
             INSERT INTO ledger SELECT {at} + 1, {copy} WHERE sequence = {at}"
        );
        assert_eq!(breaks(&ledger.after(&insert)), [(sequence + 1, &LedgerBreak::Changed)]);
    }
    let below = format!("INSERT INTO ledger SELECT 0, {copy} WHERE sequence = 1");
    assert_eq!(breaks(&ledger.after(&below)), [(0, &LedgerBreak::Unexpected)]);
    let beyond = format!("INSERT INTO ledger SELECT 99, {copy} WHERE sequence = 9");
    assert_eq!(breaks(&ledger.after(&beyond)), [(10, &LedgerBreak::Missing { next: 99 })]);
    let other_store = "UPDATE ledger_origin SET store = 'elsewhere'";
    assert_eq!(breaks(&ledger.after(other_store)), [(1, &LedgerBreak::Unchained)]);
}

#[test]
fn a_cut_is_found_by_a_checkpoint_and_only_by_one() {
    let ledger = Ledger::new(4);
    ledger.checkpoint();
    ledger.grow(2);
    let last = ledger.checkpoint();
    ledger.lay_open();
    let cut_off = |until| LedgerBreak::CutOff { until, checkpoint_at_ms: T };
    let faults = ledger.after("DELETE FROM ledger WHERE sequence > 5");
    assert_eq!(breaks(&faults), [(6, &cut_off(6))]);
    ledger.run(
        "DELETE FROM ledger WHERE sequence > 5; DELETE FROM ledger_checkpoint WHERE sequence > 5",
    );
    assert!(ledger.verify(&[]).holds(), "nothing on the machine remembers");
    let faults = ledger.verify(&[witness(last.clone())]).faults;
    assert_eq!(breaks(&faults), [(6, &cut_off(6))]);
    assert_eq!(faults[0].witness.as_deref(), Some("usb"));
    // It goes on as if nothing had been: the copy that left tells the two histories apart.
    ledger.grow(3);
    let other = ledger.checkpoint();
    assert_eq!(other.sequence, 8);
    let rewritten = LedgerBreak::Rewritten { until: 6, checkpoint_at_ms: T };
    let faults = ledger.verify(&[witness(last.clone())]).faults;
    assert_eq!(breaks(&faults), [(5, &rewritten)]);
    assert_ne!(last.name(), other.name());
}

#[test]
fn a_history_made_anew_is_found_by_the_checkpoints() {
    let ledger = Ledger::new(4);
    ledger.checkpoint();
    ledger.grow(4);
    ledger.checkpoint();
    ledger.lay_open();
    ledger.run("UPDATE ledger SET kind = 'nothing_done' WHERE sequence = 6");
    ledger.forge_chain();
    let found = ledger.verify(&[]);
    let rewritten = LedgerBreak::Rewritten { until: 8, checkpoint_at_ms: T };
    assert_eq!(breaks(&found.faults), [(5, &rewritten)]);
    assert_eq!(found.covered, 4);
}

#[test]
fn only_checkpoints_of_the_right_key_and_store_are_believed() {
    let ledger = Ledger::new(3);
    let made = ledger.checkpoint();
    let stranger = Ledger::new(3);
    let theirs = stranger.checkpoint();
    let found = verify(&ledger.connection, &[], &[stranger.key.public()]).unwrap();
    let unknown = LedgerBreak::UnknownKey { key: ledger.key.public() };
    assert_eq!(breaks(&found.faults), [(3, &unknown)]);
    let found = ledger.verify(&[witness(theirs.clone())]);
    let other = LedgerBreak::OtherStore { store: theirs.store.clone() };
    assert_eq!(breaks(&found.faults), [(3, &other)]);
    let forge = |change: fn(&mut Checkpoint)| {
        let mut forged = made.clone();
        change(&mut forged);
        breaks(&ledger.verify(&[witness(forged)]).faults)
            .iter()
            .map(|(_, what)| (*what).clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(forge(|forged| forged.at_ms += 1), [LedgerBreak::Forged]);
    assert_eq!(forge(|forged| forged.sequence = 2), [LedgerBreak::Forged]);
    assert_eq!(forge(|forged| forged.count = 2), [LedgerBreak::Forged]);
    assert_eq!(forge(|forged| forged.hash = LedgerHash::NONE), [LedgerBreak::Forged]);
    assert_eq!(forge(|forged| forged.key = LedgerPublicKey::NONE), [LedgerBreak::Forged]);
    ledger.lay_open();
    let sql = "UPDATE ledger_checkpoint SET signature = zeroblob(64)";
    assert_eq!(breaks(&ledger.after(sql)), [(3, &LedgerBreak::Forged)]);
}

#[test]
fn no_checkpoint_is_made_for_what_does_not_hold() {
    let ledger = Ledger::new(4);
    let try_it = || checkpoint::make(&ledger.connection, &ledger.key, T).unwrap();
    ledger.checkpoint();
    assert_eq!(try_it(), CheckpointOutcome::NothingNew);
    ledger.grow(2);
    ledger.lay_open();
    for (sql, expect) in [
        ("UPDATE ledger SET kind = 'x' WHERE sequence = 4", 4),
        ("UPDATE ledger SET kind = 'x' WHERE sequence = 5", 5),
        ("DELETE FROM ledger WHERE sequence >= 4", 4),
        ("UPDATE ledger_checkpoint SET signature = x''", 4),
    ] {
        ledger.run("SAVEPOINT before");
        ledger.run(sql);
        match try_it() {
            CheckpointOutcome::Broken(fault) => assert_eq!(fault.sequence, expect, "{sql}"),
            other => panic!("{sql}: {other:?}"),
        }
        ledger.run("ROLLBACK TO before; RELEASE before");
    }
    assert_eq!(ledger.checkpoint().sequence, 6);
}

#[test]
fn no_text_that_is_no_checkpoint_is_taken_for_one() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        assert!(Checkpoint::parse(&text).is_err());
    });
}
