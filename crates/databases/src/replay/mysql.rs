//! Changes made once more in MariaDB and MySQL, one by one and in their order, as a replica makes them.
//!
//! The dump's place in the binary log is exactly its moment, so each change finds what it was made
//! upon. Foreign keys are on: rows that InnoDB deletes or changes by them are not in the binary log,
//! and so happen here as they did there. Triggers are taken away for the time, since what they did is in the
//! log. A table without transactions keeps what came before an end, and gets it a second time: its rows are
//! replaced.

use super::{Engine, Opened, Progress, Row, Stage, Step, Wanted, key_of, not_replayed, said};
use crate::{
    DatabaseError,
    dump::{
        Field, Table,
        load::mysql::{JOURNAL, marked},
        mysql::{
            connect, execute, failed, literal,
            literal::{form, held, push_held, push_literal},
            projection, quoted, shapes, texts, without_transactions,
        },
        postgres::runtime,
    },
    live::mysql::{charsets, comparable},
    restore::{Beside, comment_in_mysql, to_mysql},
};
use kernel::config::DatabaseUrl;
use mysql_async::{Conn, Value, prelude::Queryable};
use std::collections::{BTreeMap, HashMap, HashSet};
use tokio::runtime::Runtime;

/// The table that says how far it is, and what is to be made again; it is gone at the end.
const PROGRESS: &str = "`storewarden_replay`";
/// So many keys stand in one statement.
const KEYS_AT_ONCE: usize = 200;
/// A statement of many rows is sent when it is so long.
const STATEMENT_BYTES: usize = 512 << 10;
/// ER_NO_REFERENCED_ROW_2, ER_ROW_IS_REFERENCED_2 (MariaDB manual, error codes): whoever made the change had
/// turned foreign keys off.
const UNHELD: [u16; 2] = [1452, 1451];
/// ER_TRG_ALREADY_EXISTS.
const TRIGGER_THERE: u16 = 1359;
/// Whatever a value is, it is stored as it came; what the column makes of it is looked at afterwards.
const MANNERS: &str = "SET SESSION time_zone = '+00:00', unique_checks = 1, \
    sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', net_write_timeout = 86400, \
    net_read_timeout = 86400, wait_timeout = 86400";

pub(super) fn stage(beside: &Beside, until_ms: i64) -> Result<Stage, DatabaseError> {
    runtime()?.block_on(async {
        let conn = &mut to_mysql(&beside.live).await?;
        if is_done(conn, beside, until_ms).await? {
            return Ok(Stage::Done);
        }
        let begun = has_progress(conn, &literal(&beside.name)).await?;
        Ok(if begun { Stage::Begun } else { Stage::NotBegun })
    })
}

/// What says that it is done, in the place of what says that the restore is.
fn done_note(mark: &str, until_ms: i64) -> String {
    format!("{}, replayed until {until_ms}", marked(mark))
}

/// It stands in the database's comment, or where there are none, in the journal of the restore.
async fn is_done(conn: &mut Conn, beside: &Beside, until_ms: i64) -> Result<bool, DatabaseError> {
    let note = done_note(&beside.mark, until_ms);
    if comment_in_mysql(conn, &beside.name).await?.is_some_and(|comment| comment == note) {
        return Ok(true);
    }
    let what = "look how far the changes are";
    let (name, journal) = (literal(&beside.name), JOURNAL.trim_matches('`'));
    let there = format!(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {name} AND \
         TABLE_NAME = {}",
        literal(journal)
    );
    if texts(conn, what, &there).await?.is_empty() {
        return Ok(false);
    }
    let noted = format!(
        "SELECT step FROM {}.{JOURNAL} WHERE step = {}",
        quoted(&beside.name),
        literal(&note)
    );
    Ok(!texts(conn, what, &noted).await?.is_empty())
}

async fn has_progress(conn: &mut Conn, database: &str) -> Result<bool, DatabaseError> {
    let statement = format!(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {database} AND \
         TABLE_NAME = 'storewarden_replay'"
    );
    Ok(!texts(conn, "look how far the changes are", &statement).await?.is_empty())
}

/// The last images of rows by their keys; `None`: there is no such row.
pub(super) type Images = BTreeMap<Vec<Field>, Option<Vec<Field>>>;

