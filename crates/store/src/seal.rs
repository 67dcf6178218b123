//! Secrets at rest: sealed with a key that lies elsewhere, so that a copy of the store gives none
//! of them away. docs/formats/secrets.md is the format.
//!
//! Several keys may be there: the last one seals, all of them open, and what an older one sealed is
//! sealed again at the next opening. Knows nothing of what the secrets are for but a text that
//! binds each to its place.

use crate::StoreError;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom as _, SystemRandom},
};
use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// The name of the key's file in the state directory.
pub const KEY_FILE: &str = "secret.key";

/// The first byte of everything sealed.
const FORMAT: u8 = 1;
const KEY_BYTES: usize = 32;
/// Format, key, nonce.
const HEAD_BYTES: usize = 1 + 4 + NONCE_LEN;

/// What seals and opens secrets. Never shown.
pub struct SealKeys {
    /// At least one; the last one seals.
    keys: Vec<(u32, LessSafeKey)>,
}

impl fmt::Debug for SealKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<String> = self.keys.iter().map(|(id, _)| format!("{id:08x}")).collect();
        f.debug_tuple("SealKeys").field(&ids).finish()
    }
}

impl SealKeys {
    /// The keys in a file, one a line: its number of eight hexadecimal digits and 32 bytes in
    /// Base64.
    ///
    /// # Errors
    /// When the file cannot be read, or holds anything else.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let text = fs::read_to_string(path).map_err(|source| StoreError::KeyFile {
            path: path.to_owned(),
            source: source.into(),
        })?;
        let keys: Option<Vec<_>> =
            text.lines().filter(|line| !line.trim().is_empty()).map(parse).collect();
        match keys {
            Some(keys) if !keys.is_empty() => Ok(Self { keys }),
            _ => Err(StoreError::Keys { path: path.to_owned() }),
        }
    }

    /// As [`SealKeys::read`]; makes a key, readable by us alone, when there is no such file.
    ///
    /// # Errors
    /// As there, and when the file cannot be made.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let made = || -> io::Result<()> {
            let mut random = [0; 4 + KEY_BYTES];
            SystemRandom::new()
                .fill(&mut random)
                .map_err(|_| io::Error::other("the system gives no random bytes"))?;
            let (id, key) = random.split_at(4);
            let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
            // Beside the file and then in its place: nobody reads half a key.
            let new = path.with_extension("new");
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)?;
            writeln!(file, "{id} {}", STANDARD.encode(key))?;
            file.sync_all()?;
            fs::rename(new, path)
        };
        if !path.exists() {
            made().map_err(|source| StoreError::KeyFile {
                path: path.to_owned(),
                source: source.into(),
            })?;
            tracing::info!(path = %path.display(), "a key for secrets was made");
        }
        Self::read(path)
    }

    /// Seals `clear` for one `place`, where alone it can be opened again.
    pub(crate) fn seal(&self, place: &str, clear: &[u8]) -> Result<Vec<u8>, StoreError> {
        let (id, key) = self.keys.last().expect("invariant: there is a key");
        let failed = |_| StoreError::Seal { place: place.to_owned() };
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(failed)?;
        let mut sealed = vec![FORMAT];
        sealed.extend_from_slice(&id.to_be_bytes());
        sealed.extend_from_slice(&nonce);
        let mut bytes = clear.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(nonce, Aad::from(place), &mut bytes).map_err(failed)?;
        sealed.append(&mut bytes);
        Ok(sealed)
    }

    /// # Errors
    /// When the key is not there, or these bytes were not sealed for this place.
    pub(crate) fn unseal(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let failed = || StoreError::Unseal { place: place.to_owned() };
        let (head, body) = sealed.split_at_checked(HEAD_BYTES).ok_or_else(failed)?;
        let id = key_of(head).ok_or_else(failed)?;
        let (_, key) = self.keys.iter().find(|(known, _)| *known == id).ok_or_else(failed)?;
        let nonce = Nonce::try_assume_unique_for_key(&head[5..]).map_err(|_| failed())?;
        let mut bytes = body.to_vec();
        let clear =
            key.open_in_place(nonce, Aad::from(place), &mut bytes).map_err(|_| failed())?.len();
        bytes.truncate(clear);
        Ok(bytes)
    }

    /// Like [`SealKeys::unseal`], for what is a text.
    pub(crate) fn unseal_text(&self, place: &str, sealed: &[u8]) -> Result<String, StoreError> {
        let failed = |_| StoreError::Unseal { place: place.to_owned() };
        String::from_utf8(self.unseal(place, sealed)?).map_err(failed)
    }

    /// Whether the key that seals now sealed these bytes.
    pub(crate) fn is_current(&self, sealed: &[u8]) -> bool {
        key_of(sealed) == self.keys.last().map(|(id, _)| *id)
    }
}

