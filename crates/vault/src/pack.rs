//! Pack files: sealed blobs one after the other, and a sealed header at the end that lists them
//! (restic's design document, "Pack Format").

use crate::{
    Id, VaultError,
    chunker::MAX_BYTES,
    crypto::{Key, NONCE, OVERHEAD, TAG},
    index::Place,
    storage::FileName,
};
use serde::{Deserialize, Serialize};
use std::io;

/// At the very end: the length of the sealed header.
const LENGTH_FIELD: usize = 4;
/// An entry of the header: kind, length, id; of a compressed blob its length before that as well.
const ENTRY: usize = 1 + 4 + 32;
const COMPRESSED_ENTRY: usize = ENTRY + 4;
/// Nothing that restic or we write comes near it.
const MOST_BLOB_BYTES: u32 = 1 << 30;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BlobKind {
    Data,
    Tree,
}

/// A blob in a pack, as index and header list it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PackedBlob {
    pub(crate) id: Id,
    #[serde(rename = "type")]
    pub(crate) kind: BlobKind,
    pub(crate) offset: u32,
    pub(crate) length: u32,
    /// 0 when it is not compressed.
    #[serde(default, skip_serializing_if = "is_nought")]
    pub(crate) uncompressed_length: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_nought(number: &u32) -> bool {
    *number == 0
}

/// A pack that grows in memory.
#[derive(Debug, Default)]
pub(crate) struct PackBuilder {
    bytes: Vec<u8>,
    blobs: Vec<PackedBlob>,
}

impl PackBuilder {
    /// In memory that may have been another pack's.
    pub(crate) fn within(mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        Self { bytes, blobs: Vec::new() }
    }

    /// Appends a sealed blob; `uncompressed_length` is 0 when it is not compressed.
    pub(crate) fn add(&mut self, kind: BlobKind, id: Id, sealed: &[u8], uncompressed_length: u32) {
        let short = |length: usize| u32::try_from(length).expect("invariant: packs are below 4 GB");
        let (offset, length) = (short(self.bytes.len()), short(sealed.len()));
        self.bytes.extend_from_slice(sealed);
        self.blobs.push(PackedBlob { id, kind, offset, length, uncompressed_length });
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.blobs.is_empty()
    }

    /// The whole file, and what it holds.
    pub(crate) fn finish(mut self, key: &Key) -> (Vec<u8>, Vec<PackedBlob>) {
        let mut header = Vec::with_capacity(self.blobs.len() * COMPRESSED_ENTRY);
        for blob in &self.blobs {
            let compressed = blob.uncompressed_length != 0;
            header.push(match (blob.kind, compressed) {
                (BlobKind::Data, false) => 0,
                (BlobKind::Tree, false) => 1,
                (BlobKind::Data, true) => 2,
                (BlobKind::Tree, true) => 3,
            });
            header.extend_from_slice(&blob.length.to_le_bytes());
            if compressed {
                header.extend_from_slice(&blob.uncompressed_length.to_le_bytes());
            }
            header.extend_from_slice(blob.id.as_bytes());
        }
        let length = u32::try_from(header.len() + OVERHEAD).expect("invariant: headers are small");
        key.seal(&header, &mut self.bytes);
        self.bytes.extend_from_slice(&length.to_le_bytes());
        (self.bytes, self.blobs)
    }
}

/// How long a pack of these blobs is.
pub(crate) fn file_bytes(blobs: &[PackedBlob]) -> u64 {
    let bytes = |blob: &PackedBlob| {
        let entry = if blob.uncompressed_length == 0 { ENTRY } else { COMPRESSED_ENTRY };
        u64::from(blob.length) + entry as u64
    };
    blobs.iter().map(bytes).sum::<u64>() + (OVERHEAD + LENGTH_FIELD) as u64
}

