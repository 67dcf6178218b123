//! Rows into MariaDB or MySQL by INSERT of many at once; views, routines and triggers after them.

use super::{Loading, not_empty};
use crate::{
    DatabaseError,
    dump::{
        Files, Row, Table,
        manifest::{SCHEMA_POST, SCHEMA_PRE},
        mysql::{
            connect, execute, failed, literal,
            literal::{Form, form, push_literal},
            quoted,
            schema::statements,
            texts, without_transactions,
        },
        postgres::runtime,
        reader::{broken, decoded, lines},
    },
};
use kernel::config::DatabaseUrl;
use mysql_async::{Conn, prelude::Queryable};
use std::collections::BTreeSet;

/// A statement is sent when it is so long. Servers take 16 MiB and more as they are installed.
const STATEMENT_BYTES: usize = 512 << 10;
/// The table that notes how far a restore into a new database is.
pub(crate) const JOURNAL: &str = "`storewarden_restore`";
/// ER_TABLE_EXISTS_ERROR, ER_SP_ALREADY_EXISTS, ER_TRG_ALREADY_EXISTS (MariaDB manual, error codes).
const THERE: [u16; 3] = [1050, 1304, 1359];
/// A day: the server must not give a long load up.
const PATIENCE: &str = "net_write_timeout = 86400, net_read_timeout = 86400, wait_timeout = 86400";

pub(super) fn load<F: Files>(
    loading: &Loading<'_, F>,
    into: &DatabaseUrl,
) -> Result<(), DatabaseError> {
    runtime()?.block_on(async {
        let mut conn = connect(into).await?;
        let mut steps = Steps::begin(&mut conn, loading, into).await?;
        execute(&mut conn, "set up the session", "SET NAMES utf8mb4").await?;
        let settings = format!(
            "SET SESSION foreign_key_checks = 0, unique_checks = 0, time_zone = '+00:00', {PATIENCE}"
        );
        execute(&mut conn, "set up the session", &settings).await?;
        mode(&mut conn, false).await?;
        let goes_on = steps.has("tables");
        if !goes_on {
            run::<F>(&mut conn, SCHEMA_PRE, &loading.schema(SCHEMA_PRE)?, None).await?;
            steps.note(&mut conn, "tables").await?;
        }
        let plain = without_transactions(&mut conn).await?;
        for table in &loading.tables {
            if steps.has(&table.rows.name) {
                loading.keeps(table);
                continue;
            }
            if goes_on {
                // A table without transactions keeps what came before the end.
                let empty = format!("TRUNCATE TABLE {}", quoted(&table.name));
                execute(&mut conn, "empty a table that was not whole", &empty).await?;
            }
            loading.begins(table);
            let is_plain = plain.contains(&table.name);
            let rows = fill(&mut conn, loading, table, is_plain).await?;
            loading.ends(table, rows)?;
            steps.note(&mut conn, &table.rows.name).await?;
        }
        for sequence in &loading.reader.manifest().sequences {
            let what = format!("set sequence `{}`", sequence.name);
            let name = quoted(&sequence.name);
            let statement = format!("SELECT SETVAL({name}, {}, {})", sequence.value, sequence.is_called);
            execute(&mut conn, &what, &statement).await?;
        }
        if !steps.has("after") {
            let beside = loading.journal.is_some().then_some(loading);
            run(&mut conn, SCHEMA_POST, &loading.schema(SCHEMA_POST)?, beside).await?;
            steps.note(&mut conn, "after").await?;
        }
        for table in &loading.tables {
            // InnoDB notes how many rows there are when it finds the time. A server that is started before
            // has bad plans, and takes the relevance of full-text searches for infinite: an error in sums.
            let what = format!("gather statistics of table `{}`", table.name);
            let statement = format!("ANALYZE NO_WRITE_TO_BINLOG TABLE {}", quoted(&table.name));
            execute(&mut conn, &what, &statement).await?;
        }
        // All that was asked of it is done.
        let _ = conn.disconnect().await;
        Ok(())
    })
}

/// What is whole already. It stands in a table beside the others.
struct Steps {
    noted: Option<BTreeSet<String>>,
}

impl Steps {
    async fn begin<F>(
        conn: &mut Conn,
        loading: &Loading<'_, F>,
        into: &DatabaseUrl,
    ) -> Result<Self, DatabaseError> {
        let Some(journal) = &loading.journal else {
            let there = "SELECT TABLE_NAME FROM information_schema.TABLES \
                         WHERE TABLE_SCHEMA = DATABASE() LIMIT 1";
            let there = texts(conn, "look whether the database is empty", there).await?;
            return if there.is_empty() { Ok(Self { noted: None }) } else { Err(not_empty(into)) };
        };
        let statement = format!("SELECT step FROM {JOURNAL}");
        let steps = texts(conn, "read how far the restore is", &statement).await?;
        let noted: BTreeSet<String> = steps.into_iter().flatten().flatten().collect();
        if noted.contains(&marked(&journal.mark)) {
            Ok(Self { noted: Some(noted) })
        } else {
            Err(not_empty(into))
        }
    }

    fn has(&self, step: &str) -> bool {
        self.noted.as_ref().is_some_and(|noted| noted.contains(step))
    }

    async fn note(&mut self, conn: &mut Conn, step: &str) -> Result<(), DatabaseError> {
        let Some(noted) = &mut self.noted else { return Ok(()) };
        let statement = format!("INSERT INTO {JOURNAL} VALUES ({})", literal(step));
        execute(conn, "note how far the restore is", &statement).await?;
        noted.insert(step.to_owned());
        Ok(())
    }
}

