//! Where things lie: the program, the configuration file, the state directory with its pid files.
//! The state directory is one supervisor's at a time.

use anyhow::{Context, bail};
use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// A Unix socket's address has room for 108 bytes (unix(7)); ours lie below the state directory.
const LONGEST_STATE: usize = 80;

#[derive(Debug)]
pub(super) struct Places {
    program: PathBuf,
    config: PathBuf,
    state: PathBuf,
    /// `supervisor.pid`, locked as long as we live.
    _lock: File,
}

impl Places {
    /// Makes the state directory when it is missing, and makes it ours.
    ///
    /// # Errors
    /// When another supervisor uses it; the message says which.
    pub(super) fn claim(config: &Path, state: &Path) -> anyhow::Result<Self> {
        let mut builder = DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o700)
            .create(state)
            .with_context(|| format!("make the state directory `{}`", state.display()))?;
        let absolute =
            |path: &Path| path.canonicalize().with_context(|| format!("find `{}`", path.display()));
        let (config, state) = (absolute(config)?, absolute(state)?);
        if state.as_os_str().len() > LONGEST_STATE {
            bail!(
                "the path of the state directory `{}` is too long for the sockets in it: choose one \
                 of at most {LONGEST_STATE} bytes",
                state.display()
            );
        }
        // Asked now, so that a replaced edge is the program that lies there then.
        let program = std::env::current_exe().context("find this program")?;
        let lock = lock(&state.join("supervisor.pid"))?;
        Ok(Self { program, config, state, _lock: lock })
    }

    pub(super) fn program_path(&self) -> &Path {
        &self.program
    }

    pub(super) fn config(&self) -> &Path {
        &self.config
    }

    pub(super) fn state(&self) -> &Path {
        &self.state
    }

    /// Writes `NAME.pid`, for people and their scripts; nothing of ours depends on it.
    ///
    /// On a full disk there is no room for a new file beside the old one, but there is in it, where
    /// a stranger's pid would stand else before long.
    pub(super) fn note_pid(&self, name: &str, pid: u32) {
        let path = self.pid_file(name);
        let text = format!("{pid}\n");
        let new = path.with_extension("pid.new");
        let replace = fs::write(&new, &text).and_then(|()| fs::rename(&new, &path));
        let written = replace.or_else(|_| {
            // Best effort: an empty file more.
            fs::remove_file(&new).ok();
            overwrite(&path, &text)
        });
        if let Err(error) = written {
            tracing::error!(%error, path = %path.display(), "a pid file could not be written");
        }
    }

    /// Removes the pid files, for nothing runs any more.
    pub(super) fn release(&self) {
        for name in ["edge", "control", "stream", "supervisor"] {
            match fs::remove_file(self.pid_file(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::error!(%error, name, "a pid file could not be removed");
                }
                _ => {}
            }
        }
    }

    fn pid_file(&self, name: &str) -> PathBuf {
        self.state.join(format!("{name}.pid"))
    }
}

/// Puts `text` in the place of what a file holds, without giving up the file's room in between.
fn overwrite(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::options().write(true).create(true).truncate(false).open(path)?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)
}

/// Locks a pid file and writes our pid into it. The lock, not the file, is what keeps others out: it
/// goes with us, however we end.
fn lock(path: &Path) -> anyhow::Result<File> {
    let open = || File::options().read(true).write(true).create(true).truncate(false).open(path);
    let mut file = open().with_context(|| format!("open `{}`", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder).context("read who holds the state directory")?;
            bail!(
                "process {} runs on this state directory already; end it or choose another `--state`",
                holder.trim()
            );
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("lock `{}`", path.display()));
        }
    }
    let mut write = || {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    write().with_context(|| format!("write `{}`", path.display()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_directory_has_one_supervisor() {
        let folder = testkit::folder();
        let config = folder.path().join("c.toml");
        fs::write(&config, "").unwrap();
        let state = folder.path().join("s");
        let first = Places::claim(&config, &state).unwrap();
        let error = Places::claim(&config, &state).unwrap_err().to_string();
        assert!(error.contains(&std::process::id().to_string()), "{error}");
        first.note_pid("edge", 7);
        assert_eq!(fs::read_to_string(state.join("edge.pid")).unwrap(), "7\n");
        // A folder where the new file should be: only the old one can be written.
        fs::create_dir(state.join("edge.pid.new")).unwrap();
        for pid in [123_456, 8] {
            first.note_pid("edge", pid);
            assert_eq!(fs::read_to_string(state.join("edge.pid")).unwrap(), format!("{pid}\n"));
        }
        fs::remove_dir(state.join("edge.pid.new")).unwrap();
        first.release();
        assert_eq!(fs::read_dir(&state).unwrap().count(), 0);
        drop(first);
        Places::claim(&config, &state).unwrap();
    }

    #[test]
    fn a_path_too_long_for_sockets_is_refused() {
        let folder = testkit::folder();
        let error = Places::claim(folder.path(), &folder.path().join("x".repeat(90))).unwrap_err();
        assert!(error.to_string().contains("too long"), "{error}");
    }
}
