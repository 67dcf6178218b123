//! The stream itself: events of the binary log, as ours.
//!
//! A transaction is a group: a GTID or BEGIN, rows, and an XID or COMMIT; or one statement that
//! redefines something. Kinds of events that are not in the list below stop the stream.

use super::{
    end, gtid, introduce,
    raw::Raw,
    rows::{CatalogColumn, Mapped, RowsKind, TableMap, rows, table_of},
    settings,
    statement::{Statement, names},
    value::Rest,
};
use crate::{
    DatabaseError,
    changes::{
        Event, Options, Position, REACHED_EVERY_BYTES, RowChange, SILENCE_LIMIT, SchemaChange,
        Tables,
    },
    dump::mysql::{connect, failed, literal, texts},
};
use futures_util::StreamExt;
use kernel::config::DatabaseUrl;
use mysql_async::{BinlogStream, BinlogStreamRequest, binlog::events::Event as LogEvent};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

/// Set in events that the server made up for us, which lie nowhere in its log.
pub(super) const ARTIFICIAL: u16 = 0x20;
/// Events say where they end in 32 bits.
const LONGEST_FILE: u64 = u32::MAX as u64;
/// Set in a GTID that is followed by one statement alone.
const STANDALONE: u64 = 1;

pub(in crate::changes) struct Stream {
    log: BinlogStream,
    url: DatabaseUrl,
    database: String,
    tables: Tables,
    mapped: HashMap<u64, Arc<Mapped>>,
    /// A table that was described and not looked up yet.
    described: Option<TableMap>,
    events: VecDeque<Event>,
    group: Group,
    has_begun: bool,
    /// Something of what has begun is for us.
    has_changes: bool,
    /// Where the log is given as it comes.
    raw: Option<Raw>,
    /// Whether the log was described: before that, nobody knows where an event's checksum begins.
    is_described: bool,
    file: String,
    /// What MariaDB calls the place, by domain.
    gtid: Option<BTreeMap<u64, String>>,
    /// File and offset of the last event that was given.
    given: (String, u64),
    /// Where the last event of this file that lies in it ends.
    passed: u64,
    heard: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Outside,
    /// Until the statement that comes next.
    Statement,
    /// Until it is committed.
    Transaction,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("given", &self.given).finish_non_exhaustive()
    }
}

impl Stream {
    pub(in crate::changes) async fn open(
        url: &DatabaseUrl,
        options: &Options,
        from: &Position,
    ) -> Result<Self, DatabaseError> {
        let Position::Binlog { file, offset, gtid: known } = from else {
            return Err(lost(from, "it is no place of it"));
        };
        check_length(file, *offset)?;
        let mut conn = connect(url).await?;
        if let Some(obstacle) = settings(&mut conn).await?.into_iter().next() {
            let what = format!("`{}`", obstacle.subject);
            return Err(DatabaseError::ChangesRefused { what, mend: obstacle.mend });
        }
        let database = texts(&mut conn, "ask for the database", "SELECT DATABASE()").await?;
        let database = database.into_iter().flatten().flatten().next().ok_or_else(|| {
            DatabaseError::ChangesRefused {
                what: "no database at all".to_owned(),
                mend: "name one in the address".to_owned(),
            }
        })?;
        let logs = texts(&mut conn, "look at the binary logs", "SHOW BINARY LOGS").await?;
        let end_of_file = logs.into_iter().find_map(|row| {
            let mut row = row.into_iter().flatten();
            (row.next()? == *file).then(|| row.next()?.parse::<u64>().ok()).flatten()
        });
        match end_of_file {
            None => return Err(lost(from, "the server has removed this file of its log")),
            Some(bytes) if bytes < *offset => {
                return Err(lost(from, "the file ends before it: the server was set back"));
            }
            Some(_) => {}
        }
        let found = gtid(&mut conn, file, *offset).await?;
        if let Some(known) = known
            && found.as_deref().map(domains) != Some(domains(known))
        {
            let found = found.unwrap_or_else(|| "nothing".to_owned());
            let reason = format!("there is {found} at it now: it is another server's log");
            return Err(lost(from, &reason));
        }
        introduce(&mut conn).await?;
        let request = BinlogStreamRequest::new(options.server_id)
            .with_filename(file.as_bytes())
            .with_pos(*offset);
        let log = conn.get_binlog_stream(request).await.map_err(failed("ask for the log"))?;
        Ok(Self {
            log,
            url: url.clone(),
            database,
            tables: options.tables.clone(),
            mapped: HashMap::new(),
            described: None,
            events: VecDeque::new(),
            group: Group::Outside,
            has_begun: false,
            has_changes: false,
            raw: options.raw.then(Raw::default),
            is_described: false,
            file: file.clone(),
            gtid: found.as_deref().map(domains),
            given: (file.clone(), *offset),
            passed: *offset,
            heard: Instant::now(),
        })
    }

