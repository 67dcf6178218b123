//! What PostgreSQL's catalogue says of the tables that are, or could be, followed.

use super::{Wire, pgoutput::Relation, text};
use crate::{
    DatabaseError,
    changes::{CONNECT_LIMIT, Column, Options, TableShape},
};

/// What PostgreSQL writes of a row that is changed or deleted, as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    /// Nothing: published, the table would refuse updates and deletes.
    None,
    Key,
    Whole,
}

/// A table that could be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) label: String,
    /// For statements.
    pub(super) quoted: String,
    pub(super) identity: Identity,
    pub(super) is_published: bool,
}

impl Candidate {
    /// What makes PostgreSQL write whole rows.
    pub(super) fn mend(&self) -> String {
        format!("ALTER TABLE {} REPLICA IDENTITY FULL", self.quoted)
    }
}

/// The ordinary tables that the options name. Partitions are tables of their own here; temporary and
/// unlogged ones are not in the log, and what an extension made, or a restore keeps, is not the shop's.
pub(super) async fn candidates(
    wire: &mut Wire,
    options: &Options,
) -> Result<Vec<Candidate>, DatabaseError> {
    let statement = format!(
        "SELECT n.nspname || '.' || c.relname, \
         pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), \
         CASE c.relreplident WHEN 'f' THEN 'whole' WHEN 'n' THEN 'none' \
         WHEN 'd' THEN CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_index i WHERE \
         i.indrelid = c.oid AND i.indisprimary AND i.indimmediate) THEN 'key' ELSE 'none' END \
         ELSE CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid \
         AND i.indisreplident AND i.indisvalid) THEN 'key' ELSE 'none' END END, \
         EXISTS (SELECT FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p \
         ON p.oid = r.prpubid WHERE r.prrelid = c.oid AND p.pubname = '{}') \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname NOT LIKE 'pg\\_%' \
         AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'storewarden\\_before\\_%' \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
         WHERE d.objid = c.oid AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'e') \
         ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\"",
        options.name
    );
    let rows = wire.query("look at the tables", &statement, CONNECT_LIMIT).await?;
    let candidates = rows.into_iter().filter_map(|row| {
        let mut row = row.into_iter().map(text);
        let mut next = || row.next().unwrap_or_default();
        let (label, quoted, identity, is_published) = (next(), next(), next(), next());
        let identity = match identity.as_str() {
            "whole" => Identity::Whole,
            "key" => Identity::Key,
            _ => Identity::None,
        };
        let is_published = is_published == "t";
        let found = Candidate { label, quoted, identity, is_published };
        options.tables.has(&found.label).then_some(found)
    });
    Ok(candidates.collect())
}

pub(super) async fn is_published(wire: &mut Wire, name: &str) -> Result<bool, DatabaseError> {
    let statement = format!("SELECT FROM pg_catalog.pg_publication WHERE pubname = '{name}'");
    let rows = wire.query("look for the publication", &statement, CONNECT_LIMIT).await?;
    Ok(!rows.is_empty())
}

/// The shape of a table as the stream describes it, with the names of its types and its key from the
/// catalogue. The key of a table that is gone, or has become another, is not known.
pub(super) async fn shape(
    wire: &mut Wire,
    relation: &Relation,
) -> Result<TableShape, DatabaseError> {
    let types: Vec<_> = relation
        .columns
        .iter()
        .map(|column| format!("pg_catalog.format_type({}, {})", column.type_id, column.modifier))
        .collect();
    let types = match types.as_slice() {
        [] => Vec::new(),
        types => {
            let statement = format!("SELECT {}", types.join(", "));
            super::ask(wire, "ask for the names of types", &statement).await?
        }
    };
    let names = relation.columns.iter().map(|column| column.name.clone());
    let columns = names.zip(types).map(|(name, type_name)| Column { name, type_name }).collect();
    let statement = format!(
        "SELECT a.attname FROM pg_catalog.pg_index i \
         CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k (attnum, n) \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
         WHERE i.indrelid = {} AND i.indisprimary AND k.n <= i.indnkeyatts ORDER BY k.n",
        relation.id
    );
    let mut table = TableShape {
        schema: Some(relation.schema.clone()),
        name: relation.name.clone(),
        columns,
        key: Vec::new(),
    };
    let key = wire.query("ask for the key of a table", &statement, CONNECT_LIMIT).await?;
    let key = key.into_iter().filter_map(|row| row.into_iter().next()).map(text);
    table.key = key.map(|name| table.column(&name)).collect::<Option<_>>().unwrap_or_default();
    Ok(table)
}
