//! The folder of an instance: what is wanted of it and what is so, on disk. The format is written in
//! docs/formats/instances.md.

use crate::{AppsError, Exit};
use host::process::Identity;
use kernel::config::CommandSettings;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

pub(super) const VERSION: u32 = 1;

/// How much of a log is read for its last lines.
const TAIL_BYTES: u64 = 64 * 1024;
/// A longer log is moved aside.
const MOST_LOG_BYTES: u64 = 16 * 1024 * 1024;

#[derive(Debug, Clone)]
pub(super) struct Folder {
    path: PathBuf,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) version: u32,
    pub(super) wanted: Wanted,
    pub(super) command: Vec<String>,
    pub(super) directory: Option<PathBuf>,
    pub(super) user: Option<String>,
    pub(super) environment_file: Option<PathBuf>,
    pub(super) port: u16,
    pub(super) stop_grace_ms: u64,
    pub(super) adopt: Option<Identity>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Wanted {
    Running,
    Stopped,
}

/// What is so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) version: u32,
    pub(super) keeper: Identity,
    pub(super) cgroup: Option<PathBuf>,
    pub(super) phase: Phase,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub(super) enum Phase {
    Starting { mark: String },
    Running { child: Identity, mark: Option<String> },
    Waiting { exit: Exit, again_at_ms: i64, failures: u32 },
    Failed { exit: Exit },
    Stopped,
}

impl Order {
    pub(super) fn new(settings: &CommandSettings, port: u16, wanted: Wanted) -> Self {
        Self {
            version: VERSION,
            wanted,
            command: settings.command.clone(),
            directory: settings.directory.clone(),
            user: settings.user.clone(),
            environment_file: settings.environment_file.clone(),
            port,
            stop_grace_ms: settings.stop_grace_ms,
            adopt: None,
        }
    }
}

impl Folder {
    /// Names it; nothing is made before [`Folder::make`].
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    pub(super) fn make(&self) -> Result<(), AppsError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
        made.map_err(|source| AppsError::Write { path: self.path.clone(), source })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the command says.
    pub(super) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// What the keeper says.
    pub(super) fn keeper_log(&self) -> PathBuf {
        self.path.join("keeper.log")
    }

    pub(super) fn order(&self) -> Result<Option<Order>, AppsError> {
        let order: Option<Order> = self.read("order.json")?;
        self.of_our_version(order, "order.json", |order| order.version)
    }

    pub(super) fn record(&self) -> Result<Option<Record>, AppsError> {
        let record: Option<Record> = self.read("record.json")?;
        self.of_our_version(record, "record.json", |record| record.version)
    }

    pub(super) fn write_order(&self, order: &Order) -> Result<(), AppsError> {
        self.write("order.json", order)
    }

    pub(super) fn write_record(&self, record: &Record) -> Result<(), AppsError> {
        self.write("record.json", record)
    }

    /// Held as long as somebody acts on the instance. `None`: somebody else does.
    pub(super) fn lock(&self, name: &str) -> Result<Option<File>, AppsError> {
        let path = self.path.join(name);
        let failed = |source| AppsError::Write { path: path.clone(), source };
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        let file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// The last lines that the command said, the newest last; none when it said nothing.
    pub(super) fn log_tail(&self, lines: usize) -> Result<Vec<String>, AppsError> {
        tail(&self.log(), lines)
    }

    /// The last lines that the keeper said.
    pub(super) fn keeper_log_tail(&self, lines: usize) -> Result<Vec<String>, AppsError> {
        tail(&self.keeper_log(), lines)
    }

    /// Moves logs that have grown too long aside. Whoever appends to one goes on appending to the
    /// empty one; what is said in between may be lost.
    pub(super) fn trim_logs(&self) -> io::Result<()> {
        let log = self.trim(&self.log(), "log.1");
        let keeper_log = self.trim(&self.keeper_log(), "keeper.log.1");
        log.and(keeper_log)
    }

    fn trim(&self, path: &Path, aside: &str) -> io::Result<()> {
        let length = match fs::metadata(path) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if length <= MOST_LOG_BYTES {
            return Ok(());
        }
        fs::copy(path, self.path.join(aside))?;
        OpenOptions::new().write(true).open(path)?.set_len(0)
    }

    fn of_our_version<T>(
        &self,
        found: Option<T>,
        name: &str,
        version: fn(&T) -> u32,
    ) -> Result<Option<T>, AppsError> {
        match found.as_ref().map(version) {
            Some(version) if version != VERSION => {
                Err(AppsError::Version { path: self.path.join(name), version })
            }
            _ => Ok(found),
        }
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, AppsError> {
        let path = self.path.join(name);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|source| AppsError::Malformed { path, source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(AppsError::Read { path, source }),
        }
    }

    /// On disk when it returns, whole or not at all.
    fn write(&self, name: &str, value: &impl Serialize) -> Result<(), AppsError> {
        let path = self.path.join(name);
        let text = serde_json::to_vec(value).expect("invariant: what we write has string keys");
        let write = || {
            let new = self.path.join(format!("{name}.new"));
            let mut file = OpenOptions::new()
                .create(true)
                .write(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|source| AppsError::Write { path: path.clone(), source })
    }
}

fn tail(path: &Path, lines: usize) -> Result<Vec<String>, AppsError> {
    let failed = |source| AppsError::Read { path: path.to_owned(), source };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed(source)),
    };
    let length = file.metadata().map_err(failed)?.len();
    let from = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(from)).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    Ok(last_lines(&String::from_utf8_lossy(&bytes), lines))
}

