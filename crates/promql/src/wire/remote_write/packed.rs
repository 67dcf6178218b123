//! The snappy block around a message (github.com/google/snappy, `format_description.txt`).

use crate::wire::WireError;

/// What a block can grow by at most: its longest copy is 64 bytes from an element of 3.
const MOST_GROWTH: usize = 22;

/// Above this, room that a long request left behind is given back by the next short one.
const KEPT_BYTES: usize = 4 << 20;

/// Unpacks into `room`, which is used again and again. What the block says of its own length is believed only as far as it can be true.
pub(super) fn unpack<'r>(
    block: &[u8],
    most_bytes: usize,
    room: &'r mut Vec<u8>,
) -> Result<&'r [u8], WireError> {
    let limit = most_bytes as u64;
    let too_long = |found: usize| WireError::WriteTooLong { found: found as u64, limit };
    if block.len() > most_bytes {
        return Err(too_long(block.len()));
    }
    let length = snap::raw::decompress_len(block).map_err(WireError::Unpack)?;
    if length > most_bytes {
        return Err(too_long(length));
    }
    if length > block.len() * MOST_GROWTH {
        return Err(WireError::Unpack(snap::Error::HeaderMismatch {
            expected_len: length as u64,
            got_len: (block.len() * MOST_GROWTH) as u64,
        }));
    }
    if length < KEPT_BYTES && room.capacity() > 2 * KEPT_BYTES {
        *room = Vec::new();
    }
    if room.len() < length {
        room.resize(length, 0);
    }
    let read = snap::raw::Decoder::new()
        .decompress(block, &mut room[..length])
        .map_err(WireError::Unpack)?;
    Ok(&room[..read])
}

pub(super) fn pack(message: &[u8]) -> Result<Vec<u8>, WireError> {
    snap::raw::Encoder::new().compress_vec(message).map_err(WireError::Pack)
}
