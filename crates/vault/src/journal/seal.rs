//! What every file of a journal is made of: pieces that are sealed to their place.

use crate::{VaultError, crypto::Key};
use std::{cell::RefCell, io, path::Path};

thread_local! {
    /// Of zstd, for piece after piece: to make one takes as long as many a piece.
    static UNPACKER: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The file's number and the offset, which every sealed piece begins with.
const PLACE: usize = 16;

/// Compresses and appends a piece that begins at `offset` of file `number`.
pub(crate) fn seal(key: &Key, number: u64, offset: u64, text: &[u8], level: i32, to: &mut Vec<u8>) {
    let packed = zstd::bulk::compress(text, level)
        .expect("invariant: zstd compresses what is in memory at its own levels");
    let mut plain = Vec::with_capacity(PLACE + 8 + packed.len());
    plain.extend_from_slice(&number.to_le_bytes());
    plain.extend_from_slice(&offset.to_le_bytes());
    plain.extend_from_slice(&(text.len() as u64).to_le_bytes());
    plain.extend_from_slice(&packed);
    key.seal(&plain, to);
}

/// Opens a piece; `Err` says why it is not what was written.
pub(crate) fn open(
    key: &Key,
    number: u64,
    offset: u64,
    sealed: &mut [u8],
) -> Result<Vec<u8>, &'static str> {
    let plain = key.open(sealed).map_err(|_| "its bytes were changed since it was written")?;
    let (place, rest) = plain.split_at_checked(PLACE).ok_or("it is too short")?;
    if place[..8] != number.to_le_bytes() || place[8..] != offset.to_le_bytes() {
        return Err("it was written at another place");
    }
    let (length, packed) = rest.split_first_chunk::<8>().ok_or("it is too short")?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| "it is too long")?;
    let text = unpack(packed, length).map_err(|_| "it cannot be decompressed")?;
    if text.len() == length { Ok(text) } else { Err("it has another length") }
}

fn unpack(packed: &[u8], length: usize) -> io::Result<Vec<u8>> {
    UNPACKER.with_borrow_mut(|unpacker| {
        let unpacker = match unpacker {
            Some(unpacker) => unpacker,
            none => none.insert(zstd::bulk::Decompressor::new()?),
        };
        unpacker.decompress(packed, length)
    })
}

pub(crate) fn damaged(path: &Path, offset: u64, why: impl Into<String>) -> VaultError {
    VaultError::DamagedJournal { path: path.to_owned(), offset, why: why.into() }
}

/// An operation on a file that failed.
pub(crate) fn failed<'a>(
    operation: &'static str,
    path: &'a Path,
) -> impl Fn(io::Error) -> VaultError + 'a {
    move |source| VaultError::File { operation, path: path.to_owned(), source }
}
