//! Encryption as restic does it: AES-256 in counter mode, with Poly1305-AES over the ciphertext
//! (restic's design document, "Keys, Encryption and MAC").
//!
//! A sealed text is 16 bytes of nonce, the ciphertext, 16 bytes of tag.

use aes::{
    Aes128, Aes256,
    cipher::{BlockCipherEncrypt as _, InnerIvInit as _, KeyInit as _, StreamCipher as _},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use ctr::{Ctr128BE, CtrCore, cipher::StreamCipherCoreWrapper};
use poly1305::Poly1305;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use std::fmt;

pub(crate) const NONCE: usize = 16;
pub(crate) const TAG: usize = 16;
/// What sealing adds to a text.
pub(crate) const OVERHEAD: usize = NONCE + TAG;
/// Bits of `r` that Poly1305 wants clear.
const R_MASK: [u8; 16] = [
    0xff, 0xff, 0xff, 0x0f, 0xfc, 0xff, 0xff, 0x0f, 0xfc, 0xff, 0xff, 0x0f, 0xfc, 0xff, 0xff, 0x0f,
];

/// What one key opens: everything in the repository, or the key files themselves.
#[derive(Clone)]
pub(crate) struct Key {
    bytes: [u8; 64],
    cipher: Aes256,
    mac: Aes128,
}

/// It was not sealed with this key, or was changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unsealable;

impl Key {
    /// 32 bytes for the cipher, 16 and 16 (`k` and `r`) for the tag.
    pub(crate) fn new(mut bytes: [u8; 64]) -> Self {
        for (byte, mask) in bytes[48..].iter_mut().zip(R_MASK) {
            *byte &= mask;
        }
        let cipher = Aes256::new_from_slice(&bytes[..32]).expect("invariant: 32 bytes");
        let mac = Aes128::new_from_slice(&bytes[32..48]).expect("invariant: 16 bytes");
        Self { bytes, cipher, mac }
    }

    pub(crate) fn random() -> Self {
        Self::new(random())
    }

    /// For keys that are derived from it.
    pub(crate) fn bytes(&self) -> [u8; 64] {
        self.bytes
    }

    /// Appends the sealed text.
    pub(crate) fn seal(&self, text: &[u8], to: &mut Vec<u8>) {
        let begin = to.len();
        to.reserve(text.len() + OVERHEAD);
        to.extend_from_slice(&[0; NONCE]);
        to.extend_from_slice(text);
        self.seal_in_place(to, begin);
    }

    /// Seals the text that ends `bytes`, and before which from `begin` on there is room for a nonce.
    pub(crate) fn seal_in_place(&self, bytes: &mut Vec<u8>, begin: usize) {
        let nonce: [u8; NONCE] = random();
        bytes[begin..begin + NONCE].copy_from_slice(&nonce);
        let text = &mut bytes[begin + NONCE..];
        self.apply(&nonce, text);
        let tag = self.tag(&nonce, text);
        bytes.extend_from_slice(&tag);
    }

    pub(crate) fn sealed(&self, text: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::new();
        self.seal(text, &mut sealed);
        sealed
    }

    /// Opens in place and gives the part that is the text.
    pub(crate) fn open<'a>(&self, sealed: &'a mut [u8]) -> Result<&'a mut [u8], Unsealable> {
        let (nonce, rest) = sealed.split_first_chunk_mut::<NONCE>().ok_or(Unsealable)?;
        let (text, tag) = rest.split_last_chunk_mut::<TAG>().ok_or(Unsealable)?;
        // As numbers, so that the time it takes tells nothing.
        if u128::from_le_bytes(self.tag(nonce, text)) != u128::from_le_bytes(*tag) {
            return Err(Unsealable);
        }
        self.apply(nonce, text);
        Ok(text)
    }

    fn apply(&self, nonce: &[u8; NONCE], text: &mut [u8]) {
        let core = CtrCore::inner_iv_init(self.cipher.clone(), nonce.into());
        let mut stream: Ctr128BE<Aes256> = StreamCipherCoreWrapper::from_core(core);
        stream.apply_keystream(text);
    }

    fn tag(&self, nonce: &[u8; NONCE], ciphertext: &[u8]) -> [u8; TAG] {
        let mut key = [0; 32];
        key[..16].copy_from_slice(&self.bytes[48..]);
        let mut s = (*nonce).into();
        self.mac.encrypt_block(&mut s);
        key[16..].copy_from_slice(&s);
        Poly1305::new(&key.into()).compute_unpadded(ciphertext).into()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(•••)")
    }
}

/// The repository's key as it lies, sealed, in a key file.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeyText {
    mac: MacText,
    encrypt: String,
}

#[derive(Serialize, Deserialize)]
struct MacText {
    k: String,
    r: String,
}

impl KeyText {
    pub(crate) fn of(key: &Key) -> Self {
        let text = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
        Self {
            encrypt: text(&key.bytes[..32]),
            mac: MacText { k: text(&key.bytes[32..48]), r: text(&key.bytes[48..]) },
        }
    }

    /// `None` when a part is not as long as it must be.
    pub(crate) fn key(&self) -> Option<Key> {
        let mut bytes = [0; 64];
        let parts = [(&self.encrypt, 0..32), (&self.mac.k, 32..48), (&self.mac.r, 48..64)];
        for (text, place) in parts {
            let part = BASE64_STANDARD.decode(text).ok()?;
            if part.len() != place.len() {
                return None;
            }
            bytes[place].copy_from_slice(&part);
        }
        Some(Key::new(bytes))
    }
}

/// What is asked of whoever guesses passwords (RFC 7914).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) log_n: u8,
    pub(crate) r: u32,
    pub(crate) p: u32,
}

/// The key that a password opens; `None` for a cost that scrypt does not take.
pub(crate) fn derive(password: &str, salt: &[u8], cost: Cost) -> Option<Key> {
    let parameters = scrypt::Params::new(cost.log_n, cost.r, cost.p).ok()?;
    let mut bytes = [0; 64];
    scrypt::scrypt(password.as_bytes(), salt, &parameters, &mut bytes).ok()?;
    Some(Key::new(bytes))
}

pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("invariant: the system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_and_nothing_else_does() {
        let key = Key::random();
        for length in [0, 1, 15, 16, 17, 1000, 100_000] {
            let text = vec![7; length];
            let sealed = key.sealed(&text);
            assert_eq!(sealed.len(), length + OVERHEAD);
            assert_eq!(key.open(&mut sealed.clone()).unwrap(), text);
            assert_eq!(Key::random().open(&mut sealed.clone()), Err(Unsealable));
            for place in [0, sealed.len() / 2, sealed.len() - 1] {
                let mut changed = sealed.clone();
                changed[place] ^= 1;
                assert_eq!(key.open(&mut changed), Err(Unsealable), "{length} {place}");
            }
        }
        assert_eq!(key.open(&mut [0; 31]), Err(Unsealable));
        assert!(!format!("{key:?}").contains(&KeyText::of(&key).encrypt));
    }

    #[test]
    fn a_key_comes_back_from_its_text() {
        let key = Key::random();
        let again = KeyText::of(&key).key().unwrap();
        assert_eq!(again.open(&mut key.sealed(b"lamp")).unwrap(), b"lamp");
    }
}
