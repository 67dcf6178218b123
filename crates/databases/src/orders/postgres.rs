//! Orders from PostgreSQL. The session is read only, so that no statement of a platform file can
//! write, even under a role that may.

use super::{OrderQuery, OrderRow, STATEMENT_LIMIT, order_row, within_limit};
use crate::DatabaseError;
use kernel::config::DatabaseUrl;
use tokio::task::JoinHandle;
use tokio_postgres::{
    Client, Config, NoTls, Row,
    types::{ToSql, Type},
};

#[derive(Debug)]
pub(super) struct Orders {
    config: Config,
    /// Without the password.
    place: String,
    statement: String,
    session: Option<Session>,
}

struct Session {
    client: Client,
    driver: JoinHandle<()>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Orders {
    pub(super) async fn connect(
        url: &DatabaseUrl,
        query: &OrderQuery,
    ) -> Result<Self, DatabaseError> {
        let place = url.to_string();
        let mut config: Config = url.secret.parse().map_err(|error: tokio_postgres::Error| {
            DatabaseError::Url { url: place.clone(), reason: error.to_string() }
        })?;
        config.application_name("storewarden");
        let mut orders = Self { config, place, statement: query.postgres(), session: None };
        orders.session = Some(within_limit(orders.open()).await?);
        Ok(orders)
    }

    pub(super) async fn read(
        &mut self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<OrderRow>, DatabaseError> {
        // Taken out, so that a session that failed us, or whose answer was not awaited, is gone.
        let kept = self.session.take().filter(|session| !session.client.is_closed());
        let session = match kept {
            Some(session) => session,
            None => within_limit(self.open()).await?,
        };
        let limit = i64::from(limit);
        let parameters: [(&(dyn ToSql + Sync), Type); 2] =
            [(&after, Type::INT8), (&limit, Type::INT8)];
        let rows = within_limit(async {
            let rows = session.client.query_typed(&self.statement, &parameters).await;
            rows.map_err(DatabaseError::ReadPostgres)
        })
        .await?;
        self.session = Some(session);
        rows.iter().map(|row| order_row(|column| number(row, column))).collect()
    }

    async fn open(&self) -> Result<Session, DatabaseError> {
        let failed = |source| DatabaseError::ConnectPostgres { place: self.place.clone(), source };
        let (client, connection) = self.config.connect(NoTls).await.map_err(failed)?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection to the shop's PostgreSQL ended");
            }
        });
        let session = Session { client, driver };
        let manners = format!(
            "SET default_transaction_read_only = on; SET statement_timeout = {limit}; \
             SET lock_timeout = {limit}; SET idle_in_transaction_session_timeout = {limit}",
            limit = STATEMENT_LIMIT.as_millis()
        );
        session.client.batch_execute(&manners).await.map_err(failed)?;
        Ok(session)
    }
}

/// Any whole number, whatever its width.
fn number(row: &Row, column: usize) -> Option<i64> {
    match *row.columns().get(column)?.type_() {
        Type::INT8 => row.try_get(column).ok(),
        Type::INT4 => row.try_get::<_, i32>(column).ok().map(i64::from),
        Type::INT2 => row.try_get::<_, i16>(column).ok().map(i64::from),
        _ => None,
    }
}
