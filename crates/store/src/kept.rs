//! The way back from a newer format: a copy of the store, kept before it is brought to that format,
//! and put in its place again when an older program is to go on.
//!
//! A copy lies in a folder of its own, `before-FORMAT` in the state directory, whole and durable or
//! not there at all; it is never written over. What a copy takes the place of is moved to
//! `after-FORMAT`, so that nothing is lost by going back and forth.

use crate::{FILE_NAME, StoreError, connection};
use rusqlite::Connection;
use std::{
    fs::{self, DirBuilder, File, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    sync::Arc,
};

const BEFORE: &str = "before";
const AFTER: &str = "after";
/// More copies of one format than anybody makes by hand.
const MOST: u32 = 1000;
/// What SQLite keeps beside a database that is in use, by the ends of their names
/// (sqlite.org/tempfiles.html).
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// A store that was taken back to an older format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenBack {
    /// The format it has now.
    pub format: i64,
    /// The copy that it was made of, which stays.
    pub copy: PathBuf,
    /// Where the newer one lies.
    pub aside: PathBuf,
}

/// The format of the store in a state directory; `None`: there is no store.
///
/// # Errors
/// When there is one that cannot be read.
pub fn format_of(directory: &Path) -> Result<Option<i64>, StoreError> {
    let path = directory.join(FILE_NAME);
    if !path.exists() {
        return Ok(None);
    }
    format(&connection::open_for_reading(&path)?).map(Some)
}

/// Puts the newest copy that a program of format `known` understands in the store's place; `None`:
/// it understands the store that is there. No control may run meanwhile.
///
/// # Errors
/// When there is no such copy, or files cannot be moved; the store is where it was then.
pub fn take_back(directory: &Path, known: i64) -> Result<Option<TakenBack>, StoreError> {
    let found = match format_of(directory)? {
        Some(found) if found > known => found,
        _ => return Ok(None),
    };
    let (format, copy) =
        newest_copy(directory, known).ok_or(StoreError::NoCopy { found, known })?;
    close(&directory.join(FILE_NAME))?;
    let failed =
        |source: io::Error| StoreError::TakeBack { copy: copy.clone(), source: Arc::new(source) };
    let aside = restore(directory, &copy, found).map_err(failed)?;
    Ok(Some(TakenBack { format, copy, aside }))
}

/// Keeps a copy of a store that is about to leave format `found` for `wanted`. An empty one has
/// nothing to be kept.
pub(crate) fn keep(connection: &Connection, found: i64, wanted: i64) -> Result<(), StoreError> {
    let Some(directory) = connection.path().and_then(|path| Path::new(path).parent()) else {
        return Ok(());
    };
    if found == 0 || found >= wanted || directory.as_os_str().is_empty() {
        return Ok(());
    }
    let folder = copy(connection, directory, wanted).map_err(|source| StoreError::Keep {
        folder: directory.to_owned(),
        format: found,
        source: Arc::new(source),
    })?;
    tracing::info!(folder = %folder.display(), format = found, "a copy of the store was kept");
    Ok(())
}

/// Made under another name first: who finds `before-FORMAT` finds a whole copy.
fn copy(connection: &Connection, directory: &Path, wanted: i64) -> io::Result<PathBuf> {
    let unfinished = directory.join(format!("{BEFORE}-{wanted}.new"));
    remove(&unfinished)?;
    make_private(&unfinished)?;
    let file = unfinished.join(FILE_NAME);
    let name = file.to_str().ok_or_else(|| io::Error::other("the path is not UTF-8"))?;
    // Takes what is still in the log along, and holds no writer up (sqlite.org/lang_vacuum.html).
    let copied = connection.execute("VACUUM INTO ?1", [name]);
    if let Err(error) = copied {
        remove(&unfinished)?;
        return Err(io::Error::other(error));
    }
    fs::set_permissions(&file, Permissions::from_mode(0o600))?;
    File::open(&file)?.sync_all()?;
    File::open(&unfinished)?.sync_all()?;
    let folder = free_name(directory, BEFORE, wanted)?;
    fs::rename(&unfinished, &folder)?;
    File::open(directory)?.sync_all()?;
    Ok(folder)
}

