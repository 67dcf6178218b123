//! Messages of the plugin `pgoutput`, version 1 of its protocol (PostgreSQL manual, 55.9). Only their
//! form is known here.

use bytes::{Buf, Bytes};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    Begin,
    Commit {
        /// Where the log goes on after it.
        end: u64,
        /// Microseconds since 2000.
        at_us: i64,
    },
    Relation(Relation),
    Insert {
        table: u32,
        after: Tuple,
    },
    Update {
        table: u32,
        before: Option<OldTuple>,
        after: Tuple,
    },
    Delete {
        table: u32,
        before: OldTuple,
    },
    Truncate {
        tables: Vec<u32>,
    },
    /// Where a type or a transaction comes from: nothing for us.
    Aside,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relation {
    pub(super) id: u32,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) columns: Vec<RelationColumn>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RelationColumn {
    pub(super) name: String,
    pub(super) is_identity: bool,
    pub(super) type_id: u32,
    pub(super) modifier: i32,
}

pub(super) type Tuple = Vec<Value>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    /// A long value that was not changed and is not in the log.
    Unchanged,
    Text(Bytes),
}

/// A row before it was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OldTuple {
    /// Columns that are not of the identity are NULL and mean nothing.
    Identity(Tuple),
    Whole(Tuple),
}

/// What a message that cannot be understood is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Odd {
    pub(super) kind: u8,
    pub(super) reason: &'static str,
}

impl Message {
    pub(super) fn parse(mut body: Bytes) -> Result<Self, Odd> {
        let kind = body.try_get_u8().map_err(|_short| Odd { kind: 0, reason: "it is empty" })?;
        if !b"BCRIUDTYO".contains(&kind) {
            return Err(Odd { kind, reason: "it is not of version 1 of its protocol" });
        }
        parse(kind, &mut body).ok_or(Odd { kind, reason: "it is cut short or malformed" })
    }
}

fn parse(kind: u8, body: &mut Bytes) -> Option<Message> {
    let message = match kind {
        b'B' => {
            (body.len() == 20).then_some(())?;
            return Some(Message::Begin);
        }
        b'C' => {
            body.try_get_u8().ok()?;
            body.try_get_u64().ok()?;
            Message::Commit { end: body.try_get_u64().ok()?, at_us: body.try_get_i64().ok()? }
        }
        b'R' => Message::Relation(relation(body)?),
        b'I' => {
            let table = body.try_get_u32().ok()?;
            tag(body, b'N')?;
            Message::Insert { table, after: tuple(body)? }
        }
        b'U' => {
            let table = body.try_get_u32().ok()?;
            let before = match body.first()? {
                b'N' => None,
                _ => Some(old_tuple(body)?),
            };
            tag(body, b'N')?;
            Message::Update { table, before, after: tuple(body)? }
        }
        b'D' => Message::Delete { table: body.try_get_u32().ok()?, before: old_tuple(body)? },
        b'T' => {
            let count = body.try_get_u32().ok()?;
            body.try_get_u8().ok()?;
            (body.len() as u64 == u64::from(count) * 4).then_some(())?;
            Message::Truncate { tables: (0..count).map(|_| body.get_u32()).collect() }
        }
        _ => return Some(Message::Aside),
    };
    body.is_empty().then_some(message)
}

fn relation(body: &mut Bytes) -> Option<Relation> {
    let id = body.try_get_u32().ok()?;
    let (schema, name) = (text(body)?, text(body)?);
    let _identity = body.try_get_u8().ok()?;
    let count = body.try_get_u16().ok()?;
    let mut columns = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let flags = body.try_get_u8().ok()?;
        columns.push(RelationColumn {
            name: text(body)?,
            is_identity: flags & 1 == 1,
            type_id: body.try_get_u32().ok()?,
            modifier: body.try_get_i32().ok()?,
        });
    }
    // Sent for `pg_catalog` alone.
    let schema = if schema.is_empty() { "pg_catalog".to_owned() } else { schema };
    Some(Relation { id, schema, name, columns })
}

fn tag(body: &mut Bytes, expect: u8) -> Option<()> {
    (body.try_get_u8().ok()? == expect).then_some(())
}

fn old_tuple(body: &mut Bytes) -> Option<OldTuple> {
    match body.try_get_u8().ok()? {
        b'K' => Some(OldTuple::Identity(tuple(body)?)),
        b'O' => Some(OldTuple::Whole(tuple(body)?)),
        _ => None,
    }
}

fn tuple(body: &mut Bytes) -> Option<Tuple> {
    let count = body.try_get_u16().ok()?;
    let mut values = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        values.push(match body.try_get_u8().ok()? {
            b'n' => Value::Null,
            b'u' => Value::Unchanged,
            b't' => {
                let length = usize::try_from(body.try_get_u32().ok()?).ok()?;
                (length <= body.len()).then_some(())?;
                Value::Text(body.split_to(length))
            }
            _ => return None,
        });
    }
    Some(values)
}

fn text(body: &mut Bytes) -> Option<String> {
    let end = memchr::memchr(0, body)?;
    let text = String::from_utf8(body.split_to(end).to_vec()).ok()?;
    body.advance(1);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_and_others_are_named() {
        let check = |body: &'static [u8], expect: Result<Message, Odd>| {
            assert_eq!(Message::parse(Bytes::from_static(body)), expect, "{}", body.escape_ascii());
        };
        let insert = b"I\0\0\0\x07N\0\x03nut\0\0\0\x02ab";
        let after = vec![Value::Null, Value::Unchanged, Value::Text(Bytes::from_static(b"ab"))];
        check(insert, Ok(Message::Insert { table: 7, after }));
        check(b"D\0\0\0\x07K\0\x01n", {
            let before = OldTuple::Identity(vec![Value::Null]);
            Ok(Message::Delete { table: 7, before })
        });
        check(b"T\0\0\0\x02\0\0\0\0\x07\0\0\0\x08", Ok(Message::Truncate { tables: vec![7, 8] }));
        let short = "it is cut short or malformed";
        check(b"D\0\0\0\x07X\0\x01n", Err(Odd { kind: b'D', reason: short }));
        check(&insert[..12], Err(Odd { kind: b'I', reason: short }));
        let reason = "it is not of version 1 of its protocol";
        check(b"S\0\0\0\x07", Err(Odd { kind: b'S', reason }));
        check(b"", Err(Odd { kind: 0, reason: "it is empty" }));
    }

    #[test]
    fn no_message_makes_its_reader_panic() {
        bolero::check!().with_type::<Vec<u8>>().for_each(|body| {
            let _ = Message::parse(Bytes::copy_from_slice(body));
        });
    }
}
