//! One connection to SQLite, on a thread of its own: its calls block.

use std::{path::Path, sync::mpsc, thread, time::Duration};

use anyhow::{Context as _, Result, bail};
use rusqlite::types::ValueRef;
use tokio::sync::oneshot;

use super::{Row, Value};

/// How long a writer waits for another instance's transaction.
const BUSY_WAIT: Duration = Duration::from_secs(10);

enum Question {
    Query { sql: String, values: Vec<Value>, answer: oneshot::Sender<Result<Vec<Row>>> },
    Script { sql: String, answer: oneshot::Sender<Result<()>> },
}

/// Dropping it ends the thread, which closes the file and so undoes an open transaction.
#[derive(Debug)]
pub(super) struct Connection {
    questions: mpsc::Sender<Question>,
}

impl Connection {
    pub(super) async fn open(path: &Path) -> Result<Self> {
        let (questions, inbox) = mpsc::channel();
        let (opened, is_open) = oneshot::channel();
        let path = path.to_owned();
        thread::Builder::new()
            .name("sqlite".into())
            .spawn(move || match open_file(&path) {
                Ok(file) => {
                    if opened.send(Ok(())).is_ok() {
                        serve(&file, &inbox);
                    }
                }
                // Nobody waits any more: there is nobody to tell.
                Err(error) => drop(opened.send(Err(error))),
            })
            .context("start a thread for SQLite")?;
        is_open.await.context("open the SQLite database")??;
        Ok(Self { questions })
    }

    pub(super) async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        let (answer, receiver) = oneshot::channel();
        self.ask(Question::Query { sql: sql.to_owned(), values: values.to_vec(), answer })?;
        receiver.await.context("wait for SQLite")?
    }

    pub(super) async fn run_script(&mut self, sql: &str) -> Result<()> {
        let (answer, receiver) = oneshot::channel();
        self.ask(Question::Script { sql: sql.to_owned(), answer })?;
        receiver.await.context("wait for SQLite")?
    }

    fn ask(&self, question: Question) -> Result<()> {
        if self.questions.send(question).is_err() {
            bail!("the SQLite thread has ended");
        }
        Ok(())
    }
}

fn open_file(path: &Path) -> Result<rusqlite::Connection> {
    let file = rusqlite::Connection::open(path)
        .with_context(|| format!("open the database `{}`", path.display()))?;
    file.busy_timeout(BUSY_WAIT)?;
    file.pragma_update(None, "journal_mode", "wal")?;
    // An acknowledged order is on the disk, also after a power cut.
    file.pragma_update(None, "synchronous", "full")?;
    file.pragma_update(None, "foreign_keys", "on")?;
    Ok(file)
}

fn serve(file: &rusqlite::Connection, inbox: &mpsc::Receiver<Question>) {
    while let Ok(question) = inbox.recv() {
        // An answer that nobody waits for belongs to a visitor who left.
        match question {
            Question::Query { sql, values, answer } => drop(answer.send(run(file, &sql, &values))),
            Question::Script { sql, answer } => {
                drop(answer.send(file.execute_batch(&sql).map_err(anyhow::Error::from)));
            }
        }
    }
}

fn run(file: &rusqlite::Connection, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
    let mut statement = file.prepare(sql)?;
    for (index, value) in values.iter().enumerate() {
        match value {
            Value::Null => statement.raw_bind_parameter(index + 1, rusqlite::types::Null)?,
            Value::Int(number) => statement.raw_bind_parameter(index + 1, number)?,
            Value::Text(text) => statement.raw_bind_parameter(index + 1, text)?,
        }
    }
    let columns = statement.column_count();
    let mut rows = statement.raw_query();
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let values = (0..columns).map(|column| {
            Ok(match row.get_ref(column)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => Value::Int(number),
                ValueRef::Text(text) => Value::Text(std::str::from_utf8(text)?.to_owned()),
                other => bail!("read column {column} of unknown type {:?}", other.data_type()),
            })
        });
        out.push(Row(values.collect::<Result<_>>()?));
    }
    Ok(out)
}
