//! Fields of protobuf messages, read in place and written (protobuf.dev, "Encoding").

use crate::wire::{Malformed, WireError};

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(Fields<'a>),
    /// 32 bits: of no field that is read here.
    Other,
}

/// A message, or a part of one, field by field. It remembers where in the whole it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    whole: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn new(whole: &'a [u8]) -> Self {
        Self { whole, at: 0, end: whole.len() }
    }

    pub(super) fn wrong(&self, what: Malformed) -> WireError {
        WireError::Write { offset: self.at, what }
    }

    pub(super) fn is_over(&self) -> bool {
        self.at == self.end
    }

    /// The number and value of the next field; nothing at the end.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, WireError> {
        if self.is_over() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
                let begin = self.at;
                self.pass(length)?;
                Value::Bytes(Fields { whole: self.whole, at: begin, end: self.at })
            }
            5 => {
                self.pass(4)?;
                Value::Other
            }
            _ => return Err(self.wrong(Malformed::Tag)),
        };
        if tag >> 3 == 0 {
            return Err(self.wrong(Malformed::Tag));
        }
        Ok(Some((tag >> 3, value)))
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, WireError> {
        let bytes = &self.whole[self.at..self.end];
        // Most are one byte: tags, lengths of labels, small references.
        if let Some(first) = bytes.first()
            && *first < 0x80
        {
            self.at += 1;
            return Ok(u64::from(*first));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let bytes = &self.whole[self.at..self.end];
        let mut number = 0_u64;
        for (index, byte) in bytes.iter().take(10).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.at += index + 1;
                return Ok(number);
            }
        }
        Err(self.wrong(if bytes.len() < 10 { Malformed::Short } else { Malformed::Varint }))
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let begin = self.at;
        self.pass(N)?;
        let bytes = self.whole[begin..self.at].first_chunk();
        Ok(*bytes.expect("invariant: so many bytes were passed"))
    }

    #[inline]
    fn pass(&mut self, length: usize) -> Result<(), WireError> {
        if length > self.end - self.at {
            return Err(self.wrong(Malformed::Short));
        }
        self.at += length;
        Ok(())
    }

    #[inline]
    pub(super) fn text(self) -> Result<&'a str, WireError> {
        std::str::from_utf8(&self.whole[self.at..self.end]).map_err(|_| self.wrong(Malformed::Utf8))
    }
}

impl<'a> Value<'a> {
    #[inline]
    pub(super) fn bytes(self, around: &Fields<'_>) -> Result<Fields<'a>, WireError> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(around.wrong(Malformed::Type)) }
    }

    #[inline]
    pub(super) fn text(self, around: &Fields<'_>) -> Result<&'a str, WireError> {
        self.bytes(around)?.text()
    }

    #[inline]
    pub(super) fn varint(self, around: &Fields<'_>) -> Result<u64, WireError> {
        if let Self::Varint(number) = self {
            Ok(number)
        } else {
            Err(around.wrong(Malformed::Type))
        }
    }

    #[inline]
    pub(super) fn double(self, around: &Fields<'_>) -> Result<f64, WireError> {
        if let Self::Fixed64(bits) = self {
            Ok(f64::from_bits(bits))
        } else {
            Err(around.wrong(Malformed::Type))
        }
    }
}

pub(super) fn put_varint(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// A number; 0 is what an absent field means, and is not written.
pub(super) fn put_number(to: &mut Vec<u8>, field: u64, number: u64) {
    if number != 0 {
        put_varint(to, field << 3);
        put_varint(to, number);
    }
}

pub(super) fn put_double(to: &mut Vec<u8>, field: u64, value: f64) {
    if value.to_bits() != 0 {
        put_varint(to, field << 3 | 1);
        to.extend_from_slice(&value.to_bits().to_le_bytes());
    }
}

/// Bytes or a message, empty ones as well.
pub(super) fn put_bytes(to: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_varint(to, field << 3 | 2);
    put_varint(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}
