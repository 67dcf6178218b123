//! What a statement in the binary log does to rows. Where rows are logged as rows, only statements that
//! redefine something, and those around transactions, should be there.

/// A statement, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    Begin,
    Commit,
    /// Changes no row and no table.
    Aside,
    /// Redefines something.
    Definition,
    /// Takes every row of a table; with the database where it is named.
    Empties {
        database: Option<String>,
        table: String,
    },
    /// May change rows that are not in the log as rows.
    Unknown {
        word: String,
    },
}

impl Statement {
    pub(crate) fn of(text: &str) -> Self {
        let mut words = Words(text);
        let word = words.keyword();
        match word.as_str() {
            "BEGIN" | "START" => Self::Begin,
            "COMMIT" => Self::Commit,
            "SAVEPOINT" | "RELEASE" | "GRANT" | "REVOKE" | "FLUSH" | "ANALYZE" | "OPTIMIZE"
            | "REPAIR" | "CHECK" | "INSTALL" | "UNINSTALL" => Self::Aside,
            "CREATE" | "DROP" | "ALTER" | "RENAME" => {
                let mut second = words.keyword();
                if second == "OR" {
                    words.keyword();
                    second = words.keyword();
                }
                let is_nobodys = second == "TEMPORARY";
                if is_nobodys { Self::Aside } else { Self::Definition }
            }
            "TRUNCATE" => words.emptied().unwrap_or(Self::Unknown { word }),
            // SET STATEMENT … FOR another one.
            "SET" if words.keyword() == "STATEMENT" => words.after_for(),
            "SET" => Self::Aside,
            _ => Self::Unknown { word },
        }
    }
}

/// Whether a statement that was made elsewhere may be about this database: its name stands there as a whole word.
pub(crate) fn names(text: &str, database: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    text.match_indices(database).any(|(at, found)| {
        !text[..at].ends_with(is_part) && !text[at + found.len()..].starts_with(is_part)
    })
}

/// The rest of a statement.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn skip(&mut self) {
        loop {
            let rest = self.0.trim_start();
            self.0 = if let Some(rest) = rest.strip_prefix("/*") {
                // What stands in /*! … */ and /*M! … */ is carried out.
                match rest.strip_prefix("M!").or(rest.strip_prefix('!')) {
                    Some(rest) => rest.trim_start_matches(|c: char| c.is_ascii_digit()),
                    None => rest.split_once("*/").map_or("", |(_, rest)| rest),
                }
            } else if rest.starts_with('#') || rest.starts_with("--") {
                rest.split_once('\n').map_or("", |(_, rest)| rest)
            } else {
                self.0 = rest;
                return;
            };
        }
    }

    /// The next word in capitals; empty at the end, and before a sign.
    fn keyword(&mut self) -> String {
        self.skip();
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let end = self.0.find(|c| !is_part(c)).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        word.to_uppercase()
    }

    /// The next name, in backticks or without.
    fn name(&mut self) -> Option<String> {
        self.skip();
        if let Some(quoted) = self.0.strip_prefix('`') {
            let mut name = String::new();
            let mut signs = quoted.char_indices().peekable();
            while let Some((at, sign)) = signs.next() {
                match sign {
                    '`' if matches!(signs.peek(), Some((_, '`'))) => {
                        signs.next();
                        name.push('`');
                    }
                    '`' => {
                        self.0 = &quoted[at + 1..];
                        return Some(name);
                    }
                    sign => name.push(sign),
                }
            }
            return None;
        }
        let is_end = |c: char| c.is_whitespace() || ".,;/`".contains(c);
        let end = self.0.find(is_end).unwrap_or(self.0.len());
        let (name, rest) = self.0.split_at(end);
        self.0 = rest;
        (!name.is_empty()).then(|| name.to_owned())
    }

    fn emptied(&mut self) -> Option<Statement> {
        let begins = self.0;
        if self.keyword() != "TABLE" {
            self.0 = begins;
        }
        let first = self.name()?;
        self.skip();
        match self.0.strip_prefix('.') {
            Some(rest) => {
                self.0 = rest;
                let table = self.name()?;
                Some(Statement::Empties { database: Some(first), table })
            }
            None => Some(Statement::Empties { database: None, table: first }),
        }
    }

    /// What comes after the first FOR.
    fn after_for(&mut self) -> Statement {
        while !self.0.is_empty() {
            let before = self.0;
            match self.keyword().as_str() {
                "FOR" => return Statement::of(self.0),
                "" if self.0.len() == before.len() => {
                    let mut signs = self.0.chars();
                    signs.next();
                    self.0 = signs.as_str();
                }
                _ => {}
            }
        }
        Statement::Unknown { word: "SET STATEMENT".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_elsewhere_is_about_a_database_that_it_names() {
        let check = |text: &str, expect: bool| assert_eq!(names(text, "shop"), expect, "{text}");
        check("ALTER TABLE shop.orders ADD a int", true);
        check("RENAME TABLE `a` TO `shop`.`a`", true);
        check("DROP DATABASE shop", true);
        check("CREATE TABLE `shop_order` (a int)", false);
        check("CREATE DATABASE `shop_restored_20261122_101500_250`", false);
        check("CREATE TABLE workshop (a int)", false);
    }

    #[test]
    fn statements_are_told_by_what_they_do() {
        use Statement::{Aside, Begin, Commit, Definition};
        let check =
            |text: &str, expect: Statement| assert_eq!(Statement::of(text), expect, "{text}");
        let empties = |database: Option<&str>, table: &str| Statement::Empties {
            database: database.map(str::to_owned),
            table: table.to_owned(),
        };
        let unknown = |word: &str| Statement::Unknown { word: word.to_owned() };
        check("BEGIN", Begin);
        check("COMMIT", Commit);
        check("SAVEPOINT `a`", Aside);
        check("/* a ; comment */ alter table t add x int", Definition);
        check("/*!40000 ALTER TABLE t DISABLE KEYS */", Definition);
        check("# note\n-- note\nCREATE OR REPLACE TABLE t (a int)", Definition);
        check("DROP TEMPORARY TABLE IF EXISTS `x` /* generated by server */", Aside);
        check("CREATE OR REPLACE TEMPORARY TABLE x (a int)", Aside);
        check("truncate orders", empties(None, "orders"));
        check("TRUNCATE TABLE `shop`.`a``b` /* x */", empties(Some("shop"), "a`b"));
        check("TRUNCATE table shop . orders;", empties(Some("shop"), "orders"));
        check("TRUNCATE TABLE `a", unknown("TRUNCATE"));
        check("SET PASSWORD FOR x = 'y'", Aside);
        check("SET STATEMENT max_statement_time=1 FOR DROP TABLE t", Definition);
        check("SET STATEMENT max_statement_time=1 FOR INSERT INTO t VALUES (1)", unknown("INSERT"));
        check("INSERT INTO t VALUES (1)", unknown("INSERT"));
        check("UPDATE t SET a = 1", unknown("UPDATE"));
        check("ROLLBACK TO `a`", unknown("ROLLBACK"));
        check("XA START 'x'", unknown("XA"));
        check("", unknown(""));
    }

    #[test]
    fn no_statement_makes_its_reader_panic_or_stay() {
        bolero::check!().with_type::<String>().for_each(|text| {
            Statement::of(text);
            Statement::of(&format!("SET STATEMENT {text}"));
            Statement::of(&format!("TRUNCATE {text}"));
        });
    }
}
