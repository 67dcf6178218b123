//! Secrets that open the API: random, known to their holder alone. Only hashes are kept.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::{
    fs::OpenOptions,
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use store::TokenHash;

/// Bytes of randomness in every secret.
const SECRET_BYTES: usize = 32;

/// A secret for one holder: 256 random bits as text that is safe in a URL and a header.
pub(crate) fn new_secret() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; SECRET_BYTES]>())
}

/// A name for something that is listed: random, and opens nothing.
pub(crate) fn new_id() -> String {
    rand::random::<[u8; 6]>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of a secret, which is all that we keep of it.
pub(crate) fn hash(secret: &str) -> TokenHash {
    Sha256::digest(secret.as_bytes()).into()
}

/// The token of the command line, known by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    hash: TokenHash,
}

/// Why the token file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("read the token file `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("write the token file `{path}`")]
    Write { path: PathBuf, source: io::Error },
}

impl Token {
    /// The token in the file at `path`; makes a new one, readable by us alone, when there is none.
    ///
    /// # Errors
    /// When the file can be neither read nor made.
    pub fn open(path: &Path) -> Result<Self, TokenError> {
        let read = |source| TokenError::Read { path: path.to_owned(), source };
        let mut text = String::new();
        match std::fs::File::open(path) {
            Ok(mut file) => {
                file.read_to_string(&mut text).map_err(read)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(read(error)),
        }
        if text.trim().is_empty() {
            text = new_secret();
            write_private(path, &text)
                .map_err(|source| TokenError::Write { path: path.to_owned(), source })?;
        }
        Ok(Self::of(text.trim()))
    }

    /// The token of which `secret` is the text.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self { hash: hash(secret) }
    }

    /// Whether `secret` is this token. Hashes are compared, so that time tells nothing.
    pub(crate) fn is(&self, secret: &str) -> bool {
        self.hash == hash(secret)
    }
}

/// Beside the file and then in its place: a reader never sees half a token.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    std::fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_token_is_made_once_and_for_us_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api-token");
        let made = Token::open(&path).unwrap();
        assert_eq!(Token::open(&path).unwrap(), made);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let secret = std::fs::read_to_string(&path).unwrap();
        assert!(made.is(secret.trim()) && secret.trim().len() == 43);
        assert!(!made.is(""));
    }
}
