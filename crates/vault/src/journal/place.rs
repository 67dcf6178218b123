//! Where the journal of a shop lies in a state directory, and the key that is kept beside it.
//!
//! `journal/SHOP` is the journal, `journal/SHOP.key` its key: whoever may read the state directory may
//! read the journal, without asking control or a repository. What leaves the machine takes the journal
//! along and the key only within a backup, which a repository's key seals.

use super::{JournalKey, seal::failed};
use crate::{VaultError, crypto};
use kernel::ShopId;
use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// The folder of all journals in a state directory.
const FOLDER: &str = "journal";
/// Of a key, in hexadecimal digits.
const KEY_BYTES: usize = 64;

/// The places that belong to a shop's journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    root: PathBuf,
    shop: ShopId,
}

impl Place {
    /// Looks at nothing yet.
    #[must_use]
    pub fn of(state: &Path, shop: &ShopId) -> Self {
        Self { root: state.join(FOLDER), shop: shop.clone() }
    }

    #[must_use]
    pub fn shop(&self) -> &ShopId {
        &self.shop
    }

    /// What a [`super::Reader`] and a [`super::Writer`] open.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.root.join(self.shop.as_str())
    }

    /// A file beside the journal, which is named by the shop and this. No shop's id has a dot in it.
    #[must_use]
    pub fn beside(&self, extension: &str) -> PathBuf {
        self.root.join(format!("{}.{extension}", self.shop))
    }

    /// The key; `None`: no journal was begun.
    ///
    /// # Errors
    /// When its file cannot be read, or holds something else.
    pub fn key(&self) -> Result<Option<JournalKey>, VaultError> {
        let path = self.key_file();
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(failed("read", &path))?,
        };
        let odd = || failed("understand the key in", &path)(io::ErrorKind::InvalidData.into());
        let key = JournalKey::from_hex(text.trim()).ok_or_else(odd)?;
        Ok(Some(key))
    }

    /// The key; made and durable where there was none. Whoever makes one at the same time, in this process or
    /// another, gets the same.
    ///
    /// # Errors
    /// As of [`Place::key`]; when it cannot be written.
    pub fn make_key(&self) -> Result<JournalKey, VaultError> {
        if let Some(key) = self.key()? {
            return Ok(key);
        }
        let mut builder = fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(&self.root);
        made.map_err(failed("make", &self.root))?;
        let own = crypto::random::<8>();
        let new = self.beside(&format!("key.{:016x}", u64::from_ne_bytes(own)));
        let key = JournalKey::from_bytes(crypto::random::<KEY_BYTES>());
        let path = self.key_file();
        let make = || {
            write_key(&key, &new)?;
            // Unlike a rename, this fails where somebody else's is by now, with which something may be sealed.
            let linked = fs::hard_link(&new, &path);
            fs::remove_file(&new)?;
            match linked {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            File::open(&self.root)?.sync_all()
        };
        make().map_err(failed("write", &path))?;
        let gone = || failed("read", &path)(io::ErrorKind::NotFound.into());
        self.key()?.ok_or_else(gone)
    }

    /// Keeps a key that came from elsewhere, in the place of the one that is there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_key(&self, key: &JournalKey) -> Result<(), VaultError> {
        let (path, new) = (self.key_file(), self.beside("key.new"));
        let write = || {
            write_key(key, &new)?;
            fs::rename(&new, &path)?;
            File::open(&self.root)?.sync_all()
        };
        write().map_err(failed("write", &path))
    }

    /// Journals of before, which were put aside because changes between them and the next were lost;
    /// with the time at which that was, in Unix ms.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn put_aside(&self) -> Result<Vec<(PathBuf, i64)>, VaultError> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed("list", &self.root))?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed("list", &self.root))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let at_ms = name
                .strip_prefix(self.shop.as_str())
                .and_then(|rest| rest.strip_prefix(".before-"))
                .and_then(|at| at.parse().ok());
            found.extend(at_ms.map(|at_ms| (path, at_ms)));
        }
        found.sort_by_key(|(_, at_ms)| *at_ms);
        Ok(found)
    }

    /// The key's file.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.beside("key")
    }
}

impl JournalKey {
    fn to_hex(&self) -> String {
        let mut text = String::with_capacity(2 * KEY_BYTES);
        for byte in self.0.bytes() {
            text.extend(
                [byte >> 4, byte & 15]
                    .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])),
            );
        }
        text
    }

    /// As a key's file has it.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text
            .chars()
            .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()?;
        let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        let is_whole = digits.len() == 2 * KEY_BYTES;
        bytes.try_into().ok().filter(|_| is_whole).map(Self::from_bytes)
    }
}

fn write_key(key: &JournalKey, to: &Path) -> io::Result<()> {
    let mut options = File::options();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(to)?;
    writeln!(file, "{}", key.to_hex())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{os::unix::fs::PermissionsExt as _, sync::Barrier, thread};

    #[test]
    fn whoever_makes_a_key_at_the_same_time_gets_the_same() {
        const MAKERS: usize = 8;
        for _ in 0..50 {
            let folder = testkit::folder();
            let place = Place::of(folder.path(), &"lamps".parse().unwrap());
            let start = Barrier::new(MAKERS);
            let make = || {
                start.wait();
                place.make_key().unwrap().0.bytes()
            };
            let keys: Vec<_> = thread::scope(|scope| {
                let makers: Vec<_> = (0..MAKERS).map(|_| scope.spawn(make)).collect();
                makers.into_iter().map(|maker| maker.join().unwrap()).collect()
            });
            let kept = place.key().unwrap().unwrap().0.bytes();
            assert!(keys.iter().all(|key| *key == kept));
            let left = fs::read_dir(folder.path().join(FOLDER)).unwrap().count();
            assert_eq!(left, 1, "something is left beside the key");
        }
    }

    #[test]
    fn a_key_is_made_once_and_is_its_owners_alone() {
        let folder = testkit::folder();
        let place = Place::of(folder.path(), &"lamps".parse().unwrap());
        assert!(place.key().unwrap().is_none());
        let key = place.make_key().unwrap();
        let bytes = |key: &JournalKey| key.0.bytes();
        assert_eq!(bytes(&place.make_key().unwrap()), bytes(&key));
        assert_eq!(bytes(&place.key().unwrap().unwrap()), bytes(&key));
        let mode = fs::metadata(place.key_file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(place.key_file(), "0a").unwrap();
        assert!(place.key().is_err());
    }
}
