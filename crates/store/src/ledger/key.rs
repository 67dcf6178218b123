//! The key that signs checkpoints: made once, kept beside the store, its public half printable.

use super::record::{hex, unhex};
use ring::{
    error::Unspecified,
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    str::FromStr,
};

/// In the state directory: PKCS #8, its owner's alone.
const PRIVATE_FILE: &str = "ledger.key";
/// Beside it, for everybody: a line of text.
const PUBLIC_FILE: &str = "ledger.pub";
const PREFIX: &str = "ed25519:";

#[derive(Debug, thiserror::Error)]
pub enum LedgerKeyError {
    #[error("open the ledger's key `{path}`")]
    Open { path: PathBuf, source: io::Error },
    #[error("make the ledger's key `{path}`")]
    Make { path: PathBuf, source: io::Error },
    #[error("read the ledger's key `{path}`: it is none; put the right one back from a backup")]
    Malformed { path: PathBuf },
    #[error("make the ledger's key: the system gives no randomness")]
    Randomness,
    #[error("expected a public key such as `ed25519:` and 64 hexadecimal digits")]
    Public,
}

/// Signs checkpoints. Never shown.
pub struct LedgerKey(Ed25519KeyPair);

/// Tells whether a checkpoint was signed by us; as text `ed25519:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LedgerPublicKey([u8; 32]);

impl LedgerKey {
    /// The key in a state directory; the first time it is made, mode 0600, with its public half in
    /// `ledger.pub`. Blocks its thread.
    ///
    /// # Errors
    /// When it can be neither read nor made. One that is there and no key is left alone: a new one
    /// would make all former checkpoints look like somebody else's.
    pub fn open(directory: &Path) -> Result<Self, LedgerKeyError> {
        let path = directory.join(PRIVATE_FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
                    .map_err(|Unspecified| LedgerKeyError::Randomness)?;
                write_whole(directory, PRIVATE_FILE, made.as_ref(), 0o600)
                    .map_err(|source| LedgerKeyError::Make { path: path.clone(), source })?;
                made.as_ref().to_vec()
            }
            Err(source) => return Err(LedgerKeyError::Open { path, source }),
        };
        let pair = Ed25519KeyPair::from_pkcs8(&bytes)
            .map_err(|_| LedgerKeyError::Malformed { path: path.clone() })?;
        let key = Self(pair);
        let line = format!("{}\n", key.public());
        if fs::read(directory.join(PUBLIC_FILE)).ok().as_deref() != Some(line.as_bytes()) {
            write_whole(directory, PUBLIC_FILE, line.as_bytes(), 0o644)
                .map_err(|source| LedgerKeyError::Make { path, source })?;
        }
        Ok(key)
    }

    /// What checkpoints of this key are known by.
    #[must_use]
    pub fn public(&self) -> LedgerPublicKey {
        let bytes = self.0.public_key().as_ref();
        LedgerPublicKey(bytes.try_into().expect("invariant: an Ed25519 key has 32 bytes"))
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature = self.0.sign(message);
        signature.as_ref().try_into().expect("invariant: an Ed25519 signature has 64 bytes")
    }
}

impl LedgerPublicKey {
    /// Stands for what is no key; nobody has it.
    pub(super) const NONE: Self = Self([0; 32]);

    /// The public key that lies in a state directory; `None` before the first start.
    ///
    /// # Errors
    /// When it is there and cannot be read, or is none.
    pub fn read(directory: &Path) -> Result<Option<Self>, LedgerKeyError> {
        let path = directory.join(PUBLIC_FILE);
        match fs::read_to_string(&path) {
            Ok(text) => {
                text.trim_end().parse().map(Some).map_err(|_| LedgerKeyError::Malformed { path })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(LedgerKeyError::Open { path, source }),
        }
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

/// Whole or not at all, and on the disk.
fn write_whole(directory: &Path, name: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
    let unfinished = directory.join(format!("{name}.new"));
    if let Err(error) = fs::remove_file(&unfinished)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, directory.join(name))?;
    File::open(directory)?.sync_all()
}

impl fmt::Debug for LedgerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LedgerKey of {}", self.public())
    }
}

impl fmt::Display for LedgerPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", hex(&self.0))
    }
}

impl fmt::Debug for LedgerPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for LedgerPublicKey {
    type Err = LedgerKeyError;

    fn from_str(text: &str) -> Result<Self, LedgerKeyError> {
        text.strip_prefix(PREFIX).and_then(unhex).map(Self).ok_or(LedgerKeyError::Public)
    }
}

impl TryFrom<String> for LedgerPublicKey {
    type Error = LedgerKeyError;

    fn try_from(text: String) -> Result<Self, LedgerKeyError> {
        text.parse()
    }
}

impl From<LedgerPublicKey> for String {
    fn from(key: LedgerPublicKey) -> Self {
        key.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_key_is_made_once_and_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(LedgerPublicKey::read(folder.path()).unwrap(), None);
        let made = LedgerKey::open(folder.path()).unwrap();
        let again = LedgerKey::open(folder.path()).unwrap();
        assert_eq!(again.public(), made.public());
        assert_eq!(LedgerPublicKey::read(folder.path()).unwrap(), Some(made.public()));
        assert_eq!(made.public().to_string().parse::<LedgerPublicKey>().unwrap(), made.public());
        let mode = fs::metadata(folder.path().join(PRIVATE_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(made.public().verifies(b"said", &made.sign(b"said")));
        assert!(!made.public().verifies(b"not said", &made.sign(b"said")));
    }

    #[test]
    fn a_key_that_is_none_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(PRIVATE_FILE);
        fs::write(&path, "hands off").unwrap();
        let error = LedgerKey::open(folder.path()).unwrap_err();
        assert!(matches!(error, LedgerKeyError::Malformed { .. }), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "hands off");
    }
}
