//! Values as they stand in a statement for MariaDB and MySQL, so that a column stores them as it did.

/// How the values of a column are written into a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Number,
    Text,
    /// In the bytes that the column stores, whatever its character set.
    Bytes,
}

pub(crate) fn form(type_name: &str) -> Form {
    let word = type_name.split(['(', ' ']).next().unwrap_or_default().to_ascii_lowercase();
    match word.as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => Form::Number,
        "decimal" | "float" | "double" | "date" | "time" | "datetime" | "timestamp" | "year"
        | "uuid" | "inet4" | "inet6" | "json" => Form::Text,
        _ => Form::Bytes,
    }
}

pub(crate) fn push_literal(statement: &mut Vec<u8>, value: Option<&[u8]>, form: Form) {
    let Some(value) = value else { return statement.extend_from_slice(b"NULL") };
    let is_number = value.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'-'));
    if form == Form::Number && is_number {
        return statement.extend_from_slice(value);
    }
    if form == Form::Bytes {
        statement.extend_from_slice(b"_binary");
    }
    statement.push(b'\'');
    for byte in value {
        if matches!(byte, b'\'' | b'\\') {
            statement.push(b'\\');
        }
        statement.push(*byte);
    }
    statement.push(b'\'');
}
