//! Cuts contents into pieces where they themselves say so, exactly as restic does, so that the same
//! content is the same pieces in both (github.com/restic/chunker).
//!
//! A piece ends where the Rabin fingerprint of the last 64 bytes has 20 bits of nought. Since that
//! depends on those bytes alone, several places are looked at abreast, which is three times as fast as
//! one after the other.

use crate::crypto;
use std::{
    fmt,
    io::{self, Read},
    str::FromStr,
};

const WINDOW: usize = 64;
const MIN_BYTES: usize = 512 << 10;
/// No piece is longer.
pub(crate) const MAX_BYTES: usize = 8 << 20;
const SPLIT_MASK: u64 = (1 << 20) - 1;
/// Read at once.
const BLOCK: usize = 512 << 10;
/// Looked at abreast, and so many bytes each.
const LANES: usize = 4;
const LANE: usize = 4 << 10;
/// Of the polynomials that restic draws.
const DEGREE: u32 = 53;

/// An irreducible polynomial over GF(2): bit n is the coefficient of xⁿ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Polynomial(u64);

impl Polynomial {
    pub(crate) fn random() -> Self {
        loop {
            let bits = u64::from_le_bytes(crypto::random()) & ((1 << (DEGREE + 1)) - 1);
            let candidate = Self(bits | 1 << DEGREE | 1);
            if candidate.is_irreducible() {
                return candidate;
            }
        }
    }

    fn degree(self) -> u32 {
        63 - self.0.leading_zeros()
    }

    /// Ben-Or: no factor of degree i divides x^(2^i) − x.
    fn is_irreducible(self) -> bool {
        let mut power = 2; // x
        (1..=self.degree() / 2).all(|_| {
            power = multiply(power, power, self.0);
            greatest_common_divisor(self.0, power ^ 2) == 1
        })
    }
}

impl fmt::Display for Polynomial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl FromStr for Polynomial {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let bits = u64::from_str_radix(text, 16).map_err(drop)?;
        let polynomial = Self(bits);
        // The tables need a byte of room above the degree, and one below.
        if bits < 1 << 16 || polynomial.degree() > 55 {
            return Err(());
        }
        Ok(polynomial)
    }
}

fn degree(bits: u64) -> u32 {
    63 - (bits | 1).leading_zeros()
}

fn remainder(mut dividend: u64, divisor: u64) -> u64 {
    let to = degree(divisor);
    while dividend != 0 && degree(dividend) >= to && dividend >= 1 << to {
        dividend ^= divisor << (degree(dividend) - to);
    }
    dividend
}

fn multiply(a: u64, mut b: u64, modulus: u64) -> u64 {
    let top = 1 << degree(modulus);
    let mut a = remainder(a, modulus);
    let mut product = 0;
    while b != 0 {
        if b & 1 != 0 {
            product ^= a;
        }
        b >>= 1;
        a <<= 1;
        if a & top != 0 {
            a ^= modulus;
        }
    }
    product
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, remainder(a, b));
    }
    a
}

/// Tables of one polynomial; made once a run.
pub(crate) struct Cutter {
    /// What a byte leaves behind when it has gone through the whole window.
    out: [u64; 256],
    /// What the byte shifted out at the top adds, reduced.
    reduce: [u64; 256],
    shift: u32,
}

impl Cutter {
    pub(crate) fn new(polynomial: Polynomial) -> Self {
        let (bits, k) = (polynomial.0, polynomial.degree());
        let mut cutter = Self { out: [0; 256], reduce: [0; 256], shift: k - 8 };
        for byte in 0..=255_u8 {
            let shifted = u64::from(byte) << k;
            cutter.reduce[usize::from(byte)] = remainder(shifted, bits) | shifted;
        }
        for byte in 0..=255_u8 {
            let through = (0..WINDOW).fold(cutter.append(0, byte), |h, _| cutter.append(h, 0));
            cutter.out[usize::from(byte)] = through;
        }
        cutter
    }

