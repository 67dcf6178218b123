//! Changes made once more in PostgreSQL.
//!
//! What a transaction of ours comes to is worked out first: the rows that it touches go, and those that
//! are there at its end come by COPY, as a dump is loaded. So changes may be made that the dump had
//! already: whatever a row and its unique values were in between, only the end counts. Foreign keys are
//! taken away for the time and made again, for which every row is looked at; no superuser is needed.

use super::{Engine, Opened, Progress, Row, Stage, Step, Wanted, key_of, not_replayed, said};
use crate::{
    DatabaseError,
    dump::{
        Field, Table, line,
        postgres::{
            MANNERS, Note, Session, config, connect, execute, literal, qualified, quoted, runtime,
            shapes, texts,
        },
    },
    restore::{Beside, to_postgres},
};
use bytes::Bytes;
use futures_util::SinkExt;
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, SimpleQueryMessage};

/// What says how far it is, and what is to be made again; it is gone at the end.
const OURS: &str = "storewarden_replay";
/// So many keys stand in one statement.
const KEYS_AT_ONCE: usize = 500;
/// COPY gets pieces of about this size.
const PIECE_BYTES: usize = 256 << 10;

/// What takes foreign keys and triggers out of the way, and what brings them back; keys first.
const IN_THE_WAY: &str = "\
    SELECT format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, c.relname, k.conname), \
    format('ALTER TABLE %s%I.%I ADD CONSTRAINT %I %s', CASE c.relkind WHEN 'p' THEN '' ELSE 'ONLY ' \
    END, n.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid)) || \
    COALESCE(format('; COMMENT ON CONSTRAINT %I ON %I.%I IS %L', k.conname, n.nspname, c.relname, \
    obj_description(k.oid, 'pg_constraint')), '') \
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid \
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE k.contype = 'f' AND k.conparentid = 0 \
    UNION ALL SELECT format('ALTER TABLE ONLY %I.%I DISABLE TRIGGER %I', n.nspname, c.relname, \
    t.tgname), format('ALTER TABLE ONLY %I.%I ENABLE %sTRIGGER %I', n.nspname, c.relname, \
    CASE t.tgenabled WHEN 'R' THEN 'REPLICA ' WHEN 'A' THEN 'ALWAYS ' ELSE '' END, t.tgname) \
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n \
    ON n.oid = c.relnamespace WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' \
    AND c.relkind IN ('r', 'p')";

/// What sets each sequence behind the highest number of its column.
const FORWARD: &str = "\
    SELECT format('SELECT setval(%L, m) FROM (SELECT max(%I) AS m FROM ONLY %I.%I) x WHERE m > \
    (SELECT last_value FROM %I.%I)', format('%I.%I', sn.nspname, s.relname), a.attname, tn.nspname, \
    t.relname, sn.nspname, s.relname) FROM ( \
    SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid AS number FROM pg_depend d \
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass \
    AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0 \
    UNION SELECT d.refobjid, e.adrelid, e.adnum FROM pg_attrdef e JOIN pg_depend d \
    ON d.classid = 'pg_attrdef'::regclass AND d.objid = e.oid \
    AND d.refclassid = 'pg_class'::regclass) u \
    JOIN pg_class s ON s.oid = u.sequence AND s.relkind = 'S' \
    JOIN pg_namespace sn ON sn.oid = s.relnamespace \
    JOIN pg_class t ON t.oid = u.relation AND t.relkind = 'r' \
    JOIN pg_namespace tn ON tn.oid = t.relnamespace \
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = u.number \
    WHERE a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)";

pub(super) fn stage(beside: &Beside, until_ms: i64) -> Result<Stage, DatabaseError> {
    let runtime = runtime()?;
    runtime.block_on(async {
        let server = to_postgres(&beside.live).await?;
        let note = Note::read(&server.client, Some(&beside.name)).await?;
        let Some(note) = note.filter(|note| note.mark == beside.mark) else {
            return Ok(Stage::NotBegun);
        };
        if note.replayed_until_ms == Some(until_ms) {
            return Ok(Stage::Done);
        }
        let url = beside.url();
        let inside = connect(&url, &config(&url)?).await?;
        Ok(if has_ours(&inside.client).await? { Stage::Begun } else { Stage::NotBegun })
    })
}

