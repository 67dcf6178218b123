//! Small numbers as bytes and back, as docs/formats/series.md has them. Reading checks every length and never panics.

use crate::error::Damage;

const CUT_SHORT: Damage = Damage("the bytes end too early");

pub(crate) fn put_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(low_byte(number) | 0x80);
        number >>= 7;
    }
    bytes.push(low_byte(number));
}

pub(crate) fn put_zigzag(bytes: &mut Vec<u8>, number: i64) {
    put_varint(bytes, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

/// The lowest eight bits.
pub(crate) fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

/// What of some bytes was not read yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Damage> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(CUT_SHORT)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or(CUT_SHORT)?;
        self.rest = rest;
        Ok(*bytes)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Damage> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Damage> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Damage> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Damage> {
        self.array().map(i64::from_le_bytes)
    }

    pub(crate) fn f64(&mut self) -> Result<f64, Damage> {
        self.u64().map(f64::from_bits)
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, Damage> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Damage("a number is longer than ten bytes"))
    }

    #[inline]
    pub(crate) fn zigzag(&mut self) -> Result<i64, Damage> {
        let number = self.varint()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// A length that is followed by at least as many bytes.
    pub(crate) fn length(&mut self) -> Result<usize, Damage> {
        let length = self.varint()?;
        usize::try_from(length).ok().filter(|length| *length <= self.rest.len()).ok_or(CUT_SHORT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_as_they_went_in() {
        for number in [0, 1, -1, 63, -64, 64, 8191, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            put_zigzag(&mut bytes, number);
            put_varint(&mut bytes, number.cast_unsigned());
            let mut cursor = Cursor::new(&bytes);
            assert_eq!(cursor.zigzag(), Ok(number));
            assert_eq!(cursor.varint(), Ok(number.cast_unsigned()));
            assert!(cursor.rest().is_empty());
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused() {
        bolero::check!().for_each(|bytes: &[u8]| {
            let mut cursor = Cursor::new(bytes);
            while cursor.varint().is_ok() {}
            let mut cursor = Cursor::new(bytes);
            if let Ok(length) = cursor.length() {
                assert!(cursor.bytes(length).is_ok());
            }
        });
    }
}
