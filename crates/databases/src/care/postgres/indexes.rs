//! Indexes that nothing uses, that there are twice, that are broken, and that references lack.

use super::{Fields, Figures, Finding, Mend, Options, Trouble};
use crate::{
    DatabaseError,
    care::{Index, SMALL_INDEX_BYTES},
    dump::postgres::{qualified, quoted, texts},
};
use tokio_postgres::Client;

pub(super) async fn judge(
    client: &Client,
    figures: &Figures,
    options: &Options,
) -> Result<Vec<Finding>, DatabaseError> {
    let mut findings = duplicates(client).await?;
    let counted_s = figures.counted_s.unwrap_or_default();
    if counted_s >= options.unused_after.as_secs() {
        let twice: Vec<String> = findings.iter().map(|finding| finding.trouble.subject()).collect();
        let unused = unused(client, counted_s).await?;
        findings.extend(unused.into_iter().filter(|one| !twice.contains(&one.trouble.subject())));
    }
    findings.extend(invalid(client).await?);
    findings.extend(references(client, options).await?);
    Ok(findings)
}

/// An index that is there, as its server defines it.
fn existing(schema: &str, table: &str, name: &str, definition: &str) -> Index {
    let make = definition.replacen("CREATE INDEX ", "CREATE INDEX CONCURRENTLY ", 1).replacen(
        "CREATE UNIQUE INDEX ",
        "CREATE UNIQUE INDEX CONCURRENTLY ",
        1,
    );
    Index {
        table: format!("{schema}.{table}"),
        name: name.to_owned(),
        make,
        drop: format!("DROP INDEX CONCURRENTLY {}", qualified(Some(schema), name)),
    }
}

/// A plain index that is not there yet. Its name is cut as the server would cut it.
pub(super) fn new(schema: &str, table: &str, columns: &[String]) -> Index {
    let mut name = format!("{table}_{}_idx", columns.join("_"));
    while name.len() > 63 {
        name.pop();
    }
    let list: Vec<_> = columns.iter().map(|column| quoted(column)).collect();
    Index {
        table: format!("{schema}.{table}"),
        make: format!(
            "CREATE INDEX CONCURRENTLY {} ON {} ({})",
            quoted(&name),
            qualified(Some(schema), table),
            list.join(", ")
        ),
        drop: format!("DROP INDEX CONCURRENTLY {}", qualified(Some(schema), &name)),
        name,
    }
}

async fn unused(client: &Client, counted_s: u64) -> Result<Vec<Finding>, DatabaseError> {
    let statement = format!(
        "SELECT s.schemaname, s.relname, s.indexrelname, pg_relation_size(s.indexrelid), \
         pg_get_indexdef(s.indexrelid) \
         FROM pg_stat_user_indexes s JOIN pg_index i ON i.indexrelid = s.indexrelid \
         WHERE s.idx_scan = 0 AND NOT i.indisunique AND NOT i.indisreplident AND i.indisvalid \
         AND pg_relation_size(s.indexrelid) >= {SMALL_INDEX_BYTES} \
         AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = s.indexrelid) \
         AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.contype = 'f' AND c.conrelid = i.indrelid \
         AND c.conkey[1] = i.indkey[0])"
    );
    let mut findings = Vec::new();
    for row in texts::<5>(client, "look at unused indexes", &statement).await? {
        let fields = Fields { what: "an index", fields: &row };
        let index = existing(&fields.text(0), &fields.text(1), &fields.text(2), &fields.text(4));
        let trouble = Trouble::UnusedIndex {
            table: index.table.clone(),
            index: index.name.clone(),
            bytes: fields.number(3)?,
            counted_s,
        };
        findings.push(Finding::new(trouble, Some(Mend::DropIndex { index })));
    }
    Ok(findings)
}