async fn has_ours(client: &Client) -> Result<bool, DatabaseError> {
    let statement = format!("SELECT 1 FROM pg_namespace WHERE nspname = {}", literal(OURS));
    Ok(!texts::<1>(client, "look how far the changes are", &statement).await?.is_empty())
}

struct Rows {
    session: Session,
    runtime: Runtime,
    tables: Vec<Table>,
    is_in_transaction: bool,
}

pub(super) fn open(wanted: &Wanted) -> Result<Opened, DatabaseError> {
    let runtime = runtime()?;
    let url = wanted.beside.url();
    let (session, tables, progress, is_over) = runtime.block_on(async {
        let session = connect(&url, &config(&url)?).await?;
        let client = &session.client;
        execute(client, "set up the session", MANNERS).await?;
        // Somebody who was killed may still be at work on the server.
        let wait = format!("SELECT pg_advisory_lock(hashtext({}))", literal(OURS));
        execute(client, "wait for whoever makes changes once more", &wait).await?;
        let note = Note::read(client, None).await?;
        let note = note.filter(|note| note.mark == wanted.beside.mark && note.is_whole);
        let note = note.ok_or_else(|| not_replayed("", "it is no database that was restored"))?;
        let is_over = note.replayed_until_ms == Some(wanted.until_ms);
        let progress = match is_over {
            true => Progress::default(),
            false => begin(client, wanted.until_ms).await?,
        };
        let found = shapes(client).await?.into_iter().enumerate();
        let tables = found.map(|(number, shape)| shape.into_table(number)).collect::<Vec<_>>();
        let of_shop = |table: &Table| table.schema.as_deref() != Some(OURS);
        let tables: Vec<Table> = tables.into_iter().filter(of_shop).collect();
        Ok::<_, DatabaseError>((session, tables, progress, is_over))
    })?;
    let engine =
        Box::new(Rows { session, runtime, tables: tables.clone(), is_in_transaction: false });
    Ok(Opened { tables, engine, progress, is_over })
}

/// Reads how far it is; the first time, makes everything ready.
async fn begin(client: &Client, until_ms: i64) -> Result<Progress, DatabaseError> {
    let what = "make ready for changes";
    if has_ours(client).await? {
        let statement = format!(
            "SELECT sequence, transactions, changes, checked FROM {OURS}.progress \
             WHERE until_ms = {until_ms}"
        );
        let found = texts::<4>(client, what, &statement).await?.into_iter().next();
        let other = || not_replayed("", "changes up to another moment were begun in it");
        let [sequence, transactions, changes, checked] = found
            .ok_or_else(other)?
            .map(|number| number.and_then(|number| number.parse().ok()).unwrap_or_default());
        return Ok(Progress { sequence, transactions, changes, checked });
    }
    let make = format!(
        "BEGIN; CREATE SCHEMA {OURS}; CREATE TABLE {OURS}.progress (until_ms bigint, \
         sequence bigint, transactions bigint, changes bigint, checked bigint); \
         INSERT INTO {OURS}.progress VALUES ({until_ms}, 0, 0, 0, 0); \
         CREATE TABLE {OURS}.again (number serial PRIMARY KEY, statement text)"
    );
    execute(client, what, &make).await?;
    for [away, again] in texts::<2>(client, what, IN_THE_WAY).await? {
        let again = literal(&again.unwrap_or_default());
        let note = format!("INSERT INTO {OURS}.again (statement) VALUES ({again})");
        execute(client, what, &format!("{note}; {}", away.unwrap_or_default())).await?;
    }
    execute(client, what, "COMMIT").await?;
    Ok(Progress::default())
}

/// A row by its key, and what it is at the end; `None`: it is not there.
type Touched<'a> = (&'a Vec<Field>, Option<&'a Vec<Field>>);