/// A foreign key by which InnoDB changes rows of the child that nobody names.
struct Cascade {
    parent: String,
    /// Places in the child, and their columns in the parent.
    columns: Vec<(usize, String)>,
}

pub(super) struct Rows {
    conn: Conn,
    /// For tables that know no transactions: each statement is for itself. MySQL with names of
    /// transactions refuses them within one.
    outside: Conn,
    runtime: Runtime,
    pub(super) tables: Vec<Table>,
    /// Of columns with text, by table and column.
    charsets: HashMap<(String, String), String>,
    /// By the child's place.
    cascades: HashMap<usize, Vec<Cascade>>,
    /// Tables that know no transactions.
    plain: HashSet<usize>,
    is_in_transaction: bool,
    /// Foreign keys do here what they did there, for the log does not say it.
    do_keys_act: bool,
}

pub(super) fn open(wanted: &Wanted) -> Result<Opened, DatabaseError> {
    let runtime = runtime()?;
    let beside = &wanted.beside;
    let opened = runtime.block_on(async {
        let mut server = to_mysql(&beside.live).await?;
        let is_over = is_done(&mut server, beside, wanted.until_ms).await?;
        let mut conn = session(&beside.url()).await?;
        // Somebody who was killed may still be at work on the server.
        let wait = "SELECT GET_LOCK(SHA2(CONCAT('storewarden ', DATABASE()), 256), 600)";
        texts(&mut conn, "wait for whoever makes changes once more", wait).await?;
        let progress = match is_over {
            true => Progress::default(),
            false => begin(&mut conn, wanted.until_ms).await?,
        };
        let outside = session(&beside.url()).await?;
        Ok::<_, DatabaseError>(((conn, outside), progress, is_over))
    })?;
    let (sessions, progress, is_over) = opened;
    let engine = Rows::begin(sessions, runtime)?;
    Ok(Opened { tables: engine.tables.clone(), engine: Box::new(engine), progress, is_over })
}

/// A database whose rows are only looked at.
pub(super) fn look(url: &DatabaseUrl) -> Result<Rows, DatabaseError> {
    let runtime = runtime()?;
    let sessions = runtime
        .block_on(async { Ok::<_, DatabaseError>((session(url).await?, session(url).await?)) })?;
    Rows::begin(sessions, runtime)
}

async fn session(url: &DatabaseUrl) -> Result<Conn, DatabaseError> {
    let (mut conn, what) = (connect(url).await?, "set up the session");
    execute(&mut conn, what, "SET NAMES utf8mb4").await?;
    execute(&mut conn, what, MANNERS).await?;
    let checks =
        format!("SET SESSION foreign_key_checks = {}", u8::from(do_keys_act(&mut conn).await?));
    execute(&mut conn, what, &checks).await?;
    Ok(conn)
}

/// What InnoDB does by a foreign key is in nobody's log. MySQL does it by itself since 9.6, and logs it
/// (MySQL manual, `innodb_native_foreign_keys`).
async fn do_keys_act(conn: &mut Conn) -> Result<bool, DatabaseError> {
    let statement = "SHOW GLOBAL VARIABLES LIKE 'innodb_native_foreign_keys'";
    let found = texts(conn, "look who heeds foreign keys", statement).await?;
    Ok(!found.into_iter().flatten().flatten().any(|value| value == "OFF"))
}

/// Reads how far it is; the first time, makes everything ready.
async fn begin(conn: &mut Conn, until_ms: i64) -> Result<Progress, DatabaseError> {
    let what = "make ready for changes";
    let make = format!(
        "CREATE TABLE IF NOT EXISTS {PROGRESS} (name VARCHAR(190) CHARACTER SET utf8mb4 COLLATE \
         utf8mb4_bin PRIMARY KEY, value LONGTEXT CHARACTER SET utf8mb4) ENGINE = InnoDB"
    );
    execute(conn, what, &make).await?;
    let until = format!("INSERT IGNORE INTO {PROGRESS} VALUES ('until', '{until_ms}')");
    execute(conn, what, &until).await?;
    let mut noted = noted(conn).await?;
    if noted.remove("until") != Some(until_ms.to_string()) {
        return Err(not_replayed("", "changes up to another moment were begun in it"));
    }
    let triggers = "SELECT TRIGGER_NAME, ACTION_ORDER FROM information_schema.TRIGGERS \
                    WHERE TRIGGER_SCHEMA = DATABASE()";
    for row in texts(conn, what, triggers).await? {
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        let (name, order) = (row.next().unwrap_or_default(), row.next().unwrap_or_default());
        put_trigger_away(conn, &name, &order).await?;
    }
    let Some(progress) = noted.remove("progress") else { return Ok(Progress::default()) };
    serde_json::from_str(&progress).map_err(|_| not_replayed("", "its own note is damaged"))
}