fn key_of(sealed: &[u8]) -> Option<u32> {
    let (format, rest) = sealed.split_first()?;
    let id = rest.first_chunk().copied().map(u32::from_be_bytes);
    id.filter(|_| *format == FORMAT)
}

fn parse(line: &str) -> Option<(u32, LessSafeKey)> {
    let (id, key) = line.trim().split_once(' ')?;
    let id = u32::from_str_radix(id, 16).ok().filter(|_| id.len() == 8)?;
    let key = STANDARD.decode(key.trim()).ok()?;
    // A key of another length is refused here.
    Some((id, LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEY_FILE);
        fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn line(id: u32, byte: u8) -> String {
        format!("{id:08x} {}\n", STANDARD.encode([byte; KEY_BYTES]))
    }

    #[test]
    fn what_was_sealed_opens_in_its_place_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEY_FILE);
        let keys = SealKeys::open(&path).unwrap();
        let sealed = keys.seal("totp/anna", b"secret").unwrap();
        assert!(!sealed.windows(6).any(|six| six == b"secret"));
        assert_ne!(sealed, keys.seal("totp/anna", b"secret").unwrap(), "a nonce each");
        let again = SealKeys::open(&path).unwrap();
        assert_eq!(again.unseal("totp/anna", &sealed).unwrap(), b"secret");
        assert!(again.unseal("totp/bert", &sealed).is_err());
        for index in 0..sealed.len() {
            let mut other = sealed.clone();
            other[index] ^= 1;
            assert!(again.unseal("totp/anna", &other).is_err(), "byte {index}");
            assert!(again.unseal("totp/anna", &sealed[..index]).is_err(), "cut at {index}");
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let shown = format!("{again:?}");
        let key = fs::read_to_string(&path).unwrap();
        assert!(!shown.contains(key.trim().split_once(' ').unwrap().1), "{shown}");
    }

    #[test]
    fn the_last_key_seals_and_all_of_them_open() {
        let (_one, old) = file(&line(7, 1));
        let (_two, both) = file(&(line(7, 1) + &line(8, 2)));
        let (_three, new) = file(&line(8, 2));
        let [old, both, new] = [old, both, new].map(|path| SealKeys::read(&path).unwrap());
        let sealed = old.seal("x", b"s").unwrap();
        assert!(old.is_current(&sealed) && !both.is_current(&sealed));
        assert_eq!(both.unseal("x", &sealed).unwrap(), b"s");
        assert!(new.unseal("x", &sealed).is_err());
        assert_eq!(new.unseal("x", &both.seal("x", b"s").unwrap()).unwrap(), b"s");
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused() {
        for text in ["", "\n", "key", "00000001", "00000001 AAAA", "1 AAAA", "x AAAA"] {
            let (_folder, path) = file(text);
            assert!(matches!(SealKeys::read(&path), Err(StoreError::Keys { .. })), "{text:?}");
        }
        let missing = Path::new("/nowhere/secret.key");
        assert!(matches!(SealKeys::open(missing), Err(StoreError::KeyFile { .. })));
    }
}