    pub(in crate::changes) async fn next(&mut self) -> Result<Event, DatabaseError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            if let Some(map) = self.described.clone() {
                self.describe(map).await?;
                self.described = None;
            }
            let event = tokio::time::timeout(SILENCE_LIMIT, self.log.next()).await;
            let event = event.map_err(|_elapsed| DatabaseError::TimedOut(SILENCE_LIMIT))?;
            let event = event.ok_or_else(|| DatabaseError::ChangesCut {
                what: "read the binary log".to_owned(),
                source: std::io::ErrorKind::UnexpectedEof.into(),
            })?;
            self.heard = Instant::now();
            self.take(&event.map_err(failed("read the binary log"))?)?;
        }
    }

    pub(in crate::changes) fn silent_for(&self) -> Duration {
        self.heard.elapsed()
    }

    /// An event that ends before the one before it has a place that was cut to 32 bits.
    fn pass(&mut self, kind: u8, end: u64) -> Result<(), DatabaseError> {
        if !matches!(kind, 2 | 16 | 19 | 23..=25 | 30..=32 | 162) || end == 0 {
            return Ok(());
        }
        if end < self.passed {
            let reason = "it ends before the one before it: the file is longer than 4 GiB, and places in \
                          it cannot be told apart; make transactions and max_binlog_size smaller";
            return Err(self.unknown(event_name(kind), reason));
        }
        self.passed = end;
        Ok(())
    }

    /// Numbers of events: MariaDB, log_event.h, `Log_event_type`.
    fn take(&mut self, event: &LogEvent) -> Result<(), DatabaseError> {
        let header = event.header();
        let body = event.data();
        let end = u64::from(header.log_pos());
        let committed_ms = i64::from(header.timestamp()) * 1000;
        let kind = header.event_type_raw();
        self.pass(kind, end)?;
        self.keep(event)?;
        let malformed = || self.unknown(event_name(kind), "it is malformed");
        match kind {
            2 => self.take_statement(body, end, committed_ms),
            // The first only repeats the file that was asked for.
            4 if !self.is_described => Ok(()),
            4 => {
                let (offset, file) = body.split_first_chunk::<8>().ok_or_else(malformed)?;
                let file = String::from_utf8(file.to_vec()).map_err(|_odd| malformed())?;
                self.file = file;
                self.passed = 0;
                if let Some(raw) = &mut self.raw {
                    raw.end_file();
                }
                // A server that was started again counts its tables anew.
                self.mapped.clear();
                let is_real = header.flags_raw() & ARTIFICIAL == 0 && header.timestamp() > 0;
                if is_real && self.group == Group::Outside {
                    self.reach(u64::from_le_bytes(*offset));
                }
                Ok(())
            }
            16 => self.end_group(end, committed_ms),
            19 => {
                let map = TableMap::parse(body).ok_or_else(malformed)?;
                let is_ours = map.database == self.database && self.tables.has(&map.table);
                let known = self.mapped.get(&map.id);
                if is_ours && known.is_none_or(|known| known.map != map) {
                    self.described = Some(map);
                } else if !is_ours {
                    self.mapped.remove(&map.id);
                }
                Ok(())
            }
            23 | 30 => self.take_rows(body, RowsKind::Write, kind == 30),
            24 | 31 => self.take_rows(body, RowsKind::Update, kind == 31),
            25 | 32 => self.take_rows(body, RowsKind::Delete, kind == 32),
            162 => {
                let mut rest = Rest(body);
                let mut next = |bytes| rest.little(bytes).ok_or_else(malformed);
                let (number, domain, flags) = (next(8)?, next(4)?, next(1)?);
                if let Some(gtid) = &mut self.gtid {
                    let text = format!("{domain}-{}-{number}", header.server_id());
                    gtid.insert(domain, text);
                }
                let is_alone = flags & STANDALONE != 0;
                self.group = if is_alone { Group::Statement } else { Group::Transaction };
                Ok(())
            }
            15 => {
                self.is_described = true;
                Ok(())
            }
            // An end of a server, values for a statement, heartbeats, the statement behind rows, and
            // MySQL's names of transactions.
            3 | 5 | 13 | 14 | 27 | 28 | 29 | 33 | 34 | 35 | 160 | 161 | 163 | 164 => Ok(()),
            _ => Err(self.unknown(event_name(kind), "passing over it could lose a change")),
        }
    }

    fn take_statement(
        &mut self,
        body: &[u8],
        end: u64,
        committed_ms: i64,
    ) -> Result<(), DatabaseError> {
        let malformed = || self.unknown("a statement".to_owned(), "it is malformed");
        let (database, text) = statement(body).ok_or_else(malformed)?;
        match Statement::of(&text) {
            Statement::Begin => {
                self.group = Group::Transaction;
                return Ok(());
            }
            Statement::Commit => return self.end_group(end, committed_ms),
            Statement::Aside => {}
            Statement::Definition => {
                if database == self.database || names(&text, &self.database) {
                    let change = SchemaChange { table: None, statement: Some(text) };
                    self.push(Event::SchemaChanged(change));
                }
            }
            Statement::Empties { database: named, table } => {
                if named.unwrap_or(database) == self.database && self.tables.has(&table) {
                    self.push(Event::Emptied { table });
                }
            }
            Statement::Unknown { word } => {
                let reason = "rows that it changes are not in the log; all sessions must have \
                              binlog_format = 'ROW', and XA is not followed";
                return Err(self.unknown(format!("a statement `{word}`"), reason));
            }
        }
        match self.group {
            Group::Transaction => Ok(()),
            Group::Outside | Group::Statement => self.end_group(end, committed_ms),
        }
    }

    fn take_rows(
        &mut self,
        body: &[u8],
        kind: RowsKind,
        is_second: bool,
    ) -> Result<(), DatabaseError> {
        let id = table_of(body);
        let Some(table) = id.and_then(|id| self.mapped.get(&id)).map(Arc::clone) else {
            return Ok(());
        };
        let changes = rows(body, kind, is_second, &table).ok_or_else(|| {
            let event = format!("rows of `{}`", table.shape.label());
            self.unknown(event, "they are not as the table's description says")
        })?;
        for change in changes {
            self.push(Event::Row(RowChange { table: Arc::clone(&table.shape), change }));
        }
        Ok(())
    }

    fn end_group(&mut self, end: u64, committed_ms: i64) -> Result<(), DatabaseError> {
        self.group = Group::Outside;
        if std::mem::take(&mut self.has_changes) {
            self.has_begun = false;
            self.given = (self.file.clone(), end);
            let position = self.position(end);
            self.events.push_back(Event::Commit { position, committed_ms });
        } else if self.has_begun || end >= self.given.1.saturating_add(REACHED_EVERY_BYTES) {
            self.reach(end);
        }
        Ok(())
    }

    fn reach(&mut self, offset: u64) {
        self.has_begun = false;
        self.given = (self.file.clone(), offset);
        let position = self.position(offset);
        self.events.push_back(Event::Reached { position });
    }

    fn position(&self, offset: u64) -> Position {
        let gtid = self
            .gtid
            .as_ref()
            .map(|domains| domains.values().map(String::as_str).collect::<Vec<_>>().join(","));
        Position::Binlog { file: self.file.clone(), offset, gtid }
    }

    /// An event within a transaction.
    fn push(&mut self, event: Event) {
        self.has_changes = true;
        self.begin();
        self.events.push_back(event);
    }

    fn begin(&mut self) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.events.push_back(Event::Begin);
        }
    }

    /// Gives an event as it came, where that is wanted.
    fn keep(&mut self, event: &LogEvent) -> Result<(), DatabaseError> {
        let Some(raw) = &mut self.raw else { return Ok(()) };
        if let Some((file, event)) = raw.take(&self.file, event)? {
            self.begin();
            self.events.push_back(Event::Raw { file, event });
        }
        Ok(())
    }

    /// Asks the catalogue for what the log does not say, on a connection of its own.
    async fn describe(&mut self, map: TableMap) -> Result<(), DatabaseError> {
        let mut conn = connect(&self.url).await?;
        let statement = format!(
            "SELECT COLUMN_NAME, COLUMN_TYPE, COALESCE(GENERATION_EXPRESSION, '') <> '' \
             FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
            literal(&map.database),
            literal(&map.table),
        );
        let found = texts(&mut conn, "look at a table", &statement).await?;
        end(conn).await;
        let columns = found.into_iter().map(|row| {
            let mut row = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || row.next().unwrap_or_default();
            CatalogColumn { name: next(), type_name: next(), is_generated: next() == "1" }
        });
        let columns: Vec<_> = columns.collect();
        let (id, label) = (map.id, map.table.clone());
        let mapped = map
            .with(&columns)
            .map_err(|reason| self.unknown(format!("table `{label}`"), &reason))?;
        self.mapped.insert(id, Arc::new(mapped));
        Ok(())
    }

    fn unknown(&self, event: String, reason: &str) -> DatabaseError {
        let (file, offset) = &self.given;
        DatabaseError::ChangesUnknown {
            event,
            place: format!("{file}, after {offset}"),
            reason: reason.to_owned(),
        }
    }
}