async fn noted(conn: &mut Conn) -> Result<BTreeMap<String, String>, DatabaseError> {
    let statement = format!("SELECT name, value FROM {PROGRESS} ORDER BY name");
    let rows = texts(conn, "look how far the changes are", &statement).await?;
    let pair = |row: Vec<Option<String>>| {
        let mut row = row.into_iter();
        Some((row.next()??, row.next()??))
    };
    Ok(rows.into_iter().filter_map(pair).collect())
}

/// Notes it before it goes; the settings that it was made under belong to it.
async fn put_trigger_away(conn: &mut Conn, name: &str, order: &str) -> Result<(), DatabaseError> {
    let what = "put a trigger away";
    let show = format!("SHOW CREATE TRIGGER {}", quoted(name));
    let found = texts(conn, what, &show).await?.into_iter().next().unwrap_or_default();
    let mut found = found.into_iter().map(Option::unwrap_or_default).skip(1);
    let (mode, statement) = (found.next().unwrap_or_default(), found.next().unwrap_or_default());
    let (client, collation) = (found.next().unwrap_or_default(), found.next().unwrap_or_default());
    let made = [mode, client, collation, statement];
    let made = serde_json::to_string(&made).expect("invariant: strings are JSON");
    let note = format!(
        "INSERT IGNORE INTO {PROGRESS} VALUES ({}, {})",
        literal(&format!("trigger {order:0>4} {name}")),
        literal(&made)
    );
    execute(conn, what, &note).await?;
    execute(conn, what, &format!("DROP TRIGGER {}", quoted(name))).await
}

async fn bring_triggers_back(conn: &mut Conn) -> Result<(), DatabaseError> {
    let what = "make triggers again";
    for (name, made) in noted(conn).await? {
        if !name.starts_with("trigger ") {
            continue;
        }
        let odd = |_| not_replayed("", "its own note is damaged");
        let [mode, client, collation, statement]: [String; 4] =
            serde_json::from_str(&made).map_err(odd)?;
        let settings = format!(
            "SET SESSION sql_mode = {}, character_set_client = {}, collation_connection = {}",
            literal(&mode),
            literal(&client),
            literal(&collation)
        );
        execute(conn, what, &settings).await?;
        match conn.query_drop(&statement).await {
            Err(mysql_async::Error::Server(error)) if error.code == TRIGGER_THERE => {}
            done => done.map_err(failed(what))?,
        }
    }
    execute(conn, what, "SET NAMES utf8mb4").await?;
    execute(conn, what, MANNERS).await
}

async fn cascades(
    conn: &mut Conn,
    tables: &[Table],
) -> Result<HashMap<usize, Vec<Cascade>>, DatabaseError> {
    let statement = "SELECT k.CONSTRAINT_NAME, k.TABLE_NAME, k.COLUMN_NAME, \
        k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME \
        FROM information_schema.REFERENTIAL_CONSTRAINTS r \
        JOIN information_schema.KEY_COLUMN_USAGE k ON k.CONSTRAINT_SCHEMA = r.CONSTRAINT_SCHEMA \
        AND k.CONSTRAINT_NAME = r.CONSTRAINT_NAME AND k.TABLE_NAME = r.TABLE_NAME \
        WHERE r.CONSTRAINT_SCHEMA = DATABASE() AND \
        (r.DELETE_RULE IN ('CASCADE', 'SET NULL') OR r.UPDATE_RULE IN ('CASCADE', 'SET NULL')) \
        ORDER BY k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION";
    let mut found: BTreeMap<(usize, String), Cascade> = BTreeMap::new();
    for row in texts(conn, "read foreign keys", statement).await? {
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || row.next().unwrap_or_default();
        let (name, child, column, parent, to) = (next(), next(), next(), next(), next());
        let Some(at) = tables.iter().position(|table| table.name == child) else { continue };
        let Some(place) = tables[at].column(&column) else { continue };
        let cascade = Cascade { parent, columns: Vec::new() };
        found.entry((at, name)).or_insert(cascade).columns.push((place, to));
    }
    let mut by_child: HashMap<usize, Vec<Cascade>> = HashMap::new();
    for ((at, _), cascade) in found {
        by_child.entry(at).or_default().push(cascade);
    }
    Ok(by_child)
}

