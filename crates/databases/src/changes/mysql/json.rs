//! A document in MySQL's own form of JSON (MySQL, json_binary.h), as the server writes it out: members in the
//! order in which they are stored, `": "` and `", "` between them (json_dom.cc, `wrapper_to_string`).

use super::value::{Rest, decimal, double, packed_date_time, packed_time};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::fmt::Write as _;

// What a value is.
const SMALL_OBJECT: u8 = 0;
const LARGE_OBJECT: u8 = 1;
const SMALL_ARRAY: u8 = 2;
const LARGE_ARRAY: u8 = 3;
const LITERAL: u8 = 4;
const INT16: u8 = 5;
const UINT16: u8 = 6;
const INT32: u8 = 7;
const UINT32: u8 = 8;
const INT64: u8 = 9;
const UINT64: u8 = 10;
const DOUBLE: u8 = 11;
const STRING: u8 = 12;
const OPAQUE: u8 = 15;
/// The server refuses what is deeper.
const DEEPEST: usize = 100;
/// No document is so much longer written out than it is stored: a part that two others point to is none.
const LONGEST: usize = 64;

/// The text of a document; `None` for what is malformed.
pub(super) fn text(document: &[u8]) -> Option<Vec<u8>> {
    let Some((kind, value)) = document.split_first() else {
        // What a column that takes no NULL has of one, where the mode is not strict.
        return Some(b"null".to_vec());
    };
    let mut writer = Writer { text: String::new(), most: LONGEST * (document.len() + 16) };
    writer.value(*kind, value, 0)?;
    Some(writer.text.into_bytes())
}

/// As a double stands in a document: it stays one when it is read again.
pub(crate) fn number_text(number: f64) -> String {
    let text = double(number);
    let is_whole = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_whole { format!("{text}.0") } else { text }
}

struct Writer {
    text: String,
    most: usize,
}

impl Writer {
    fn value(&mut self, kind: u8, value: &[u8], depth: usize) -> Option<()> {
        if depth > DEEPEST || self.text.len() > self.most {
            return None;
        }
        let mut rest = Rest(value);
        match kind {
            SMALL_OBJECT => self.members(value, 2, true, depth)?,
            LARGE_OBJECT => self.members(value, 4, true, depth)?,
            SMALL_ARRAY => self.members(value, 2, false, depth)?,
            LARGE_ARRAY => self.members(value, 4, false, depth)?,
            LITERAL => self.text.push_str(match rest.little(1)? {
                0 => "null",
                1 => "true",
                2 => "false",
                _ => return None,
            }),
            INT16 | INT32 | INT64 => {
                let bytes = width(kind);
                let shift = 64 - 8 * bytes as u32;
                self.push((rest.little(bytes)? << shift).cast_signed() >> shift);
            }
            UINT16 | UINT32 | UINT64 => self.push(rest.little(width(kind))?),
            DOUBLE => {
                let number = f64::from_le_bytes(rest.take(8)?.try_into().ok()?);
                self.text.push_str(&number_text(number));
            }
            STRING => {
                let length = variable(&mut rest)?;
                self.quoted(std::str::from_utf8(rest.take(length)?).ok()?);
            }
            OPAQUE => {
                let of = u8::try_from(rest.little(1)?).ok()?;
                let length = variable(&mut rest)?;
                self.opaque(of, rest.take(length)?)?;
            }
            _ => return None,
        }
        Some(())
    }

    fn push(&mut self, number: impl std::fmt::Display) {
        write!(self.text, "{number}").expect("invariant: writing to a text works");
    }

    /// An array or an object, whose places count from its own beginning.
    fn members(&mut self, all: &[u8], bytes: usize, is_object: bool, depth: usize) -> Option<()> {
        let mut head = Rest(all);
        let place = |rest: &mut Rest<'_>| usize::try_from(rest.little(bytes)?).ok();
        let (count, length) = (place(&mut head)?, place(&mut head)?);
        let all = all.get(..length)?;
        let per_key = if is_object { bytes + 2 } else { 0 };
        let mut keys = Rest(head.take(count.checked_mul(per_key)?)?);
        let mut values = Rest(head.take(count.checked_mul(bytes + 1)?)?);
        self.text.push(if is_object { '{' } else { '[' });
        for number in 0..count {
            self.text.push_str(if number > 0 { ", " } else { "" });
            if is_object {
                let (begin, length) = (place(&mut keys)?, usize::try_from(keys.little(2)?).ok()?);
                let key = all.get(begin..begin.checked_add(length)?)?;
                self.quoted(std::str::from_utf8(key).ok()?);
                self.text.push_str(": ");
            }
            let kind = u8::try_from(values.little(1)?).ok()?;
            let inner = values.take(bytes)?;
            let is_here = match kind {
                LITERAL | INT16 | UINT16 => true,
                INT32 | UINT32 => bytes == 4,
                _ => false,
            };
            match is_here {
                true => self.value(kind, inner, depth + 1)?,
                false => {
                    let begin = usize::try_from(Rest(inner).little(bytes)?).ok()?;
                    self.value(kind, all.get(begin..)?, depth + 1)?;
                }
            }
        }
        self.text.push(if is_object { '}' } else { ']' });
        Some(())
    }

    fn quoted(&mut self, text: &str) {
        self.text.push('"');
        for sign in text.chars() {
            match sign {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\u{8}' => self.text.push_str("\\b"),
                '\u{c}' => self.text.push_str("\\f"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                '\0'..='\u{1f}' => self.push(format_args!("\\u{:04x}", u32::from(sign))),
                sign => self.text.push(sign),
            }
        }
        self.text.push('"');
    }

    /// A value of a type that JSON does not have, by the number of that type.
    fn opaque(&mut self, of: u8, bytes: &[u8]) -> Option<()> {
        let number = || Some(i64::from_le_bytes(bytes.try_into().ok()?));
        let text = match of {
            246 => {
                let mut rest = Rest(bytes);
                let (precision, scale) = (rest.little(1)?, rest.little(1)?);
                let (precision, scale) = (precision.try_into().ok()?, scale.try_into().ok()?);
                self.text.push_str(&decimal(&mut rest, precision, scale)?);
                return Some(());
            }
            10 => packed_date_time(number()?)?.split_once(' ')?.0.to_owned(),
            11 => packed_time(number()?),
            7 | 12 => packed_date_time(number()?)?,
            other => format!("base64:type{other}:{}", BASE64_STANDARD.encode(bytes)),
        };
        self.quoted(&text);
        Some(())
    }
}

fn width(kind: u8) -> usize {
    match kind {
        INT16 | UINT16 => 2,
        INT32 | UINT32 => 4,
        _ => 8,
    }
}

/// Seven bits a byte, the lowest first.
fn variable(rest: &mut Rest<'_>) -> Option<usize> {
    let mut length = 0_u64;
    for shift in [0, 7, 14, 21, 28] {
        let byte = rest.little(1)?;
        length |= (byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return usize::try_from(length).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_document_makes_its_reader_panic_or_stay() {
        bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| {
            let _ = text(bytes);
        });
        // An array whose parts are itself.
        let mut around = vec![LARGE_ARRAY, 3, 0, 0, 0, 23, 0, 0, 0];
        around.extend([LARGE_ARRAY, 0, 0, 0, 0].repeat(3));
        assert_eq!(text(&around), None);
    }
}