/// The copy with the newest format that `known` reaches; among several of one format the last.
fn newest_copy(directory: &Path, known: i64) -> Option<(i64, PathBuf)> {
    let mut copies: Vec<(i64, u32, PathBuf)> = fs::read_dir(directory)
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let number = number_of(entry.file_name().to_str()?)?;
            let copy = entry.path().join(FILE_NAME);
            let format = format(&connection::open_for_reading(&copy).ok()?).ok()?;
            (format <= known).then_some((format, number, copy))
        })
        .collect();
    copies.sort();
    copies.pop().map(|(format, _, copy)| (format, copy))
}

/// Which copy of its format a folder is: 1 for `before-6`, 2 for `before-6.2`.
fn number_of(name: &str) -> Option<u32> {
    let (_format, number) = match name.strip_prefix(BEFORE)?.strip_prefix('-')?.split_once('.') {
        Some((format, number)) => (format.parse::<u32>().ok()?, number.parse().ok()?),
        None => (name.strip_prefix(BEFORE)?.strip_prefix('-')?.parse().ok()?, 1),
    };
    Some(number)
}

/// Brings what is in the log into the database, so that one file is the whole of it.
fn close(path: &Path) -> Result<(), StoreError> {
    let connection = connection::open_for_writing(path)?;
    let checkpoint = "PRAGMA wal_checkpoint(truncate)";
    let busy: i64 =
        connection.query_row(checkpoint, [], |row| row.get(0)).map_err(StoreError::read)?;
    if busy == 0 { Ok(()) } else { Err(StoreError::InUse { path: path.to_owned() }) }
}

