//! The stream itself: what the plugin writes, as events.

use super::{
    OBJECT_IN_USE, Use, Wire, catalog,
    pgoutput::{Message, Odd, OldTuple, Relation, Tuple, Value},
    text,
};
use crate::{
    DatabaseError,
    changes::{
        CONNECT_LIMIT, Change, Event, Image, Options, Position, REACHED_EVERY_BYTES, RowChange,
        SILENCE_LIMIT, STATUS_EVERY, SchemaChange, TableShape,
        position::{lsn, lsn_number},
    },
};
use bytes::{Buf, BufMut, Bytes};
use kernel::config::DatabaseUrl;
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

/// PostgreSQL counts from the beginning of 2000.
const EPOCH_MS: i64 = 946_684_800_000;
/// After we were killed, the server serves our old connection until it notices.
const BUSY_LIMIT: Duration = Duration::from_secs(20);
const BUSY_RETRY: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(in crate::changes) struct Stream {
    wire: Wire,
    url: DatabaseUrl,
    tables: HashMap<u32, Known>,
    /// A description that was read from the stream and not looked up yet.
    described: Option<Relation>,
    events: VecDeque<Event>,
    is_in_transaction: bool,
    /// The place of the last event that was given, and what the caller has on disk.
    given: u64,
    durable: u64,
    /// How far the server's log goes, as it said last.
    server_end: u64,
    heard: Instant,
}

#[derive(Debug)]
struct Known {
    relation: Relation,
    shape: Arc<TableShape>,
}

impl Stream {
    pub(in crate::changes) async fn open(
        url: &DatabaseUrl,
        options: &Options,
        from: &Position,
    ) -> Result<Self, DatabaseError> {
        super::check_name(&options.name)?;
        let Position::Lsn { lsn } = from else { return Err(lost(from, "it is no place of it")) };
        let Some(number) = lsn_number(lsn) else { return Err(lost(from, "it is no place of it")) };
        let mut wire = super::connect(url, Use::Replication).await?;
        check_cap(&mut wire).await?;
        check_slot(&mut wire, options, from, number).await?;
        let command = format!(
            "START_REPLICATION SLOT \"{name}\" LOGICAL {lsn} \
             (proto_version '1', publication_names '\"{name}\"')",
            name = options.name
        );
        let begins = Instant::now();
        while let Err(error) = wire.replicate(&command).await {
            let is_busy = matches!(&error,
                DatabaseError::ChangesServer { code, .. } if code == OBJECT_IN_USE);
            if !is_busy || begins.elapsed() > BUSY_LIMIT {
                return Err(error);
            }
            tokio::time::sleep(BUSY_RETRY).await;
        }
        Ok(Self {
            wire,
            url: url.clone(),
            tables: HashMap::new(),
            described: None,
            events: VecDeque::new(),
            is_in_transaction: false,
            given: number,
            durable: number,
            server_end: 0,
            heard: Instant::now(),
        })
    }

