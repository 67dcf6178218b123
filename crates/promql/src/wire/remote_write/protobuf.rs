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

/// What stands wrong, and the address of the byte where it does: as small as it can be, for it comes along with every field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wrong {
    address: usize,
    what: Malformed,
}

impl Wrong {
    /// With the place in the message that it was found in.
    pub(super) fn of(self, message: &[u8]) -> WireError {
        let offset = self.address.saturating_sub(message.as_ptr().addr());
        WireError::Write { offset, what: self.what }
    }
}

/// A message, or a part of one, field by field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// That something is wrong here.
    #[cold]
    pub(super) fn wrong(&self, what: Malformed) -> Wrong {
        Wrong { address: self.0.as_ptr().addr(), what }
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// The number and value of the next field; nothing at the end.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, Wrong> {
        if self.is_over() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => {
                let (bits, rest) =
                    self.0.split_first_chunk().ok_or_else(|| self.wrong(Malformed::Short))?;
                self.0 = rest;
                Value::Fixed64(u64::from_le_bytes(*bits))
            }
            2 => {
                let length = self.varint()?;
                Value::Bytes(Fields(self.cut(length)?))
            }
            5 => {
                self.cut(4)?;
                Value::Other
            }
            _ => return Err(self.wrong(Malformed::Tag)),
        };
        if tag >> 3 == 0 {
            return Err(self.wrong(Malformed::Tag));
        }
        Ok(Some((tag >> 3, value)))
    }

    #[inline(always)]
    pub(super) fn varint(&mut self) -> Result<u64, Wrong> {
        // Most are one byte: tags, lengths of labels, small references.
        if let [first, rest @ ..] = self.0
            && *first < 0x80
        {
            self.0 = rest;
            return Ok(u64::from(*first));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, Wrong> {
        let mut number = 0_u64;
        for (index, byte) in self.0.iter().take(10).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.0 = &self.0[index + 1..];
                return Ok(number);
            }
        }
        Err(self.wrong(if self.0.len() < 10 { Malformed::Short } else { Malformed::Varint }))
    }

    #[inline(always)]
    fn cut(&mut self, length: u64) -> Result<&'a [u8], Wrong> {
        let parts = usize::try_from(length).ok().and_then(|length| self.0.split_at_checked(length));
        let (part, rest) = parts.ok_or_else(|| self.wrong(Malformed::Short))?;
        self.0 = rest;
        Ok(part)
    }

    #[inline(always)]
    pub(super) fn text(self) -> Result<&'a str, Wrong> {
        std::str::from_utf8(self.0).map_err(|_| self.wrong(Malformed::Utf8))
    }
}

impl<'a> Value<'a> {
    #[inline(always)]
    pub(super) fn bytes(self, after: &Fields<'_>) -> Result<Fields<'a>, Wrong> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(after.wrong(Malformed::Type)) }
    }

    #[inline(always)]
    pub(super) fn text(self, after: &Fields<'_>) -> Result<&'a str, Wrong> {
        self.bytes(after)?.text()
    }

    #[inline(always)]
    pub(super) fn varint(self, after: &Fields<'_>) -> Result<u64, Wrong> {
        if let Self::Varint(number) = self { Ok(number) } else { Err(after.wrong(Malformed::Type)) }
    }

    #[inline(always)]
    pub(super) fn double(self, after: &Fields<'_>) -> Result<f64, Wrong> {
        if let Self::Fixed64(bits) = self {
            Ok(f64::from_bits(bits))
        } else {
            Err(after.wrong(Malformed::Type))
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
