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

/// The statement, if it may make rows or tables of this database others. PostgreSQL tells none; there the rows
/// that come after it say so.
pub(super) fn redefines<'a>(statement: Option<&'a str>, database: &str) -> Option<&'a str> {
    let statement = statement?;
    let is_about = |word: &&str| {
        let word = word.to_uppercase();
        TABLES.contains(&&*word) || ASIDE.contains(&&*word)
    };
    let mut words = statement.split(|c| !is_part(c)).filter(|word| !word.is_empty());
    let Some(about) = words.by_ref().take(24).find(is_about) else { return Some(statement) };
    let about = about.to_uppercase();
    if ASIDE.contains(&&*about) {
        return None;
    }
    let is_between = |word: &&str| ["IF", "NOT", "EXISTS"].contains(&&*word.to_uppercase());
    let Some(name) = words.find(|word| !is_between(word)) else { return Some(statement) };
    let behind = name.as_ptr() as usize - statement.as_ptr() as usize + name.len();
    let is_qualified = statement[behind..].trim_start_matches('`').starts_with('.');
    let names_one = is_qualified || about == "DATABASE" || about == "SCHEMA";
    let is_elsewhere = names_one && !names(statement, database);
    (!is_elsewhere).then_some(statement)
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// Whether the database's name stands there as a whole word.
pub(super) fn names(statement: &str, database: &str) -> bool {
    statement.match_indices(database).any(|(at, found)| {
        let (before, after) = (&statement[..at], &statement[at + found.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_change_no_row_are_passed_over() {
        let check = |statement: &str, expect: bool| {
            assert_eq!(redefines(Some(statement), "shop").is_some(), expect, "{statement}");
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
        // Where a restore keeps rows is another database.
        check("CREATE TABLE `shop_rows_before_7`.`note` (number INTEGER PRIMARY KEY)", false);
        check("CREATE DATABASE IF NOT EXISTS `shop_rows_before_7`", false);
        check("DROP DATABASE IF EXISTS `shop_rows_before_7`", false);
        check("CREATE TABLE IF NOT EXISTS `shop`.`note` (a int)", true);
        check("RENAME TABLE `other`.`a` TO `shop`.`a`", true);
        check("ALTER TABLE orders ADD a int", true);
        assert_eq!(redefines(None, "shop"), None);
    }
}