/// The header's blobs, from the bytes of a whole pack.
pub(crate) fn read_header(
    file: FileName,
    pack: &[u8],
    key: &Key,
) -> Result<Vec<PackedBlob>, VaultError> {
    let odd = |why: &str| VaultError::damaged(file, format!("its header {why}"));
    let (rest, length) =
        pack.split_last_chunk::<LENGTH_FIELD>().ok_or_else(|| odd("is not there"))?;
    let length = u32::from_le_bytes(*length) as usize;
    let begin = rest.len().checked_sub(length).ok_or_else(|| odd("is longer than the pack"))?;
    let mut sealed = rest[begin..].to_vec();
    let header = key.open(&mut sealed).map_err(|_| odd("was not sealed with this key"))?;
    let blobs = parse_header(header).ok_or_else(|| odd("lists blobs that cannot be"))?;
    let end = blobs.last().map_or(0, |blob| blob.offset as usize + blob.length as usize);
    if end != begin {
        return Err(odd("lists another number of bytes"));
    }
    Ok(blobs)
}

fn parse_header(mut header: &[u8]) -> Option<Vec<PackedBlob>> {
    let mut blobs = Vec::new();
    let mut offset = 0_u32;
    while let Some(&kind) = header.first() {
        let compressed = matches!(kind, 2 | 3);
        let kind = match kind {
            0 | 2 => BlobKind::Data,
            1 | 3 => BlobKind::Tree,
            _ => return None,
        };
        let size = if compressed { COMPRESSED_ENTRY } else { ENTRY };
        let entry = header.get(..size)?;
        let number = |at: usize| {
            let bytes = entry[at..at + 4].try_into().expect("invariant: four bytes");
            u32::from_le_bytes(bytes)
        };
        let length = number(1);
        let uncompressed_length = if compressed { number(5) } else { 0 };
        let id = entry[size - 32..].try_into().expect("invariant: 32 bytes");
        let id = Id::from_bytes(id);
        blobs.push(PackedBlob { id, kind, offset, length, uncompressed_length });
        offset = offset.checked_add(length)?;
        header = &header[size..];
    }
    Some(blobs)
}

/// Turns blobs into what is stored and back, with memory that is used again. One a thread.
pub(crate) struct Codec {
    compressor: Option<zstd::bulk::Compressor<'static>>,
    decompressor: zstd::bulk::Decompressor<'static>,
    packed: Vec<u8>,
    sealed: Vec<u8>,
}

/// A blob as it goes into a pack.
pub(crate) struct Encoded<'a> {
    pub(crate) sealed: &'a [u8],
    pub(crate) uncompressed_length: u32,
}

/// Of most codecs: for the longest piece, and what zstd may add.
const ROOM: usize = MAX_BYTES + (64 << 10);
/// Of zstd: a tenth more bytes on dumps than restic's default would be level 1, none is level 3.
const LEVEL: i32 = 3;

impl Codec {
    pub(crate) fn new(compresses: bool) -> Self {
        let compressor = compresses.then(|| {
            zstd::bulk::Compressor::new(LEVEL).expect("invariant: zstd knows its own levels")
        });
        let decompressor =
            zstd::bulk::Decompressor::new().expect("invariant: memory for one decompressor");
        Self { compressor, decompressor, packed: Vec::new(), sealed: Vec::new() }
    }