async fn plain(conn: &mut Conn, tables: &[Table]) -> Result<HashSet<usize>, DatabaseError> {
    let names = without_transactions(conn).await?;
    let is_plain = |at: &usize| names.contains(&tables[*at].name);
    Ok((0..tables.len()).filter(is_plain).collect())
}

impl Rows {
    fn begin((mut conn, outside): (Conn, Conn), runtime: Runtime) -> Result<Self, DatabaseError> {
        let (tables, charsets, (do_keys_act, cascades), plain) = runtime.block_on(async {
            let mut found = shapes(&mut conn).await?;
            found.retain(|shape| ![PROGRESS, JOURNAL].contains(&quoted(&shape.name).as_str()));
            let tables: Vec<Table> =
                found.into_iter().enumerate().map(|(at, shape)| shape.into_table(at)).collect();
            let charsets = charsets(&mut conn).await?;
            let do_keys_act = do_keys_act(&mut conn).await?;
            let cascades = match do_keys_act {
                true => cascades(&mut conn, &tables).await?,
                false => HashMap::new(),
            };
            let plain = plain(&mut conn, &tables).await?;
            execute(&mut conn, "ask for bytes", "SET character_set_results = NULL").await?;
            Ok::<_, DatabaseError>((tables, charsets, (do_keys_act, cascades), plain))
        })?;
        let is_in_transaction = false;
        Ok(Self {
            conn,
            outside,
            runtime,
            tables,
            charsets,
            cascades,
            plain,
            is_in_transaction,
            do_keys_act,
        })
    }

    fn run(&mut self, what: &str, statement: &[u8]) -> Result<(), DatabaseError> {
        self.runtime.block_on(self.conn.query_drop(statement)).map_err(failed(what))
    }

    /// Changes rows of a table; gives how many.
    fn change(&mut self, at: usize, what: &str, statement: &[u8]) -> Result<u64, DatabaseError> {
        let do_keys_act = self.do_keys_act;
        let (runtime, conn) = self.session_of(at);
        match runtime.block_on(conn.query_drop(statement)) {
            Err(mysql_async::Error::Server(error))
                if do_keys_act && UNHELD.contains(&error.code) =>
            {
                return self.change_unheld(at, what, statement);
            }
            done => done.map_err(failed(what))?,
        }
        Ok(conn.affected_rows())
    }

    fn change_unheld(
        &mut self,
        at: usize,
        what: &str,
        statement: &[u8],
    ) -> Result<u64, DatabaseError> {
        let back = format!("SET SESSION foreign_key_checks = {}", u8::from(self.do_keys_act));
        let (runtime, conn) = self.session_of(at);
        runtime.block_on(async {
            execute(conn, what, "SET SESSION foreign_key_checks = 0").await?;
            let done = conn.query_drop(statement).await.map_err(failed(what));
            let changed = conn.affected_rows();
            execute(conn, what, &back).await?;
            done.map(|()| changed)
        })
    }

    fn session_of(&mut self, at: usize) -> (&Runtime, &mut Conn) {
        let is_plain = self.plain.contains(&at);
        (&self.runtime, if is_plain { &mut self.outside } else { &mut self.conn })
    }

    fn make(&mut self, step: &Step) -> Result<(), DatabaseError> {
        match step {
            Step::Insert(at, row) => self.insert(*at, &[row]),
            Step::Delete(at, row) => self.delete(*at, row),
            Step::Update(at, before, after) => self.update(*at, before.as_ref(), after),
            // Whoever empties a table takes nothing of another with it.
            Step::Empty(at) => {
                let what = format!("empty `{}`", self.tables[*at].name);
                let statement = format!("DELETE FROM {}", quoted(&self.tables[*at].name));
                self.change_unheld(*at, &what, statement.as_bytes()).map(drop)
            }
        }
    }