/// Returns where the store that was there lies now. Ended at any point, there is one whole store in
/// its place: the newer or the older.
fn restore(directory: &Path, copy: &Path, found: i64) -> io::Result<PathBuf> {
    let path = directory.join(FILE_NAME);
    let owner = fs::metadata(&path)?;
    let give = |path: &Path| chown(path, Some(owner.uid()), Some(owner.gid()));
    let new = directory.join(format!("{FILE_NAME}.new"));
    fs::copy(copy, &new)?;
    fs::set_permissions(&new, Permissions::from_mode(0o600))?;
    give(&new)?;
    File::open(&new)?.sync_all()?;
    let aside = free_name(directory, AFTER, found)?;
    make_private(&aside)?;
    give(&aside)?;
    fs::hard_link(&path, aside.join(FILE_NAME))?;
    File::open(&aside)?.sync_all()?;
    for end in COMPANIONS {
        match fs::remove_file(directory.join(format!("{FILE_NAME}{end}"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::rename(&new, &path)?;
    File::open(directory)?.sync_all()?;
    Ok(aside)
}

fn format(connection: &Connection) -> Result<i64, StoreError> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(StoreError::read)
}

/// `KIND-FORMAT`, or with a number behind it when that is taken.
fn free_name(directory: &Path, kind: &str, format: i64) -> io::Result<PathBuf> {
    (1..MOST)
        .map(|number| match number {
            1 => directory.join(format!("{kind}-{format}")),
            _ => directory.join(format!("{kind}-{format}.{number}")),
        })
        .find(|path| !path.exists())
        .ok_or_else(|| io::Error::other("there are too many copies of this format"))
}

fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(folder)
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations;

    /// A store of a format with one row that says which it is.
    fn store(directory: &Path, format: i64) -> Connection {
        let connection = connection::open_for_writing(&directory.join(FILE_NAME)).unwrap();
        let text = format!(
            "CREATE TABLE IF NOT EXISTS mark (format INTEGER) STRICT; DELETE FROM mark;
             INSERT INTO mark VALUES ({format}); PRAGMA user_version = {format};"
        );
        connection.execute_batch(&text).unwrap();
        connection
    }

    fn mark(path: &Path) -> i64 {
        let connection = connection::open_for_reading(path).unwrap();
        connection.query_row("SELECT format FROM mark", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_copy_is_kept_for_each_step_and_never_written_over() {
        let folder = testkit::folder();
        let connection = store(folder.path(), 5);
        // The row is in the log still, not in the database's file.
        keep(&connection, 5, 6).unwrap();
        let first = folder.path().join("before-6").join(FILE_NAME);
        assert_eq!(mark(&first), 5);
        assert_eq!(fs::metadata(&first).unwrap().mode() & 0o777, 0o600);
        connection.execute_batch("UPDATE mark SET format = 55").unwrap();
        fs::create_dir(folder.path().join("before-6.new")).unwrap();
        keep(&connection, 5, 6).unwrap();
        assert_eq!(mark(&first), 5, "the first copy is as it was");
        assert_eq!(mark(&folder.path().join("before-6.2").join(FILE_NAME)), 55);
        keep(&connection, 6, 6).unwrap();
        keep(&connection, 0, 6).unwrap();
        let copies = fs::read_dir(folder.path()).unwrap().flatten();
        let copies = copies.filter(|entry| entry.path().is_dir()).count();
        assert_eq!(copies, 2, "nothing is kept of a store that stays or is empty");
    }

    #[test]
    fn a_store_is_taken_back_and_the_newer_one_is_not_lost() {
        let folder = testkit::folder();
        let connection = store(folder.path(), 5);
        keep(&connection, 5, 6).unwrap();
        drop(connection);
        let newer = store(folder.path(), 7);
        keep(&newer, 6, 8).unwrap();
        assert_eq!(take_back(folder.path(), 7).unwrap(), None, "it is understood as it is");
        drop(newer);
        let back = take_back(folder.path(), 6).unwrap().unwrap();
        assert_eq!(back.format, 5);
        assert_eq!(mark(&folder.path().join(FILE_NAME)), 5);
        assert_eq!(mark(&back.aside.join(FILE_NAME)), 7);
        assert!(back.copy.exists() && back.aside.ends_with("after-7"));
        assert_eq!(format_of(folder.path()).unwrap(), Some(5));
    }

    #[test]
    fn without_a_copy_nothing_is_touched() {
        let folder = testkit::folder();
        assert_eq!(format_of(folder.path()).unwrap(), None);
        drop(store(folder.path(), 7));
        let error = take_back(folder.path(), 6).unwrap_err();
        assert!(matches!(error, StoreError::NoCopy { found: 7, known: 6 }), "{error}");
        assert_eq!(mark(&folder.path().join(FILE_NAME)), 7);
    }

    #[test]
    fn what_is_in_the_log_of_the_newer_store_goes_aside_with_it() {
        let folder = testkit::folder();
        let connection = store(folder.path(), 5);
        keep(&connection, 5, 6).unwrap();
        // The last connection would bring the log into the database when it closes.
        connection.execute_batch("UPDATE mark SET format = 77; PRAGMA user_version = 7").unwrap();
        let back = take_back(folder.path(), 5).unwrap().unwrap();
        drop(connection);
        assert_eq!(mark(&folder.path().join(FILE_NAME)), 5);
        let aside = connection::open_for_writing(&back.aside.join(FILE_NAME)).unwrap();
        let mark: i64 = aside.query_row("SELECT format FROM mark", [], |row| row.get(0)).unwrap();
        assert_eq!(mark, 77);
    }

    #[test]
    fn a_migration_keeps_the_store_as_it_was() {
        let folder = testkit::folder();
        let mut connection = connection::open_for_writing(&folder.path().join(FILE_NAME)).unwrap();
        migrations::run_to(&mut connection, migrations::FORMAT - 1).unwrap();
        migrations::run(&mut connection).unwrap();
        let copy = folder.path().join(format!("before-{}", migrations::FORMAT)).join(FILE_NAME);
        let copy = connection::open_for_reading(&copy).unwrap();
        assert_eq!(format(&copy).unwrap(), migrations::FORMAT - 1);
    }
}
