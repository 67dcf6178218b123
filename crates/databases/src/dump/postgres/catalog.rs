//! What PostgreSQL's catalogue says of tables, their keys and sequences; and whether the dump's role
//! sees all of it.

use super::{execute, qualified, texts};
use crate::{
    DatabaseError,
    dump::{Column, KeyOrder, Reference, Sequence, manifest::sequence_value, writing::Shape},
};
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// Schemas of users, and what no extension made; and nothing that a restore keeps.
const OURS: &str = "n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' \
    AND n.nspname NOT LIKE 'storewarden\\_before\\_%' \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid \
    AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'e')";

pub(super) struct Catalog {
    /// In the order of their names.
    pub(super) tables: Vec<Shape>,
    sequences: Vec<(String, String)>,
    pub(super) rights: Vec<String>,
    pub(super) left_out: Vec<String>,
    pub(super) approximate_bytes: u64,
}

impl Catalog {
    /// Reads it in the snapshot of `client`, and locks every table against being redefined.
    pub(super) async fn read(client: &Client) -> Result<Self, DatabaseError> {
        let mut catalog = Self {
            tables: Vec::new(),
            sequences: Vec::new(),
            rights: Vec::new(),
            left_out: Vec::new(),
            approximate_bytes: 0,
        };
        catalog.refuse_large_objects(client).await?;
        let relations = format!(
            "SELECT c.oid, n.nspname, c.relname, c.relkind, pg_catalog.has_table_privilege(c.oid, \
             'SELECT'), pg_catalog.pg_get_userbyid(c.relowner), c.relacl, \
             CASE WHEN c.relkind = 'r' THEN pg_catalog.pg_relation_size(c.oid) ELSE 0 END \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'f', 'S', 'v', 'm', 'p') AND c.relpersistence <> 't' AND {OURS} \
             ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\""
        );
        let mut shapes: BTreeMap<String, Shape> = BTreeMap::new();
        let mut order = Vec::new();
        for [oid, schema, name, kind, may_read, owner, rights, bytes] in
            texts::<8>(client, "read the catalogue", &relations).await?
        {
            let (schema, name) = (schema.unwrap_or_default(), name.unwrap_or_default());
            let label = format!("{schema}.{name}");
            let rights = rights.map_or_else(String::new, |rights| format!("; rights {rights}"));
            let owner = owner.unwrap_or_default();
            catalog.rights.push(format!("{label}: owner {owner}{rights}"));
            match kind.as_deref() {
                Some("r" | "S") if may_read.as_deref() != Some("t") => {
                    return Err(unreadable(&label));
                }
                Some("r") => {
                    let oid = oid.unwrap_or_default();
                    catalog.approximate_bytes += bytes.and_then(|b| b.parse().ok()).unwrap_or(0);
                    order.push(oid.clone());
                    let schema = Some(schema);
                    shapes.insert(oid, Shape { schema, name, ..Shape::default() });
                }
                Some("S") => catalog.sequences.push((schema, name)),
                Some("f") => {
                    let reason = "a foreign table: its rows lie in another database";
                    catalog.left_out.push(format!("rows of {label}: {reason}"));
                }
                _ => {}
            }
        }
        lock(client, &shapes).await?;
        columns(client, &mut shapes).await?;
        keys(client, &mut shapes).await?;
        references(client, &mut shapes).await?;
        catalog.tables = order.iter().filter_map(|oid| shapes.remove(oid)).collect();
        Ok(catalog)
    }

    async fn refuse_large_objects(&mut self, client: &Client) -> Result<(), DatabaseError> {
        let statement = "SELECT count(*) FROM pg_catalog.pg_largeobject_metadata";
        let counted = texts::<1>(client, "look for large objects", statement).await?;
        match counted.first() {
            Some([Some(count)]) if count == "0" => Ok(()),
            _ => Err(DatabaseError::DumpRefused {
                what: "a database with large objects".to_owned(),
                mend: "they are not dumped; move them into columns of type bytea, or remove those \
                       that nothing refers to with `vacuumlo`"
                    .to_owned(),
            }),
        }
    }