    fn insert(&mut self, at: usize, rows: &[&Row]) -> Result<(), DatabaseError> {
        let table = &self.tables[at];
        let word = match self.plain.contains(&at) {
            true if table.key.is_empty() => {
                let why = "it has neither a key nor transactions: leave it out of the stream";
                return Err(not_replayed(&table.name, why));
            }
            true => "REPLACE",
            false => "INSERT",
        };
        let columns: Vec<_> = table.columns.iter().map(|column| quoted(&column.name)).collect();
        let head = format!("{word} INTO {} ({}) VALUES ", quoted(&table.name), columns.join(", "));
        let mut statement = head.into_bytes();
        for (number, row) in rows.iter().enumerate() {
            statement.extend_from_slice(if number == 0 { b"(" } else { b", (" });
            statement.extend(values(table, whole(table, row)?).join(&b", "[..]));
            statement.push(b')');
        }
        self.change(at, &format!("write rows of `{}`", self.tables[at].name), &statement).map(drop)
    }

    fn delete(&mut self, at: usize, row: &Row) -> Result<(), DatabaseError> {
        let table = &self.tables[at];
        let what = format!("delete a row of `{}`", table.name);
        let name = quoted(&table.name);
        if table.key.is_empty() {
            let mut statement = format!("DELETE FROM {name} WHERE ").into_bytes();
            statement.extend(self.all(at, whole(table, row)?).join(&b" AND "[..]));
            statement.extend_from_slice(b" LIMIT 1");
            let label = table.name.clone();
            return match self.change(at, &what, &statement)? {
                1 => Ok(()),
                _ => Err(not_replayed(&label, "a row of it that was deleted is not in the dump")),
            };
        }
        let statement = format!("DELETE FROM {name} WHERE {}", self.is(at, &key_of(table, row)?));
        self.change(at, &what, statement.as_bytes()).map(drop)
    }

    fn update(
        &mut self,
        at: usize,
        before: Option<&Row>,
        after: &Row,
    ) -> Result<(), DatabaseError> {
        let table = &self.tables[at];
        if table.key.is_empty() || self.plain.contains(&at) {
            let gone = before.unwrap_or(after).clone();
            self.delete(at, &gone)?;
            return self.insert(at, &[after]);
        }
        let sets: Vec<Vec<u8>> = table
            .columns
            .iter()
            .zip(values(table, whole(table, after)?))
            .map(|(column, value)| [quoted(&column.name).as_bytes(), b" = ", &value].concat())
            .collect();
        let mut statement = format!("UPDATE {} SET ", quoted(&table.name)).into_bytes();
        statement.extend(sets.join(&b", "[..]));
        let is = self.is(at, &key_of(table, before.unwrap_or(after))?);
        statement.extend_from_slice(format!(" WHERE {is}").as_bytes());
        self.change(at, &format!("change a row of `{}`", self.tables[at].name), &statement)
            .map(drop)
    }

    /// The row with this key, by its index.
    fn is(&self, at: usize, key: &[Field]) -> String {
        let table = &self.tables[at];
        let is = |(column, value): (&String, &Field)| self.equals(table, column, value.as_deref());
        let all: Vec<String> = table.key.iter().zip(key).map(is).collect();
        format!("({})", all.join(" AND "))
    }

    fn equals(&self, table: &Table, column: &str, value: Option<&[u8]>) -> String {
        let charset = self.charsets.get(&(table.name.clone(), column.to_owned()));
        match value {
            Some(value) => {
                let value = comparable(table, column, charset.map(String::as_str), value);
                format!("{} = {value}", quoted(column))
            }
            None => format!("{} IS NULL", quoted(column)),
        }
    }

    /// Every column with these very values.
    fn all(&self, at: usize, fields: &[Field]) -> Vec<Vec<u8>> {
        let one = |(column, field): (&crate::dump::Column, &Field)| {
            let (name, form) = (quoted(&column.name), form(&column.type_name));
            let Some(value) = field else { return format!("{name} IS NULL").into_bytes() };
            let mut text = format!("{} = ", held(&name, form)).into_bytes();
            push_held(&mut text, value, form);
            text
        };
        self.tables[at].columns.iter().zip(fields).map(one).collect()
    }