/// Plain indexes whose columns another one begins with, in the same order and sense. Of two that are
/// the same, the one that keeps nothing unique goes, else the younger.
async fn duplicates(client: &Client) -> Result<Vec<Finding>, DatabaseError> {
    let statement = "SELECT n.nspname, t.relname, c.relname, o.relname, pg_relation_size(c.oid), \
        pg_get_indexdef(c.oid) \
        FROM pg_index a JOIN pg_index b ON b.indrelid = a.indrelid AND b.indexrelid <> a.indexrelid \
        JOIN pg_class c ON c.oid = a.indexrelid JOIN pg_class o ON o.oid = b.indexrelid \
        JOIN pg_class t ON t.oid = a.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace \
        WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' \
        AND c.relam = o.relam AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'btree') \
        AND NOT a.indisunique AND NOT a.indisreplident AND a.indisvalid AND b.indisvalid \
        AND a.indpred IS NULL AND b.indpred IS NULL AND a.indexprs IS NULL AND b.indexprs IS NULL \
        AND a.indnkeyatts = a.indnatts \
        AND (b.indkey::text || ' ') LIKE (a.indkey::text || ' %') \
        AND (b.indclass::text || ' ') LIKE (a.indclass::text || ' %') \
        AND (b.indcollation::text || ' ') LIKE (a.indcollation::text || ' %') \
        AND (b.indoption::text || ' ') LIKE (a.indoption::text || ' %') \
        AND (b.indnkeyatts > a.indnkeyatts OR b.indisunique OR b.indexrelid < a.indexrelid) \
        AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = a.indexrelid) \
        ORDER BY n.nspname, t.relname, c.relname, o.relname";
    let mut findings: Vec<Finding> = Vec::new();
    for row in texts::<6>(client, "look at indexes that are there twice", statement).await? {
        let fields = Fields { what: "an index", fields: &row };
        let index = existing(&fields.text(0), &fields.text(1), &fields.text(2), &fields.text(5));
        let trouble = Trouble::DuplicateIndex {
            table: index.table.clone(),
            index: index.name.clone(),
            like: fields.text(3),
            bytes: fields.number(4)?,
        };
        if findings.iter().all(|one| one.trouble.subject() != trouble.subject()) {
            findings.push(Finding::new(trouble, Some(Mend::DropIndex { index })));
        }
    }
    Ok(findings)
}

async fn invalid(client: &Client) -> Result<Vec<Finding>, DatabaseError> {
    // One that is being made right now is no trouble.
    let statement = "SELECT n.nspname, t.relname, c.relname, pg_get_indexdef(c.oid) \
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid \
        JOIN pg_namespace n ON n.oid = t.relnamespace WHERE NOT i.indisvalid AND c.relkind = 'i' \
        AND NOT EXISTS (SELECT 1 FROM pg_stat_progress_create_index p WHERE p.index_relid = c.oid)";
    let mut findings = Vec::new();
    for row in texts::<4>(client, "look at broken indexes", statement).await? {
        let fields = Fields { what: "an index", fields: &row };
        let index = existing(&fields.text(0), &fields.text(1), &fields.text(2), &fields.text(3));
        let trouble =
            Trouble::InvalidIndex { table: index.table.clone(), index: index.name.clone() };
        findings.push(Finding::new(trouble, Some(Mend::MakeIndex { index })));
    }
    Ok(findings)
}

/// References of large tables whose columns no index begins with.
async fn references(client: &Client, options: &Options) -> Result<Vec<Finding>, DatabaseError> {
    let statement = format!(
        "SELECT n.nspname, t.relname, fn.nspname || '.' || f.relname, greatest(t.reltuples, 0), \
         (SELECT string_agg(a.attname, chr(1) ORDER BY k.place) FROM unnest(c.conkey) \
         WITH ORDINALITY k(attnum, place) JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum) \
         FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid \
         JOIN pg_namespace n ON n.oid = t.relnamespace JOIN pg_class f ON f.oid = c.confrelid \
         JOIN pg_namespace fn ON fn.oid = f.relnamespace \
         WHERE c.contype = 'f' AND t.relkind = 'r' AND t.reltuples >= {} \
         AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = t.oid AND i.indisvalid \
         AND i.indpred IS NULL AND (i.indkey::int2[])[0:array_length(c.conkey, 1) - 1] @> c.conkey) \
         ORDER BY t.reltuples DESC",
        options.large_rows
    );
    let mut findings = Vec::new();
    for row in texts::<5>(client, "look at references", &statement).await? {
        let fields = Fields { what: "a reference", fields: &row };
        let columns: Vec<String> = fields.text(4).split('\u{1}').map(ToOwned::to_owned).collect();
        let index = new(&fields.text(0), &fields.text(1), &columns);
        let trouble = Trouble::UnindexedReference {
            table: index.table.clone(),
            columns,
            rows: fields.count(3)?,
            to: fields.text(2),
        };
        findings.push(Finding::new(trouble, Some(Mend::MakeIndex { index })));
    }
    Ok(findings)
}
