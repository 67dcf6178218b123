//! The folder of a private server, and the user of the machine it belongs to.

use crate::DatabaseError;
use host::users;
use std::{
    fs,
    io::{self, Read},
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

/// Any other user may pass through a folder with this bit (inode(7)).
const OTHERS_PASS: u32 = 0o001;

#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    /// Whom the server runs as; `None`: as ourselves.
    pub(crate) user: Option<&'static str>,
}

/// A word that nobody guesses.
pub(crate) fn password() -> Result<String, DatabaseError> {
    let path = Path::new("/dev/urandom");
    let mut bytes = [0; 24];
    let read = fs::File::open(path).and_then(|mut random| random.read_exact(&mut bytes));
    read.map_err(|source| DatabaseError::Prepare { path: path.to_owned(), source })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Folder {
    /// Makes the folder, or takes one that is there. When we are root, it goes to the first of
    /// `users` that the machine has.
    pub(crate) fn prepare(path: &Path, users: &[&'static str]) -> Result<Self, DatabaseError> {
        let failed = |source: io::Error| DatabaseError::Prepare { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(failed)?;
        let path = path.canonicalize().map_err(failed)?;
        let user = if users::is_root() { Some(ordinary_user(&path, users)?) } else { None };
        Ok(Self { path, user })
    }

    /// From now on only the server's user looks into it.
    pub(crate) fn close(&self) -> Result<(), DatabaseError> {
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o700))
            .map_err(|source| DatabaseError::Prepare { path: self.path.clone(), source })
    }

    /// Writes a file that the server reads.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, DatabaseError> {
        let path = self.path.join(name);
        fs::write(&path, text)
            .map_err(|source| DatabaseError::Prepare { path: path.clone(), source })?;
        Ok(path)
    }
}

/// The `'static` name of a user that can reach the folder, which is made this user's own.
fn ordinary_user(path: &Path, users: &[&'static str]) -> Result<&'static str, DatabaseError> {
    let failed = |source: io::Error| DatabaseError::Prepare { path: path.to_owned(), source };
    let (name, user) = users
        .iter()
        .find_map(|name| users::find(name).ok().map(|user| (*name, user)))
        .ok_or(DatabaseError::NotInstalled {
            what: "an ordinary user to run a database as",
            mend: "the server refuses to run as root; add the user `postgres` or start as an \
                   ordinary user",
        })?;
    for ancestor in path.ancestors().skip(1) {
        let found = fs::metadata(ancestor).map_err(failed)?;
        if found.uid() != user.uid && found.permissions().mode() & OTHERS_PASS == 0 {
            let (directory, ancestor) = (path.to_owned(), ancestor.to_owned());
            return Err(DatabaseError::OutOfReach { user: name, directory, ancestor });
        }
    }
    chown(path, Some(user.uid), Some(user.gid)).map_err(failed)?;
    Ok(name)
}
