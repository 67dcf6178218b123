//! Orders from MariaDB and MySQL. Every transaction of the session is read only, so that no
//! statement of a platform file can write, even under a user who may.

use super::{OrderQuery, OrderRow, STATEMENT_LIMIT, order_row, statement::Parameter, within_limit};
use crate::DatabaseError;
use kernel::config::DatabaseUrl;
use mysql_async::{Conn, Opts, OptsBuilder, Row, Value, prelude::Queryable};

#[derive(Debug)]
pub(super) struct Orders {
    opts: Opts,
    /// Without the password.
    place: String,
    statement: String,
    parameters: Vec<Parameter>,
    session: Option<Conn>,
}

impl Orders {
    pub(super) async fn connect(
        url: &DatabaseUrl,
        query: &OrderQuery,
    ) -> Result<Self, DatabaseError> {
        let place = url.to_string();
        // The client knows one scheme for both.
        let address = match url.secret.split_once("://") {
            Some((_, rest)) => format!("mysql://{rest}"),
            None => url.secret.clone(),
        };
        let opts = Opts::from_url(&address).map_err(|error| DatabaseError::Url {
            url: place.clone(),
            reason: error.to_string(),
        })?;
        let opts = OptsBuilder::from_opts(opts)
            // What the address says counts; a socket found on the way is another server, maybe.
            .prefer_socket(false)
            .connect_attribute("program_name", "storewarden");
        let (statement, parameters) = query.mysql();
        let mut orders = Self { opts: opts.into(), place, statement, parameters, session: None };
        orders.session = Some(within_limit(orders.open()).await?);
        Ok(orders)
    }

    pub(super) async fn read(
        &mut self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<OrderRow>, DatabaseError> {
        // Taken out, so that a session that failed us, or whose answer was not awaited, is gone.
        let mut session = match self.session.take() {
            Some(session) => session,
            None => within_limit(self.open()).await?,
        };
        let values: Vec<Value> = self
            .parameters
            .iter()
            .map(|parameter| match parameter {
                Parameter::After => Value::from(after),
                Parameter::Limit => Value::from(limit),
            })
            .collect();
        let rows: Vec<Row> = within_limit(async {
            let rows = session.exec(&self.statement, values).await;
            rows.map_err(DatabaseError::ReadMySql)
        })
        .await?;
        self.session = Some(session);
        rows.iter().map(|row| order_row(|column| number(row, column))).collect()
    }

    async fn open(&self) -> Result<Conn, DatabaseError> {
        let failed = |source| DatabaseError::ConnectMySql { place: self.place.clone(), source };
        let mut session = Conn::new(self.opts.clone()).await.map_err(failed)?;
        session.query_drop("SET SESSION TRANSACTION READ ONLY").await.map_err(failed)?;
        let version: Option<String> =
            session.query_first("SELECT VERSION()").await.map_err(failed)?;
        // Seconds in MariaDB, milliseconds and another name in MySQL.
        let limit = if version.is_some_and(|version| version.contains("MariaDB")) {
            format!("SET SESSION max_statement_time = {}", STATEMENT_LIMIT.as_secs())
        } else {
            format!("SET SESSION max_execution_time = {}", STATEMENT_LIMIT.as_millis())
        };
        session.query_drop(limit).await.map_err(failed)?;
        Ok(session)
    }
}

fn number(row: &Row, column: usize) -> Option<i64> {
    match row.as_ref(column)? {
        Value::Int(number) => Some(*number),
        Value::UInt(number) => i64::try_from(*number).ok(),
        _ => None,
    }
}