/// What changes come to.
#[derive(Default)]
struct Net {
    /// By table and key; `None`: there is no such row.
    rows: BTreeMap<(usize, Vec<Field>), Option<Vec<Field>>>,
    emptied: BTreeSet<usize>,
    /// Of tables without a key, in their order.
    loose: Vec<Loose>,
}

enum Loose {
    Come(usize, Vec<Field>),
    Go(usize, Vec<Field>),
    Empty(usize),
}

impl Rows {
    fn net(&mut self, steps: Vec<Step>) -> Result<Net, DatabaseError> {
        let mut net = Net::default();
        for step in steps {
            let (at, before, after, is_new) = match step {
                Step::Insert(at, row) => (at, None, Some(row), true),
                Step::Update(at, before, after) => (at, before, Some(after), false),
                Step::Delete(at, row) => (at, Some(row), None, false),
                Step::Empty(at) if self.tables[at].key.is_empty() => {
                    net.loose.push(Loose::Empty(at));
                    continue;
                }
                Step::Empty(at) => {
                    net.rows.retain(|(table, _), _| *table != at);
                    net.emptied.insert(at);
                    continue;
                }
            };
            if self.tables[at].key.is_empty() {
                let whole = |row: Row| self.whole(at, row);
                net.loose.extend(before.map(&whole).transpose()?.map(|row| Loose::Go(at, row)));
                net.loose.extend(after.map(&whole).transpose()?.map(|row| Loose::Come(at, row)));
                continue;
            }
            let table = &self.tables[at];
            let gone = before.as_ref().map(|row| key_of(table, row)).transpose()?;
            let Some(after) = after else {
                net.rows.extend(gone.map(|key| ((at, key), None)));
                continue;
            };
            let key = key_of(table, &after)?;
            let after = match after.absent.is_empty() || is_new {
                true => after,
                false => self.complete(&net, at, [Some(&key), gone.as_ref()], after)?,
            };
            net.rows.extend(gone.map(|key| ((at, key), None)));
            let fields = self.whole(at, after)?;
            net.rows.insert((at, key), Some(fields));
        }
        Ok(net)
    }

    fn whole(&self, at: usize, row: Row) -> Result<Vec<Field>, DatabaseError> {
        if row.absent.is_empty() {
            return Ok(row.fields);
        }
        let label = self.tables[at].label();
        Err(not_replayed(&label, "a row came without all of its values: REPLICA IDENTITY FULL"))
    }

    /// Values that were not sent are those that the row has.
    fn complete(
        &self,
        net: &Net,
        at: usize,
        keys: [Option<&Vec<Field>>; 2],
        mut row: Row,
    ) -> Result<Row, DatabaseError> {
        for key in keys.into_iter().flatten() {
            let there = match net.rows.get(&(at, key.clone())) {
                Some(there) => there.clone(),
                None if net.emptied.contains(&at) => None,
                None => self.read(at, std::slice::from_ref(key))?.into_values().next(),
            };
            if let Some(there) = there {
                for absent in std::mem::take(&mut row.absent) {
                    row.fields[absent].clone_from(&there[absent]);
                }
                break;
            }
        }
        // One that is not there was changed before the dump and is gone in it: a later change says so.
        row.absent.clear();
        Ok(row)
    }

    /// The rows with these keys, by their keys.
    fn read(
        &self,
        at: usize,
        keys: &[Vec<Field>],
    ) -> Result<BTreeMap<Vec<Field>, Vec<Field>>, DatabaseError> {
        let table = &self.tables[at];
        let columns: Vec<_> = table.columns.iter().map(|column| quoted(&column.name)).collect();
        let what = format!("read rows of `{}` back", table.label());
        let mut found = BTreeMap::new();
        for some in keys.chunks(KEYS_AT_ONCE) {
            let statement = format!(
                "SELECT {} FROM ONLY {} WHERE {}",
                columns.join(", "),
                name(table),
                among(table, some)?
            );
            let asked = self.session.client.simple_query(&statement);
            let answer = self.runtime.block_on(asked).map_err(failed(&what))?;
            for message in answer {
                let SimpleQueryMessage::Row(row) = message else { continue };
                let field = |at| row.get(at).map(|text: &str| text.as_bytes().to_vec());
                let fields: Vec<Field> = (0..table.columns.len()).map(field).collect();
                let row = Row { fields, absent: Vec::new() };
                found.insert(key_of(table, &row)?, row.fields);
            }
        }
        Ok(found)
    }