/// # Errors
/// For a place that no event can name.
pub(super) fn check_length(file: &str, offset: u64) -> Result<(), DatabaseError> {
    if offset <= LONGEST_FILE {
        return Ok(());
    }
    Err(DatabaseError::ChangesRefused {
        what: format!("`{file}`, a file of the binary log of more than 4 GiB"),
        mend: "FLUSH BINARY LOGS begins another; then follow anew".to_owned(),
    })
}

/// The default database and the text of a statement.
pub(crate) fn statement(body: &[u8]) -> Option<(String, String)> {
    let mut rest = Rest(body);
    rest.take(8)?;
    let database_length = usize::try_from(rest.little(1)?).ok()?;
    rest.take(2)?;
    let variables = usize::try_from(rest.little(2)?).ok()?;
    rest.take(variables)?;
    let database = rest.take(database_length)?;
    rest.take(1)?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Some((text(database), text(rest.0)))
}

/// What an event is called, where it is likely to be met.
fn event_name(kind: u8) -> String {
    let name = match kind {
        2 => "QUERY",
        4 => "ROTATE",
        19 => "TABLE_MAP",
        26 => "INCIDENT",
        38 => "XA_PREPARE",
        39 => "PARTIAL_UPDATE_ROWS",
        40 => "TRANSACTION_PAYLOAD (binlog_transaction_compression)",
        162 => "GTID",
        165 => "QUERY_COMPRESSED (log_bin_compress)",
        166..=171 => "ROWS_COMPRESSED (log_bin_compress)",
        _ => return format!("an event of kind {kind}"),
    };
    format!("an event {name}")
}

/// `0-1-7,2-1-9` by domain.
fn domains(gtid: &str) -> BTreeMap<u64, String> {
    let parts = gtid.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .filter_map(|part| Some((part.split('-').next()?.parse().ok()?, part.to_owned())))
        .collect()
}

fn lost(position: &Position, reason: &str) -> DatabaseError {
    DatabaseError::ChangesLost { position: position.to_string(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_statement_event_makes_its_reader_panic() {
        bolero::check!().with_type::<Vec<u8>>().for_each(|body| {
            let _ = statement(body);
        });
        let body = b"\0\0\0\0\0\0\0\0\x04\0\0\x01\0\x07shop\0BEGIN";
        assert_eq!(statement(body), Some(("shop".to_owned(), "BEGIN".to_owned())));
    }
}