/// Dates of zeroes are as they are; whatever does not fit else is refused if `is_strict`.
async fn mode(conn: &mut Conn, is_strict: bool) -> Result<(), DatabaseError> {
    let strict = if is_strict { ",STRICT_ALL_TABLES" } else { "" };
    let statement =
        format!("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES{strict}'");
    execute(conn, "set up the session", &statement).await
}

/// `beside`: what is there since an attempt before stays, and what acts by itself is left out.
async fn run<F>(
    conn: &mut Conn,
    name: &str,
    script: &str,
    beside: Option<&Loading<'_, F>>,
) -> Result<(), DatabaseError>
where
    F: Files,
{
    let statements = statements(script);
    let statements =
        statements.ok_or_else(|| broken(name, "it is no script of ours".to_owned()))?;
    for statement in statements {
        let head: String = statement.chars().take(80).collect();
        let what = format!("run `{}`", head.replace('\n', " "));
        let Some(loading) = beside else {
            execute(conn, &what, statement).await?;
            continue;
        };
        if is_event(statement) {
            loading.leaves_out(format!("{what}: it would act beside the shop's own"));
            continue;
        }
        match conn.query_drop(statement).await {
            Err(mysql_async::Error::Server(error)) if THERE.contains(&error.code) => {}
            done => done.map_err(failed(&what))?,
        }
    }
    Ok(())
}

/// `CREATE DEFINER=… EVENT …`, which a server does on its own at its time.
fn is_event(statement: &str) -> bool {
    let head = statement.split_once(" ON SCHEDULE ").map(|(head, _)| head);
    head.is_some_and(|head| head.starts_with("CREATE ") && head.contains(" EVENT "))
}

/// What the journal has of a mark.
pub(crate) fn marked(mark: &str) -> String {
    format!("mark {mark}")
}

async fn fill<F: Files>(
    conn: &mut Conn,
    loading: &Loading<'_, F>,
    table: &Table,
    is_plain: bool,
) -> Result<u64, DatabaseError> {
    let what = format!("load table `{}`", table.name);
    let forms: Vec<Form> = table.columns.iter().map(|column| form(&column.type_name)).collect();
    // What was no word of an enumeration when it was written is stored as '', and strictly refused.
    let is_strict = !table.columns.iter().any(|column| column.type_name.starts_with("enum"));
    mode(conn, is_strict).await?;
    let columns: Vec<_> = table.columns.iter().map(|column| quoted(&column.name)).collect();
    let head = format!("INSERT INTO {} ({}) VALUES ", quoted(&table.name), columns.join(", "));
    let mut statement = head.clone().into_bytes();
    let mut rows = 0;
    if !is_plain {
        execute(conn, &what, "START TRANSACTION").await?;
    }
    for block in loading.reader.blocks(table)? {
        let block = block?;
        loading.block_done(&block);
        for line in lines(&block) {
            push_row(&mut statement, &decoded(table, line)?, &forms);
            if statement.len() >= STATEMENT_BYTES {
                rows += insert(conn, &what, &mut statement, head.len()).await?;
            }
        }
    }
    if statement.len() > head.len() {
        rows += insert(conn, &what, &mut statement, head.len()).await?;
    }
    if !is_plain {
        execute(conn, &what, "COMMIT").await?;
    }
    Ok(rows)
}

/// Sends the statement, of which the head stays for the next; gives the rows that it made.
async fn insert(
    conn: &mut Conn,
    what: &str,
    statement: &mut Vec<u8>,
    head: usize,
) -> Result<u64, DatabaseError> {
    statement.pop();
    conn.query_drop(statement.as_slice()).await.map_err(failed(what))?;
    statement.truncate(head);
    Ok(conn.affected_rows())
}

/// `(…),`
fn push_row(statement: &mut Vec<u8>, row: &Row, forms: &[Form]) {
    statement.push(b'(');
    for (at, (field, form)) in row.fields.iter().zip(forms).enumerate() {
        if at > 0 {
            statement.push(b',');
        }
        push_literal(statement, field.as_deref(), *form);
    }
    statement.extend_from_slice(b"),");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_by_itself_is_told_apart() {
        assert!(is_event("CREATE DEFINER=`a`@`%` EVENT `e` ON SCHEDULE EVERY 1 DAY DO SELECT 1"));
        assert!(!is_event("CREATE TRIGGER `EVENT ` BEFORE INSERT ON t FOR EACH ROW SET @a = 1"));
        assert!(!is_event("SET sql_mode = ''"));
    }

    #[test]
    fn rows_become_literals() {
        let check = |value: Option<&str>, form: Form, expect: &str| {
            let row = Row { fields: vec![value.map(|value| value.as_bytes().to_vec())] };
            let mut statement = Vec::new();
            push_row(&mut statement, &row, &[form]);
            assert_eq!(String::from_utf8(statement).unwrap(), expect);
        };
        check(None, Form::Text, "(NULL),");
        check(Some("-7"), Form::Number, "(-7),");
        check(Some("1); DROP"), Form::Number, "('1); DROP'),");
        check(Some("it's \\"), Form::Bytes, "(_binary'it\\'s \\\\'),");
        check(Some("2026-01-01"), Form::Text, "('2026-01-01'),");
    }
}