    /// Compresses where that saves something, and seals.
    pub(crate) fn encode(&mut self, key: &Key, blob: &[u8]) -> Encoded<'_> {
        self.sealed.clear();
        self.sealed.resize(NONCE, 0);
        let is_compressed = !blob.is_empty() && self.compress(blob);
        if !is_compressed {
            self.sealed.truncate(NONCE);
            self.sealed.extend_from_slice(blob);
        }
        key.seal_in_place(&mut self.sealed, 0);
        let raw_length = u32::try_from(blob.len()).expect("invariant: blobs are below 4 GB");
        let uncompressed_length = if is_compressed { raw_length } else { 0 };
        Encoded { sealed: &self.sealed, uncompressed_length }
    }

    /// Appends it compressed, and tells whether that is shorter.
    fn compress(&mut self, blob: &[u8]) -> bool {
        let Some(compressor) = &mut self.compressor else { return false };
        let room = zstd::zstd_safe::compress_bound(blob.len()) + OVERHEAD;
        if self.sealed.capacity() < room {
            // At once as much as most will ever need: what is not written to takes no memory.
            self.sealed = Vec::with_capacity(room.max(ROOM));
            self.sealed.resize(NONCE, 0);
        }
        let mut behind_nonce = io::Cursor::new(&mut self.sealed);
        behind_nonce.set_position(NONCE as u64);
        let length = compressor.compress_to_buffer(blob, &mut behind_nonce);
        length.is_ok_and(|length| length < blob.len())
    }

    /// Seals a stored blob with another key, as it is, after all that [`Codec::decode`] looks at.
    pub(crate) fn reseal(
        &mut self,
        from: &Key,
        to: &Key,
        sealed: &mut [u8],
        place: Place,
        id: &Id,
    ) -> Result<Encoded<'_>, &'static str> {
        let uncompressed_length = if place.is_compressed() { place.raw_length() } else { 0 };
        let length = self.decode(from, sealed, uncompressed_length, id)?.len();
        if length != place.raw_length() as usize {
            return Err("it is not as long as the index says");
        }
        // Opened in place: the text stands between what was its seal.
        let text = &sealed[NONCE..sealed.len() - TAG];
        self.sealed.clear();
        to.seal(text, &mut self.sealed);
        Ok(Encoded { sealed: &self.sealed, uncompressed_length })
    }

    /// Opens a stored blob in place, decompresses it, and holds it against its id. On failure says
    /// why it is damaged.
    pub(crate) fn decode<'a>(
        &'a mut self,
        key: &Key,
        sealed: &'a mut [u8],
        uncompressed_length: u32,
        id: &Id,
    ) -> Result<&'a [u8], &'static str> {
        let text = key.open(sealed).map_err(|_| "its bytes were changed since it was written")?;
        let blob: &[u8] = if uncompressed_length == 0 {
            text
        } else {
            if uncompressed_length > MOST_BLOB_BYTES {
                return Err("it says it is longer than a blob can be");
            }
            self.packed.clear();
            self.packed.reserve(uncompressed_length as usize);
            self.decompressor
                .decompress_to_buffer(text, &mut self.packed)
                .map_err(|_| "it cannot be decompressed")?;
            &self.packed
        };
        if Id::of(blob) != *id {
            return Err("its content is not that of its name");
        }
        Ok(blob)
    }

    /// As [`Codec::decode`], for a blob at its place.
    pub(crate) fn decode_at<'a>(
        &'a mut self,
        key: &Key,
        sealed: &'a mut [u8],
        place: Place,
        id: &Id,
    ) -> Result<&'a [u8], &'static str> {
        let length = if place.is_compressed() { place.raw_length() } else { 0 };
        self.decode(key, sealed, length, id)
    }
}

impl std::fmt::Debug for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Codec").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::FileKind;

    fn file() -> FileName {
        FileName::new(FileKind::Pack, Id::of(b"a"))
    }

    #[test]
    fn a_pack_lists_what_it_holds() {
        let key = Key::random();
        let mut codec = Codec::new(true);
        let mut pack = PackBuilder::default();
        let texts: [(&[u8], BlobKind); 3] =
            [(b"short", BlobKind::Data), (&[7; 5000], BlobKind::Data), (&[8; 500], BlobKind::Tree)];
        for (text, kind) in texts {
            let Encoded { sealed, uncompressed_length } = codec.encode(&key, text);
            pack.add(kind, Id::of(text), sealed, uncompressed_length);
        }
        let (bytes, blobs) = pack.finish(&key);
        assert_eq!(bytes.len() as u64, file_bytes(&blobs));
        assert_eq!(read_header(file(), &bytes, &key).unwrap(), blobs);
        for (blob, (text, _)) in blobs.iter().zip(texts) {
            let begin = blob.offset as usize;
            let mut sealed = bytes[begin..begin + blob.length as usize].to_vec();
            let length = blob.uncompressed_length;
            assert_eq!(codec.decode(&key, &mut sealed, length, &blob.id).unwrap(), text);
        }
        assert_eq!(blobs[0].uncompressed_length, 0, "what does not shrink is kept as it is");
        assert!(blobs[1].length < 100);
    }

    #[test]
    fn no_pack_makes_its_reader_panic() {
        let key = Key::random();
        bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| {
            read_header(file(), bytes, &key).unwrap_err();
            parse_header(bytes);
            // As if somebody with the key had written it.
            let mut pack = key.sealed(bytes);
            let length = u32::try_from(pack.len()).unwrap();
            pack.extend(length.to_le_bytes());
            let _ = read_header(file(), &pack, &key);
        });
    }
}