    pub(in crate::changes) async fn next(&mut self) -> Result<Event, DatabaseError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            if let Some(relation) = self.described.clone() {
                self.describe(relation).await?;
                self.described = None;
                continue;
            }
            match tokio::time::timeout(STATUS_EVERY, self.wire.receive()).await {
                Ok(message) => {
                    self.heard = Instant::now();
                    self.take(message?).await?;
                }
                Err(_elapsed) if self.heard.elapsed() > SILENCE_LIMIT => {
                    return Err(DatabaseError::TimedOut(SILENCE_LIMIT));
                }
                Err(_elapsed) => self.tell_status(true).await?,
            }
        }
    }

    pub(in crate::changes) async fn acknowledge(
        &mut self,
        position: &Position,
    ) -> Result<(), DatabaseError> {
        let number = match position {
            Position::Lsn { lsn } => lsn_number(lsn),
            Position::Binlog { .. } => None,
        };
        let number = number.ok_or_else(|| lost(position, "it is no place of it"))?;
        self.durable = self.durable.max(number);
        self.tell_status(false).await
    }

    pub(in crate::changes) fn silent_for(&self) -> Duration {
        self.heard.elapsed()
    }

    pub(in crate::changes) fn behind_bytes(&self) -> Option<u64> {
        (self.server_end > 0).then(|| self.server_end.saturating_sub(self.given))
    }

    /// A message of the replication protocol (PostgreSQL manual, 55.4).
    async fn take(&mut self, mut message: Bytes) -> Result<(), DatabaseError> {
        let kind = message.first().copied().unwrap_or_default();
        match (kind, message.len()) {
            (b'w', 25..) => {
                message.advance(1);
                let place = message.get_u64();
                self.server_end = self.server_end.max(message.get_u64());
                message.advance(8);
                self.decode(place, message)
            }
            (b'k', 18) => {
                message.advance(1);
                let end = message.get_u64();
                self.server_end = self.server_end.max(end);
                message.advance(8);
                let wants_answer = message.get_u8() == 1;
                // Everything before `end` has come by here.
                let is_idle = !self.is_in_transaction && self.described.is_none();
                if is_idle && end >= self.given.saturating_add(REACHED_EVERY_BYTES) {
                    self.given = end;
                    self.events.push_back(Event::Reached { position: lsn(end) });
                }
                if wants_answer { self.tell_status(false).await } else { Ok(()) }
            }
            _ => Err(DatabaseError::ChangesUnknown {
                event: format!("a message `{}`", kind.escape_ascii()),
                place: lsn(self.given).to_string(),
                reason: "it is none of the replication protocol".to_owned(),
            }),
        }
    }

    /// What is durable here; the server may forget what lies before. It sets its clock by nobody: the
    /// time may be left out.
    async fn tell_status(&mut self, wants_answer: bool) -> Result<(), DatabaseError> {
        let mut message = Vec::with_capacity(34);
        message.put_u8(b'r');
        for place in [self.given.max(self.durable), self.durable, self.durable] {
            message.put_u64(place);
        }
        message.put_i64(0);
        message.put_u8(u8::from(wants_answer));
        self.wire.tell(&message).await
    }

    fn decode(&mut self, place: u64, message: Bytes) -> Result<(), DatabaseError> {
        let unknown = |event: String, reason: &str| DatabaseError::ChangesUnknown {
            event,
            place: lsn(place).to_string(),
            reason: reason.to_owned(),
        };
        let message = Message::parse(message).map_err(|Odd { kind, reason }| {
            unknown(format!("a message `{}` of pgoutput", kind.escape_ascii()), reason)
        })?;
        let no_table = |table: u32| {
            unknown(format!("a change of table {table}"), "the table was not described before")
        };
        let no_row = |shape: &TableShape| {
            unknown(format!("a row of `{}`", shape.label()), "it has another number of columns")
        };
        match message {
            Message::Begin | Message::Aside => {}
            Message::Commit { end, at_us } => {
                self.given = end;
                if std::mem::take(&mut self.is_in_transaction) {
                    let committed_ms = EPOCH_MS.saturating_add(at_us.div_euclid(1000));
                    self.events.push_back(Event::Commit { position: lsn(end), committed_ms });
                }
            }
            Message::Relation(relation) => self.described = Some(relation),
            Message::Insert { table, after } => {
                let shape = Arc::clone(&self.known(table).ok_or_else(|| no_table(table))?.shape);
                let after = image(after, &shape).ok_or_else(|| no_row(&shape))?;
                self.push_row(shape, Change::Inserted(after));
            }
            Message::Update { table, before, after } => {
                let known = self.known(table).ok_or_else(|| no_table(table))?;
                let shape = Arc::clone(&known.shape);
                let before = before.map(|old| old_image(old, known).ok_or_else(|| no_row(&shape)));
                let before = before.transpose()?;
                let mut after = image(after, &shape).ok_or_else(|| no_row(&shape))?;
                if let Some(before) = &before {
                    after.complete(before);
                }
                self.push_row(shape, Change::Updated { before, after });
            }
            Message::Delete { table, before } => {
                let known = self.known(table).ok_or_else(|| no_table(table))?;
                let shape = Arc::clone(&known.shape);
                let before = old_image(before, known).ok_or_else(|| no_row(&shape))?;
                self.push_row(shape, Change::Deleted(before));
            }
            Message::Truncate { tables } => {
                for table in tables {
                    let known = self.known(table).ok_or_else(|| no_table(table))?;
                    let table = known.shape.label();
                    self.push(Event::Emptied { table });
                }
            }
        }
        Ok(())
    }

    fn known(&self, table: u32) -> Option<&Known> {
        self.tables.get(&table)
    }

    fn push_row(&mut self, table: Arc<TableShape>, change: Change) {
        self.push(Event::Row(RowChange { table, change }));
    }

    /// An event within a transaction.
    fn push(&mut self, event: Event) {
        if !std::mem::replace(&mut self.is_in_transaction, true) {
            self.events.push_back(Event::Begin);
        }
        self.events.push_back(event);
    }

    /// Looks a described table up, on a connection of its own: this one is taken by the replication.
    async fn describe(&mut self, relation: Relation) -> Result<(), DatabaseError> {
        let known = self.tables.get(&relation.id);
        if known.is_some_and(|known| known.relation == relation) {
            return Ok(());
        }
        let mut wire = super::connect(&self.url, Use::Queries).await?;
        let shape = Arc::new(catalog::shape(&mut wire, &relation).await?);
        let known = self.tables.insert(relation.id, Known { relation, shape: Arc::clone(&shape) });
        if known.is_some_and(|known| known.shape != shape) {
            let table = Some(shape.label());
            self.push(Event::SchemaChanged(SchemaChange { table, statement: None }));
        }
        Ok(())
    }
}

