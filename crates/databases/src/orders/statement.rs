//! The order statement of a platform file: one SELECT with `:after` and `:limit`, in each
//! database's own way of writing parameters. Knows SQL's lexical rules, not its grammar.

use crate::DatabaseError;

/// A checked statement that returns key, placed at (unix milliseconds) and total (minor units) of
/// the orders with a key greater than `:after`, by key, at most `:limit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderQuery {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Parameter(Parameter),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parameter {
    After,
    Limit,
}

impl OrderQuery {
    /// Checks a statement's text. What gets through is not proven harmless; that is what the
    /// read-only connection is for.
    ///
    /// # Errors
    /// When it is not one SELECT (a WITH may lead it in), lacks one of its two parameters, or has
    /// others.
    pub fn new(text: &str) -> Result<Self, DatabaseError> {
        let pieces = split(text.trim()).map_err(DatabaseError::Statement)?;
        let refuse = |why: &str| Err(DatabaseError::Statement(why.to_owned()));
        let first: String = text.trim().chars().take_while(char::is_ascii_alphabetic).collect();
        if !["select", "with"].contains(&first.to_ascii_lowercase().as_str()) {
            return refuse("it does not begin with SELECT or WITH");
        }
        for (parameter, name) in [(Parameter::After, ":after"), (Parameter::Limit, ":limit")] {
            if !pieces.contains(&Piece::Parameter(parameter)) {
                return refuse(&format!("it has no {name}"));
            }
        }
        Ok(Self { pieces })
    }

    /// With `$1` for after and `$2` for limit, both 64 bits wide whatever they are compared with.
    pub(super) fn postgres(&self) -> String {
        self.written(|parameter| match parameter {
            Parameter::After => "$1::bigint",
            Parameter::Limit => "$2::bigint",
        })
    }

    /// With `?1` for after and `?2` for limit.
    pub(super) fn sqlite(&self) -> String {
        self.written(|parameter| match parameter {
            Parameter::After => "?1",
            Parameter::Limit => "?2",
        })
    }

    /// With `?` each time, and what each stands for.
    pub(super) fn mysql(&self) -> (String, Vec<Parameter>) {
        let parameters = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Parameter(parameter) => Some(*parameter),
            Piece::Text(_) => None,
        });
        (self.written(|_| "?"), parameters.collect())
    }

    fn written(&self, form: impl Fn(Parameter) -> &'static str) -> String {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Parameter(parameter) => form(*parameter),
        });
        pieces.collect()
    }
}

/// Cuts a statement at its parameters. Text within quotes and comments is passed over.
fn split(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let length = match next {
            '\'' | '"' | '`' => quoted(rest, next).ok_or("a quotation is not closed")?,
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => {
                rest.find("*/").map(|at| at + 2).ok_or("a comment is not closed")?
            }
            ':' if rest.starts_with("::") => 2,
            ':' => {
                let (parameter, length) = parameter(rest)?;
                pieces.push(Piece::Text(std::mem::take(&mut piece)));
                pieces.push(Piece::Parameter(parameter));
                rest = &rest[length..];
                continue;
            }
            ';' => return Err("it has a semicolon, but must be one statement without".into()),
            '?' | '$' => return Err(format!("it has `{next}`, but parameters are named")),
            other => other.len_utf8(),
        };
        piece.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    pieces.push(Piece::Text(piece));
    Ok(pieces)
}

/// How long the quotation is that `text` begins with. A doubled quote within ends one and begins
/// another, which comes to the same. A backslash has no meaning, as standard SQL has it: MySQL
/// would read on after `\'`, which can only make a parameter be missed and the statement fail.
fn quoted(text: &str, quote: char) -> Option<usize> {
    text[1..].find(quote).map(|at| at + 2)
}

fn parameter(text: &str) -> Result<(Parameter, usize), String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name: String = text[1..].chars().take_while(|c| is_part(*c)).collect();
    match name.as_str() {
        "after" => Ok((Parameter::After, ":after".len())),
        "limit" => Ok((Parameter::Limit, ":limit".len())),
        _ => Err(format!("it has the parameter `:{name}`, but only `:after` and `:limit` exist")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_written_as_each_database_wants_them() {
        let query = OrderQuery::new(
            "SELECT id, a::bigint, ':after' || \"b:limit\" FROM o -- :never?\n\
             WHERE id > :after AND id > :after /* ; */ LIMIT :limit",
        )
        .unwrap();
        let (mysql, parameters) = query.mysql();
        assert!(mysql.ends_with("WHERE id > ? AND id > ? /* ; */ LIMIT ?"), "{mysql}");
        assert_eq!(parameters, [Parameter::After, Parameter::After, Parameter::Limit]);
        let postgres = query.postgres();
        assert!(postgres.contains("id, a::bigint, ':after' || \"b:limit\""), "{postgres}");
        assert!(postgres.ends_with("id > $1::bigint /* ; */ LIMIT $2::bigint"), "{postgres}");
        assert!(query.sqlite().ends_with("id > ?1 /* ; */ LIMIT ?2"));
    }

    #[test]
    fn what_is_not_one_select_with_both_parameters_is_refused() {
        let check = |text: &str, why: &str| {
            let error = OrderQuery::new(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text:?} gave {error:?}");
        };
        check("", "does not begin");
        check("DELETE FROM o WHERE id > :after LIMIT :limit", "does not begin");
        check("SELECTED :after :limit", "does not begin");
        check("SELECT 1 WHERE :after", "no :limit");
        check("SELECT 1 LIMIT :limit", "no :after");
        check("SELECT :after, :limit; DELETE FROM o", "semicolon");
        check("SELECT :after, :limit, :other", "`:other`");
        check("SELECT :after, :limit, : x", "`:`");
        check("SELECT $1, :after, :limit", "`$`");
        check("SELECT ?, :after, :limit", "`?`");
        check("SELECT :after, :limit, 'open", "not closed");
        check("SELECT :after, :limit /* open", "not closed");
    }

    #[test]
    fn no_text_makes_it_panic() {
        bolero::check!().with_type::<String>().for_each(|text| {
            if let Ok(query) = OrderQuery::new(&format!("select :after :limit {text}")) {
                assert_eq!(query.sqlite().matches("?1").count(), {
                    let (_, parameters) = query.mysql();
                    parameters.iter().filter(|p| **p == Parameter::After).count()
                });
            }
        });
    }
}
