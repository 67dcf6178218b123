//! Key files: each holds the repository's key, sealed by a password (restic's design document, "Keys,
//! Encryption and MAC"). Several passwords open one repository; one of them lies on paper.

use super::Repository;
use crate::{
    Id, Origin, Time, VaultError,
    crypto::{self, Cost, Key, KeyText},
    storage::{FileKind, FileName, Storage},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use kernel::config::Secret;
use serde::{Deserialize, Serialize};
use std::fmt;

/// More would take a gigabyte to open; nobody makes such a key but to do harm.
const MOST_LOG_N: u32 = 20;

#[derive(Serialize, Deserialize)]
struct KeyFile {
    created: Time,
    username: String,
    hostname: String,
    kdf: String,
    #[serde(rename = "N")]
    n: u32,
    r: u32,
    p: u32,
    salt: String,
    data: String,
}

/// A repository's key, for whoever has opened it before. As secret as its password, and it opens the repository
/// when that password is no longer one: it is kept in memory alone, and with the password that it was found by.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryKey(String);

impl RepositoryKey {
    pub(super) fn of(key: &Key) -> Self {
        Self(serde_json::to_string(&KeyText::of(key)).expect("invariant: texts"))
    }

    /// `None` for what is no key.
    pub(super) fn key(&self) -> Option<Key> {
        serde_json::from_str::<KeyText>(&self.0).ok()?.key()
    }
}

/// Says nothing of what is in it.
impl fmt::Debug for RepositoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RepositoryKey")
    }
}

/// What a key file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    pub id: Id,
    pub created: Time,
    pub username: String,
    pub hostname: String,
}

impl Repository {
    /// Adds a password that opens the repository as well: of another machine, or of the recovery
    /// sheet. `cost_log` as of [`super::InitOptions`].
    ///
    /// # Errors
    /// [`VaultError::Storage`].
    pub fn add_key(
        &self,
        password: &Secret,
        owner: &Origin,
        cost_log: u8,
        now_ms: i64,
    ) -> Result<Id, VaultError> {
        self.write_key(password, owner, cost_log, now_ms)
    }

    /// Every key, readable or not, with what it says of itself.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] naming the key; [`VaultError::Storage`].
    pub fn keys(&self) -> Result<Vec<KeyInfo>, VaultError> {
        let mut keys = Vec::new();
        for listed in self.storage.list(FileKind::Key)? {
            let file = FileName::new(FileKind::Key, listed.id);
            let KeyFile { created, username, hostname, .. } =
                super::parse(file, &self.read_named(file)?)?;
            keys.push(KeyInfo { id: listed.id, created, username, hostname });
        }
        keys.sort_by_key(|key| (key.created, key.id));
        Ok(keys)
    }

    /// # Errors
    /// [`VaultError::LastKey`]; [`VaultError::Missing`]; [`VaultError::Storage`].
    pub fn remove_key(&self, id: Id) -> Result<(), VaultError> {
        let keys = self.ids(FileKind::Key)?;
        let file = FileName::new(FileKind::Key, id);
        if !keys.contains(&id) {
            return Err(VaultError::Missing { file, place: self.storage.label() });
        }
        if keys.len() == 1 {
            return Err(VaultError::LastKey);
        }
        self.storage.remove(file)
    }

    pub(super) fn write_key(
        &self,
        password: &Secret,
        owner: &Origin,
        cost_log: u8,
        now_ms: i64,
    ) -> Result<Id, VaultError> {
        let salt: [u8; 64] = crypto::random();
        let cost = Cost { log_n: cost_log, r: 8, p: if cost_log < 15 { 1 } else { 3 } };
        let user_key = crypto::derive(password.reveal(), &salt, cost).ok_or_else(|| {
            VaultError::Malformed { what: "cost of a key", text: cost_log.to_string() }
        })?;
        let text = serde_json::to_vec(&KeyText::of(&self.key)).expect("invariant: texts");
        let file = KeyFile {
            created: Time::from_ms(now_ms),
            username: owner.username.clone(),
            hostname: owner.hostname.clone(),
            kdf: "scrypt".to_owned(),
            n: 1 << cost_log,
            r: cost.r,
            p: cost.p,
            salt: BASE64_STANDARD.encode(salt),
            data: BASE64_STANDARD.encode(user_key.sealed(&text)),
        };
        let bytes = serde_json::to_vec(&file).expect("invariant: texts and numbers");
        let id = Id::of(&bytes);
        self.storage.write(FileName::new(FileKind::Key, id), bytes.into())?;
        Ok(id)
    }
}

/// The repository's key, from the key file that this password opens.
///
/// # Errors
/// [`VaultError::WrongPassword`] when it opens none; [`VaultError::Damaged`] when what it opens is not
/// `right`; [`VaultError::Storage`].
pub(super) fn find(
    storage: &dyn Storage,
    password: &Secret,
    right: &dyn Fn(&Key) -> bool,
) -> Result<Key, VaultError> {
    let mut damaged = None;
    for listed in storage.list(FileKind::Key)? {
        let file = FileName::new(FileKind::Key, listed.id);
        let bytes = match storage.read(file) {
            Err(VaultError::Missing { .. }) => continue,
            other => other?,
        };
        // One bit of a key file changed looks like a wrong password; its name tells them apart.
        if Id::of(&bytes) != listed.id {
            damaged.get_or_insert(VaultError::damaged(
                file,
                "its bytes are not those it was named after",
            ));
            continue;
        }
        match open(file, &bytes, password) {
            Ok(Some(key)) if right(&key) => return Ok(key),
            // Also of somebody who would have made the repository, and was second.
            Ok(Some(_)) => {
                damaged.get_or_insert(VaultError::damaged(
                    FileName::CONFIG,
                    "it was not sealed with the repository's key",
                ));
            }
            Ok(None) => {}
            Err(error) => {
                damaged.get_or_insert(error);
            }
        }
    }
    Err(damaged.unwrap_or_else(|| VaultError::WrongPassword(storage.label())))
}

/// `None` when the password is another one.
fn open(file: FileName, bytes: &[u8], password: &Secret) -> Result<Option<Key>, VaultError> {
    let odd = |why: &str| VaultError::damaged(file, why);
    let key: KeyFile = super::parse(file, bytes)?;
    if key.kdf != "scrypt" || !key.n.is_power_of_two() || key.n.ilog2() > MOST_LOG_N {
        return Err(odd("it asks for another way to turn a password into a key"));
    }
    let salt = BASE64_STANDARD.decode(&key.salt).map_err(|_| odd("its salt is no base64"))?;
    let mut data = BASE64_STANDARD.decode(&key.data).map_err(|_| odd("its data is no base64"))?;
    let log_n = u8::try_from(key.n.ilog2()).expect("invariant: below 32");
    let user_key = crypto::derive(password.reveal(), &salt, Cost { log_n, r: key.r, p: key.p })
        .ok_or_else(|| odd("scrypt does not take its cost"))?;
    let Ok(text) = user_key.open(&mut data) else { return Ok(None) };
    let text: KeyText = super::parse(file, text)?;
    text.key().map(Some).ok_or_else(|| odd("the key in it is not as long as one"))
}
