//! The changes of a return, kept sealed so that it can be taken back: they are rows of people.
//!
//! A file is 12 random bytes and what ChaCha20-Poly1305 (RFC 8439) makes of the JSON behind them, with
//! the file's name as what it vouches for beside. It is on disk before the first row changes.

use super::Kept;
use crate::backup_worker::{Trouble, story};
use databases::live::Change;
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom as _, SystemRandom},
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::Path,
};

/// What was done, and what takes it back, each in its order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Changes {
    pub(super) made: Vec<Change>,
    pub(super) undo: Vec<Change>,
}

/// # Errors
/// When it does not get to disk: nothing may be changed then.
pub(super) fn write(kept: &Kept, changes: &Changes) -> Result<(), Box<Trouble>> {
    let json = serde_json::to_vec(changes).expect("invariant: our own types are JSON");
    let sealed = seal(kept, json).ok_or_else(|| unsealed(&kept.file))?;
    lay(&kept.file, &sealed).map_err(|error| failed(&kept.file, &error))
}

/// `None`: there is no such file.
///
/// # Errors
/// When it cannot be read, or is not what was written.
pub(super) fn read(kept: &Kept) -> Result<Option<Changes>, Box<Trouble>> {
    let sealed = match fs::read(&kept.file) {
        Ok(sealed) => sealed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(&kept.file, &error)),
    };
    let json = open(kept, sealed).ok_or_else(|| unsealed(&kept.file))?;
    serde_json::from_slice(&json).map(Some).map_err(|_| unsealed(&kept.file))
}

fn key(kept: &Kept) -> Option<LessSafeKey> {
    let byte = |at: usize| u8::from_str_radix(kept.key.get(2 * at..2 * at + 2)?, 16).ok();
    let bytes: Vec<u8> = (0..CHACHA20_POLY1305.key_len()).map(byte).collect::<Option<_>>()?;
    Some(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &bytes).ok()?))
}

fn vouched_for(file: &Path) -> Aad<Vec<u8>> {
    Aad::from(file.file_name().unwrap_or_default().as_encoded_bytes().to_vec())
}

fn seal(kept: &Kept, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new().fill(&mut nonce).ok()?;
    let sealing = Nonce::assume_unique_for_key(nonce);
    key(kept)?.seal_in_place_append_tag(sealing, vouched_for(&kept.file), &mut bytes).ok()?;
    Some([&nonce[..], &bytes].concat())
}

fn open(kept: &Kept, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
    let (nonce, bytes) = sealed.split_at_mut_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let clear = key(kept)?.open_in_place(nonce, vouched_for(&kept.file), bytes).ok()?;
    Some(clear.to_vec())
}

/// Whole under its name, or not there.
fn lay(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.as_file().set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

fn failed(file: &Path, error: &io::Error) -> Box<Trouble> {
    let path = file.display().to_string();
    let said = [("path", path.as_str().into()), ("error", error.to_string().into())];
    Box::new(Trouble::new("file_failed", said, format!("{path}: {}", story(error))))
}

fn unsealed(file: &Path) -> Box<Trouble> {
    let path = file.display().to_string();
    let message = format!("{path} cannot be opened with the key of this machine");
    Box::new(Trouble::new("order_undo_unreadable", [("path", path.into())], message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use databases::live::Cell;

    #[test]
    fn changes_are_kept_sealed_and_come_back_under_their_name_only() {
        let folder = tempfile::tempdir().unwrap();
        let kept = |name: &str, key: &str| Kept {
            file: folder.path().join("orders").join(name),
            key: key.repeat(32),
        };
        let row = vec![Cell { column: "email".into(), value: Some(b"ann@lamps.example".to_vec()) }];
        let made = vec![Change::Insert { table: "buyer".into(), row }];
        let changes = Changes { undo: made.clone(), made };
        let one = kept("a", "07");
        assert_eq!(read(&one).unwrap(), None);
        write(&one, &changes).unwrap();
        assert_eq!(read(&one).unwrap(), Some(changes));
        let sealed = fs::read(&one.file).unwrap();
        assert!(!sealed.windows(5).any(|bytes| bytes == b"email"));
        assert_eq!(fs::metadata(&one.file).unwrap().permissions().mode() & 0o777, 0o600);
        let refused = |kept: &Kept| read(kept).unwrap_err().code;
        assert_eq!(refused(&kept("a", "08")), "order_undo_unreadable");
        fs::copy(&one.file, kept("b", "07").file).unwrap();
        assert_eq!(refused(&kept("b", "07")), "order_undo_unreadable");
    }
}
