//! The access log: one JSON object a line, one line a request.
//!
//! Workers append lines to a bounded buffer and go on; one thread writes it out in batches. A full
//! buffer or a full disk costs lines, which are counted, never time. The fields stand in
//! docs/formats/access-log.md.

mod line;

pub(crate) use line::Entry;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

/// Most bytes that wait for the disk; at a thousand requests a second about ten seconds.
const BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// How long lines are gathered before they are written together.
const GATHER: Duration = Duration::from_millis(100);

/// A handle of the log. Shared by all workers; dropping it writes what is left.
#[derive(Debug)]
pub(crate) struct AccessLog {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    pending: Mutex<Pending>,
    /// Something is pending, or the end has come.
    wake: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Pending {
    lines: Vec<u8>,
    count: u64,
    close: bool,
}

/// Where the log stands on disk.
struct Place {
    path: PathBuf,
    file: File,
    /// The file ends within a line, because the disk was full.
    torn: bool,
    /// The last write failed; reported once a change.
    failing: bool,
}

impl AccessLog {
    /// Opens `path` for appending (made with mode 0640) and starts the writing thread.
    ///
    /// # Errors
    /// When the file cannot be opened or the thread not be started.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let place = Place { path: path.to_owned(), file: open(path)?, torn: false, failing: false };
        let shared = Arc::new(Shared::default());
        let of_writer = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_out(&of_writer, place))?;
        Ok(Self { shared, writer: Some(writer) })
    }

    /// Appends a request's line. Never waits for the disk.
    pub(crate) fn write(&self, entry: &Entry<'_>) {
        let mut pending = self.shared.lock();
        if pending.lines.len() >= BUFFER_BYTES {
            drop(pending);
            self.shared.dropped.fetch_add(1, Relaxed);
            return;
        }
        entry.append_to(&mut pending.lines);
        pending.count += 1;
        if pending.count == 1 {
            self.shared.wake.notify_one();
        }
    }

    /// Lines that were lost to a full buffer or a full disk.
    pub(crate) fn dropped(&self) -> u64 {
        self.shared.dropped.load(Relaxed)
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.shared.lock().close = true;
        self.shared.wake.notify_one();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the thread that writes the access log panicked");
        }
    }
}

impl Shared {
    /// A worker that panicked while appending leaves at worst a torn line.
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for something to do, gathers a little, takes it.
    fn take(&self, spare: Vec<u8>) -> Pending {
        let idle = |pending: &mut Pending| pending.lines.is_empty() && !pending.close;
        let pending = self.wake.wait_while(self.lock(), idle);
        let pending = pending.unwrap_or_else(PoisonError::into_inner);
        let gathered = self.wake.wait_timeout_while(pending, GATHER, |pending| {
            !pending.close && pending.lines.len() < BUFFER_BYTES / 2
        });
        let (mut pending, _timeout) = gathered.unwrap_or_else(PoisonError::into_inner);
        let close = pending.close;
        let empty = Pending { lines: spare, count: 0, close };
        std::mem::replace(&mut *pending, empty)
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

fn write_out(shared: &Shared, mut place: Place) {
    let mut spare = Vec::new();
    loop {
        let mut taken = shared.take(spare);
        if !taken.lines.is_empty() {
            place.follow();
            if !place.write(&taken.lines) {
                shared.dropped.fetch_add(taken.count, Relaxed);
            }
        }
        if taken.close {
            return;
        }
        taken.lines.clear();
        spare = taken.lines;
    }
}

impl Place {
    /// Whether all of `lines` are in the file now.
    fn write(&mut self, lines: &[u8]) -> bool {
        let mut written = Ok(());
        if self.torn {
            written = self.file.write_all(b"\n");
        }
        let written = written.and_then(|()| {
            self.torn = true;
            self.file.write_all(lines)
        });
        match written {
            Ok(()) => {
                if std::mem::take(&mut self.failing) {
                    tracing::info!(path = %self.path.display(), "access log is written again");
                }
                self.torn = false;
                true
            }
            Err(error) => {
                self.report(&error);
                false
            }
        }
    }

    /// Goes on in a new file when the old one was moved away, as logrotate does: looked for before
    /// each batch, so that nobody needs to tell us.
    fn follow(&mut self) {
        let same = |there: fs::Metadata| {
            let ours = self.file.metadata()?;
            Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino()))
        };
        match fs::metadata(&self.path).and_then(same) {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return self.report(&error),
        }
        match open(&self.path) {
            Ok(file) => {
                self.file = file;
                self.torn = false;
            }
            Err(error) => self.report(&error),
        }
    }

    fn report(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::error!(path = %self.path.display(), %error, "write access log");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &Path) -> Vec<String> {
        fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn lines_are_written_at_the_latest_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let log = AccessLog::open(&path).unwrap();
        for status in 200..300 {
            log.write(&Entry { status, ..Entry::default() });
        }
        drop(log);
        let lines = lines(&path);
        assert_eq!(lines.len(), 100);
        assert!(lines[99].contains(r#""status":299"#), "{}", lines[99]);
    }

    #[test]
    fn a_moved_file_is_followed_by_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
        let log = AccessLog::open(&path).unwrap();
        log.write(&Entry { status: 200, ..Entry::default() });
        while path.metadata().unwrap().len() == 0 {
            std::thread::yield_now();
        }
        fs::rename(&path, &moved).unwrap();
        log.write(&Entry { status: 404, ..Entry::default() });
        drop(log);
        assert_eq!((lines(&moved).len(), lines(&path).len()), (1, 1));
    }

    #[test]
    fn a_full_disk_costs_lines_and_says_how_many() {
        let log = AccessLog::open(Path::new("/dev/full")).unwrap();
        log.write(&Entry::default());
        log.write(&Entry::default());
        while log.dropped() < 2 {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_full_buffer_costs_lines_and_says_how_many() {
        let log = AccessLog { shared: Arc::default(), writer: None };
        log.shared.lock().lines = vec![b'x'; BUFFER_BYTES];
        log.write(&Entry::default());
        assert_eq!((log.dropped(), log.shared.lock().lines.len()), (1, BUFFER_BYTES));
    }

    #[test]
    fn a_torn_line_is_ended_before_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let file = open(&path).unwrap();
        let mut place = Place { path: path.clone(), file, torn: false, failing: false };
        assert!(place.write(b"{\"half\":"));
        place.torn = true;
        assert!(place.write(b"{}\n"));
        assert_eq!(lines(&path), ["{\"half\":", "{}"]);
    }
}
