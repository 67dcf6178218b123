//! One connection to PostgreSQL, with the statements it has prepared.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail};
use bytes::BytesMut;
use tokio::task::JoinHandle;
use tokio_postgres::{
    Client, NoTls, Statement,
    types::{IsNull, ToSql, Type, to_sql_checked},
};

use super::{Row, Value};

#[derive(Debug)]
pub(super) struct Connection {
    client: Client,
    statements: HashMap<String, Statement>,
    driver: JoinHandle<()>,
}

impl Connection {
    pub(super) async fn open(config: &tokio_postgres::Config) -> Result<Self> {
        let (client, connection) = config.connect(NoTls).await.context("connect to PostgreSQL")?;
        // What goes wrong on the wire is reported by the statement that was waiting for it.
        let driver = tokio::spawn(async move { connection.await.unwrap_or(()) });
        Ok(Self { client, statements: HashMap::new(), driver })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub(super) async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        let statement = match self.statements.get(sql) {
            Some(statement) => statement.clone(),
            None => {
                let statement = self.client.prepare(sql).await.map_err(explain)?;
                self.statements.insert(sql.to_owned(), statement.clone());
                statement
            }
        };
        let parameters: Vec<&(dyn ToSql + Sync)> =
            values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        let rows = self.client.query(&statement, &parameters).await.map_err(explain)?;
        rows.iter().map(read).collect()
    }

    pub(super) async fn run_script(&mut self, sql: &str) -> Result<()> {
        self.client.batch_execute(sql).await.map_err(explain)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The client's own text is only "db error"; the server's says what is wrong.
fn explain(error: tokio_postgres::Error) -> anyhow::Error {
    let text = error.as_db_error().map(|db| format!("{}: {}", db.code().code(), db.message()));
    let error = anyhow::Error::new(error);
    match text {
        Some(text) => error.context(text),
        None => error,
    }
}

fn read(row: &tokio_postgres::Row) -> Result<Row> {
    let mut values = Vec::with_capacity(row.len());
    for (index, column) in row.columns().iter().enumerate() {
        let value = match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(index)?.map(Value::Int),
            Type::INT4 => {
                row.try_get::<_, Option<i32>>(index)?.map(|value| Value::Int(value.into()))
            }
            Type::TEXT | Type::VARCHAR => row.try_get::<_, Option<String>>(index)?.map(Value::Text),
            ref other => bail!("read column `{}` of unknown type {other}", column.name()),
        };
        values.push(value.unwrap_or(Value::Null));
    }
    Ok(Row(values))
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) if *kind == Type::INT4 => i32::try_from(*value)?.to_sql(kind, out),
            Self::Int(value) => value.to_sql(kind, out),
            Self::Text(value) => value.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        <i64 as ToSql>::accepts(kind)
            || <i32 as ToSql>::accepts(kind)
            || <String as ToSql>::accepts(kind)
    }

    to_sql_checked!();
}
