//! One record: its fields, and how they become a hash.

use kernel::Params;
use ring::digest::{SHA256, digest};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use serde::{Deserialize, Serialize};
use std::{fmt, io::Write as _, str::FromStr};

/// What every encoding of this version begins with.
const FORMAT: &[u8] = b"storewarden-ledger-1";

/// One thing that was done, in its place in the ledger.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LedgerRecord {
    /// From 1, without a gap.
    pub sequence: u64,
    /// Unix milliseconds, by a clock that may have gone back.
    pub at_ms: i64,
    /// `storewarden`, `command-line`, `token:NAME`, or a person's keyed id.
    pub actor: String,
    /// `None` for the whole machine.
    pub shop: Option<String>,
    pub kind: String,
    /// `CLASS:ID` or a keyed id.
    pub subject: Option<String>,
    pub params: Params,
    /// The hash of the record before.
    pub previous: LedgerHash,
    pub hash: LedgerHash,
}

/// A SHA-256; as text, 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LedgerHash([u8; 32]);

/// Text that is no hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 hexadecimal digits")]
pub struct LedgerHashError;

/// What is hashed of a record, as it lies in the store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) sequence: i64,
    pub(super) at_ms: i64,
    pub(super) actor: &'a [u8],
    pub(super) shop: Option<&'a [u8]>,
    pub(super) kind: &'a [u8],
    pub(super) subject: Option<&'a [u8]>,
    pub(super) params: &'a [u8],
}

/// What the first record is chained to.
pub(super) fn origin(store: &[u8]) -> LedgerHash {
    let mut bytes = Vec::new();
    put(&mut bytes, FORMAT);
    put(&mut bytes, store);
    hash_of(&bytes)
}

/// The hash of a record behind the one with hash `previous`. What `buffer` holds is lost.
pub(super) fn hash(fields: &Fields<'_>, previous: &LedgerHash, buffer: &mut Vec<u8>) -> LedgerHash {
    buffer.clear();
    put(buffer, FORMAT);
    put(buffer, &previous.digits());
    put_number(buffer, fields.sequence);
    put_number(buffer, fields.at_ms);
    put(buffer, fields.actor);
    put_optional(buffer, fields.shop);
    put(buffer, fields.kind);
    put_optional(buffer, fields.subject);
    put(buffer, fields.params);
    hash_of(buffer)
}

/// Appends a netstring.
pub(super) fn put(buffer: &mut Vec<u8>, bytes: &[u8]) {
    write!(buffer, "{}:", bytes.len()).expect("invariant: a Vec takes all bytes");
    buffer.extend_from_slice(bytes);
    buffer.push(b',');
}

pub(super) fn put_number(buffer: &mut Vec<u8>, number: i64) {
    put(buffer, number.to_string().as_bytes());
}

fn put_optional(buffer: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => put(buffer, b"-"),
        Some(bytes) => {
            write!(buffer, "{}:+", bytes.len() + 1).expect("invariant: a Vec takes all bytes");
            buffer.extend_from_slice(bytes);
            buffer.push(b',');
        }
    }
}

fn hash_of(bytes: &[u8]) -> LedgerHash {
    let digest = digest(&SHA256, bytes);
    LedgerHash(digest.as_ref().try_into().expect("invariant: SHA-256 has 32 bytes"))
}

/// SQLite's numbers have a sign; sequences begin with 1.
pub(super) fn to_sequence(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The other way; what is beyond SQLite's numbers is beyond every record.
pub(super) fn from_sequence(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes of hexadecimal text in lower case; `None` for any other text.
pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

impl LedgerHash {
    /// Stands for what is no hash; nothing has it.
    pub(super) const NONE: Self = Self([0; 32]);

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// As [`hex`], without taking memory: a million records are hashed in a few seconds.
    fn digits(&self) -> [u8; 64] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0; 64];
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        }
        digits
    }
}

impl fmt::Display for LedgerHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for LedgerHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for LedgerHash {
    type Err = LedgerHashError;

    fn from_str(text: &str) -> Result<Self, LedgerHashError> {
        unhex(text).map(Self).ok_or(LedgerHashError)
    }
}

impl TryFrom<String> for LedgerHash {
    type Error = LedgerHashError;

    fn try_from(text: String) -> Result<Self, LedgerHashError> {
        text.parse()
    }
}

impl From<LedgerHash> for String {
    fn from(hash: LedgerHash) -> Self {
        hash.to_string()
    }
}

impl FromSql for LedgerHash {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::from_bytes(value.as_blob()?).ok_or(FromSqlError::InvalidType)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both hashes were made by another program from the text of docs/formats/ledger.md.
    #[test]
    fn a_record_has_the_hash_that_its_format_says() {
        let origin = origin(b"00112233445566778899aabbccddeeff");
        assert_eq!(origin.to_string(), ORIGIN);
        let mut fields = Fields {
            sequence: 1,
            at_ms: 1_767_225_600_000,
            actor: b"storewarden",
            shop: Some(b"lamps"),
            kind: b"run_started",
            subject: None,
            params: "{\"name\":\"ä\",\"steps\":3}".as_bytes(),
        };
        let hash_of = |fields: &Fields<'_>| hash(fields, &origin, &mut vec![1, 2, 3]).to_string();
        assert_eq!(hash_of(&fields), HASH);
        fields.subject = Some(b"");
        let with_empty_subject = hash_of(&fields);
        assert_ne!(with_empty_subject, HASH);
        fields.subject = Some(b"-");
        assert_ne!(hash_of(&fields), with_empty_subject);
    }

    const ORIGIN: &str = "c13cb0dd7418d8db8655db7249eb9f934b98dfb96f952cafa463a869708dc3d0";
    const HASH: &str = "506a171180d16feb25bda445bb262ddb70b2d0846a669c4b48b7a52f730a66c0";

    #[test]
    fn a_hash_and_its_text_are_the_same() {
        let hash: LedgerHash = ORIGIN.parse().unwrap();
        assert_eq!(hash.to_string(), ORIGIN);
        assert_eq!(hash.digits().as_slice(), ORIGIN.as_bytes());
        for text in ["", &ORIGIN[1..], &ORIGIN.to_uppercase(), &format!("{ORIGIN}00")] {
            assert_eq!(text.parse::<LedgerHash>(), Err(LedgerHashError), "{text}");
        }
    }
}
