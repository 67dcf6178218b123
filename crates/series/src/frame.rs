//! Frames with a checksum, one after another: how log and catalog are written, and what is still readable of them after a crash or
//! damage.

use crate::{cursor::Cursor, error::Damage};

const MAGIC: [u8; 4] = [0x53, 0x57, 0x66, 0x01];
const HEAD_BYTES: usize = 12;
pub(crate) const MOST_BODY_BYTES: usize = 16 << 20;
/// Of the beginning of every file: its name and its version.
pub(crate) const PREAMBLE_BYTES: usize = 8;
const VERSION: u8 = 1;

/// The first bytes of a file of this name.
pub(crate) fn preamble(name: [u8; 7]) -> [u8; PREAMBLE_BYTES] {
    let mut bytes = [VERSION; PREAMBLE_BYTES];
    bytes[..7].copy_from_slice(&name);
    bytes
}

/// What the first bytes of a file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preamble {
    Ours,
    Newer,
    Damaged,
}

pub(crate) fn read_preamble(bytes: &[u8], name: [u8; 7]) -> Preamble {
    match bytes.split_at_checked(7) {
        Some((found, [version, ..])) if found == name => match *version {
            VERSION => Preamble::Ours,
            0 => Preamble::Damaged,
            _ => Preamble::Newer,
        },
        _ => Preamble::Damaged,
    }
}

/// Appends a frame whose body `write` appends.
pub(crate) fn put(bytes: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let head = bytes.len();
    bytes.extend_from_slice(&[0; HEAD_BYTES]);
    write(bytes);
    let body = &bytes[head + HEAD_BYTES..];
    let length = u32::try_from(body.len()).expect("invariant: a frame is far below 4 GiB");
    let sum = crc32c::crc32c(body);
    bytes[head..head + 4].copy_from_slice(&MAGIC);
    bytes[head + 4..head + 8].copy_from_slice(&length.to_le_bytes());
    bytes[head + 8..head + HEAD_BYTES].copy_from_slice(&sum.to_le_bytes());
}

/// The whole frames of a file without its preamble, and what was not readable.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frames<'a> {
    pub(crate) bodies: Vec<&'a [u8]>,
    /// Bytes between whole frames that are none: damage.
    pub(crate) damaged_bytes: usize,
    /// Bytes after the last whole frame: a torn write.
    pub(crate) torn_bytes: usize,
}

pub(crate) fn scan(bytes: &[u8]) -> Frames<'_> {
    let mut bodies = Vec::new();
    let (mut at, mut whole_until, mut damaged_bytes) = (0, 0, 0);
    while at < bytes.len() {
        match first(&bytes[at..]) {
            Ok(body) => {
                damaged_bytes += at - whole_until;
                bodies.push(body);
                at += HEAD_BYTES + body.len();
                whole_until = at;
            }
            Err(_) => at = next_magic(bytes, at + 1),
        }
    }
    Frames { bodies, damaged_bytes, torn_bytes: bytes.len() - whole_until }
}

fn first(bytes: &[u8]) -> Result<&[u8], Damage> {
    let mut cursor = Cursor::new(bytes);
    if cursor.bytes(4)? != MAGIC {
        return Err(Damage("no frame begins here"));
    }
    let length = cursor.u32()? as usize;
    if length == 0 || length > MOST_BODY_BYTES {
        return Err(Damage("a frame has an impossible length"));
    }
    let sum = cursor.u32()?;
    let body = cursor.bytes(length)?;
    if crc32c::crc32c(body) != sum {
        return Err(Damage("a frame does not match its checksum"));
    }
    Ok(body)
}

fn next_magic(bytes: &[u8], from: usize) -> usize {
    bytes[from..]
        .windows(MAGIC.len())
        .position(|window| window == MAGIC)
        .map_or(bytes.len(), |position| from + position)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for body in [&b"first"[..], b"second", b"3"] {
            put(&mut bytes, |bytes| bytes.extend_from_slice(body));
            ends.push(bytes.len());
        }
        (bytes, ends)
    }

    #[test]
    fn a_file_cut_anywhere_gives_the_frames_before_the_cut() {
        let (bytes, ends) = three();
        for cut in 0..=bytes.len() {
            let frames = scan(&bytes[..cut]);
            assert_eq!(frames.bodies.len(), ends.iter().filter(|end| **end <= cut).count());
            assert_eq!(frames.damaged_bytes, 0);
            let whole = ends.iter().filter(|end| **end <= cut).max().unwrap_or(&0);
            assert_eq!(frames.torn_bytes, cut - whole);
        }
    }

    #[test]
    fn a_flipped_bit_takes_one_frame_and_is_told() {
        let (bytes, ends) = three();
        for position in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[position / 8] ^= 1 << (position % 8);
            let frames = scan(&flipped);
            assert_eq!(frames.bodies.len(), 2, "bit {position}");
            assert!(frames.damaged_bytes + frames.torn_bytes > 0, "bit {position}");
            let is_last = position / 8 >= ends[1];
            assert_eq!(frames.torn_bytes > 0, is_last, "bit {position}");
        }
    }

    #[test]
    fn any_bytes_are_scanned_and_all_accounted_for() {
        bolero::check!().with_type::<(Vec<u8>, Vec<u8>, Vec<u8>)>().for_each(
            |(noise, body, more)| {
                let mut bytes = noise.clone();
                put(&mut bytes, |bytes| bytes.extend(body.iter().chain([&1])));
                bytes.extend(more);
                let frames = scan(&bytes);
                let whole: usize = frames.bodies.iter().map(|body| body.len() + HEAD_BYTES).sum();
                assert_eq!(whole + frames.damaged_bytes + frames.torn_bytes, bytes.len());
                assert!(frames.bodies.iter().any(|found| found[..found.len() - 1] == body[..]));
            },
        );
    }

    #[test]
    fn a_newer_file_is_told_from_a_damaged_one() {
        let name = *b"SWserie";
        let mut bytes = preamble(name);
        assert_eq!(read_preamble(&bytes, name), Preamble::Ours);
        bytes[7] = 2;
        assert_eq!(read_preamble(&bytes, name), Preamble::Newer);
        assert_eq!(read_preamble(&bytes, *b"SWcatlg"), Preamble::Damaged);
        assert_eq!(read_preamble(&bytes[..7], name), Preamble::Damaged);
    }
}