    /// Their values. They may be ahead of the snapshot, as they are of any rollback.
    pub(super) async fn sequences(&self, client: &Client) -> Result<Vec<Sequence>, DatabaseError> {
        let mut sequences = Vec::new();
        for (schema, name) in &self.sequences {
            let from = qualified(Some(schema), name);
            let statement = format!("SELECT last_value, is_called FROM {from}");
            for [value, is_called] in texts::<2>(client, "read sequences", &statement).await? {
                sequences.push(Sequence {
                    schema: Some(schema.clone()),
                    name: name.clone(),
                    value: sequence_value(name, value.as_deref())?,
                    is_called: is_called.as_deref() == Some("t"),
                });
            }
        }
        Ok(sequences)
    }
}

/// The tables that the role may read, in the order of their names, without a lock on any.
pub(crate) async fn shapes(client: &Client) -> Result<Vec<Shape>, DatabaseError> {
    let statement = format!(
        "SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND \
         c.relpersistence <> 't' AND pg_catalog.has_table_privilege(c.oid, 'SELECT') AND {OURS} \
         ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\""
    );
    let mut shapes: BTreeMap<String, Shape> = BTreeMap::new();
    let mut order = Vec::new();
    for [oid, schema, name] in texts::<3>(client, "read the catalogue", &statement).await? {
        let (oid, name) = (oid.unwrap_or_default(), name.unwrap_or_default());
        order.push(oid.clone());
        shapes.insert(oid, Shape { schema, name, ..Shape::default() });
    }
    columns(client, &mut shapes).await?;
    keys(client, &mut shapes).await?;
    references(client, &mut shapes).await?;
    Ok(order.iter().filter_map(|oid| shapes.remove(oid)).collect())
}

fn unreadable(label: &str) -> DatabaseError {
    DatabaseError::DumpRefused {
        what: format!("`{label}`, which the role may not read"),
        mend: "grant it to read everything, as a superuser: GRANT pg_read_all_data TO its_name"
            .to_owned(),
    }
}

/// From here on no table of the dump can be redefined. What was between the snapshot and the lock is
/// found out: the file that a table lies in is another one after TRUNCATE and most of ALTER TABLE,
/// and functions see it at once, while SELECT sees the catalogue as of the snapshot.
async fn lock(client: &Client, shapes: &BTreeMap<String, Shape>) -> Result<(), DatabaseError> {
    let tables: Vec<_> =
        shapes.values().map(|shape| qualified(shape.schema.as_deref(), &shape.name)).collect();
    for some in tables.chunks(200) {
        let statement = format!("LOCK TABLE ONLY {} IN ACCESS SHARE MODE", some.join(", ONLY "));
        execute(client, "lock tables against being redefined", &statement).await?;
    }
    let statement = format!(
        "SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND \
         c.relpersistence <> 't' AND \
         pg_catalog.pg_relation_filenode(c.oid) IS DISTINCT FROM c.relfilenode AND {OURS} LIMIT 1"
    );
    match texts::<1>(client, "look for redefined tables", &statement).await?.first() {
        None => Ok(()),
        Some([table]) => {
            let table = table.as_deref().unwrap_or_default();
            Err(DatabaseError::DumpCut(format!("`{table}` was redefined at the same moment")))
        }
    }
}

async fn columns(
    client: &Client,
    shapes: &mut BTreeMap<String, Shape>,
) -> Result<(), DatabaseError> {
    let statement = "SELECT attrelid, attname, pg_catalog.format_type(atttypid, atttypmod) \
        FROM pg_catalog.pg_attribute WHERE attnum > 0 AND NOT attisdropped AND attgenerated = '' \
        ORDER BY attrelid, attnum";
    for [table, name, type_name] in texts::<3>(client, "read columns", statement).await? {
        if let Some(shape) = shapes.get_mut(&table.unwrap_or_default()) {
            let (name, type_name) = (name.unwrap_or_default(), type_name.unwrap_or_default());
            shape.columns.push(Column { name, type_name });
        }
    }
    Ok(())
}

