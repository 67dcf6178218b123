//! Reading the ledger, page by page.

use super::{
    LedgerHash, LedgerRecord, identity,
    record::{from_sequence, to_sequence},
};
use kernel::{Actor, Params, Personal, ShopId, Value};
use rusqlite::{Connection, Row, params_from_iter, types};
use serde::Serialize;
use std::collections::BTreeMap;

/// More records than this are no page.
const PAGE_LIMIT: u32 = 1_000;

/// Where a page begins and which way it goes. Records that come while somebody pages shift nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerPaging {
    /// The newest first, those before this sequence; `None` begins with the last.
    NewestFirst { before: Option<u64> },
    /// The oldest first, those after this sequence; 0 begins with the first.
    OldestFirst { after: u64 },
}

/// What is asked for; the default is everything.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LedgerFilter {
    pub shop: Option<ShopId>,
    pub kind: Option<String>,
    /// A person who was forgotten has done nothing that could be found.
    pub actor: Option<Actor>,
    /// Unix milliseconds, this one included.
    pub from_ms: Option<i64>,
    /// Unix milliseconds, this one excluded.
    pub until_ms: Option<i64>,
}

/// Some records, in the order that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LedgerPage {
    pub records: Vec<LedgerRecord>,
    /// Who is behind keyed ids of these records; those who were forgotten are not in it.
    pub names: BTreeMap<String, Personal>,
}

pub(super) fn page(
    connection: &Connection,
    paging: LedgerPaging,
    limit: u32,
    filter: &LedgerFilter,
) -> Result<LedgerPage, rusqlite::Error> {
    let Some((select, values)) = select(connection, paging, limit, filter)? else {
        return Ok(LedgerPage { records: Vec::new(), names: BTreeMap::new() });
    };
    let mut select = connection.prepare_cached(&select)?;
    let rows = select.query_map(params_from_iter(values), from_row)?;
    let records = rows.collect::<Result<Vec<_>, _>>()?;
    let mut names = BTreeMap::new();
    for text in records.iter().flat_map(texts).filter(|text| identity::is_keyed_id(text)) {
        if !names.contains_key(text)
            && let Some(personal) = identity::resolve(connection, text)?
        {
            names.insert(text.to_owned(), personal);
        }
    }
    Ok(LedgerPage { records, names })
}

/// Which store this is.
pub(super) fn store_id(connection: &Connection) -> Result<String, rusqlite::Error> {
    connection.prepare_cached("SELECT store FROM ledger_origin")?.query_row([], |row| row.get(0))
}

type Select = (String, Vec<types::Value>);

/// `None` when nothing can be found.
fn select(
    connection: &Connection,
    paging: LedgerPaging,
    limit: u32,
    filter: &LedgerFilter,
) -> Result<Option<Select>, rusqlite::Error> {
    let actor = match &filter.actor {
        None => None,
        Some(Actor::Person(id)) => {
            match identity::find(connection, &Personal::Person(id.clone()))? {
                None => return Ok(None),
                known => known,
            }
        }
        Some(other) => Some(other.to_string()),
    };
    let (beyond, bound, order) = match paging {
        LedgerPaging::NewestFirst { before } => {
            ("sequence < ?", before.map_or(i64::MAX, from_sequence), "DESC")
        }
        LedgerPaging::OldestFirst { after } => ("sequence > ?", from_sequence(after), "ASC"),
    };
    let shop = filter.shop.as_ref().map(|shop| shop.as_str().to_owned());
    let conditions = [
        (beyond, Some(types::Value::Integer(bound))),
        ("shop = ?", shop.map(types::Value::Text)),
        ("kind = ?", filter.kind.clone().map(types::Value::Text)),
        ("actor = ?", actor.map(types::Value::Text)),
        ("at_ms >= ?", filter.from_ms.map(types::Value::Integer)),
        ("at_ms < ?", filter.until_ms.map(types::Value::Integer)),
    ];
    let (mut wanted, mut values) = (Vec::new(), Vec::new());
    for (condition, value) in conditions {
        if let Some(value) = value {
            wanted.push(condition);
            values.push(value);
        }
    }
    values.push(types::Value::Integer(limit.min(PAGE_LIMIT).into()));
    let wanted = wanted.join(" AND ");
    let select = format!(
        "SELECT sequence, at_ms, actor, shop, kind, subject, params, previous, hash FROM ledger
         WHERE {wanted} ORDER BY sequence {order} LIMIT ?"
    );
    Ok(Some((select, values)))
}

/// Reads what is there even where somebody changed it: showing it is how that is looked into.
fn from_row(row: &Row<'_>) -> Result<LedgerRecord, rusqlite::Error> {
    let text = |column| {
        let bytes = row.get_ref(column)?.as_bytes_or_null()?;
        Ok::<_, rusqlite::Error>(bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
    };
    let hash = |column| {
        let bytes = row.get_ref(column)?.as_blob()?;
        Ok::<_, rusqlite::Error>(LedgerHash::from_bytes(bytes).unwrap_or(LedgerHash::NONE))
    };
    let params = text(6)?.unwrap_or_default();
    Ok(LedgerRecord {
        sequence: to_sequence(row.get(0)?),
        at_ms: row.get(1)?,
        actor: text(2)?.unwrap_or_default(),
        shop: text(3)?,
        kind: text(4)?.unwrap_or_default(),
        subject: text(5)?,
        params: serde_json::from_str(&params)
            .unwrap_or_else(|_| Params::from([("unreadable".to_owned(), params.into())])),
        previous: hash(7)?,
        hash: hash(8)?,
    })
}

/// The texts of a record that may be keyed ids.
fn texts(record: &LedgerRecord) -> impl Iterator<Item = &str> {
    let params = record.params.values().filter_map(|value| match value {
        Value::Text(text) => Some(text.as_str()),
        Value::Integer(_) | Value::Number(_) => None,
    });
    [record.actor.as_str()].into_iter().chain(record.subject.as_deref()).chain(params)
}
