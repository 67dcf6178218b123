//! Names of files in JSON as restic writes them: what Go's `strconv.Quote` makes of the bytes, without
//! the quotation marks, so that names that are no UTF-8 survive.

use serde::{Deserialize as _, Deserializer, Serializer, de};
use std::{
    ffi::{OsStr, OsString},
    fmt::Write as _,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
};

pub(super) fn serialize<S: Serializer>(name: &OsStr, serializer: S) -> Result<S::Ok, S::Error> {
    match name.to_str().filter(|name| is_plain(name)) {
        Some(plain) => serializer.serialize_str(plain),
        None => serializer.serialize_str(&quoted(name.as_bytes())),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<OsString, D::Error> {
    let text = String::deserialize(deserializer)?;
    if !text.contains('\\') {
        return Ok(text.into());
    }
    unquoted(&text)
        .map(OsString::from_vec)
        .ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&text), &"a quoted name"))
}

fn is_plain(name: &str) -> bool {
    !name.bytes().any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\' | 0x7f))
}

fn quoted(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len() + 8);
    for part in name.utf8_chunks() {
        for character in part.valid().chars() {
            match character {
                '"' | '\\' => text.extend(['\\', character]),
                '\x07' => text.push_str("\\a"),
                '\x08' => text.push_str("\\b"),
                '\x0c' => text.push_str("\\f"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '\x0b' => text.push_str("\\v"),
                '\0'..' ' | '\x7f' => put_byte(&mut text, character as u8),
                _ => text.push(character),
            }
        }
        part.invalid().iter().for_each(|byte| put_byte(&mut text, *byte));
    }
    text
}

fn put_byte(text: &mut String, byte: u8) {
    write!(text, "\\x{byte:02x}").expect("invariant: a String takes all text");
}

/// `None` when a backslash begins nothing that Go knows.
fn unquoted(text: &str) -> Option<Vec<u8>> {
    let mut name = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        name.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at + 1..];
        let escape = rest.chars().next()?;
        rest = &rest[escape.len_utf8()..];
        let plain = match escape {
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'v' => 11,
            '\\' => b'\\',
            '"' => b'"',
            '\'' => b'\'',
            'x' => u8::try_from(number(&mut rest, 2, 16)?).ok()?,
            'u' | 'U' => {
                let digits = if escape == 'u' { 4 } else { 8 };
                let character = char::from_u32(number(&mut rest, digits, 16)?)?;
                name.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            '0'..='3' => {
                let low = number(&mut rest, 2, 8)?;
                u8::try_from(escape.to_digit(8)? * 64 + low).ok()?
            }
            _ => return None,
        };
        name.push(plain);
    }
    name.extend_from_slice(rest.as_bytes());
    Some(name)
}

fn number(rest: &mut &str, digits: usize, radix: u32) -> Option<u32> {
    let (head, tail) = rest.split_at_checked(digits)?;
    *rest = tail;
    if !head.chars().all(|character| character.is_digit(radix)) {
        return None;
    }
    u32::from_str_radix(head, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_as_go_does() {
        let check = |name: &[u8], expect: &str| {
            assert_eq!(quoted(name), expect);
            assert_eq!(unquoted(expect).as_deref(), Some(name));
        };
        check("Lampe für Gäste.jpg".as_bytes(), "Lampe für Gäste.jpg");
        check(b"a\"b\\c", "a\\\"b\\\\c");
        check(b"\n\t\x01\x7f", "\\n\\t\\x01\\x7f");
        check(b"\xff\xfea", "\\xff\\xfea");
        assert_eq!(unquoted("\\u00e4\\U0001F4A1\\101"), Some("ä💡A".as_bytes().to_vec()));
        for wrong in ["\\", "\\q", "\\x1", "\\xg0", "\\u12", "\\ud800", "\\19", "\\x+1"] {
            assert_eq!(unquoted(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_name_comes_back() {
        bolero::check!().with_type::<Vec<u8>>().for_each(|name| {
            assert_eq!(unquoted(&quoted(name)).as_ref(), Some(name));
        });
        bolero::check!().with_type::<String>().for_each(|text| {
            unquoted(text);
        });
    }
}