/// Primary keys, else the shortest unique key without NULL; and what else is indexed.
async fn keys(client: &Client, shapes: &mut BTreeMap<String, Shape>) -> Result<(), DatabaseError> {
    let statement = "SELECT i.indrelid, bool_and(i.indisunique AND i.indimmediate AND \
        i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND a.attnotnull), \
        json_agg(a.attname ORDER BY k.n), (array_agg(a.atttypid ORDER BY k.n))[1], \
        (array_agg(o.collname ORDER BY k.n))[1], \
        (SELECT datcollate FROM pg_catalog.pg_database WHERE datname = current_database()) \
        FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid \
        JOIN pg_catalog.pg_am m ON m.oid = x.relam AND m.amname IN ('btree', 'hash') \
        CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k (attnum, n) \
        JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
        LEFT JOIN pg_catalog.pg_collation o ON o.oid = a.attcollation \
        WHERE k.n <= i.indnkeyatts \
        GROUP BY i.indrelid, i.indexrelid, i.indisprimary, i.indnkeyatts HAVING min(k.n) = 1 \
        ORDER BY i.indrelid, i.indisprimary DESC, i.indnkeyatts, i.indexrelid";
    for [table, is_key, names, type_id, collation, default] in
        texts::<6>(client, "read keys", statement).await?
    {
        let Some(shape) = shapes.get_mut(&table.unwrap_or_default()) else { continue };
        let names = list(names.as_deref())?;
        shape.looked_up.extend(names.first().cloned());
        if shape.key.is_empty() && is_key.as_deref() == Some("t") {
            let collation = match collation.as_deref() {
                Some("default") => default,
                _ => collation,
            };
            shape.key_order = order(type_id.as_deref(), collation.as_deref());
            shape.key = names;
        }
    }
    Ok(())
}

/// By the type's number in PostgreSQL's `pg_type.dat`. Identifiers are written in lower case and in
/// one length, so that their text grows as they do; so is `bytea` in hexadecimal.
fn order(type_id: Option<&str>, collation: Option<&str>) -> KeyOrder {
    match type_id {
        // int2, int4, int8, oid
        Some("21" | "23" | "20" | "26") => KeyOrder::Number,
        // uuid, bytea
        Some("2950" | "17") => KeyOrder::Bytes,
        // text, varchar
        Some("25" | "1043")
            if collation
                .is_some_and(|name| ["C", "POSIX", "C.UTF-8", "C.utf8"].contains(&name)) =>
        {
            KeyOrder::Bytes
        }
        _ => KeyOrder::Unknown,
    }
}

async fn references(
    client: &Client,
    shapes: &mut BTreeMap<String, Shape>,
) -> Result<(), DatabaseError> {
    let names = |table: &str, columns: &str| {
        format!(
            "(SELECT json_agg(a.attname ORDER BY k.n) FROM unnest({columns}) WITH ORDINALITY \
             k (attnum, n) JOIN pg_catalog.pg_attribute a ON a.attrelid = {table} AND \
             a.attnum = k.attnum)"
        )
    };
    let statement = format!(
        "SELECT f.conrelid, n.nspname, c.relname, {}, {} FROM pg_catalog.pg_constraint f \
         JOIN pg_catalog.pg_class c ON c.oid = f.confrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE f.contype = 'f' ORDER BY f.conrelid, f.oid",
        names("f.conrelid", "f.conkey"),
        names("f.confrelid", "f.confkey"),
    );
    for [table, schema, name, columns, to] in
        texts::<5>(client, "read foreign keys", &statement).await?
    {
        if let Some(shape) = shapes.get_mut(&table.unwrap_or_default()) {
            shape.references.push(Reference {
                columns: list(columns.as_deref())?,
                schema,
                table: name.unwrap_or_default(),
                to: list(to.as_deref())?,
            });
        }
    }
    Ok(())
}

/// Names in JSON, so that any character may be in them.
fn list(json: Option<&str>) -> Result<Vec<String>, DatabaseError> {
    serde_json::from_str(json.unwrap_or("[]"))
        .map_err(|error| DatabaseError::DumpCut(format!("names of columns are odd: {error}")))
}
