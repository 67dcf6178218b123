//! One row as a line: fields between tabs, as PostgreSQL's COPY and MariaDB's LOAD DATA have them by
//! default. `\N` is NULL; a backslash, tab, line feed and carriage return within a value are escaped.

/// A value of a row; `None` is NULL. The bytes are as the database writes the value out.
pub type Field = Option<Vec<u8>>;

/// Appends a value to a line, with its escapes.
pub fn push_value(line: &mut Vec<u8>, value: &[u8]) {
    for byte in value {
        match byte {
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\t' => line.extend_from_slice(b"\\t"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            byte => line.push(*byte),
        }
    }
}

/// Appends a whole row with the line feed at its end.
pub(crate) fn push_row<'a>(line: &mut Vec<u8>, fields: impl IntoIterator<Item = Option<&'a [u8]>>) {
    for (index, field) in fields.into_iter().enumerate() {
        if index > 0 {
            line.push(b'\t');
        }
        match field {
            Some(value) => push_value(line, value),
            None => line.extend_from_slice(b"\\N"),
        }
    }
    line.push(b'\n');
}

/// The fields of a line, which has no line feed any more, as they stand there.
pub(super) fn raw_fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b'\t')
}

/// What a field of a line stands for; `None` when it is none of a dump's.
#[must_use]
pub fn value(field: &[u8]) -> Option<Field> {
    if field == b"\\N" {
        return Some(None);
    }
    if !field.contains(&b'\\') {
        return Some(Some(field.to_vec()));
    }
    let mut value = Vec::with_capacity(field.len());
    let mut bytes = field.iter();
    while let Some(byte) = bytes.next() {
        value.push(match byte {
            b'\\' => match bytes.next()? {
                b'\\' => b'\\',
                b't' => b'\t',
                b'n' => b'\n',
                b'r' => b'\r',
                // PostgreSQL escapes these as well.
                b'b' => 0x08,
                b'f' => 0x0c,
                b'v' => 0x0b,
                _ => return None,
            },
            byte => *byte,
        });
    }
    Some(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_comes_back() {
        bolero::check!().with_type::<Vec<Option<Vec<u8>>>>().for_each(|fields| {
            let mut line = Vec::new();
            push_row(&mut line, fields.iter().map(Option::as_deref));
            let (end, line) = line.split_last().unwrap();
            assert_eq!(*end, b'\n');
            assert!(!line.contains(&b'\n'));
            let back: Vec<Field> = raw_fields(line).map(|field| value(field).unwrap()).collect();
            if fields.is_empty() {
                assert_eq!(back, [Some(Vec::new())]);
            } else {
                assert_eq!(&back, fields);
            }
        });
    }

    #[test]
    fn fields_of_others_are_refused_or_read() {
        let check = |field: &[u8], expect: Option<Field>| assert_eq!(value(field), expect);
        check(b"", Some(Some(Vec::new())));
        check(b"\\N", Some(None));
        check(b"\\\\N", Some(Some(b"\\N".to_vec())));
        check(b"a\\vb", Some(Some(b"a\x0bb".to_vec())));
        check(b"a\\", None);
        check(b"\\x41", None);
    }
}