    /// The rows with these keys, by their keys.
    fn read(
        &mut self,
        at: usize,
        keys: &[&Vec<Field>],
    ) -> Result<BTreeMap<Vec<Field>, Vec<Field>>, DatabaseError> {
        let mut found = BTreeMap::new();
        for some in keys.chunks(KEYS_AT_ONCE) {
            let is: Vec<String> = some.iter().map(|key| self.is(at, key)).collect();
            let table = &self.tables[at];
            let statement = format!(
                "SELECT {} FROM {} WHERE {}",
                projection(table),
                quoted(&table.name),
                is.join(" OR ")
            );
            let what = format!("read rows of `{}` back", table.name);
            let asked = self.conn.query::<mysql_async::Row, _>(statement);
            for row in self.runtime.block_on(asked).map_err(failed(&what))? {
                let field = |value: Value| match value {
                    Value::NULL => Ok(None),
                    Value::Bytes(bytes) => Ok(Some(bytes)),
                    _ => Err(DatabaseError::RowValue { table: table.label() }),
                };
                let fields = row.unwrap().into_iter().map(field).collect::<Result<_, _>>()?;
                let row = Row { fields, absent: Vec::new() };
                found.insert(key_of(table, &row)?, row.fields);
            }
        }
        Ok(found)
    }

    /// Every touched row is what its last image says, but for what InnoDB did to it since by a foreign key.
    pub(super) fn hold(&mut self, at: usize, rows: &Images) -> Result<(), DatabaseError> {
        let keys: Vec<&Vec<Field>> = rows.keys().collect();
        let found = self.read(at, &keys)?;
        for (key, expect) in rows {
            let there = found.get(key);
            let is_so = match (there, expect) {
                (None, None) => true,
                (Some(_), None) => false,
                (Some(there), Some(expect)) => self.is_same(at, there, expect),
                (None, Some(expect)) => self.went_with_its_parent(at, expect)?,
            };
            if !is_so {
                let why = format!("row {} is not as the journal has it", said(key));
                return Err(not_replayed(&self.tables[at].name, &why));
            }
        }
        Ok(())
    }

    fn is_same(&self, at: usize, there: &[Field], expect: &[Field]) -> bool {
        let follows = |place: usize| {
            let of_child = self.cascades.get(&at).into_iter().flatten();
            of_child.flat_map(|cascade| &cascade.columns).any(|(column, _)| *column == place)
        };
        let pairs = there.iter().zip(expect).enumerate();
        pairs.into_iter().all(|(place, (there, expect))| there == expect || follows(place))
    }