    fn run(&self, what: &str, statement: &str) -> Result<(), DatabaseError> {
        self.runtime.block_on(execute(&self.session.client, what, statement))
    }

    fn copy_in(&self, at: usize, rows: &[&Vec<Field>]) -> Result<(), DatabaseError> {
        let table = &self.tables[at];
        let what = format!("write rows of `{}`", table.label());
        let columns: Vec<_> = table.columns.iter().map(|column| quoted(&column.name)).collect();
        let columns = match columns.is_empty() {
            true => String::new(),
            false => format!(" ({})", columns.join(", ")),
        };
        let statement = format!("COPY {}{columns} FROM STDIN", name(table));
        self.runtime.block_on(async {
            let sink = self.session.client.copy_in(&statement).await.map_err(failed(&what))?;
            let mut sink = pin!(sink);
            let mut piece = Vec::new();
            for row in rows {
                line::push_row(&mut piece, row.iter().map(Option::as_deref));
                if piece.len() >= PIECE_BYTES {
                    let full = Bytes::from(std::mem::take(&mut piece));
                    sink.send(full).await.map_err(failed(&what))?;
                }
            }
            sink.send(Bytes::from(piece)).await.map_err(failed(&what))?;
            sink.finish().await.map_err(failed(&what)).map(drop)
        })
    }

    /// Rows of a table without a key, one at a time: the first that has these very values.
    fn loosen(&self, loose: &Loose) -> Result<(), DatabaseError> {
        let (at, fields) = match loose {
            Loose::Empty(at) => {
                let what = "empty a table";
                return self.run(what, &format!("TRUNCATE ONLY {}", name(&self.tables[*at])));
            }
            Loose::Come(at, row) => return self.copy_in(*at, &[row]),
            Loose::Go(at, fields) => (*at, fields),
        };
        let table = &self.tables[at];
        let mut is = Vec::new();
        for (column, field) in table.columns.iter().zip(fields) {
            let value = value(table, field)?;
            is.push(format!("{}::text IS NOT DISTINCT FROM {value}", quoted(&column.name)));
        }
        let name = name(table);
        let statement = format!(
            "DELETE FROM ONLY {name} WHERE ctid = (SELECT ctid FROM ONLY {name} WHERE {} LIMIT 1) \
             RETURNING 1",
            is.join(" AND ")
        );
        let what = format!("delete a row of `{}`", table.label());
        let gone = self.runtime.block_on(texts::<1>(&self.session.client, &what, &statement))?;
        match gone.len() {
            1 => Ok(()),
            _ => {
                Err(not_replayed(&table.label(), "a row of it that was deleted is not in the dump"))
            }
        }
    }