    #[inline]
    fn append(&self, fingerprint: u64, byte: u8) -> u64 {
        let top = (fingerprint >> self.shift) as u8;
        (fingerprint << 8 | u64::from(byte)) ^ self.reduce[usize::from(top)]
    }

    #[inline]
    fn slide(&self, fingerprint: u64, out: u8, byte: u8) -> u64 {
        self.append(fingerprint, byte) ^ self.out[usize::from(out)]
    }

    /// Of the window that ends before `at`.
    fn fingerprint(&self, data: &[u8], at: usize) -> u64 {
        data[at - WINDOW..at].iter().fold(0, |h, byte| self.append(h, *byte))
    }

    /// The end of the first piece, if it ends behind one of the bytes from `from` on; `from` is at
    /// least [`WINDOW`].
    fn find(&self, data: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        while data.len() - at >= LANES * LANE {
            if let Some(end) = self.find_abreast(data, at) {
                return Some(end);
            }
            at += LANES * LANE;
        }
        let mut fingerprint = self.fingerprint(data, at);
        for index in at..data.len() {
            fingerprint = self.slide(fingerprint, data[index - WINDOW], data[index]);
            if fingerprint & SPLIT_MASK == 0 {
                return Some(index + 1);
            }
        }
        None
    }

    fn find_abreast(&self, data: &[u8], at: usize) -> Option<usize> {
        let begins: [usize; LANES] = std::array::from_fn(|lane| at + lane * LANE);
        let slice = |begin: usize| -> &[u8; LANE] {
            data[begin..begin + LANE].try_into().expect("invariant: a lane's length")
        };
        let bytes = begins.map(slice);
        let outs = begins.map(|begin| slice(begin - WINDOW));
        let mut prints = begins.map(|begin| self.fingerprint(data, begin));
        let mut found = None;
        for index in 0..LANE {
            let mut ends = false;
            for lane in 0..LANES {
                prints[lane] = self.slide(prints[lane], outs[lane][index], bytes[lane][index]);
                ends |= prints[lane] & SPLIT_MASK == 0;
            }
            if ends {
                let lane = prints.iter().position(|print| print & SPLIT_MASK == 0);
                let end = begins[lane.expect("invariant: one of them ends")] + index + 1;
                found = Some(found.map_or(end, |found: usize| found.min(end)));
            }
        }
        found
    }
}

impl fmt::Debug for Cutter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cutter").finish_non_exhaustive()
    }
}

/// Memory for one piece and what was read beyond it; used again and again.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    filled: usize,
}

impl Buffer {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; MAX_BYTES + BLOCK], filled: 0 }
    }

    pub(crate) fn piece(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    pub(crate) fn clear(&mut self) {
        self.filled = 0;
    }
}

/// The pieces of one content.
#[derive(Debug)]
pub(crate) struct Pieces<'a, R> {
    cutter: &'a Cutter,
    content: R,
    /// Begins with the next piece.
    buffer: Buffer,
    /// So many bytes of it end no piece.
    looked_at: usize,
    at_end: bool,
    /// Read altogether.
    pub(crate) bytes: u64,
}

impl<'a, R: Read> Pieces<'a, R> {
    /// `buffer` is an empty one.
    pub(crate) fn new(cutter: &'a Cutter, content: R, buffer: Buffer) -> Self {
        Self { cutter, content, buffer, looked_at: 0, at_end: false, bytes: 0 }
    }

    /// The next piece; at the end none. `spare` gives another empty buffer.
    pub(crate) fn next(&mut self, spare: impl FnOnce() -> Buffer) -> io::Result<Option<Buffer>> {
        let end = loop {
            if let Some(end) = self.find() {
                break end;
            }
            if self.at_end {
                break self.buffer.filled;
            }
            self.read()?;
        };
        if end == 0 {
            return Ok(None);
        }
        let mut next = spare();
        next.filled = self.buffer.filled - end;
        next.bytes[..next.filled].copy_from_slice(&self.buffer.bytes[end..self.buffer.filled]);
        let mut piece = std::mem::replace(&mut self.buffer, next);
        piece.filled = end;
        self.looked_at = 0;
        Ok(Some(piece))
    }