fn last_lines(text: &str, lines: usize) -> Vec<String> {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].iter().map(|line| (*line).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(pid: u32) -> Identity {
        Identity { pid, started_ticks: 7, boot: "b".to_owned() }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::at(&temporary.path().join("shop/a"));
        assert_eq!((folder.order().unwrap(), folder.record().unwrap()), (None, None));
        folder.make().unwrap();
        for phase in [
            Phase::Starting { mark: "m".to_owned() },
            Phase::Running { child: identity(3), mark: None },
            Phase::Waiting { exit: Exit::Code { code: 3 }, again_at_ms: 5, failures: 2 },
            Phase::Failed { exit: Exit::NotStarted { why: "no".to_owned() } },
            Phase::Stopped,
        ] {
            let record = Record { version: VERSION, keeper: identity(2), cgroup: None, phase };
            folder.write_record(&record).unwrap();
            assert_eq!(folder.record().unwrap(), Some(record));
        }
    }

    #[test]
    fn a_file_of_another_version_or_none_of_ours_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::at(temporary.path());
        let record = Record {
            version: VERSION + 1,
            keeper: identity(2),
            cgroup: None,
            phase: Phase::Stopped,
        };
        folder.write_record(&record).unwrap();
        assert!(matches!(folder.record(), Err(AppsError::Version { .. })));
        fs::write(temporary.path().join("record.json"), "{\"version\":1").unwrap();
        assert!(matches!(folder.record(), Err(AppsError::Malformed { .. })));
    }

    #[test]
    fn one_at_a_time_holds_a_lock() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::at(temporary.path());
        let held = folder.lock("deed.lock").unwrap();
        assert!(held.is_some() && folder.lock("deed.lock").unwrap().is_none());
        drop(held);
        assert!(folder.lock("deed.lock").unwrap().is_some());
    }

    #[test]
    fn the_last_lines_of_a_log_are_its_newest() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::at(temporary.path());
        assert!(folder.log_tail(3).unwrap().is_empty());
        fs::write(folder.log(), "a\nb\n\u{fffd}c\nunfinished").unwrap();
        assert_eq!(folder.log_tail(2).unwrap(), ["\u{fffd}c", "unfinished"]);
        assert_eq!(folder.log_tail(9).unwrap().len(), 4);
    }

    #[test]
    fn a_log_that_grew_too_long_is_moved_aside_under_its_writer() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::at(temporary.path());
        folder.trim_logs().unwrap();
        let mut writer = OpenOptions::new().create(true).append(true).open(folder.log()).unwrap();
        writer.set_len(MOST_LOG_BYTES).unwrap();
        folder.trim_logs().unwrap();
        assert_eq!(fs::metadata(folder.log()).unwrap().len(), MOST_LOG_BYTES);
        writer.write_all(b"x").unwrap();
        folder.trim_logs().unwrap();
        writer.write_all(b"after").unwrap();
        assert_eq!(fs::read(folder.log()).unwrap(), b"after");
        let aside = fs::metadata(temporary.path().join("log.1")).unwrap().len();
        assert_eq!(aside, MOST_LOG_BYTES + 1);
    }
}
