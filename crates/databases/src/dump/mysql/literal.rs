//! Values as they stand in a statement for MariaDB and MySQL, so that a column stores them as it did.

use crate::changes::mysql::json_number;

/// How the values of a column are written into a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Number,
    Text,
    /// MySQL's JSON; MariaDB's is text.
    Json,
    /// In the bytes that the column stores, whatever its character set.
    Bytes,
}

pub(crate) fn form(type_name: &str) -> Form {
    let word = type_name.split(['(', ' ']).next().unwrap_or_default().to_ascii_lowercase();
    match word.as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => Form::Number,
        "decimal" | "float" | "double" | "date" | "time" | "datetime" | "timestamp" | "year"
        | "uuid" | "inet4" | "inet6" => Form::Text,
        "json" => Form::Json,
        _ => Form::Bytes,
    }
}

pub(crate) fn push_literal(statement: &mut Vec<u8>, value: Option<&[u8]>, form: Form) {
    let Some(value) = value else { return statement.extend_from_slice(b"NULL") };
    let is_number = value.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'-'));
    if form == Form::Number && is_number {
        return statement.extend_from_slice(value);
    }
    if form == Form::Json && !is_exact(value) {
        return push_document(statement, value);
    }
    if form == Form::Bytes {
        statement.extend_from_slice(b"_binary");
    }
    push_quoted(statement, value);
}

/// A column, so that it can be held against a literal of its form.
pub(crate) fn held(name: &str, form: Form) -> String {
    match form {
        Form::Number | Form::Text => name.to_owned(),
        // No document equals a text, and none equals one with other kinds of numbers.
        Form::Json => format!("CAST({name} AS CHAR)"),
        Form::Bytes => format!("CAST({name} AS BINARY)"),
    }
}

/// The literal that [`held`] is equal to.
pub(crate) fn push_held(statement: &mut Vec<u8>, value: &[u8], form: Form) {
    match form {
        Form::Json => push_quoted(statement, value),
        form => push_literal(statement, Some(value), form),
    }
}

fn push_quoted(statement: &mut Vec<u8>, value: &[u8]) {
    statement.push(b'\'');
    for byte in value {
        if matches!(byte, b'\'' | b'\\') {
            statement.push(b'\\');
        }
        statement.push(*byte);
    }
    statement.push(b'\'');
}

/// A text of JSON in its parts: signs, strings with their quotes, words and numbers. Spaces are left out.
fn parts(document: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = document.trim_ascii_start();
    std::iter::from_fn(move || {
        let length = match rest.first()? {
            b'"' => {
                let mut is_escaped = false;
                let end = rest[1..].iter().position(|byte| {
                    let ends = *byte == b'"' && !is_escaped;
                    is_escaped = *byte == b'\\' && !is_escaped;
                    ends
                });
                end.map_or(rest.len(), |end| end + 2)
            }
            b'{' | b'}' | b'[' | b']' | b':' | b',' => 1,
            _ => {
                let is_end = |byte: &u8| b" ,:]}".contains(byte);
                rest.iter().position(is_end).unwrap_or(rest.len()).max(1)
            }
        };
        let (part, after) = rest.split_at(length);
        rest = after.trim_ascii_start();
        Some(part)
    })
}

/// Whether a number is written as the server writes what it reads it as; a DECIMAL in a document is not.
fn is_exact_number(part: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(part) else { return true };
    let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let is_whole = text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
    if !is_number || is_whole && text != "-0" {
        return true;
    }
    text.parse::<f64>().is_ok_and(|number| json_number(number) == text)
}

fn is_exact(document: &[u8]) -> bool {
    parts(document).all(is_exact_number)
}

/// A document as an expression, in which numbers stay what they are: read from a text, each would become a double.
fn push_document(statement: &mut Vec<u8>, document: &[u8]) {
    let mut is_key = false;
    let mut open = Vec::new();
    for part in parts(document) {
        match part {
            b"{" | b"[" => {
                is_key = part == b"{";
                open.push(is_key);
                let begin: &[u8] = if is_key { b"JSON_OBJECT(" } else { b"JSON_ARRAY(" };
                statement.extend_from_slice(begin);
            }
            b"}" | b"]" => {
                open.pop();
                is_key = false;
                statement.push(b')');
            }
            b":" | b"," => {
                is_key = part == b"," && open.last() == Some(&true);
                statement.push(b',');
            }
            number if !is_exact_number(number) => statement.extend_from_slice(number),
            value => {
                let begin: &[u8] = if is_key { b"JSON_UNQUOTE(" } else { b"CAST(" };
                statement.extend_from_slice(begin);
                push_quoted(statement, value);
                statement.extend_from_slice(if is_key { b")" } else { b" AS JSON)" });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_with_decimals_become_expressions() {
        let check = |document: &str, expect: &str| {
            let mut statement = Vec::new();
            push_literal(&mut statement, Some(document.as_bytes()), Form::Json);
            assert_eq!(String::from_utf8(statement).unwrap(), expect);
        };
        check(r#"{"a": 1.5, "b": [0.0, 1e100, -7]}"#, r#"'{"a": 1.5, "b": [0.0, 1e100, -7]}'"#);
        check(
            r#"{"a\"": 1.50, "b": [true, {"c": "x, 1.50"}, 9]}"#,
            "JSON_OBJECT(JSON_UNQUOTE('\"a\\\\\"\"'),1.50,JSON_UNQUOTE('\"b\"'),JSON_ARRAY(CAST('true' AS JSON),\
             JSON_OBJECT(JSON_UNQUOTE('\"c\"'),CAST('\"x, 1.50\"' AS JSON)),CAST('9' AS JSON)))",
        );
        check("99999999999999999999.5", "99999999999999999999.5");
        check("[]", "'[]'");
    }

    #[test]
    fn no_document_makes_its_writer_panic_or_stay() {
        bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| {
            push_document(&mut Vec::new(), bytes);
            assert!(parts(bytes).map(<[u8]>::len).sum::<usize>() <= bytes.len());
        });
    }
}