    /// Every touched row is what its last image says, or is not there.
    fn hold(&self, at: usize, rows: &[Touched<'_>]) -> Result<(), DatabaseError> {
        let table = &self.tables[at];
        let keys: Vec<Vec<Field>> = rows.iter().map(|(key, _)| (*key).clone()).collect();
        let found = self.read(at, &keys)?;
        for (key, expect) in rows {
            if found.get(*key) != *expect {
                let why = format!("row {} is not as the journal has it", said(key));
                return Err(not_replayed(&table.label(), &why));
            }
        }
        Ok(())
    }
}

impl Engine for Rows {
    fn apply(&mut self, steps: Vec<Step>) -> Result<u64, DatabaseError> {
        if !self.is_in_transaction {
            self.run("begin to make changes", "BEGIN")?;
            self.is_in_transaction = true;
        }
        let net = self.net(steps)?;
        for at in &net.emptied {
            self.run("empty a table", &format!("TRUNCATE ONLY {}", name(&self.tables[*at])))?;
        }
        let mut by_table: BTreeMap<usize, Vec<Touched<'_>>> = BTreeMap::new();
        for ((at, key), row) in &net.rows {
            by_table.entry(*at).or_default().push((key, row.as_ref()));
        }
        for (at, rows) in &by_table {
            let table = &self.tables[*at];
            let keys: Vec<Vec<Field>> = rows.iter().map(|(key, _)| (*key).clone()).collect();
            let what = format!("write rows of `{}`", table.label());
            for some in keys.chunks(KEYS_AT_ONCE) {
                let gone = among(table, some)?;
                self.run(&what, &format!("DELETE FROM ONLY {} WHERE {gone}", name(table)))?;
            }
        }
        for (at, rows) in &by_table {
            let there: Vec<&Vec<Field>> = rows.iter().filter_map(|(_, row)| *row).collect();
            if !there.is_empty() {
                self.copy_in(*at, &there)?;
            }
        }
        net.loose.iter().try_for_each(|loose| self.loosen(loose))?;
        by_table.iter().try_for_each(|(at, rows)| self.hold(*at, rows))?;
        Ok(net.rows.len() as u64)
    }

    fn keep(&mut self, progress: &Progress) -> Result<(), DatabaseError> {
        let Progress { sequence, transactions, changes, checked } = progress;
        let note = format!(
            "UPDATE {OURS}.progress SET sequence = {sequence}, transactions = {transactions}, \
             changes = {changes}, checked = {checked}; COMMIT"
        );
        self.is_in_transaction = false;
        self.run("keep changes", &note)
    }

    fn finish(&mut self, wanted: &Wanted, _progress: &Progress) -> Result<(), DatabaseError> {
        let what = "make foreign keys and triggers again";
        self.run(what, "BEGIN")?;
        let client = &self.session.client;
        let again = format!("SELECT statement FROM {OURS}.again ORDER BY number");
        for [statement] in self.runtime.block_on(texts::<1>(client, what, &again))? {
            let statement = statement.unwrap_or_default();
            let done = self.runtime.block_on(client.batch_execute(&statement));
            done.map_err(|error| match error.as_db_error() {
                Some(said) => not_replayed(said.table().unwrap_or(""), &said.to_string()),
                None => failed(what)(error),
            })?;
        }
        let what = "set sequences forward";
        for [statement] in self.runtime.block_on(texts::<1>(client, what, FORWARD))? {
            self.run(what, &statement.unwrap_or_default())?;
        }
        self.run("keep changes", &format!("DROP SCHEMA {OURS} CASCADE"))?;
        self.runtime.block_on(async {
            let mut note = Note::new(&wanted.beside.mark);
            (note.is_whole, note.replayed_until_ms) = (true, Some(wanted.until_ms));
            note.write(client, None).await?;
            execute(client, "keep changes", "COMMIT; ANALYZE").await
        })
    }
}

fn name(table: &Table) -> String {
    qualified(table.schema.as_deref(), &table.name)
}

fn failed(what: &str) -> impl Fn(tokio_postgres::Error) -> DatabaseError + use<'_> {
    move |source| DatabaseError::DumpPostgres { what: what.to_owned(), source }
}

fn value(table: &Table, field: &Field) -> Result<String, DatabaseError> {
    let Some(bytes) = field else { return Ok("NULL".to_owned()) };
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    text.map(literal).ok_or_else(|| DatabaseError::RowValue { table: table.label() })
}

/// `("a", "b") IN ((E'1', E'x'), …)`
fn among(table: &Table, keys: &[Vec<Field>]) -> Result<String, DatabaseError> {
    let columns: Vec<_> = table.key.iter().map(|name| quoted(name)).collect();
    let mut listed = Vec::new();
    for key in keys {
        let values = key.iter().map(|field| value(table, field));
        listed.push(format!("({})", values.collect::<Result<Vec<_>, _>>()?.join(", ")));
    }
    Ok(format!("({}) IN ({})", columns.join(", "), listed.join(", ")))
}