    /// A parent that its last image names is not there any more.
    fn went_with_its_parent(&mut self, at: usize, row: &[Field]) -> Result<bool, DatabaseError> {
        let mut statements = Vec::new();
        for cascade in self.cascades.get(&at).into_iter().flatten() {
            let Some(parent) = self.tables.iter().find(|table| table.name == cascade.parent) else {
                continue;
            };
            let is: Option<Vec<String>> = cascade
                .columns
                .iter()
                .map(|(place, to)| Some(self.equals(parent, to, Some(row[*place].as_deref()?))))
                .collect();
            let Some(is) = is else { continue };
            let name = quoted(&cascade.parent);
            statements.push(format!("SELECT 1 FROM {name} WHERE {} LIMIT 1", is.join(" AND ")));
        }
        for statement in statements {
            let asked = texts(&mut self.conn, "look for a row's parent", &statement);
            if self.runtime.block_on(asked)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Engine for Rows {
    fn apply(&mut self, steps: Vec<Step>) -> Result<u64, DatabaseError> {
        if !self.is_in_transaction {
            self.run("begin to make changes", b"START TRANSACTION")?;
            self.is_in_transaction = true;
        }
        let mut rest = steps.as_slice();
        while let Some(first) = rest.first() {
            let count = together(rest);
            if count > 1 {
                let (at, _) = first.inserted().expect("invariant: only insertions go together");
                let rows = rest[..count].iter().filter_map(Step::inserted);
                self.insert(at, &rows.map(|(_, row)| row).collect::<Vec<_>>())?;
            } else {
                self.make(first)?;
            }
            rest = &rest[count..];
        }
        let touched = touched(&self.tables, &steps)?;
        for (at, rows) in &touched {
            self.hold(*at, rows)?;
        }
        Ok(touched.values().map(|rows| rows.len() as u64).sum())
    }

    fn keep(&mut self, progress: &Progress) -> Result<(), DatabaseError> {
        let text = serde_json::to_string(progress).expect("invariant: numbers are JSON");
        let note = format!("REPLACE INTO {PROGRESS} VALUES ('progress', {})", literal(&text));
        let what = "keep changes";
        self.run(what, note.as_bytes())?;
        self.is_in_transaction = false;
        self.run(what, b"COMMIT")
    }

    fn finish(&mut self, wanted: &Wanted, _progress: &Progress) -> Result<(), DatabaseError> {
        let note = done_note(&wanted.beside.mark, wanted.until_ms);
        let name = quoted(&wanted.beside.name);
        self.runtime.block_on(async {
            let (conn, what) = (&mut self.conn, "note that the changes are made");
            execute(conn, what, "SET character_set_results = utf8mb4").await?;
            bring_triggers_back(conn).await?;
            let comment = format!("ALTER DATABASE {name} COMMENT = {}", literal(&note));
            if conn.query_drop(comment).await.is_err() {
                // MySQL, and MariaDB before 10.5: there the journal of the restore has stayed.
                let step = format!("INSERT IGNORE INTO {JOURNAL} VALUES ({})", literal(&note));
                execute(conn, what, &step).await?;
            }
            execute(conn, what, &format!("DROP TABLE {PROGRESS}")).await
        })
    }
}

/// How many of the next steps can be made by one statement.
fn together(steps: &[Step]) -> usize {
    let Some(Step::Insert(first, _)) = steps.first() else { return 1 };
    let mut bytes = 0;
    let fits = |step: &&Step| {
        bytes += step.bytes();
        matches!(step, Step::Insert(at, _) if at == first) && bytes <= STATEMENT_BYTES
    };
    steps.iter().take_while(fits).count().max(1)
}

/// What became of each row that has a key, by its last image.
fn touched(tables: &[Table], steps: &[Step]) -> Result<BTreeMap<usize, Images>, DatabaseError> {
    let mut all: BTreeMap<usize, Images> = BTreeMap::new();
    for step in steps {
        let (at, before, after) = match step {
            Step::Insert(at, row) => (*at, None, Some(row)),
            Step::Update(at, before, after) => (*at, before.as_ref(), Some(after)),
            Step::Delete(at, row) => (*at, Some(row), None),
            Step::Empty(at) => {
                let of = all.entry(*at).or_default();
                of.values_mut().for_each(|row| *row = None);
                continue;
            }
        };
        let table = &tables[at];
        if table.key.is_empty() {
            continue;
        }
        let of = all.entry(at).or_default();
        if let Some(before) = before {
            of.insert(key_of(table, before)?, None);
        }
        if let Some(after) = after {
            of.insert(key_of(table, after)?, Some(whole(table, after)?.to_vec()));
        }
    }
    Ok(all)
}

fn whole<'a>(table: &Table, row: &'a Row) -> Result<&'a [Field], DatabaseError> {
    match row.absent.is_empty() {
        true => Ok(&row.fields),
        false => Err(not_replayed(&table.name, "a row came without all of its values")),
    }
}

/// As the columns store them.
fn values(table: &Table, fields: &[Field]) -> Vec<Vec<u8>> {
    let value = |(column, field): (&crate::dump::Column, &Field)| {
        let mut text = Vec::new();
        push_literal(&mut text, field.as_deref(), form(&column.type_name));
        text
    };
    table.columns.iter().zip(fields).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_come_one_after_another_come_together() {
        let row = |bytes: usize| Row { fields: vec![Some(vec![b'x'; bytes])], absent: vec![] };
        let insert = |at, bytes| Step::Insert(at, row(bytes));
        let check = |steps: &[Step], expect: usize| assert_eq!(together(steps), expect);
        check(&[insert(0, 1), insert(0, 1), insert(1, 1)], 2);
        check(&[Step::Delete(0, row(1)), insert(0, 1)], 1);
        check(&[insert(0, STATEMENT_BYTES), insert(0, 1)], 1);
        check(&[insert(0, STATEMENT_BYTES - 100), insert(0, 1), insert(0, 100)], 2);
        check(&[Step::Empty(0)], 1);
    }
}