fn image(tuple: Tuple, shape: &TableShape) -> Option<Image> {
    if tuple.len() != shape.columns.len() {
        return None;
    }
    let mut absent = Vec::new();
    let fields = tuple.into_iter().enumerate().map(|(column, value)| match value {
        Value::Text(bytes) => Some(bytes.to_vec()),
        Value::Null => None,
        Value::Unchanged => {
            absent.push(column);
            None
        }
    });
    let fields = fields.collect();
    Some(Image { fields, absent })
}

fn old_image(old: OldTuple, known: &Known) -> Option<Image> {
    match old {
        OldTuple::Whole(tuple) => image(tuple, &known.shape),
        OldTuple::Identity(tuple) => {
            let mut image = image(tuple, &known.shape)?;
            let columns = known.relation.columns.iter().enumerate();
            image.absent =
                columns.filter(|(_, column)| !column.is_identity).map(|(at, _)| at).collect();
            Some(image)
        }
    }
}

async fn check_cap(wire: &mut Wire) -> Result<(), DatabaseError> {
    match super::settings(wire).await?.into_iter().find(super::Obstacle::refuses) {
        None => Ok(()),
        Some(obstacle) => Err(DatabaseError::ChangesRefused {
            what: format!("`{}`", obstacle.subject),
            mend: obstacle.mend,
        }),
    }
}

/// Whether the slot still has everything after `from`. The server itself would begin where it can.
async fn check_slot(
    wire: &mut Wire,
    options: &Options,
    from: &Position,
    number: u64,
) -> Result<(), DatabaseError> {
    let statement = format!(
        "SELECT plugin, COALESCE(wal_status, ''), COALESCE(confirmed_flush_lsn::text, ''), \
         (SELECT count(*) FROM pg_catalog.pg_publication WHERE pubname = '{name}'), \
         CASE WHEN pg_catalog.pg_is_in_recovery() THEN '' ELSE \
         pg_catalog.pg_current_wal_lsn()::text END \
         FROM pg_catalog.pg_replication_slots WHERE slot_name = '{name}' \
         AND database = pg_catalog.current_database()",
        name = options.name
    );
    let rows = wire.query("look at the replication slot", &statement, CONNECT_LIMIT).await?;
    let Some(row) = rows.into_iter().next() else {
        return Err(lost(from, "the replication slot is not there any more"));
    };
    let row: Vec<_> = row.into_iter().map(text).collect();
    let [plugin, status, confirmed, published, end] = row.as_slice() else {
        return Err(super::odd_answer("look at the replication slot"));
    };
    if plugin != "pgoutput" || published != "1" {
        return Err(lost(from, "the slot or its publication is somebody else's"));
    }
    if status == "lost" || confirmed.is_empty() {
        let reason = "the slot was invalidated: it had kept max_slot_wal_keep_size of the log";
        return Err(lost(from, reason));
    }
    if lsn_number(confirmed).is_none_or(|confirmed| confirmed > number) {
        let reason = format!("the slot has gone on to {confirmed}, which was acknowledged once");
        return Err(lost(from, &reason));
    }
    if lsn_number(end).is_some_and(|end| end < number) {
        return Err(lost(from, "the server's log ends before it: the server was set back"));
    }
    Ok(())
}

fn lost(position: &Position, reason: &str) -> DatabaseError {
    DatabaseError::ChangesLost { position: position.to_string(), reason: reason.to_owned() }
}
