//! Whether rows that were followed fit the tables of a dump.

use databases::{
    changes::TableShape,
    dump::{Kind, Manifest, Table},
};
use std::collections::HashMap;

/// What a statement may be about that changes no row and no column.
const ASIDE: [&str; 10] = [
    "INDEX",
    "VIEW",
    "TRIGGER",
    "PROCEDURE",
    "FUNCTION",
    "EVENT",
    "USER",
    "ROLE",
    "SERVER",
    "PACKAGE",
];
/// And what changes them.
const TABLES: [&str; 4] = ["TABLE", "DATABASE", "SCHEMA", "SEQUENCE"];

/// The tables of a dump.
pub(super) struct Shapes<'a> {
    tables: HashMap<String, &'a Table>,
    has_types: bool,
}

impl<'a> Shapes<'a> {
    pub(super) fn of(manifest: &'a Manifest) -> Self {
        let tables = manifest.tables.iter().map(|table| (table.label(), table)).collect();
        // MariaDB's log names no types: those that are told are of today.
        Self { tables, has_types: manifest.kind == Kind::Postgres }
    }

    /// Whether the dump has the table, with the same columns.
    pub(super) fn fits(&self, shape: &TableShape) -> bool {
        let Some(table) = self.tables.get(&shape.label()) else { return false };
        let same = |(a, b): (&databases::dump::Column, &databases::dump::Column)| {
            a.name == b.name && (!self.has_types || bare(&a.type_name) == bare(&b.type_name))
        };
        table.columns.len() == shape.columns.len()
            && table.columns.iter().zip(&shape.columns).all(same)
    }
}

/// Without the schema, which is named or not by where one looks from.
fn bare(type_name: &str) -> &str {
    type_name.rsplit('.').next().unwrap_or(type_name)
}

/// The statement, if it may make rows or tables others. PostgreSQL tells none; there the rows that come after it
/// say so.
pub(super) fn redefines(statement: Option<&str>) -> Option<&str> {
    let statement = statement?;
    let words = statement.split(|c: char| !c.is_alphanumeric() && c != '_');
    let words = words.filter(|word| !word.is_empty()).map(str::to_uppercase);
    let first = words.take(24).find_map(|word| match word.as_str() {
        word if TABLES.contains(&word) => Some(true),
        word if ASIDE.contains(&word) => Some(false),
        _ => None,
    });
    first.unwrap_or(true).then_some(statement)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_change_no_row_are_passed_over() {
        let check = |statement: &str, expect: bool| {
            assert_eq!(redefines(Some(statement)).is_some(), expect, "{statement}");
        };
        check("ALTER TABLE orders ADD index_of int", true);
        check("create or replace table `view` (a int)", true);
        check("RENAME TABLE a TO b", true);
        check("DROP DATABASE shop", true);
        check("CREATE UNIQUE INDEX `table` ON orders (id)", false);
        check(
            "CREATE DEFINER=`root`@`%` TRIGGER t AFTER INSERT ON orders FOR EACH ROW SET @a = 1",
            false,
        );
        check(
            "CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`localhost` SQL SECURITY DEFINER VIEW v AS SELECT 1",
            false,
        );
        check("ALTER SOMETHING", true);
        assert_eq!(redefines(None), None);
    }
}