    /// The buffer, for the next content.
    pub(crate) fn into_buffer(mut self) -> Buffer {
        self.buffer.clear();
        self.buffer
    }

    fn find(&mut self) -> Option<usize> {
        let until = self.buffer.filled.min(MAX_BYTES);
        let from = self.looked_at.max(MIN_BYTES - 1);
        if until > from {
            let found = self.cutter.find(&self.buffer.bytes[..until], from);
            self.looked_at = until;
            if found.is_some() {
                return found;
            }
        }
        (until == MAX_BYTES).then_some(MAX_BYTES)
    }

    fn read(&mut self) -> io::Result<()> {
        let room = self.buffer.filled..self.buffer.filled + BLOCK;
        let read = loop {
            match self.content.read(&mut self.buffer.bytes[room.clone()]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.at_end = read == 0;
        self.buffer.filled += read;
        self.bytes += read as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Id;

    /// Of github.com/restic/chunker, chunker_test.go, as its documentation prints it.
    const POLYNOMIAL: Polynomial = Polynomial(0x003D_A335_8B4D_C173);

    fn noise(bytes: usize) -> Vec<u8> {
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        };
        std::iter::repeat_with(next).take(bytes).collect()
    }

    /// One byte after the other, as restic does it.
    fn slowly(data: &[u8], polynomial: Polynomial) -> Vec<usize> {
        let cutter = Cutter::new(polynomial);
        let mut ends = Vec::new();
        let mut begin = 0;
        while begin < data.len() {
            let piece = &data[begin..];
            let mut end = piece.len().min(MAX_BYTES);
            for at in MIN_BYTES..=end {
                if cutter.fingerprint(piece, at) & SPLIT_MASK == 0 {
                    end = at;
                    break;
                }
            }
            begin += end;
            ends.push(begin);
        }
        ends
    }

    fn ends(data: &[u8], polynomial: Polynomial) -> Vec<usize> {
        let cutter = Cutter::new(polynomial);
        let mut pieces = Pieces::new(&cutter, data, Buffer::new());
        let mut ends = Vec::new();
        let mut at = 0;
        while let Some(piece) = pieces.next(Buffer::new).unwrap() {
            assert_eq!(Id::of(piece.piece()), Id::of(&data[at..at + piece.piece().len()]));
            at += piece.piece().len();
            ends.push(at);
        }
        assert_eq!(at, data.len());
        ends
    }

    #[test]
    fn abreast_is_as_one_after_the_other() {
        let data = noise(6 << 20);
        let found = ends(&data, POLYNOMIAL);
        assert_eq!(found, slowly(&data, POLYNOMIAL));
        assert!(found.len() > 2, "{found:?}");
    }

    #[test]
    fn what_never_ends_is_cut_at_the_longest() {
        // A run of noughts has the fingerprint nought everywhere, one of ones nowhere.
        assert_eq!(ends(&vec![0; MIN_BYTES * 2], POLYNOMIAL), [MIN_BYTES, MIN_BYTES * 2]);
        let ones = vec![1; MAX_BYTES + 5];
        assert_eq!(ends(&ones, POLYNOMIAL), [MAX_BYTES, MAX_BYTES + 5]);
        assert_eq!(ends(b"short", POLYNOMIAL), [5]);
        assert_eq!(ends(b"", POLYNOMIAL), [0; 0]);
    }

    #[test]
    fn polynomials_are_irreducible() {
        assert!(POLYNOMIAL.is_irreducible());
        assert!(!Polynomial(0x003D_A335_8B4D_C175).is_irreducible());
        let random = Polynomial::random();
        assert_eq!(random.degree(), DEGREE);
        assert_eq!(random.to_string().parse(), Ok(random));
        for wrong in ["", "0", "1", "xyz", "ffffffffffffffff", "1ffffffffffffffff"] {
            assert_eq!(wrong.parse::<Polynomial>(), Err(()), "{wrong}");
        }
    }
}
