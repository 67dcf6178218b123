//! Names of requests: what a visitor reads out on the telephone and an operator finds in the log.
//!
//! 48 bits of time and 80 of chance, as 26 characters of Crockford's base 32 in lower case (the
//! form of a ULID): they sort by time, and no letter is taken for a digit.

use http::HeaderValue;
use rand::{Rng, rngs::SmallRng};
use std::fmt;

const LEN: usize = 26;
/// How many characters of its end make the [`RequestId::reference`].
const REFERENCE: usize = 8;
/// Without i, l, o and u: <https://www.crockford.com/base32.html>.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The name of one request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RequestId {
    number: u128,
    text: [u8; LEN],
}

impl RequestId {
    /// `unix_ms` counts with its low 48 bits, `chance` with its low 80.
    pub(crate) fn new(unix_ms: i64, chance: u128) -> Self {
        let time = u128::from(unix_ms.cast_unsigned() & ((1 << 48) - 1));
        let number = (time << 80) | (chance & ((1 << 80) - 1));
        let mut rest = number;
        let mut text = [0; LEN];
        for slot in text.iter_mut().rev() {
            *slot = ALPHABET[(rest & 31) as usize];
            rest >>= 5;
        }
        Self { number, text }
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).expect("invariant: made of the alphabet")
    }

    /// Its last eight characters, short enough to be read out: one in 10¹² shares them.
    pub(crate) fn reference(&self) -> &str {
        &self.as_str()[LEN - REFERENCE..]
    }

    pub(crate) fn header_value(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.text).expect("invariant: made of the alphabet")
    }

    /// The same as a number, for the trace that begins with this request.
    pub(crate) fn number(&self) -> u128 {
        self.number
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A worker's source of chance: fast, seeded by the operating system, no secret.
#[derive(Debug)]
pub(crate) struct RequestIds(SmallRng);

impl RequestIds {
    pub(crate) fn new() -> Self {
        Self(rand::make_rng())
    }

    pub(crate) fn next(&mut self) -> RequestId {
        RequestId::new(crate::clock::unix_ms(), self.chance())
    }

    fn chance(&mut self) -> u128 {
        (u128::from(self.0.next_u64()) << 64) | u128::from(self.0.next_u64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time_and_are_speakable() {
        let check = |unix_ms: i64, chance: u128, expect: &str| {
            assert_eq!(RequestId::new(unix_ms, chance).as_str(), expect);
        };
        check(0, 0, "00000000000000000000000000");
        check(0, 31, "0000000000000000000000000z");
        check((1 << 48) - 1, u128::MAX, "7zzzzzzzzzzzzzzzzzzzzzzzzz");
        check(1_469_918_176_385, 0, "01aryz6s410000000000000000");
        assert!(RequestId::new(1, u128::MAX) < RequestId::new(2, 0));
        assert_eq!(RequestId::new(0, 1 << 40).reference(), "00000000");
        assert_eq!(RequestId::new(0, 33).reference(), "00000011");
    }

    #[test]
    fn no_two_are_alike() {
        let mut ids = RequestIds::new();
        let many: std::collections::HashSet<_> = (0..10_000).map(|_| ids.next()).collect();
        assert_eq!(many.len(), 10_000);
    }
}
